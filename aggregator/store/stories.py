"""The stories: which articles say the same, and which leads. All inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from aggregator.dedupe import Candidate, Member, kinds
from aggregator.model import Subscription, Verdict
from aggregator.store import articles
from aggregator.store.index import FINGERPRINTED, Known, StoreIndex, candidates, fingerprint, first_since, found_by
from aggregator.store.postings import Postings
from aggregator.store.renewal import renewed
from aggregator.store.times import from_text, to_text
from aggregator.store.uids import uids, unused

_BY_TEXT = ", ".join(f"'{kind}'" for kind in kinds.KINDS)  # verdicts that rest on shares of words
_DOUBT = 4  # shared texts, half of them later, that every feed begins with before its habits mean something


class Stories:
    """The tables stories, _verdicts, _leads, _boilerplate and _habits."""

    def __init__(self, stored: Postings) -> None:
        self._stored = stored
        self.connection = stored.connection
        self._firsts: dict[str, int] = {}

    def index(self, since: datetime, known: Known | None = None) -> StoreIndex:
        """What matching looks up; the window begins with a full hour. `known`: see StoreIndex."""
        hour = since.replace(minute=0, second=0, microsecond=0)
        name = to_text(hour)
        if name not in self._firsts:
            self._firsts = {name: first_since(self.connection, hour)}
        return StoreIndex(self._stored, hour, self._firsts[name], known)

    def story_of(self, article: int) -> int | None:
        """The story an article belongs to."""
        row = self.connection.execute("SELECT story_id FROM articles WHERE id = ?", (article,)).fetchone()
        return None if row is None else row["story_id"]

    def lead_of(self, story: int) -> int:
        """The article that leads a story."""
        return int(self.connection.execute("SELECT lead_article_id FROM stories WHERE id = ?", (story,)).fetchone()[0])

    def articles(self, story: int) -> list[int]:
        """The articles of a story, in the order they were stored."""
        rows = self.connection.execute("SELECT id FROM articles WHERE story_id = ? ORDER BY id", (story,))
        return [row[0] for row in rows]

    def founder(self, story: int) -> int:
        """The article that a story began with, as far as it is still in it."""
        row = self.connection.execute(
            "SELECT articles.id FROM articles JOIN stories ON stories.id = story_id WHERE story_id = ? "
            "ORDER BY guid <> uid, articles.id LIMIT 1",
            (story,),
        ).fetchone()
        return int(row[0])

    def members(self, story: int, subscriptions: Mapping[int, Subscription]) -> list[Member]:
        """The articles of a story as the choice of the lead sees them; `subscriptions` by feed id."""
        rows = self.connection.execute(
            "SELECT articles.*, feeds.role, feeds.home_page_url, credits, shared, later, "
            "EXISTS (SELECT 1 FROM _corrections AS c WHERE c.article_id = articles.id AND c.kind = 'pin') AS pinned "
            "FROM articles JOIN feeds ON feeds.id = articles.feed_id JOIN _sources ON _sources.article_id = articles.id "
            "LEFT JOIN _habits ON _habits.feed_id = articles.feed_id WHERE story_id = ? ORDER BY articles.id",
            (story,),
        )
        return [
            Member(
                article=row["id"],
                url=row["url"],
                role=row["role"],
                priority=subscriptions[row["feed_id"]].priority if row["feed_id"] in subscriptions else 0,
                credits=tuple(json.loads(row["credits"])),
                home_page_url=row["home_page_url"],
                words=len(row["content_text"].encode()) // 6,  # Chinese has no spaces to count words by
                published=from_text(row["published_at"]),
                first_seen=from_text(row["first_seen_at"]),
                pinned=bool(row["pinned"]),
                copy_rate=((row["later"] or 0) + _DOUBT / 2) / ((row["shared"] or 0) + _DOUBT),
            )
            for row in rows
        ]

    def candidate(self, article: int) -> Candidate:
        """A stored article as the other side of a comparison."""
        return candidates(self.connection, "WHERE articles.id = ?", (article,), 1)[0]

    def learn(self, hashes: Iterable[int], feed: int, now: datetime) -> None:
        """Remembers boilerplate, of one feed or (0) of all."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO _boilerplate VALUES (?, ?, ?)", ((value, feed, to_text(now)) for value in hashes)
        )

    def known(self, hashes: Sequence[int], feed: int) -> frozenset[int]:
        """Those that are boilerplate, everywhere or in this feed."""
        return frozenset(StoreIndex(self._stored).boilerplate(hashes, feed))

    def joined_on(self, hashes: Collection[int], since: datetime) -> list[int]:
        """Articles with one of these hashes that were judged copies since then."""
        having = frozenset().union(*self._stored.look_up(hashes).values())
        rows = self.connection.execute(
            "SELECT article_id FROM _verdicts WHERE article_id IN (SELECT value FROM json_each(?)) "
            f"AND kind IN ({_BY_TEXT}) AND decided_at >= ? ORDER BY article_id",
            (json.dumps(sorted(having)), to_text(since)),
        )
        return [row[0] for row in rows]

    def joined_since(self, story: int, since: datetime) -> frozenset[int]:
        """The articles of a story that its text made copies since then: no address, and no person."""
        rows = self.connection.execute(
            "SELECT article_id FROM _verdicts JOIN articles ON articles.id = article_id WHERE story_id = ? "
            f"AND kind IN ({_BY_TEXT}) AND decided_at >= ?",
            (story, to_text(since)),
        )
        return frozenset(row[0] for row in rows)

    def observe(self, article: int, story: int) -> None:
        """Learns which of two feeds had a text first: the newcomer's, or that of the earliest other member."""
        rows = self.connection.execute(
            "SELECT articles.id, feed_id, url, credits FROM articles JOIN _sources ON article_id = articles.id "
            "WHERE story_id = ? ORDER BY published_at, first_seen_at, articles.id",
            (story,),
        ).fetchall()
        mine = next(row for row in rows if row["id"] == article)
        first = next((row for row in rows if row["feed_id"] != mine["feed_id"]), None)
        if first is None:
            return
        later = [row["id"] for row in rows].index(article) > [row["id"] for row in rows].index(first["id"])
        if first["url"] in json.loads(mine["credits"]):
            later = True
        elif mine["url"] in json.loads(first["credits"]):
            later = False
        # Each article counts once, or a feed that was first by chance would gain with every later copy.
        shared_before = len({row["feed_id"] for row in rows if row["id"] != article}) > 1
        seen = [(mine["feed_id"], 1, int(later)), (first["feed_id"], int(not shared_before), int(not later))]
        self.connection.executemany(
            "INSERT INTO _habits VALUES (?1, ?2, ?3) ON CONFLICT (feed_id) DO UPDATE SET "
            "shared = shared + ?2, later = later + ?3",
            seen,
        )

    def found(self, article: int, now: datetime) -> int:
        """Makes a story of a stored article; in a replay the one that it was in before, if nobody has that yet."""
        row = self.connection.execute(
            "SELECT articles.*, configured_url FROM articles JOIN feeds ON feeds.id = feed_id WHERE articles.id = ?",
            (article,),
        ).fetchone()
        shown = (row["title"], row["url"], article, row["published_at"])
        former = self.connection.execute(
            "SELECT stories.id FROM _former JOIN stories ON stories.id = _former.story_id WHERE _former.article_id = ? "
            "AND NOT EXISTS (SELECT 1 FROM articles WHERE articles.story_id = stories.id)",
            (article,),
        ).fetchone()
        if former is not None:
            story = int(former[0])
            self.connection.execute(
                "UPDATE stories SET title = ?, url = ?, lead_article_id = ?, published_at = ?, copies = 1 WHERE id = ?",
                (*shown, story),
            )
        else:
            names = uids(row["configured_url"], row["guid"], row["published_at"][:10])
            cursor = self.connection.execute(
                "INSERT INTO stories (uid, title, url, lead_article_id, published_at, updated_at, first_seen_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (unused(self.connection, names), *shown, row["updated_at"], to_text(now)),
            )
            story = int(cursor.lastrowid or 0)
        self.join(article, story)
        return story

    def forget(self) -> None:
        """Takes all articles out of their stories, for a replay; the stories wait to be founded again."""
        for statement in (
            "DELETE FROM _former",
            "INSERT INTO _former SELECT id, story_id FROM articles WHERE story_id IS NOT NULL",
            "UPDATE articles SET story_id = NULL",
            *(f"DELETE FROM {table}" for table in ("_verdicts", "_leads", "_boilerplate", "_habits")),
        ):
            self.connection.execute(statement)
        self._stored.clear()

    def remember(self, article: int) -> tuple[int, ...]:
        """Puts a stored article into the index; gives its fingerprint."""
        row = self.connection.execute(f"SELECT {FINGERPRINTED} WHERE articles.id = ?", (article,)).fetchone()
        made = fingerprint(row)
        self._stored.add(article, found_by(made, row["content_text"]))
        return made

    def keep(self, shown: Mapping[int, tuple[int, str]], reworded: Collection[int], now: datetime) -> None:
        """Ends a replay. `shown`: lead and time of the last change of each story before; `reworded`: changed articles.

        Stories without an article go; `updated_at` of the others moves only where another text is shown.
        """
        self.connection.execute("DELETE FROM stories WHERE id NOT IN (SELECT story_id FROM articles)")
        for row in self.connection.execute("SELECT id, lead_article_id, updated_at FROM stories").fetchall():
            lead, updated = shown.get(row["id"], (row["lead_article_id"], row["updated_at"]))
            if lead != row["lead_article_id"] or lead in reworded:
                old, new = (self.candidate(article) for article in (lead, row["lead_article_id"]))
                if lead in reworded or (old.title, old.text) != (new.title, new.text):
                    updated = to_text(now)
            if updated != row["updated_at"]:
                self.connection.execute("UPDATE stories SET updated_at = ? WHERE id = ?", (updated, row["id"]))
        self.connection.execute("DELETE FROM _former")
        renewed(self.connection)

    def join(self, article: int, story: int) -> None:
        """Makes an article a member of a story."""
        self.connection.execute("UPDATE articles SET story_id = ? WHERE id = ?", (story, article))

    def leave(self, article: int) -> None:
        """Takes an article out of its story; it must be given another in the same transaction."""
        self.connection.execute("UPDATE articles SET story_id = NULL WHERE id = ?", (article,))

    def drop_story(self, story: int) -> None:
        """Removes a story that has no member any more."""
        self.connection.execute("DELETE FROM stories WHERE id = ?", (story,))

    def lead(self, story: int, article: int, reason: str, now: datetime, reworded: bool) -> None:
        """Sets a story's lead and what it shows of it; `updated_at` moves only when the text is another."""
        self.connection.execute(
            "UPDATE stories SET lead_article_id = article.id, title = article.title, url = article.url, "
            "published_at = article.published_at, updated_at = iif(?, ?, stories.updated_at), "
            "copies = (SELECT count(*) FROM articles WHERE story_id = stories.id) "
            "FROM (SELECT * FROM articles WHERE id = ?) AS article WHERE stories.id = ?",
            (reworded, to_text(now), article, story),
        )
        self.connection.execute("INSERT OR REPLACE INTO _leads (story_id, reason) VALUES (?, ?)", (story, reason))

    def verdict(self, article: int, verdict: Verdict, now: datetime) -> None:
        """Writes down why an article is, or is not, a copy."""
        self.connection.execute(articles.VERDICT, articles.verdict(article, verdict, to_text(now)))
        self.connection.execute(
            "UPDATE articles SET similarity = ?1 WHERE id = ?2 AND similarity <> ?1", (verdict.similarity, article)
        )

    def verdict_on(self, article: int) -> Verdict | None:
        """What was written down."""
        row = self.connection.execute(
            "SELECT _verdicts.*, story_id FROM _verdicts JOIN articles ON articles.id = article_id WHERE article_id = ?",
            (article,),
        ).fetchone()
        return row and Verdict(
            row["kind"],
            row["reason"],
            row["against_id"],
            row["story_id"],
            row["similarity"],
            row["other"],
            row["shared"],
        )
