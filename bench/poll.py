"""What a poll costs, beside lemon24/reader and newsboat on the same farm in the same run.

    python -m bench.poll [--feeds 300] [--passes 3] [--tls] [--one-core]

Needs `pip install reader sgmllib3k trustme certifi`; newsboat is measured where it is installed; floor is bench.floor.
Prints CPU milliseconds a feed of the whole process tree: cold (nothing known), steady (95 % answer 304), dumb (no
validators, the same bytes again), the median of the passes; archive, the pages that the cold pass has left to be made. Then
wall seconds and peak memory of the cold pass (MiB, as PSS and as RSS), MiB on disk, and the ratios. --one-core holds all of
it to one processor: how much longer a cold pass then takes is what the second one is good for. sqlite-utils imports pandas
where it finds it, 50 MiB that only `aggregator[analyst]` brings: measure memory without that extra.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.pollers import Memory
from bench.talk import Talk, farm

KINDS = ("cold", "steady", "dumb")
COLUMNS = (*KINDS, "archive", "wall", "pss", "rss", "disk", "articles")


def measure(name: str, farm: Talk, address: str, options: argparse.Namespace, env: dict[str, str]) -> dict[str, Any]:
    """CPU milliseconds a feed by kind of pass, each checked against the farm's log."""
    with tempfile.TemporaryDirectory() as folder:
        farm.say("round 0 steady")
        found: dict[str, Any] = {}
        if name == "newsboat":
            return newsboat(Path(folder), farm, address, options, env)
        poller = Talk("bench.pollers", name, folder, address, str(options.feeds), env=env)
        poller.hear()
        with Memory(poller.process.pid) as memory:  # watched from here, so that it costs the program nothing
            cold = json.loads(poller.say("go"))
        _check(name, "cold", farm, options.feeds)
        found["cold"] = cold["cpu"] / options.feeds * 1000
        found["wall"] = cold["wall"]
        # A thousand articles at once fill many pages of the archive, which are made little by little.
        found["archive"] = json.loads(poller.say("settle"))["cpu"] / options.feeds * 1000
        steady, dumb = [], []
        for number in range(1, options.passes + 1):
            farm.say(f"round {number} steady")
            steady.append(json.loads(poller.say("go"))["cpu"] / options.feeds * 1000)
            _check(name, "steady", farm, options.feeds)
        farm.say("round 0 dumb")
        poller.say("go")  # the farm now says something else; what follows is the same bytes again
        for _ in range(options.passes):
            farm.say("round 0 dumb")
            last = json.loads(poller.say("go"))
            dumb.append(last["cpu"] / options.feeds * 1000)
            _check(name, "dumb", farm, options.feeds)
        poller.end()
        found |= {"steady": statistics.median(steady), "dumb": statistics.median(dumb)}
        found |= {"pss": memory.pss, "rss": memory.rss, "articles": last["articles"]}
        return found | {"disk": _disk(Path(folder))}


def newsboat(
    folder: Path, farm: Talk, address: str, options: argparse.Namespace, env: dict[str, str]
) -> dict[str, Any]:
    """newsboat has no library: each pass is a process; the cost of one with no feeds is taken off."""
    (folder / "urls").write_text("".join(f"{address}/{number}\n" for number in range(options.feeds)))
    (folder / "config").write_text("ssl-verifypeer no\nreload-threads 1\n")
    (folder / "none").write_text("http://127.0.0.1:9/\n")

    def once(urls: str, cache: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            ["newsboat", "-u", folder / urls, "-c", folder / cache, "-C", folder / "config", "-x", "reload"],
            check=False, capture_output=True, env=env | {"HOME": str(folder)},
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    empty = min(once("none", "none.db") for _ in range(3))

    def cost() -> float:
        return (once("urls", "cache.db") - empty) / options.feeds * 1000

    began = time.perf_counter()
    found: dict[str, Any] = {"cold": cost(), "wall": time.perf_counter() - began}
    _check("newsboat", "cold", farm, options.feeds)
    cost()  # it remembers an ETag from its second look on
    farm.say("log")
    steady, dumb = [], []
    for number in range(1, options.passes + 1):
        farm.say(f"round {number} steady")
        steady.append(cost())
        _check("newsboat", "steady", farm, options.feeds)
    farm.say("round 0 dumb")
    cost()
    for _ in range(options.passes):
        farm.say("round 0 dumb")
        dumb.append(cost())
        _check("newsboat", "dumb", farm, options.feeds)
    return found | {"steady": statistics.median(steady), "dumb": statistics.median(dumb), "disk": _disk(folder)}


def _disk(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file()) / 2**20


def _check(name: str, kind: str, farm: Talk, feeds: int) -> None:
    """That every feed was really asked for, and answered as the kind of pass wants it."""
    log = json.loads(farm.say("log"))
    unchanged = log["statuses"].get("304", 0)
    right = log["feeds"] == feeds and (unchanged > 0.9 * feeds if kind == "steady" else unchanged == 0)
    if not right:
        print(f"! {name}, {kind}: {log}", file=sys.stderr)


def main() -> None:
    """Measures everything there is and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=300)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--only", action="append", help="measure only these programs")
    parser.add_argument("--one-core", action="store_true", help="all processes on one processor")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with farm(options.feeds, options.tls) as (talk, address, env):
        names = options.only or ["ours", "reader", "floor", *(["newsboat"] if shutil.which("newsboat") else [])]
        results = {name: measure(name, talk, address, options, env) for name in names}
    print(f"CPU ms a feed, {options.feeds} feeds of 25 entries{', TLS' if options.tls else ''}")
    print(f"{'':10}" + "".join(f"{kind:>10}" for kind in COLUMNS))
    for name, found in results.items():
        numbers = [found.get(kind) for kind in COLUMNS]
        print(f"{name:10}" + "".join(f"{'–':>10}" if n is None else f"{n:>10.2f}" for n in numbers))
        for kind in KINDS if name != "ours" and "ours" in results else ():
            print(f"{'':10}  {kind}: {found[kind] / results['ours'][kind]:.1f} times ours")


if __name__ == "__main__":
    main()
