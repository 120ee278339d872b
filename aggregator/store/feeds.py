"""The feeds: who is polled, when, and what the last poll left. All inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from aggregator import clean
from aggregator.iri import host
from aggregator.model import Feed, Subscription
from aggregator.schedule import Wishes
from aggregator.schedule.moves import Move
from aggregator.store import quiet
from aggregator.store.hubs import Hubs
from aggregator.store.memory import Memory, recall
from aggregator.store.polls import Due, Outcome
from aggregator.store.times import from_text, to_text

_DUE = (
    "SELECT feeds.*, body_hash, ttl_seconds, validators_url, wishes, moving_to, moving_seen, "
    "iif(pushed_at IS NULL, NULL, lease_until) AS pushed_until FROM feeds "
    "LEFT JOIN _feed_state ON _feed_state.feed_id = id LEFT JOIN _polling ON _polling.feed_id = id "
    "LEFT JOIN _websub ON _websub.feed_id = id"
)


_NO_WISHES, _NO_MOVE = Wishes(), Move()


def _due(row: sqlite3.Row) -> Due:
    # Of a night's ten thousand most have one address, and ask for nothing: what is the same is there once.
    url, validators_url = row["configured_url"], row["validators_url"]
    return Due(
        feed=row["id"],
        url=url if row["url"] == url else row["url"],
        configured_url=url,
        title=row["title"],
        failures=row["failures"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        body_hash=row["body_hash"],
        ttl=timedelta(seconds=row["ttl_seconds"]) if row["ttl_seconds"] else None,
        due_at=from_text(row["next_poll_at"]),
        validators_url=url if validators_url == url else validators_url,
        wishes=Wishes.from_text(row["wishes"]) if row["wishes"] else _NO_WISHES,
        move=Move(row["moving_to"], row["moving_seen"] or 0) if row["moving_to"] else _NO_MOVE,
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
                "SELECT id, configured_url, title, role, state, next_poll_at, last_fetched_at, not_before "
                "FROM feeds LEFT JOIN _polling ON feed_id = id"
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

    def numbers(self) -> dict[str, int]:
        """Configured URL -> id, of all feeds."""
        return {
            row["configured_url"]: row["id"] for row in self.connection.execute("SELECT id, configured_url FROM feeds")
        }

    def recall(self, feed: int) -> Memory:
        """What the next digest of the feed needs to know."""
        return recall(self.connection, feed)

    def record(self, outcome: Outcome, new: int, changed: int) -> str:
        """The poll itself: the feed's row, its state and a row in `fetches`; gives the feed's title.

        Call after its items are saved.
        """
        at, feed = to_text(outcome.at), outcome.due.feed
        fine = outcome.error is None
        failures = 0 if fine else outcome.due.failures + (0 if outcome.excused else 1)
        # One statement for what every poll changes, and fetched to its end: a poll that brings nothing is a few of these.
        [(title,)] = self.connection.execute(
            "UPDATE feeds SET last_fetched_at = ?1, next_poll_at = ?2, failures = ?3, last_error = ?4, "
            "state = CASE WHEN ?5 AND state = 'active' THEN 'gone' WHEN ?6 AND state = 'gone' THEN 'active' ELSE state END, "
            "last_changed_at = iif(?7, ?1, last_changed_at), "
            "etag = iif(?6, ?8, etag), last_modified = iif(?6, ?9, last_modified) WHERE id = ?10 RETURNING title",
            (at, to_text(outcome.next_poll), failures, outcome.error, outcome.gone, fine, new + changed > 0,
             outcome.etag, outcome.last_modified, feed),
        ).fetchall()  # fmt: skip
        self._remember(outcome, new + changed > 0)
        if outcome.feed is not None:
            [(title,)] = self.connection.execute(
                "UPDATE feeds SET home_page_url = ?, title = iif(?, ?, title) WHERE id = ? RETURNING title",
                (*self._head(outcome.feed, outcome.due), feed),
            ).fetchall()
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
        return str(title)

    def record_quiet(self, outcomes: Sequence[Outcome]) -> None:
        """As `record`, of quiet polls of different feeds; what it gives is the title that was known."""
        quiet.record(self.connection, outcomes)

    def _remember(self, outcome: Outcome, news: bool) -> None:
        feed, fine = outcome.due.feed, outcome.error is None
        wishes = outcome.due.wishes if outcome.wishes is None else outcome.wishes
        self.connection.execute(
            "INSERT OR REPLACE INTO _polling (feed_id, validators_url, wishes, moving_to, moving_seen, not_before) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (feed, outcome.validators_url if fine else outcome.due.validators_url, wishes.to_text(), outcome.move.to,
             outcome.move.seen, outcome.not_before_text),
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
