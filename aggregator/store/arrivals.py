"""The new articles of a document, written together.

Most are like nothing that is stored: one look for all of them tells which. These are written table by table, which costs
less than article by article.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from aggregator import dedupe
from aggregator.dedupe import Probe
from aggregator.digest import Item
from aggregator.model import Article, Verdict
from aggregator.store import articles as rows
from aggregator.store import index, postings
from aggregator.store.hashes import text_hash
from aggregator.store.postings import Postings
from aggregator.store.times import to_text
from aggregator.store.uids import uids, unused


class Arrivals:
    """What is known of a feed's items, and those that wait to be written; `write` before anything else is asked or told,
    and `close` in the end.

    What the file has of them is looked up once; what is stored of them meanwhile is added.
    """

    def __init__(self, stored: Postings, feed: int, items: Sequence[Item], now: datetime) -> None:
        self._index, self._feed, self._now, self._seen_at = stored, feed, now, to_text(now)
        self._connection = connection = stored.connection
        row = connection.execute("SELECT configured_url FROM feeds WHERE id = ?", (feed,)).fetchone()
        self._configured_url = str(row[0])
        articles = [item.article for item in items]
        guids = [article.guid for article in articles]
        self._guids = index.stored(connection, "articles WHERE feed_id = ? AND guid = value", guids, feed)
        self._named = index.stored(connection, "stories WHERE uid = value", guids)
        self._texts = {article.content_text: text_hash(article.content_text) for article in articles}
        self._known: index.Known = index.known(stored, feed, articles, self._texts)
        self._is_exact = True
        self._waiting: set[object] = set()  # hashes, addresses and texts of those that wait
        self._next_article = self._next_story = 0
        self._articles: list[tuple[object, ...]] = []
        self._stories: dict[str, tuple[object, ...]] = {}  # by published id
        self._sources: list[tuple[object, ...]] = []
        self._edges: list[tuple[object, ...]] = []
        self._postings: list[tuple[int, Sequence[int]]] = []
        self._alone: list[tuple[object, ...]] = []  # their verdicts

    def may_be_stored(self, article: Article) -> bool:
        """Whether it may be a revision of an article that is stored, or waits."""
        return article.guid in self._guids or article.url in self._known.urls

    def may_match(self, probe: Probe) -> bool:
        """Whether anything that is stored, or waits, can be like it."""
        return (
            len(probe.fingerprint) < 2  # of the title only: a text without words
            or self._is_like_stored(probe.fingerprint)
            or probe.text in self._known.texts  # all of which may be boilerplate
            or not self._known.urls.isdisjoint(dedupe.addresses(probe.url))
            or self._is_like_waiting(probe.fingerprint)
        )

    def may_match_waiting(self, probe: Probe) -> bool:
        """As `may_match`, of those that wait."""
        return bool(self._articles) and (
            len(probe.fingerprint) < 2
            or self._is_like_waiting(probe.fingerprint)
            or probe.text in self._waiting
            or not self._waiting.isdisjoint(dedupe.addresses(probe.url))
        )

    def add(self, item: Item, story: int | None, verdict: Verdict = dedupe.ALONE.verdict) -> int:
        """An article of this story, or (None) of one of its own, with the verdict that says so; gives the number that it
        will have."""
        article, number = item.article, self._number()
        first, last = rows.dates(article, self._now)
        published, now = to_text(first), self._seen_at
        updated = published if last is first else to_text(last)
        if story is None:
            story = self._next_story
            self._next_story += 1
            uid = self._uid(article.guid, published[:10])
            self._stories[uid] = (story, uid, article.title, article.url, number, published, updated, now)
            self._alone.append(rows.verdict(number, verdict, now))
        similarity = verdict.similarity
        self._articles.append(
            (number, self._feed, story, article.guid, *rows.content(article), similarity, published, updated, now)
        )
        self._sources.append(rows.source(number, item))
        self._edges.append(rows.edges(number, self._feed, article))
        hashes = self._telling(article.fingerprint)
        found_by = sorted((*hashes, self._texts[article.content_text]))
        self._postings.append((number, postings.wanted(found_by, self._known.postings)))
        self._note_names(article)
        self._waiting.update(hashes, dedupe.addresses(article.url), (article.content_text,))
        return number

    @property
    def known(self) -> index.Known | None:
        """For matching what comes: what is known of all, as long as nothing but new articles were stored."""
        return self._known if self._is_exact else None

    def outdate(self) -> None:
        """What is known may have changed."""
        self._is_exact = False

    def note(self, article: Article, number: int) -> None:
        """One of the items is stored, as a revision."""
        self._note_names(article)
        self._note_hashes(number, self._telling(article.fingerprint))

    def learn(self, everywhere: Collection[int], in_feed: Collection[int]) -> None:
        """Some of the items' hashes are boilerplate, as it turned out: those of all feeds, and those of this one."""
        self._known.boilerplate.update(everywhere, in_feed)
        self._known.everywhere.update(everywhere)
        for value in everywhere:
            self._known.postings.pop(value, None)

    def write(self) -> None:
        """Stores what waits, so that what comes can be matched with it."""
        waiting = list(self._postings)
        self.close()
        for number, hashes in waiting:
            self._note_hashes(number, hashes)

    def close(self) -> None:
        """Stores what waits, when nothing comes any more."""
        if not self._articles:
            return
        many = self._connection.executemany
        many(
            "INSERT INTO stories (id, uid, title, url, lead_article_id, published_at, updated_at, first_seen_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self._stories.values(),
        )
        many(
            f"INSERT INTO articles (id, feed_id, story_id, guid, {', '.join(rows.CONTENT)}, similarity, published_at, "
            f"updated_at, first_seen_at) VALUES (?, ?, ?, ?, {', '.join('?' * len(rows.CONTENT))}, ?, ?, ?, ?)",
            self._articles,
        )
        many(rows.SOURCE, self._sources)
        many(rows.EDGES, self._edges)
        self._index.insert(self._postings)
        many(rows.VERDICT, self._alone)
        self._named.update(self._stories)
        for waiting in (self._articles, self._stories, self._sources, self._edges, self._postings, self._alone):
            waiting.clear()
        self._waiting.clear()

    def _is_like_stored(self, hashes: Sequence[int]) -> bool:
        """Whether others have so many of these hashes that it can matter. Most articles have a run of words in common with
        some other, and need no more looks for that."""
        postings = self._known.postings
        if postings.keys().isdisjoint(hashes):
            return False
        found = {value: postings[value] for value in hashes if value in postings}
        return not self._is_exact or bool(dedupe.telling(hashes, found, self._known.boilerplate))

    def _is_like_waiting(self, hashes: Sequence[int]) -> bool:
        return not self._waiting.isdisjoint(self._telling(hashes))

    def _telling(self, hashes: Sequence[int]) -> Sequence[int]:
        everywhere = self._known.everywhere
        return [value for value in hashes if value not in everywhere] if everywhere else hashes

    def _note_names(self, article: Article) -> None:
        self._guids.add(article.guid)
        self._known.urls.add(article.url)
        self._known.texts.add(article.content_text)

    def _note_hashes(self, number: int, hashes: Iterable[int]) -> None:
        for value in hashes:
            self._known.postings.setdefault(value, []).append(number)

    def _uid(self, guid: str, day: str) -> str:
        """A published id that no story has. Mostly it is the guid, of which one look has told that it is free."""
        names = uids(self._configured_url, guid, day)
        first = next(names)
        if first == guid and self._is_exact and guid not in self._named and guid not in self._stories:
            return guid
        return unused(self._connection, itertools.chain((first,), names), self._stories)

    def _number(self) -> int:
        if not self._articles:
            count = "SELECT (SELECT ifnull(max(id), 0) + 1 FROM articles), (SELECT ifnull(max(id), 0) + 1 FROM stories)"
            self._next_article, self._next_story = self._connection.execute(count).fetchone()
        self._next_article += 1
        return self._next_article - 1
