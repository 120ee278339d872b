"""A poll before and after: what is known of a feed that is due, and what came of asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator.digest import Item
from aggregator.model import Feed
from aggregator.parse import Seen
from aggregator.schedule import Wishes
from aggregator.schedule.moves import Move
from aggregator.store.times import to_text


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

    @property
    def is_quiet(self) -> bool:
        """Whether the poll went well, and nothing came of it but when to look again."""
        return self.feed is None and self.error is None and self.url is None

    @property
    def not_before_text(self) -> str | None:
        """For the file: empty where nobody asks for a wait, which is the same after each poll."""
        if self.not_before is None:
            return None
        return to_text(self.not_before) if self.not_before > self.at else ""
