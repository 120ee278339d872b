"""What it costs to have a poll run elsewhere: the same feeds polled at home and on a Dask cluster, in one run.

    python -m bench.cluster [--feeds 1000] [--passes 5] [--threads 2]

Needs `pip install 'aggregator[cluster]'`. The scheduler and one worker are processes of their own, as with
`dask scheduler` and `dask worker`. Passes at home and away alternate. Each is steady (95 % answer 304) or dumb (the same
bytes again), so that next to nothing is digested and what is seen is the way there and back. Prints CPU milliseconds a
poll: of everything, and of the daemon's own process, which is the one that can't be had twice; median, and min-max.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aggregator.app import Aggregator
from aggregator.cluster import Cluster
from aggregator.config import loads
from bench.pollers import cpu, tree
from bench.talk import Talk

HOSTS = 50  # the farm answers on as many loopback addresses: each is a host of its own for the limits per host


@dataclass
class Cost:
    """CPU milliseconds a poll, one of each pass."""

    all: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def line(self) -> str:
        return "".join(
            f"{statistics.median(v):8.3f} ({min(v):.3f}-{max(v):.3f})" for v in (self.all, self.own, self.wall)
        )


@contextlib.contextmanager
def cluster(threads: int) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and a worker; gives the address and the two processes."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        log, where = Path(folder) / "log", Path(folder) / "scheduler.json"

        def start(*command: str) -> int:
            with log.open("a") as stream:
                process = subprocess.Popen(
                    [sys.executable, "-m", *command, "--scheduler-file", str(where)], stdout=stream, stderr=stream,
                    cwd=folder,
                )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process.pid

        scheduler = start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        worker = start("distributed.cli.dask_worker", "--nthreads", str(threads), "--no-dashboard", "--no-nanny")
        deadline = time.monotonic() + 60
        while "Registered to" not in log.read_text():
            if time.monotonic() > deadline:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        yield str(json.loads(where.read_text())["address"]), [scheduler, worker]


async def measure(options: argparse.Namespace, farm: Talk, port: str, address: str, others: list[int]) -> None:
    """Passes in turn, and the table."""
    with tempfile.TemporaryDirectory() as folder:
        costs: dict[tuple[str, str], Cost] = {}
        lines = "".join(f"  - http://127.0.0.{n % HOSTS + 1}:{port}/{n}\n" for n in range(options.feeds))
        text = f"server: {{listen: false}}\nfetch: {{allow_private: [127.0.0.0/8], per_host: 100}}\nfeeds:\n{lines}"
        async with contextlib.AsyncExitStack() as stack:
            both = {}
            for name in ("home", "away"):
                (Path(folder) / name).mkdir()
                engine = Cluster(address) if name == "away" else None
                config = loads(text, Path(folder) / name / "feeds.yaml")
                both[name] = await stack.enter_async_context(Aggregator(config, engine))
            farm.say("round 0 steady")
            for name, aggregator in both.items():
                for number in range(2):
                    began, before = time.perf_counter(), cpu(tree(os.getpid())[:1])
                    polls = await aggregator.poll(await aggregator.due(force=True))
                    _check(polls, farm, options.feeds)
                    if number == 0:
                        took = time.perf_counter() - began
                        own = (cpu(tree(os.getpid())[:1]) - before) / options.feeds * 1000
                        print(f"cold, {name}: {took:.1f} s; {own:.2f} ms a poll in the daemon's process")
            idle = await at_rest(others)
            print(f"at rest: {idle * 1000:.0f} ms of CPU a second")
            for kind in ("steady", "dumb"):
                for number in range(1, options.passes + 1):
                    farm.say(f"round {number if kind == 'steady' else 0} {kind}")
                    for name, aggregator in both.items():
                        if kind == "dumb" and number == 1:  # what follows is the same bytes again
                            await aggregator.poll(await aggregator.due(force=True))
                        cost = costs.setdefault((kind, name), Cost())
                        await one_pass(aggregator, cost, others, idle)
                        farm.say("log")
        print(f"\n{options.feeds} feeds, {options.passes} passes; CPU ms a poll, and ms of the clock; median (min-max)")
        print(f"{'':14}{'everything':>22}{'the daemon':>22}{'clock':>22}")
        for (kind, name), cost in costs.items():
            print(f"{kind:8}{name:6}{cost.line()}")
        for kind in ("steady", "dumb"):
            home, away = costs[kind, "home"], costs[kind, "away"]
            over = [b - a for a, b in zip(home.all, away.all, strict=True)]
            print(f"{kind}: {statistics.median(over):.3f} ms a poll more than at home ({min(over):.3f}-{max(over):.3f}); "
                  f"the daemon has {statistics.median(away.own) / statistics.median(home.own):.2f} times the work")  # fmt: skip


def processes(others: list[int]) -> list[int]:
    """All that may work for a poll: this one, the cluster's, and their children."""
    found = [*tree(os.getpid()), *(pid for other in others for pid in tree(other))]
    return [pid for pid in dict.fromkeys(found) if not _is_farm(pid)]


async def at_rest(others: list[int], seconds: float = 10) -> float:
    """CPU seconds that are used in a second in which nothing is to be done."""
    everything = processes(others)
    before = cpu(everything)
    await asyncio.sleep(seconds)
    return (cpu(everything) - before) / seconds


async def one_pass(aggregator: Aggregator, cost: Cost, others: list[int], idle: float) -> None:
    """Adds what a pass costs."""
    everything = processes(others)
    before, own, began = cpu(everything), cpu([os.getpid()]), time.perf_counter()
    polls = await aggregator.poll(await aggregator.due(force=True))
    wall, count = time.perf_counter() - began, len(polls)
    cost.wall.append(wall / count * 1000)
    cost.all.append((cpu(everything) - before - idle * wall) / count * 1000)
    cost.own.append((cpu([os.getpid()]) - own) / count * 1000)
    assert not [poll.error for poll in polls if poll.error]


def _is_farm(pid: int) -> bool:
    try:
        return b"bench.farm" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def _check(polls: list[object], farm: Talk, feeds: int) -> None:
    log = json.loads(farm.say("log"))
    if len(polls) != feeds or log["feeds"] != feeds:
        print(f"! {len(polls)} polls, {log}", file=sys.stderr)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=1000)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="batches that the worker takes at once")
    options = parser.parse_args()
    farm = Talk("bench.farm", str(options.feeds), "--hosts", str(HOSTS))
    port = farm.hear()
    with cluster(options.threads) as (address, pids):
        asyncio.run(measure(options, farm, port, address, pids))
    farm.end()


if __name__ == "__main__":
    main()
