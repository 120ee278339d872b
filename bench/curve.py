"""Whether a feed costs more where there are more of them, and an article more where many are stored; and the plot of it.

    python -m bench.curve --out docs/performance.svg [--feeds 300 1000 3000 10000] [--articles 10000 100000 1000000]
                          [--passes 3] [--tls] [--words 60] [--keep FOLDER]

For each number of feeds: CPU milliseconds a feed of the whole process tree, cold (nothing known) and steady (95 % answer
304), and peak memory. For each number of stored articles: CPU milliseconds of one more article (saved, indexed, matched; alone in
its commit, and one of 20), and of a poll that brings nothing. Takes about an hour at these sizes, and 6 GB of disk;
the farm holds 15 KB of memory a feed. What was measured is left beside the plot as JSON, and `--draw FILE.json` only
draws it again.
"""

from __future__ import annotations

import argparse
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

Results = dict[str, dict[int, list[float]]]  # by what was measured: by size: a value of each pass

_KINDS = {
    "cold": ("A feed seen for the first time", "CPU ms a feed", "feeds"),
    "steady": ("A feed polled again, 95 % answer 304", "CPU ms a feed", "feeds"),
    "memory": ("Peak memory of all processes", "MiB (PSS)", "feeds"),
    "alone": ("One more article, alone in its commit", "CPU ms an article", "articles stored"),
    "article": ("One of 20 more in one commit", "CPU ms an article", "articles stored"),
    "nothing": ("The commit of a poll that brings nothing", "CPU ms a poll", "articles stored"),
}


def feeds(count: int, options: argparse.Namespace, results: Results) -> None:
    """Cold and steady passes over so many feeds; each cold one begins with nothing."""
    with farm(count, options.tls) as (talk, address, env):
        for _ in range(options.passes):
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


def articles(count: int, options: argparse.Namespace, results: Results) -> None:
    """Commits on top of so many stored articles."""
    texts = stored.Texts(1, options.words)
    subscriptions = tuple(Subscription(f"https://site{n}.example/feed", title=f"Site {n}") for n in range(stored.FEEDS))
    with (
        tempfile.TemporaryDirectory(dir=options.keep) as folder,
        open_writer(Path(folder) / "aggregator.db") as connection,
    ):
        store = Store(connection)
        with store.transaction():
            store.feeds.sync(subscriptions, stored.NOW)
        stored.fill(connection, texts, count)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        editor = Editor(store, Dedupe(), dict(enumerate(subscriptions, 1)))
        dues, numbers = store.feeds.due(None), itertools.count(2 * count)
        for number in range(options.passes + 1):  # the first one warms the caches
            for size, name in ((20, "article"), (1, "alone"), (0, "nothing")):
                took = []
                for due in dues[number * 20 : number * 20 + 20]:
                    items = [stored.item(texts, next(numbers)) for _ in range(size)]
                    took.append(stored.once(partial(stored.commit, store, editor, due, items)))
                if number > 0:
                    add(results, name, count, sum(one.processor for one in took) / len(took) / max(size, 1))


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
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}; {what}; {options.passes} passes",
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
        for count in options.feeds:
            feeds(count, options, results)
        for count in options.articles:
            articles(count, options, results)
        data = {"notes": notes(options), "results": results}
        options.out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    options.out.write_text(plot(data))


if __name__ == "__main__":
    main()
