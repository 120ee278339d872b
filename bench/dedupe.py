"""Dedupe beside other ways to do it, on the labelled corpus; and what a decision costs while the index grows.

    python -m bench.dedupe                       quality on fresh seeds, cost at 10 000 and 100 000 articles
    python -m bench.dedupe --seeds --sizes 1000000       cost only, at a million (a few minutes, 2 GB on the disk)
    python -m bench.dedupe --seeds --sizes --replay 10000       a replay of so many articles
    python -m bench.dedupe --press FOLDER        real releases too: *.jsonl.gz of {"title", "text"}; every join is listed

MinHash-LSH needs `pip install datasketch`; without it that row is left out.
"""

from __future__ import annotations

import argparse
import difflib
import gzip
import hashlib
import html
import itertools
import json
import re
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median

from aggregator.config import Dedupe
from aggregator.dedupe import Limits, fingerprint, match
from aggregator.digest import Item as Digested
from aggregator.model import Subscription
from aggregator.replay import replay
from aggregator.store import Store, newcomer, open_writer
from aggregator.stories import Editor
from tests.data.dedupe import corpus
from tests.data.dedupe.evaluate import digested, placed, score

Groups = dict[int, tuple[int, bool]]


def grouped(pairs: Iterable[tuple[int, int]], number: int) -> Groups:
    """Connected articles, as other tools would show them."""
    parent = list(range(number))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in pairs:
        parent[root(b)] = root(a)
    return {i: (root(i), root(i) == i) for i in range(number)}


def minhash(items: Sequence[Digested]) -> Groups:
    """datasketch's MinHash-LSH at .8 over word 5-grams."""
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

    index, pairs = MinHashLSH(threshold=0.8, num_perm=128), []
    for number, item in enumerate(items):
        words = fingerprint.words(item.article.content_text)
        made = MinHash(num_perm=128)
        made.update_batch([" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))])
        pairs += [(int(found), number) for found in index.query(made)]
        index.insert(str(number), made)
    return grouped(pairs, len(items))


def simhash(items: Sequence[Digested]) -> Groups:
    """64-bit SimHash over word 3-grams, at most 3 bits apart."""
    pairs, bands = [], [defaultdict(list) for _ in range(4)]
    made = []
    for number, item in enumerate(items):
        counts = [0] * 64
        words = fingerprint.words(item.article.content_text)
        for run in zip(words, words[1:], words[2:], strict=False):
            value = int.from_bytes(hashlib.blake2b(" ".join(run).encode(), digest_size=8).digest(), "big")
            for bit in range(64):
                counts[bit] += 1 if value >> bit & 1 else -1
        mine = sum(1 << bit for bit, count in enumerate(counts) if count > 0)
        near = {other for band in range(4) for other in bands[band][mine >> 16 * band & 0xFFFF]}
        pairs += [(other, number) for other in sorted(near) if (made[other] ^ mine).bit_count() <= 3]
        made.append(mine)
        for band in range(4):
            bands[band][mine >> 16 * band & 0xFFFF].append(number)
    return grouped(pairs, len(items))


def same_title(items: Sequence[Digested]) -> Groups:
    """reader's rule, applied across feeds: the same title and content alike by word n-grams, at its own thresholds."""
    seen, pairs = defaultdict(list), []
    for number, item in enumerate(items):
        title = " ".join(fingerprint.words(item.article.title))
        words = fingerprint.words(item.article.content_text)
        for other, theirs in seen[title]:
            alike = difflib.SequenceMatcher(None, words, theirs, autojunk=False).ratio()
            if alike >= (0.7 if min(len(words), len(theirs)) >= 64 else 0.9):
                pairs.append((other, number))
        seen[title].append((number, words))
    return grouped(pairs, len(items))


def quality(seeds: Sequence[int], size: int, releases: Sequence[tuple[str, str]]) -> None:
    """Precision, recall, F1, false merges by kind and leads, ours and others'."""
    for seed in seeds:
        items = corpus.build(seed, size, releases)
        ready = digested(items)
        print(f"\nseed {seed}: {len(items)} items, {len({item.story for item in items})} stories")
        with tempfile.TemporaryDirectory() as folder:
            ours = score(items, *placed(items, ready, Path(folder) / "x.db"))
        print(f"  ours          {ours}")
        print(f"                merged {dict(+ours.merged)}; lost {dict(+ours.lost)}")
        others: list[tuple[str, Callable[[Sequence[Digested]], Groups]]] = [
            ("SimHash", simhash), ("reader's rule", same_title), ("MinHash-LSH .8", minhash),
        ]  # fmt: skip
        for name, way in others:
            try:
                begun = time.process_time()
                groups = way(ready)
            except ImportError:
                print(f"  {name:13} not installed")
                continue
            cost = (time.process_time() - begun) / len(items) * 1000
            print(f"  {name:13} {score(items, groups)}  {cost:.2f} ms an item")


def cost(sizes: Sequence[int]) -> None:
    """Milliseconds of a decision and bytes of the index with so many articles in the window."""
    items = [item for item in corpus.build(9, 500) if len(item.text.split()) > 60]
    ready = digested(items)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, open_writer(Path(folder) / "x.db") as connection:
            store = Store(connection)
            with store.transaction():
                store.feeds.sync(
                    (Subscription("https://a.example/feed"), Subscription("https://b.example/feed")), corpus.START
                )
                _fill(store, size)
            editor = Editor(store, Dedupe(), {1: Subscription("a"), 2: Subscription("b")})
            decided, stored = [], []
            now = corpus.START + timedelta(hours=1)
            with store.batch():
                for number, made in enumerate(ready):
                    feed, begun = 1 + number % 2, time.thread_time()
                    match(newcomer(feed, made.article), store.stories.index(now - timedelta(days=30)), Limits())
                    decided.append((time.thread_time() - begun) * 1000)
                    begun = time.thread_time()
                    editor.take(feed, [made], (), now)
                    stored.append((time.thread_time() - begun) * 1000)
            decided.sort()
            per, late = _index_bytes(connection) / size, decided[int(len(decided) * 0.95)]
            print(f"  {size:>9,} articles: p50 {median(decided):.2f} ms, p95 {late:.2f} ms; with storing p50 "
                  f"{median(stored):.2f} ms; {per:.0f} bytes an article")  # fmt: skip


def _fill(store: Store, size: int) -> None:
    """So many articles of 45 random hashes each, as a press release of 530 words has, in the order they would come in."""
    connection, dice = store.connection, Random(1)
    columns = (
        "feed_id, guid, url, title, summary, content_html, content_text, removed_text, categories, enclosures, "
        "word_count, similarity, published_at, updated_at, first_seen_at"
    )
    at = "2026-11-01 00:00:00Z"
    # Each step touches every page of the index: they stay in memory until it is full.
    (cache,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute("PRAGMA cache_size = -4000000")
    connection.execute("INSERT INTO stories VALUES (1, 'urn:x', 't', 'u', 1, ?1, ?1, ?1, 1)", (at,))
    step = 20_000
    for start in range(0, size, step):
        numbers = range(start, min(size, start + step))
        connection.executemany(
            f"INSERT INTO articles (story_id, {columns}) VALUES (1, 1, ?1, ?1, ?1, '', '', '', '', '[]', '[]', 0, 1.0, "
            "'2026-11-01 00:00:00Z', '2026-11-01 00:00:00Z', '2026-11-01 00:00:00Z')",
            ((f"urn:{i}",) for i in numbers),
        )
        # A poll's rows come in any order of hashes; sorted within a step they only save time, not pages.
        rows = sorted((dice.getrandbits(62), i + 1) for i in numbers for _ in range(45))
        connection.executemany("INSERT INTO _fingerprints VALUES (?, ?)", rows)
    connection.execute(f"PRAGMA cache_size = {cache}")


def replayed(size: int) -> None:
    """Seconds that a dry run of `aggregator replay` works for so many articles, a third of them copies."""
    seeds = itertools.count(500)
    items: list[corpus.Item] = []
    while len(items) < size:
        seed = next(seeds)
        # Each seed has its own addresses, or they would be taken for revisions of one another.
        items += [replace(i, url=f"{i.url}?{seed}") for i in corpus.build(seed, min(1000, size - len(items)))]
    feeds = sorted({item.feed for item in items})
    with tempfile.TemporaryDirectory() as folder, open_writer(Path(folder) / "x.db") as connection:
        store = Store(connection)
        with store.transaction():
            store.feeds.sync(tuple(Subscription(feed) for feed in feeds), corpus.START)
        ids = {row[1]: row[0] for row in connection.execute("SELECT id, configured_url FROM feeds")}
        editor = Editor(store, Dedupe(), {number: Subscription(feed) for feed, number in ids.items()})
        with store.batch():
            for number, (item, made) in enumerate(zip(items, digested(items), strict=True)):
                editor.take(ids[item.feed], [made], (), corpus.START + timedelta(minutes=2 * number))
        begun, wall = time.thread_time(), time.perf_counter()
        with store.transaction():
            done = replay(store, Dedupe(), editor.feeds, corpus.START + timedelta(days=60))
        print(
            f"  {done.articles:,} articles, {done.stories_after:,} stories, {len(done.changes)} changes: "
            f"{time.thread_time() - begun:.1f} s of the processor, {time.perf_counter() - wall:.1f} s by the clock"
        )


def _index_bytes(connection: sqlite3.Connection) -> int:
    (size,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = '_fingerprints'").fetchone()
    return int(size)


def press(folder: Path) -> list[tuple[str, str, str]]:
    """(source, title, text) of real releases."""
    found = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                found.append((path.name.partition(".")[0], html.unescape(row["title"]), row["text"]))
    return found


def joins(releases: Sequence[tuple[str, str, str]]) -> None:
    """Every join among real releases, fifty to a feed, for a person to judge."""
    items = [
        corpus.Item(str(i), "x", f"https://{source.lower()}-{i // 50}.example", title, text, f"https://x.example/{i}",
                    corpus.START + timedelta(minutes=10 * i)) for i, (source, title, text) in enumerate(releases)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.db"
        placed(items, digested(items), file)
        with open_writer(file) as connection:
            rows = connection.execute("SELECT kept_title, copy_title, reason FROM duplicates").fetchall()
    print(f"\n{len(items)} real releases, {len(rows)} joins:")
    for kept, copy, reason in rows:
        print(f"  {kept}\n  {copy}\n      {reason}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[201, 202])
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--press", type=Path)
    parser.add_argument("--replay", type=int, default=0)
    options = parser.parse_args()
    found = press(options.press) if options.press else []
    if found:
        joins(found)
    unique = {title: text for _, title, text in found if len(text.split()) < 1200}
    quality(options.seeds, options.items, [pair for pair in unique.items() if not re.search("Bodine|MasHash", pair[0])])
    print("\nwhat a decision costs:")
    cost(options.sizes)
    if options.replay:
        print("\nwhat a replay costs:")
        replayed(options.replay)


if __name__ == "__main__":
    main()
