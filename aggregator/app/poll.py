"""What one poll did, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll did, for people."""

    feed: str
    url: str
    status: int | None
    new: int = 0
    changed: int = 0
    copies: int = 0
    error: str | None = None
    unreachable: bool = False
    excused: bool = False  # failed, but through no fault of the feed: the network is down, its host asked for a rest
    seconds: float = 0.0  # of the fetch
    articles: Sequence[int] = ()  # the new ones

    @property
    def not_modified(self) -> bool:
        """Whether there was nothing new to read."""
        return self.error is None and self.status == 304
