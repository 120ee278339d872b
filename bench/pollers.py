"""The programs that are measured, each as a process that makes passes when told and says what they cost.

    python -m bench.pollers NAME FOLDER ADDRESS FEEDS     NAME: ours, reader, floor

Reads lines from stdin: "go" for a pass, "settle" for what a pass has left to be done in the background. Answers each with
JSON: CPU and wall seconds it took, articles stored. The program's own start is not in it: a daemon starts once. So each has
polled one feed before, in a folder of its own: it has loaded what it loads when it is needed, and ours has its worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
Pass = Callable[[], Awaitable[int]]
Rest = Callable[[], Awaitable[None]]


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += tree(int(child))
    return found


def cpu(pids: list[int]) -> float:
    """Seconds of CPU that these processes, and the children they have buried, have used."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) / _TICK
    return total


class Memory:
    """MiB of a process tree at its highest, looked at ten times a second: `rss` is the sum of what is resident, in which
    pages that processes share count each time; in `pss` they count once. PSS is what the machine really has less."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.rss = self.pss = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            found = {"Rss": 0, "Pss": 0}
            for pid in tree(self._pid):
                with contextlib.suppress(OSError):
                    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                        name, _, rest = line.partition(":")
                        if name in found:
                            found[name] += int(rest.split()[0])
            self.rss, self.pss = max(self.rss, found["Rss"] / 1024), max(self.pss, found["Pss"] / 1024)
            if self._over.wait(0.1):
                return


async def _nothing_left() -> None:
    """For programs that have done all when a pass is over."""


async def ours(folder: Path, address: str, feeds: int) -> tuple[Pass, Rest]:
    """This project: everything on, as `aggregator run` polls."""
    from aggregator.app import Aggregator
    from aggregator.config import loads
    from aggregator.digest import Job
    from aggregator.model import Response, Subscription

    def of(folder: Path, feeds: int) -> Aggregator:
        lines = "".join(f"  - {address}/{number}\n" for number in range(feeds))
        text = f"server: {{listen: false}}\nfetch: {{allow_private: [127.0.0.1], per_host: 100}}\nfeeds:\n{lines}"
        return Aggregator(loads(text, folder / "feeds.yaml"))

    async def passed(aggregator: Aggregator) -> int:
        await aggregator.poll(await aggregator.due(force=True))
        await aggregator.publish()
        return int(await aggregator.read(lambda read: read.counts()["articles"]))

    with tempfile.TemporaryDirectory() as warm:
        async with of(Path(warm), 1) as first:
            await passed(first)
    aggregator = of(folder, feeds)
    await aggregator.__aenter__()  # for the life of the process
    await aggregator.engine.run(Job(Response(address, 200, (), b""), Subscription(address)))  # starts its worker

    async def once() -> int:
        return await passed(aggregator)

    async def settle() -> None:
        while aggregator.site.unfinished:
            await aggregator.publish()

    return once, settle


async def reader(folder: Path, address: str, feeds: int) -> tuple[Pass, Rest]:
    """lemon24/reader with its search on, one worker."""
    from reader import make_reader  # type: ignore[import-not-found,unused-ignore]

    def of(folder: Path, feeds: int) -> Any:
        library = make_reader(str(folder / "reader.sqlite"))
        for number in range(feeds):
            library.add_feed(f"{address}/{number}")
        library.enable_search()
        # It goes past what requests does with REQUESTS_CA_BUNDLE, and would trust nobody on this farm.
        library._parser.get_retriever(address).session.verify = os.environ.get("REQUESTS_CA_BUNDLE", True)
        return library

    def passed(library: Any) -> int:
        for _ in library.update_feeds_iter(scheduled=False):
            pass
        library.update_search()
        return int(library.get_entry_counts().total)

    with tempfile.TemporaryDirectory() as warm:
        first = of(Path(warm), 1)
        passed(first)
        first.close()
    library = of(folder, feeds)

    async def once() -> int:
        return passed(library)

    return once, _nothing_left


async def floor(folder: Path, address: str, feeds: int) -> tuple[Pass, Rest]:
    """The least that it can cost."""
    from bench.floor import Floor  # what it loads is no part of the others' memory

    with tempfile.TemporaryDirectory() as warm:
        Floor(Path(warm), address, 1).once()
    least = Floor(folder, address, feeds)

    async def once() -> int:
        return least.once()

    return once, _nothing_left


async def main(name: str, folder: str, address: str, feeds: str) -> None:
    """Makes a pass for each line of stdin."""
    makers: dict[str, Any] = {"ours": ours, "reader": reader, "floor": floor}
    once, settle = await makers[name](Path(folder), address, int(feeds))
    print("ready", flush=True)
    articles = 0
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        before, began = cpu(tree(os.getpid())), time.perf_counter()
        if line.strip() == "settle":
            await settle()
        else:
            articles = await once()
        wall = time.perf_counter() - began
        result = {"cpu": cpu(tree(os.getpid())) - before, "wall": wall, "articles": articles}
        print(json.dumps(result), flush=True)
    os._exit(0)  # nothing of the end is measured


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
