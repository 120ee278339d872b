"""The database at size: articles stored a second, bytes an article, and how long the questions take.

    python bench/store.py --articles 100000
    python bench/store.py --articles 1000000 --words 60

Texts are made of sentences of a vocabulary in which few words are common and most are rare, as in languages. The bulk
is put in with plain SQL, triggers and full-text index included; the sample that is timed goes the way of a poll.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aggregator import dedupe
from aggregator.clean import Site, clean
from aggregator.config import Dedupe
from aggregator.digest import Item
from aggregator.model import Entry, Subscription, Text
from aggregator.packing import packed
from aggregator.publish import FORMATS, Channel
from aggregator.store import Due, Outcome, Published, Read, Store, examples, open_reader, open_writer
from aggregator.store.times import to_text
from aggregator.stories import Editor

NOW = datetime.now(UTC).replace(microsecond=0)
FEEDS = 200
EACH = (
    timedelta(days=365) / 1_000_000
)  # from one article to the next: the file fills up at the same rate, whatever its size
COPIED = 5  # each fifth article is a copy of the one before
HASHES = 40  # of an article's fingerprint, for as long as copies of it are looked for


class Texts:
    """Sentences of words whose frequency falls with their rank."""

    def __init__(self, seed: int, words: int) -> None:
        self.dice = random.Random(seed)
        letters = "abcdefghijklmnoprstuvwyz"
        vocabulary = ["water", "river"] + [
            "".join(self.dice.choices(letters, k=self.dice.randint(3, 11))) for _ in range(40_000)
        ]
        self.vocabulary = vocabulary
        # Summed once: `choices` would do it for each text.
        self.sums = list(itertools.accumulate(1 / (rank + 20) for rank in range(len(vocabulary))))
        drawn = self.drawn(15 * 6000)
        self.sentences = [" ".join(drawn[i : i + 15]).capitalize() + "." for i in range(0, len(drawn), 15)]
        self.length = max(1, words // 15)

    def text(self) -> str:
        chosen = self.dice.choices(self.sentences, k=self.length)
        return "\n\n".join(" ".join(chosen[i : i + 4]) for i in range(0, len(chosen), 4))

    def fresh(self) -> str:
        """A text that shares no sentence with another: matching has little to compare, as with most news."""
        words = self.drawn(self.length * 15)
        return "\n\n".join(" ".join(words[i : i + 60]) for i in range(0, len(words), 60))

    def title(self) -> str:
        return " ".join(self.drawn(9))

    def drawn(self, count: int) -> list[str]:
        """So many words of the vocabulary."""
        return self.dice.choices(self.vocabulary, cum_weights=self.sums, k=count)


class Took(NamedTuple):
    """Milliseconds: by the clock, and of the processor, which a busy machine does not stretch so much."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:8.1f} ms ({self.processor:.1f} ms of the processor)"


def once(work: Callable[[], object]) -> Took:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Took((time.perf_counter() - clock) * 1000, (time.process_time() - processor) * 1000)


def median(runs: Sequence[Took]) -> Took:
    return Took(statistics.median(run.clock for run in runs), statistics.median(run.processor for run in runs))


def timed(work: Callable[[], object], times: int = 5) -> Took:
    """The median of some runs after a first one."""
    work()
    return median([once(work) for _ in range(times)])


def fill(connection: sqlite3.Connection, texts: Texts, count: int) -> None:
    """Articles of the last time, each fifth one a copy; with a cache and without syncs, to be done today."""
    (cache,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("PRAGMA synchronous = OFF")
    for start in range(0, count, 10_000):
        connection.execute("BEGIN IMMEDIATE")
        rows = list(_rows(texts, start, min(count, start + 10_000), count))
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.executemany(
            "INSERT INTO articles (id, feed_id, story_id, guid, url, title, summary, content_html, content_text, "
            "removed_text, categories, enclosures, language, word_count, similarity, published_at, updated_at, "
            "first_seen_at) VALUES (:id, :feed, :story, :url, :url, :title, substr(:text, 1, 200), :html, :text, "
            ":removed, '[\"news\", \"press\"]', '[]', 'en', :words, iif(:id = :story, 1.0, 0.9), :at, :at, :at)",
            rows,
        )
        leads, copies = [row for row in rows if row["id"] == row["story"]], [r for r in rows if r["id"] != r["story"]]
        connection.executemany(
            "INSERT INTO stories (id, uid, title, url, lead_article_id, published_at, updated_at, first_seen_at, copies) "
            "VALUES (:id, :url, :title, :url, :id, :at, :at, :at, iif(:id % 5 = 4, 2, 1))",
            leads,
        )
        connection.executemany(
            "INSERT INTO _sources (article_id, hash, entry, removed, credits, rules) "
            "VALUES (:id, :hash, :entry, '[]', '[]', 1)",
            rows,
        )
        connection.executemany(
            "INSERT INTO _verdicts (article_id, against_id, kind, reason, similarity, other, shared, decided_at) VALUES "
            "(:id, :story, 'near-copy', '90% of its words are in the other', 0.9, 0.85, 200, :at)",
            copies,
        )
        connection.executemany(
            "INSERT OR IGNORE INTO _fingerprints (hash, article_id) VALUES (?, ?)",
            sorted(
                (texts.dice.getrandbits(62), row["id"])
                for row in rows
                if (count - row["id"]) * EACH < Dedupe().window
                for _ in range(HASHES + 1)  # and that of its text
            ),
        )
        connection.execute("COMMIT")
    connection.execute(f"PRAGMA cache_size = {cache}")
    connection.execute("PRAGMA synchronous = NORMAL")


def _rows(texts: Texts, start: int, end: int, count: int) -> Iterator[dict[str, object]]:
    for number in range(start + 1, end + 1):
        text = texts.text()
        url = f"https://site{number % FEEDS}.example/{number}"
        yield {
            "id": number,
            "feed": number % FEEDS + 1,
            "story": number - 1 if number % COPIED == 0 else number,
            "url": url,
            "title": texts.title(),
            "text": text,
            "html": "".join(f"<p>{part}</p>" for part in text.split("\n\n")),
            "removed": "/Public Release. This material may be edited." if number % COPIED == 0 else "",
            "words": len(text.split()),
            "at": to_text(NOW - EACH * (count - number)),
            "hash": hashlib.blake2b(url.encode(), digest_size=16).digest(),
            "entry": text.encode()[: len(text) // 2],  # about what zlib leaves of text and HTML
        }


def item(texts: Texts, number: int) -> Item:
    """A new entry, digested."""
    text = texts.fresh()
    html = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    url = f"https://new.example/{number}"
    entry = Entry(url, url, Text(texts.title()), Text(), Text(html), published=NOW)
    article = clean(entry, Site("https://new.example/feed", None, "en", ()))
    article = article._replace(fingerprint=dedupe.hashes(article.content_text, article.title))
    return Item(article, hashlib.blake2b(url.encode(), digest_size=16).digest(), packed(entry))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=300, help="of an article")
    parser.add_argument("--keep", type=Path, help="where to leave the database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options.keep or Path(folder) / "aggregator.db", options.articles, options.words)


def run(path: Path, count: int, words: int) -> None:
    texts = Texts(1, words)
    subscriptions = tuple(Subscription(f"https://site{n}.example/feed", title=f"Site {n}") for n in range(FEEDS))
    start = time.perf_counter()
    with open_writer(path) as connection:
        store = Store(connection)
        with store.transaction():
            store.feeds.sync(subscriptions, NOW)
        if connection.execute("SELECT count(*) FROM articles").fetchone()[0] == 0:
            fill(connection, texts, count)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            took = time.perf_counter() - start
            size = path.stat().st_size
            print(f"{count:,} articles of {words} words: {size / 1e6:,.0f} MB, {size / count:,.0f} bytes an article, "
                  f"of these {_raw(connection) / count:,.0f} are title, text and HTML")  # fmt: skip
            print(f"in bulk: {count / took:,.0f} articles a second, indexed for full text")
        poll(store, texts, subscriptions)
    ask(path)


def _raw(connection: sqlite3.Connection) -> float:
    (average,) = connection.execute(
        "SELECT avg(length(title) + length(content_text) + length(content_html)) FROM articles WHERE id <= 2000"
    ).fetchone()
    return float(average * connection.execute("SELECT count(*) FROM articles").fetchone()[0])


def poll(store: Store, texts: Texts, subscriptions: tuple[Subscription, ...]) -> None:
    """What polls cost, matching and all, each in one transaction."""
    editor = Editor(store, Dedupe(), dict(enumerate(subscriptions, 1)))
    (base,) = store.connection.execute("SELECT max(id) FROM articles").fetchone()
    numbers = itertools.count(base)
    dues = store.feeds.due(None)
    for size, name in ((20, "20 new articles"), (3, "3 new articles"), (0, "nothing new")):
        runs = []
        for due in dues[:20]:
            items = [item(texts, next(numbers)) for _ in range(size)]
            runs.append(once(partial(commit, store, editor, due, items)))
        print(f"  {median(runs)}  a poll's commit, {name}; slowest {max(runs).clock:.1f} ms")


def commit(store: Store, editor: Editor, due: Due, items: Sequence[Item]) -> None:
    """As the writer does it."""
    with store.batch():
        editor.take(due.feed, items, (), NOW)
        store.feeds.record(Outcome(due, NOW, NOW + timedelta(hours=1), 200, bytes=1000), len(items), 0)


def ask(path: Path) -> None:
    with open_reader(path) as connection:
        read, published = Read(connection), Published(connection)
        questions: dict[str, Callable[[], object]] = {
            "latest, 50": lambda: read.latest(50),
            "stories of the merged feed, 50": lambda: published.stories(50),
            "the page, rendered": lambda: FORMATS["atom"](
                Channel("Feed", "https://example.org/", "feed", tuple(published.stories(50)), None), NOW
            ),
            "search, a rare word": lambda: read.search('"' + _rare(connection) + '"', 20),
            "search, a common word": lambda: read.search('"water"', 20),
            "search, letter by letter": lambda: read.search_letters(("北京",), 20),
            "search, two words": lambda: read.search('"water" "river"', 20),
            "duplicates, 20": lambda: connection.execute("SELECT * FROM duplicates LIMIT 20").fetchall(),
            "feed_health": lambda: read.health(),
        }
        for name, question in questions.items():
            print(f"  {timed(question)}  {name}")
        print("examples.sql:")
        took = {e.name: timed(lambda e=e: connection.execute(e.sql).fetchall(), 3) for e in examples.load()}  # type: ignore[misc]
        for name, each in sorted(took.items(), key=lambda pair: -pair[1].processor):
            print(f"  {each}  {name}")


def _rare(connection: sqlite3.Connection) -> str:
    (text,) = connection.execute("SELECT content_text FROM articles ORDER BY id DESC LIMIT 1 OFFSET 3").fetchone()
    return str(max(text.replace(".", " ").split(), key=len))


if __name__ == "__main__":
    main()
