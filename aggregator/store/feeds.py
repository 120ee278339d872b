"""The feeds: who is polled, when, and what the last poll left. All inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator import clean
from aggregator.digest import Item
from aggregator.iri import host
from aggregator.model import Feed, Subscription
from aggregator.parse import Seen
from aggregator.schedule import Wishes
from aggregator.schedule.moves import Move
from aggregator.store.hubs import Hubs
from aggregator.store.memory import Memory, recall
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
    validators_url: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    move: Move = field(default_factory=Move)
    pushed_until: datetime | None = None  # a hub tells of its news until then


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
    validators_url: str | None = None  # where the validators came from
    wishes: Wishes | None = None  # of a new document
    move: Move = field(default_factory=Move)  # where permanent redirects lead
    url: str | None = None  # where to poll from now on, if not where it was
    hub: tuple[str, str] | None = None  # the hub a document names, and its topic there
    not_before: datetime | None = None  # what server and feed ask for, whatever the interval
    by_push: bool = False  # a hub brought the document: no poll


_DUE = (
    "SELECT feeds.*, body_hash, ttl_seconds, validators_url, wishes, moving_to, moving_seen, "
    "iif(pushed_at IS NULL, NULL, lease_until) AS pushed_until FROM feeds "
    "LEFT JOIN _feed_state ON _feed_state.feed_id = id LEFT JOIN _polling ON _polling.feed_id = id "
    "LEFT JOIN _websub ON _websub.feed_id = id"
)


def _due(row: sqlite3.Row) -> Due:
    return Due(
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
        validators_url=row["validators_url"],
        wishes=Wishes.from_text(row["wishes"]),
        move=Move(row["moving_to"], row["moving_seen"] or 0),
        pushed_until=from_text(row["pushed_until"]) if row["pushed_until"] else None,
    )


class Feeds:
    """The tables feeds, _feed_state and fetches."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def sync(self, subscriptions: Sequence[Subscription], now: datetime) -> None:
        """Makes the feeds table follow feeds.yaml: new feeds are due at once, missing ones are disabled, none is lost."""
        known = {
            row["configured_url"]: row
            for row in self.connection.execute(
                "SELECT feeds.*, not_before FROM feeds LEFT JOIN _polling ON feed_id = id"
            )
        }
        wanted = {subscription.url: subscription for subscription in subscriptions}
        late = self.connection.execute("SELECT 1 FROM stories LIMIT 1").fetchone() is not None
        for url, subscription in wanted.items():
            state = "active" if subscription.enabled else "disabled"
            row = known.get(url)
            if row is None:
                self.connection.execute(
                    "INSERT INTO feeds (url, configured_url, title, role, state, next_poll_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (url, url, subscription.title or host(url) or url, subscription.role, state, to_text(now)),
                )
                if late:
                    self.connection.execute("INSERT INTO _late SELECT id FROM feeds WHERE configured_url = ?", (url,))
                continue
            if row["state"] == "gone" and state == "active":
                state = "gone"
            # A clock that was ahead when the next poll was set must not silence a feed for longer than it may wait.
            latest = now + max(subscription.interval, timedelta(hours=24)) * (1 + subscription.jitter)
            due = min(row["next_poll_at"], to_text(latest))
            if row["not_before"] is not None:  # an interval that was made shorter counts at once
                soon = from_text(row["last_fetched_at"]) + subscription.interval
                due = min(due, max(row["not_before"], to_text(soon)))
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
        """Active feeds whose time has come, the longest waiting first; all active ones when `now` is None.

        One that is gone is asked again only where a person names it.
        """
        named = now is None and configured is not None
        states = "state IN ('active', 'gone')" if named else "state = 'active'"  # spelled as the index has it
        rows = self.connection.execute(
            f"{_DUE} WHERE {states} AND next_poll_at <= ? ORDER BY next_poll_at, id",
            (to_text(now) if now else "9999",),
        )
        return [_due(row) for row in rows if configured is None or row["configured_url"] in configured]

    def one(self, feed: int) -> Due | None:
        """An active feed, due or not."""
        row = self.connection.execute(f"{_DUE} WHERE id = ? AND state = 'active'", (feed,)).fetchone()
        return None if row is None else _due(row)

    def recall(self, feed: int) -> Memory:
        """What the next digest of the feed needs to know."""
        return recall(self.connection, feed)

    def record(self, outcome: Outcome, new: int, changed: int) -> str:
        """The poll itself: the feed's row, its state and a row in `fetches`; gives the feed's title.

        Call after its items are saved.
        """
        at, feed = to_text(outcome.at), outcome.due.feed
        failures = 0 if outcome.error is None else outcome.due.failures + (0 if outcome.excused else 1)
        self.connection.execute(
            "UPDATE feeds SET last_fetched_at = ?, next_poll_at = ?, failures = ?, last_error = ?, "
            "state = CASE WHEN ? AND state = 'active' THEN 'gone' WHEN ? AND state = 'gone' THEN 'active' ELSE state END, "
            "last_changed_at = iif(?, ?, last_changed_at) WHERE id = ?",
            (at, to_text(outcome.next_poll), failures, outcome.error, outcome.gone, outcome.error is None,
             new + changed > 0, at, feed),
        )  # fmt: skip
        if outcome.error is None:
            self.connection.execute(
                "UPDATE feeds SET etag = ?, last_modified = ? WHERE id = ?", (outcome.etag, outcome.last_modified, feed)
            )
        self._remember(outcome, new + changed > 0)
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

    def _remember(self, outcome: Outcome, news: bool) -> None:
        feed, fine = outcome.due.feed, outcome.error is None
        wishes = outcome.due.wishes if outcome.wishes is None else outcome.wishes
        self.connection.execute(
            "INSERT OR REPLACE INTO _polling (feed_id, validators_url, wishes, moving_to, moving_seen, not_before) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (feed, outcome.validators_url if fine else outcome.due.validators_url, wishes.to_text(), outcome.move.to,
             outcome.move.seen, to_text(outcome.not_before) if outcome.not_before else None),
        )  # fmt: skip
        hubs = Hubs(self.connection)
        if outcome.by_push:
            hubs.pushed(feed, outcome.at)
        elif outcome.due.pushed_until is not None and news:
            hubs.pushed(feed, None)  # the hub should have brought that
        if outcome.url is not None:
            # Two feeds that end at one address stay two: it is not polled twice for that.
            self.connection.execute(
                "UPDATE feeds SET url = ?1 WHERE id = ?2 AND (configured_url = ?1 OR NOT EXISTS "
                "(SELECT 1 FROM feeds AS other WHERE other.id <> ?2 AND other.state = 'active' AND other.url = ?1))",
                (outcome.url, feed),
            )

    def dates(self, feed: int, most: int = 40) -> list[datetime]:
        """When the feed's newest articles were published."""
        rows = self.connection.execute(
            "SELECT published_at FROM articles WHERE feed_id = ? ORDER BY first_seen_at DESC LIMIT ?", (feed, most)
        )
        return [from_text(row["published_at"]) for row in rows]

    def forgive(self, feeds: Collection[int], next_poll: datetime) -> None:
        """Takes the last failure of these feeds back: it was not theirs."""
        for feed in feeds:
            self.connection.execute(
                "UPDATE feeds SET failures = max(failures - 1, 0), next_poll_at = min(next_poll_at, ?) WHERE id = ?",
                (to_text(next_poll), feed),
            )

    def last_polled(self) -> datetime | None:
        """When the newest poll on record was made."""
        [[latest]] = self.connection.execute("SELECT max(last_fetched_at) FROM feeds")
        return from_text(latest) if latest else None

    def rewind(self, intervals: Mapping[str, timedelta], now: datetime) -> None:
        """After the clock jumped back: no feed waits longer than its own interval (by configured URL)."""
        rows = self.connection.execute(
            "SELECT id, configured_url, next_poll_at FROM feeds WHERE last_fetched_at > ?", (to_text(now),)
        ).fetchall()
        for row in rows:
            latest = to_text(now + intervals.get(row["configured_url"], timedelta(hours=1)))
            if row["next_poll_at"] > latest:
                self.connection.execute("UPDATE feeds SET next_poll_at = ? WHERE id = ?", (latest, row["id"]))

    def _head(self, feed: Feed, due: Due) -> tuple[str | None, bool, str | None]:
        home = clean.address(feed.url, feed.home_page_url)
        title = clean.characters.line(feed.title or "", 300)
        # The feed's own title counts only while nobody gave it another.
        nameless = due.title in (host(due.configured_url), due.configured_url)
        return home, bool(title and nameless), title or None
