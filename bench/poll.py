"""What a poll costs, beside lemon24/reader and newsboat on the same farm in the same run.

    python -m bench.poll [--feeds 300] [--passes 5] [--colds 3] [--tls]

Needs `pip install reader sgmllib3k trustme certifi`; newsboat is measured where it is installed; floor is bench.floor.
Prints CPU milliseconds a feed of the whole process tree: cold (nothing known), steady (95 % answer 304), dumb (no
validators, the same bytes again), the median of the passes; archive, the pages that the cold pass has left to be made. Then
wall seconds and peak memory of the cold pass (MiB, as PSS and as RSS), MiB on disk, and the ratios. "one core" is ours, held
to one processor: how much longer its cold pass takes is what the second one is good for. sqlite-utils imports pandas where it
finds it, 50 MiB that only `aggregator[analyst]` brings: measure memory without that extra.
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
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.pollers import Memory
from bench.talk import Talk, farm

KINDS = ("cold", "steady", "dumb")
ONE_CORE = "one core"
COLUMNS = (*KINDS, "archive", "cold wall", "pss", "rss", "disk", "articles")


class Program:
    """One of the programs, with a new folder for each cold pass; `found` is what was measured of it."""

    def __init__(self, name: str, farm: Talk, address: str, feeds: int, env: dict[str, str]) -> None:
        self.name, self.farm, self.address, self.feeds, self.env = name, farm, address, feeds, env
        self.folder = Path(tempfile.mkdtemp())
        self.found: defaultdict[str, list[float]] = defaultdict(list)

    def begin(self) -> None:
        """Starts it with nothing known, and makes the cold pass."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.farm.say("round 0 steady")
        program = "ours" if self.name == ONE_CORE else self.name
        processors = os.sched_getaffinity(0)
        if self.name == ONE_CORE:
            os.sched_setaffinity(0, {min(processors)})  # which it and its children inherit
        try:
            self.talk = Talk("bench.pollers", program, str(self.folder), self.address, str(self.feeds), env=self.env)
        finally:
            os.sched_setaffinity(0, processors)
        self.talk.hear()
        with Memory(self.talk.process.pid) as memory:  # watched from here, so that it costs the program nothing
            self.go("cold")
        self.found["pss"].append(memory.pss)
        self.found["rss"].append(memory.rss)
        # A thousand articles at once fill many pages of the archive, which are made little by little.
        self.found["archive"].append(json.loads(self.talk.say("settle"))["cpu"] / self.feeds * 1000)

    def go(self, kind: str) -> None:
        """A pass, checked against the farm's log."""
        passed = json.loads(self.talk.say("go"))
        _check(self.name, kind, self.farm, self.feeds)
        self.found[kind].append(passed["cpu"] / self.feeds * 1000)
        self.found[f"{kind} wall"].append(passed["wall"])
        self.found["articles"] = [passed["articles"]]

    def end(self) -> None:
        """Ends it."""
        self.talk.end()


def measure(programs: Sequence[Program], farm: Talk, options: argparse.Namespace) -> None:
    """All passes of all programs, by turns: what the machine does besides falls on each of them alike."""
    for turn in range(options.colds):
        for program in programs:
            if turn:
                program.end()
            program.begin()
    for number in range(1, options.passes + 1):
        for program in programs:
            farm.say(f"round {number} steady")
            program.go("steady")
    for number in range(options.passes + 1):
        for program in programs:
            farm.say("round 0 dumb")
            program.go("dumb" if number else "new")  # first it says something else; then the same bytes again
    for program in programs:
        program.end()
        program.found["disk"] = [_disk(program.folder)]
        shutil.rmtree(program.folder)


def newsboat(
    folder: Path, farm: Talk, address: str, options: argparse.Namespace, env: dict[str, str]
) -> dict[str, list[float]]:
    """newsboat has no library: each pass is a process; the cost of one with no feeds is taken off."""
    (folder / "urls").write_text("".join(f"{address}/{number}\n" for number in range(options.feeds)))
    (folder / "config").write_text("ssl-verifypeer no\nreload-threads 1\n")
    (folder / "none").write_text("http://127.0.0.1:9/\n")
    farm.say("round 0 steady")

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
    found = {"cold": [cost()], "cold wall": [time.perf_counter() - began]}
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
    return found | {"steady": steady, "dumb": dumb, "disk": [_disk(folder)]}


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
    parser.add_argument("--passes", type=int, default=5, help="of each program, but for the cold one")
    parser.add_argument("--colds", type=int, default=3, help="cold passes")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--only", action="append", help="measure only these programs")
    options = parser.parse_args()
    with farm(options.feeds, options.tls) as (talk, address, env):
        names = options.only or ["ours", ONE_CORE, "reader", "floor"]
        programs = [Program(name, talk, address, options.feeds, env) for name in names if name != "newsboat"]
        measure(programs, talk, options)
        results: dict[str, dict[str, list[float]]] = {program.name: program.found for program in programs}
        if shutil.which("newsboat") and (options.only is None or "newsboat" in names):
            with tempfile.TemporaryDirectory() as folder:
                results["newsboat"] = newsboat(Path(folder), talk, address, options, env)
    print(f"CPU ms a feed, {options.feeds} feeds of 25 entries{', TLS' if options.tls else ''}")
    print(f"{'':10}" + "".join(f"{kind:>10}" for kind in COLUMNS))
    for name, found in results.items():
        numbers = [statistics.median(found[kind]) if found.get(kind) else None for kind in COLUMNS]
        print(f"{name:10}" + "".join(f"{'–':>10}" if n is None else f"{n:>10.2f}" for n in numbers))
        for kind in (*KINDS, "cold wall") if name != "ours" and "ours" in results else ():
            print(f"{'':10}  {kind}: {_ratio(found[kind], results['ours'][kind])} times ours")


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """Of the medians, and how far apart the turns were."""
    each = [a / b for a, b in zip(theirs, ours, strict=False)]
    return f"{statistics.median(theirs) / statistics.median(ours):.1f} ({min(each):.1f} to {max(each):.1f})"


if __name__ == "__main__":
    main()
