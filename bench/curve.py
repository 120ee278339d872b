"""Whether a feed costs more where there are more of them, and an article more where many are stored; and the plot of it.

    python -m bench.curve --out docs/performance.svg [--feeds 300 1000 3000 10000] [--articles 10000 100000 1000000]
                          [--passes 3] [--tls] [--words 60] [--keep FOLDER]

For each number of feeds: CPU milliseconds a feed of the whole process tree, cold (nothing known) and steady (95 % answer
304), and peak memory. For each number of stored articles: CPU milliseconds of one more article (saved, indexed, matched;
alone in its commit, and one of 20), and of a poll that brings nothing. The sizes take turns. A pass takes some ten minutes
at these sizes, 6 GB of disk, and 15 KB of memory a feed for the farms. What was measured is left beside the plot as JSON,
and `--draw FILE.json` only draws it again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from aggregator.config import Dedupe
from aggregator.model import Subscription
from aggregator.store import Store, open_writer
from aggregator.stories import Editor
from bench import store as stored
from bench.plot import Panel, draw
from bench.pollers import Memory
from bench.talk import Talk, farm

_TURNS = 5  # of each file, for one pass over the feeds: a turn takes seconds, and the machine changes within a minute

Results = dict[str, dict[int, list[float]]]  # by what was measured: by size: a value of each pass

_KINDS = {
    "cold": ("A feed seen for the first time", "CPU ms a feed", "feeds"),
    "steady": ("A feed polled again, 95 % answer 304", "CPU ms a feed", "feeds"),
    "memory": ("Peak memory of all processes", "MiB (PSS)", "feeds"),
    "alone": ("One more article, alone in its commit", "CPU ms an article", "articles stored"),
    "article": ("One of 20 more in one commit", "CPU ms an article", "articles stored"),
    "nothing": ("The commit of a poll that brings nothing", "CPU ms a poll", "articles stored"),
}


def feeds(options: argparse.Namespace, results: Results) -> None:
    """Cold and steady passes over so many feeds; each cold one begins with nothing. The sizes take turns, each second time
    the other way round: what else the machine does falls on each alike, and so does it when it grows slower."""
    with contextlib.ExitStack() as stack:
        farms = {count: stack.enter_context(farm(count, options.tls)) for count in options.feeds}
        orders = itertools.islice(itertools.cycle((options.feeds, options.feeds[::-1])), options.passes)
        for count in itertools.chain.from_iterable(orders):
            talk, address, env = farms[count]
            talk.say("round 0 steady")
            with tempfile.TemporaryDirectory() as folder:
                poller = Talk("bench.pollers", "ours", folder, address, str(count), env=env)
                poller.hear()
                done = one_pass(poller, talk, count, "cold")
                peak = done["memory"]
                add(results, "cold", count, done["cpu"] / count * 1000)
                for number in range(1, options.passes + 1):
                    talk.say(f"round {number} steady")
                    done = one_pass(poller, talk, count, "steady")
                    add(results, "steady", count, done["cpu"] / count * 1000)
                    peak = max(peak, done["memory"])
                add(results, "memory", count, peak)
                poller.end()


def one_pass(poller: Talk, talk: Talk, count: int, kind: str) -> dict[str, Any]:
    """What a pass cost; says so where not every feed was asked for, or answered as it should be."""
    with Memory(poller.process.pid) as watched:  # from here: it costs the program nothing
        done: dict[str, Any] = json.loads(poller.say("go"))
    log = json.loads(talk.say("log"))
    unchanged = log["statuses"].get("304", 0)
    if log["feeds"] != count or (unchanged < 0.9 * count if kind == "steady" else unchanged > 0):
        print(f"! {kind}, {count} feeds: {log}", file=sys.stderr)
    return done | {"memory": watched.pss}


class Filled:
    """A file with so many articles, and what is committed on top of them."""

    def __init__(self, count: int, options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=options.keep))
        connection = stack.enter_context(open_writer(Path(folder) / "aggregator.db"))
        self._texts = stored.Texts(1, options.words)
        self._store = Store(connection)
        sites = tuple(Subscription(f"https://site{n}.example/feed", title=f"Site {n}") for n in range(stored.FEEDS))
        with self._store.transaction():
            self._store.feeds.sync(sites, stored.NOW)
        stored.fill(connection, self._texts, count)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._editor = Editor(self._store, Dedupe(), dict(enumerate(sites, 1)))
        self._dues, self._numbers = itertools.cycle(self._store.feeds.due(None)), itertools.count(2 * count)

    def learn(self) -> None:
        """What a daemon does in the minutes after its start."""
        while self._store.learn(20_000):
            pass

    def commits(self, size: int, times: int) -> float:
        """CPU milliseconds of a commit of so many new articles, the mean."""
        took = 0.0
        for due in itertools.islice(self._dues, times):
            items = [stored.item(self._texts, next(self._numbers)) for _ in range(size)]
            took += stored.once(partial(stored.commit, self._store, self._editor, due, items)).processor
        return took / times


def articles(options: argparse.Namespace, results: Results) -> None:
    """Commits on top of so many stored articles; the sizes take turns here, too."""
    with contextlib.ExitStack() as stack:
        files = {count: Filled(count, options, stack) for count in options.articles}
        for file in files.values():
            # Caches are warm then, and as many hashes wait as may: with what follows, some go on into the index.
            file.commits(20, 500)
            file.learn()
        for _, (count, file) in itertools.product(range(_TURNS * options.passes), files.items()):
            add(results, "article", count, file.commits(20, 60) / 20)
            add(results, "alone", count, file.commits(1, 60))
            add(results, "nothing", count, file.commits(0, 60))


def add(results: Results, kind: str, size: int, value: float) -> None:
    """One more pass."""
    results.setdefault(kind, {}).setdefault(size, []).append(round(value, 4))
    print(f"{kind:8} {size:>9,} {value:10.3f}", flush=True)


def plot(data: dict[str, Any]) -> str:
    """The SVG file of what was measured."""
    panels = [
        Panel(*words, [(int(size), values) for size, values in data["results"][kind].items()])
        for kind, words in _KINDS.items()
        if kind in data["results"]
    ]
    return draw(panels, data["notes"])


def notes(options: argparse.Namespace) -> list[str]:
    """What a reader of the plot has to know."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    what = f"feeds of 25 entries (52 KB){' over TLS' if options.tls else ''}, articles of {options.words} words"
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}; {what}; passes: {options.passes}, of the files {_TURNS * options.passes}",
        "dot: median; bar: smallest to largest pass; band: the first point, 20 % up and down; workers run before a cold pass",
    ]


def main() -> None:
    """Measures, and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--feeds", type=int, nargs="*", default=[300, 1000, 3000, 10_000])
    parser.add_argument("--articles", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--words", type=int, default=60, help="of a stored article")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder with room for the databases")
    parser.add_argument("--draw", type=Path, help="only draw what is in this file")
    options = parser.parse_args()
    if options.draw:
        data = json.loads(options.draw.read_text())
    else:
        results: Results = {}
        feeds(options, results)
        articles(options, results)
        data = {"notes": notes(options), "results": results}
        options.out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    options.out.write_text(plot(data))


if __name__ == "__main__":
    main()
