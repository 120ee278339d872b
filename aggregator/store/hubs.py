"""Subscriptions at WebSub hubs. All inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.store.times import from_text, to_text

AGAIN = timedelta(hours=1)  # between two requests to a hub for one feed
LOST = timedelta(days=10)  # the same, after the hub has refused


@dataclass(frozen=True, slots=True)
class Hub:
    """A subscription at a hub, as it stands. `token` is the part of our callback's address that nobody can guess."""

    feed: int
    hub: str
    topic: str
    token: str
    secret: str
    wanted: bool  # whether the feed is still polled
    lease_until: datetime | None  # None until the hub has verified it


class Hubs:
    """The table _websub."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def found(self, feed: int, where: tuple[str, str], keys: tuple[str, str], now: datetime) -> None:
        """A feed names (hub, topic). What is known already stays; a new one gets these (token, secret)."""
        self.connection.execute(
            "INSERT INTO _websub (feed_id, hub, topic, token, secret, asked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
            "ON CONFLICT (feed_id) DO UPDATE SET hub = ?2, topic = ?3, token = ?4, secret = ?5, asked_at = ?6, "
            "lease_until = NULL, pushed_at = NULL, denied = NULL WHERE hub <> ?2 OR topic <> ?3",
            (feed, *where, *keys, to_text(now - LOST)),
        )

    def pending(self, now: datetime, most: int = 50) -> Sequence[Hub]:
        """What has to be asked of a hub now: to begin, to renew well before the end of a lease, or to end."""
        rows = self.connection.execute(
            f"{_SELECT} WHERE (lease_until IS NULL OR lease_until < ?1 OR state <> 'active') AND asked_at <= "
            "iif(denied IS NULL, ?2, ?3) ORDER BY asked_at LIMIT ?4",
            (to_text(now + 24 * AGAIN), to_text(now - AGAIN), to_text(now - LOST), most),
        )
        return [_hub(row) for row in rows]

    def asked(self, feeds: Sequence[int], now: datetime) -> None:
        """The hub is being asked."""
        self.connection.executemany(
            "UPDATE _websub SET asked_at = ? WHERE feed_id = ?", [(to_text(now), f) for f in feeds]
        )

    def by_token(self, token: str) -> Hub | None:
        """The subscription a callback is for."""
        row = self.connection.execute(f"{_SELECT} WHERE token = ?", (token,)).fetchone()
        return None if row is None else _hub(row)

    def verified(self, feed: int, until: datetime) -> None:
        """The hub has confirmed, and promises to push until then."""
        self.connection.execute(
            "UPDATE _websub SET lease_until = ?, denied = NULL WHERE feed_id = ?", (to_text(until), feed)
        )

    def denied(self, feed: int, reason: str) -> None:
        """The hub will not push."""
        self.connection.execute(
            "UPDATE _websub SET lease_until = NULL, pushed_at = NULL, denied = ? WHERE feed_id = ?", (reason, feed)
        )

    def pushed(self, feed: int, now: datetime | None) -> None:
        """The hub has pushed; None: a poll found what it should have."""
        self.connection.execute(
            "UPDATE _websub SET pushed_at = ? WHERE feed_id = ?", (None if now is None else to_text(now), feed)
        )

    def drop(self, feed: int) -> None:
        """The subscription has ended."""
        self.connection.execute("DELETE FROM _websub WHERE feed_id = ?", (feed,))


_SELECT = "SELECT _websub.*, feeds.state FROM _websub JOIN feeds ON feeds.id = feed_id"


def _hub(row: sqlite3.Row) -> Hub:
    lease = row["lease_until"]
    return Hub(
        feed=row["feed_id"],
        hub=row["hub"],
        topic=row["topic"],
        token=row["token"],
        secret=row["secret"],
        wanted=row["state"] == "active",
        lease_until=None if lease is None else from_text(lease),
    )
