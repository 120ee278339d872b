"""Runs a corpus through cleaning, matching and the store as a poll would, and counts what came out right."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from statistics import median

from aggregator.clean import Site
from aggregator.config import Dedupe
from aggregator.digest import Item as Digested
from aggregator.digest import digest_entry
from aggregator.model import Entry, Subscription, Text
from aggregator.packing import packed
from aggregator.store import Store, open_writer
from aggregator.stories import Editor
from tests.data.dedupe.corpus import START, Item


@dataclass
class Score:
    """Pairs of items: right, wrong and missed; hard negatives merged; leads."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    negatives: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    led: int = 0
    stories: int = 0  # with an origin and at least one copy, found together
    milliseconds: list[float] = field(default_factory=list)
    wrong_pairs: list[tuple[Item, Item]] = field(default_factory=list)
    lost_items: list[tuple[Item, Item]] = field(default_factory=list)
    misled: list[tuple[Item, Item]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(1e-9, self.precision + self.recall)

    @property
    def false_merges(self) -> float:
        return self.merged.total() / max(1, self.negatives.total())

    @property
    def leads(self) -> float:
        return self.led / max(1, self.stories)

    def __str__(self) -> str:
        return (
            f"P {self.precision:.4f}  R {self.recall:.4f}  F1 {self.f1:.4f}  false merges {self.false_merges:.2%} "
            f"({self.merged.total()} of {self.negatives.total()})  origin leads {self.leads:.3f}"
            + (f"  p50 {median(self.milliseconds):.2f} ms" if self.milliseconds else "")
        )


def digested(items: Sequence[Item]) -> list[Digested]:
    """The items as the pure stages give them."""
    found = []
    for item in items:
        entry = Entry(
            guid=item.url,
            url=item.url,
            title=Text(item.title, False),
            content=Text(item.html),
            published=item.published,
        )
        article = digest_entry(entry, Site(f"{item.feed}/feed", item.feed))
        found.append(Digested(article, item.url.encode(), packed(entry)))
    return found


def placed(
    items: Sequence[Item], ready: Sequence[Digested], file: Path
) -> tuple[dict[int, tuple[int, bool]], list[float]]:
    """Story and lead of each item (by its position), and the milliseconds each decision took, storing included."""
    feeds = sorted({item.feed for item in items})
    subscriptions = {feed: Subscription(f"{feed}/feed") for feed in feeds}
    times = []
    with open_writer(file) as connection:
        store = Store(connection)
        with store.transaction():
            store.feeds.sync(tuple(subscriptions.values()), START)
        ids = {
            row[1].removesuffix("/feed"): row[0] for row in connection.execute("SELECT id, configured_url FROM feeds")
        }
        for feed, number in ids.items():
            connection.execute("UPDATE feeds SET home_page_url = ? WHERE id = ?", (feed, number))
        editor = Editor(store, Dedupe(), {number: subscriptions[feed] for feed, number in ids.items()})
        articles = {}
        with store.transaction():
            for position, (item, made) in enumerate(zip(items, ready, strict=True)):
                now = max(START, item.published) + timedelta(minutes=1)
                begun = time.thread_time()
                [saved] = editor.take(ids[item.feed], [made], (), now)
                times.append((time.thread_time() - begun) * 1000)
                articles[saved.article] = position
        rows = connection.execute(
            "SELECT articles.id, story_id, lead_article_id = articles.id FROM articles JOIN stories ON stories.id = story_id"
        )
        return {articles[row[0]]: (row[1], bool(row[2])) for row in rows}, times


def score(items: Sequence[Item], clusters: dict[int, tuple[int, bool]], times: Sequence[float] = ()) -> Score:
    """Compares stories found with the labels. `clusters`: position of an item -> (story, whether it leads)."""
    result = Score(milliseconds=list(times))
    found: defaultdict[int, list[int]] = defaultdict(list)
    true: defaultdict[str, list[int]] = defaultdict(list)
    for position, item in enumerate(items):
        found[clusters[position][0]].append(position)
        true[item.story].append(position)
    together = {pair for members in found.values() for pair in combinations(sorted(members), 2)}
    wanted = {pair for members in true.values() for pair in combinations(sorted(members), 2)}
    result.right, result.wrong, result.missed = len(together & wanted), len(together - wanted), len(wanted - together)
    result.wrong_pairs = [(items[a], items[b]) for a, b in sorted(together - wanted)]
    touched = {position for pair in together - wanted for position in pair}
    for position, item in enumerate(items):
        if item.kind.startswith("not: "):
            result.negatives[item.kind] += 1
            result.merged[item.kind] += position in touched
    for members in true.values():
        origin = next((m for m in members if items[m].origin), None)
        if origin is None or len(members) < 2:
            continue
        for member in members:
            if member != origin:
                result.copies[items[member].kind] += 1
                if clusters[member][0] != clusters[origin][0]:
                    result.lost[items[member].kind] += 1
                    result.lost_items.append((items[member], items[origin]))
        with_it = [m for m in members if clusters[m][0] == clusters[origin][0]]
        if len(with_it) > 1:
            result.stories += 1
            result.led += clusters[origin][1]
            if not clusters[origin][1]:
                result.misled.append(
                    (items[origin], next((items[m] for m in with_it if clusters[m][1]), items[origin]))
                )
    return result


def evaluate(items: Sequence[Item], file: Path) -> Score:
    """All of it: `file` is where the database goes."""
    return score(items, *placed(items, digested(items), file))
