"""The feeds: who is polled, when, and what the last poll left. All inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator import clean
from aggregator.digest import Item
from aggregator.model import Feed, Subscription
from aggregator.parse import Seen
from aggregator.store.hashes import host_of
from aggregator.store.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class Due:
    """A feed to poll, with what the last poll left."""

    feed: int
    url: str
    configured_url: str
    title: str
    failures: int
    etag: str | None
    last_modified: str | None
    body_hash: bytes | None
    ttl: timedelta | None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One poll of one feed, ready to be written. `feed` is None where no new document was digested."""

    due: Due
    at: datetime
    next_poll: datetime
    status: int | None
    error: str | None = None
    feed: Feed | None = None
    items: tuple[Item, ...] = ()
    guids: frozenset[str] = frozenset()
    flaws: tuple[str, ...] = ()
    etag: str | None = None
    last_modified: str | None = None
    body_hash: bytes | None = None
    sources: Mapping[bytes, Seen] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    gone: bool = False
    excused: bool = field(default=False)  # failed because the network is down: not the feed's fault


class Feeds:
    """The tables feeds, _feed_state and fetches."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def sync(self, subscriptions: Sequence[Subscription], now: datetime) -> None:
        """Makes the feeds table follow feeds.yaml: new feeds are due at once, missing ones are disabled, none is lost."""
        known = {row["configured_url"]: row for row in self.connection.execute("SELECT * FROM feeds")}
        wanted = {subscription.url: subscription for subscription in subscriptions}
        late = self.connection.execute("SELECT 1 FROM stories LIMIT 1").fetchone() is not None
        for url, subscription in wanted.items():
            state = "active" if subscription.enabled else "disabled"
            row = known.get(url)
            if row is None:
                self.connection.execute(
                    "INSERT INTO feeds (url, configured_url, title, role, state, next_poll_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (url, url, subscription.title or host_of(url) or url, subscription.role, state, to_text(now)),
                )
                if late:
                    self.connection.execute("INSERT INTO _late SELECT id FROM feeds WHERE configured_url = ?", (url,))
                continue
            if row["state"] == "gone" and state == "active":
                state = "gone"
            # A clock that was ahead when the next poll was set must not silence a feed for longer than it may wait.
            latest = now + max(subscription.interval, timedelta(hours=24)) * (1 + subscription.jitter)
            due = min(row["next_poll_at"], to_text(latest))
            values = (subscription.title or row["title"], subscription.role, state, due)
            if values != (row["title"], row["role"], row["state"], row["next_poll_at"]):
                self.connection.execute(
                    "UPDATE feeds SET title = ?, role = ?, state = ?, next_poll_at = ? WHERE id = ?",
                    (*values, row["id"]),
                )
        for url, row in known.items():
            if url not in wanted and row["state"] != "disabled":
                self.connection.execute("UPDATE feeds SET state = 'disabled' WHERE id = ?", (row["id"],))

    def due(self, now: datetime | None, configured: Collection[str] | None = None) -> list[Due]:
        """Active feeds whose time has come, the longest waiting first; all active ones when `now` is None."""
        rows = self.connection.execute(
            "SELECT feeds.*, body_hash, ttl_seconds FROM feeds LEFT JOIN _feed_state ON feed_id = id "
            "WHERE state = 'active' AND next_poll_at <= ? ORDER BY next_poll_at, id",
            (to_text(now) if now else "9999",),
        )
        return [
            Due(
                feed=row["id"],
                url=row["url"],
                configured_url=row["configured_url"],
                title=row["title"],
                failures=row["failures"],
                etag=row["etag"],
                last_modified=row["last_modified"],
                body_hash=row["body_hash"],
                ttl=timedelta(seconds=row["ttl_seconds"]) if row["ttl_seconds"] else None,
                due_at=from_text(row["next_poll_at"]),
            )
            for row in rows
            if configured is None or row["configured_url"] in configured
        ]

    def known_hashes(self, feed: int, most: int = 5000) -> frozenset[bytes]:
        """Hashes of the feed's newest entries as stored."""
        rows = self.connection.execute(
            "SELECT hash FROM _sources WHERE article_id IN "
            "(SELECT id FROM articles WHERE feed_id = ? ORDER BY first_seen_at DESC LIMIT ?)",
            (feed, most),
        )
        return frozenset(row["hash"] for row in rows)

    def known_sources(self, feed: int) -> dict[bytes, Seen]:
        """The entries of the feed's last document by the hash of their source bytes: these need no reading again."""
        row = self.connection.execute("SELECT sources FROM _feed_state WHERE feed_id = ?", (feed,)).fetchone()
        found = json.loads(row["sources"]) if row is not None and row["sources"] else {}
        return {bytes.fromhex(mark): Seen(guid, tuple(flaws)) for mark, (guid, *flaws) in found.items()}

    def record(self, outcome: Outcome, new: int, changed: int) -> str:
        """The poll itself: the feed's row, its state and a row in `fetches`; gives the feed's title.

        Call after its items are saved.
        """
        at, feed = to_text(outcome.at), outcome.due.feed
        failures = 0 if outcome.error is None else outcome.due.failures + (0 if outcome.excused else 1)
        self.connection.execute(
            "UPDATE feeds SET last_fetched_at = ?, next_poll_at = ?, failures = ?, last_error = ?, "
            "state = iif(? AND state = 'active', 'gone', state), last_changed_at = iif(?, ?, last_changed_at) WHERE id = ?",
            (at, to_text(outcome.next_poll), failures, outcome.error, outcome.gone, new + changed > 0, at, feed),
        )
        if outcome.error is None:
            # A 304 may bring fresher validators (RFC 9110 §15.4.5); what it does not bring stays.
            self.connection.execute(
                "UPDATE feeds SET etag = ?, last_modified = ? WHERE id = ?",
                (
                    (outcome.etag, outcome.last_modified, feed)
                    if outcome.status != 304
                    else (outcome.etag or outcome.due.etag, outcome.last_modified or outcome.due.last_modified, feed)
                ),
            )
        if outcome.feed is not None:
            self.connection.execute(
                "UPDATE feeds SET home_page_url = ?, title = iif(?, ?, title) WHERE id = ?",
                (*self._head(outcome.feed, outcome.due), feed),
            )
            self.connection.execute(
                "INSERT OR REPLACE INTO _feed_state (feed_id, body_hash, guid, language, ttl_seconds, flaws, sources) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    feed,
                    outcome.body_hash,
                    outcome.feed.guid,
                    outcome.feed.language,
                    int(outcome.feed.ttl.total_seconds()) if outcome.feed.ttl else None,
                    json.dumps(outcome.flaws, ensure_ascii=False) if outcome.flaws else None,
                    json.dumps({mark.hex(): (seen.guid, *seen.flaws) for mark, seen in outcome.sources.items()}),
                ),
            )
        self.connection.execute(
            "INSERT INTO fetches (feed_id, fetched_at, http_status, bytes, duration_ms, new_articles, changed_articles, "
            "error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (feed, at, outcome.status, outcome.bytes, round(outcome.seconds * 1000), new, changed, outcome.error),
        )
        return str(self.connection.execute("SELECT title FROM feeds WHERE id = ?", (feed,)).fetchone()[0])

    def _head(self, feed: Feed, due: Due) -> tuple[str | None, bool, str | None]:
        home = clean.links.resolve(feed.url, feed.home_page_url)
        title = clean.characters.line(feed.title or "", 300)
        # The feed's own title counts only while nobody gave it another.
        nameless = due.title in (host_of(due.configured_url), due.configured_url)
        return home, bool(title and nameless), title or None
