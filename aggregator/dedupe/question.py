"""What `match` is asked: an article, the stored ones it is compared with, where they are looked up, within which limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.dedupe.boilerplate import Seen


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored article, as it is compared."""

    article: int
    story: int
    feed: int
    title: str
    url: str
    text: str
    feed_title: str = ""
    media: tuple[str, ...] = ()  # addresses of what is attached


@dataclass(frozen=True, slots=True)
class Probe:
    """The article in question. `article` is None while it is not stored yet."""

    feed: int
    title: str
    url: str
    text: str
    fingerprint: tuple[int, ...]
    article: int | None = None
    media: tuple[str, ...] = ()


class Index(Seen, Protocol):
    """What matching looks up; already limited to the window."""

    def by_url(self, urls: Sequence[str]) -> Sequence[Candidate]:
        """Articles with one of these addresses."""

    def by_text(self, text: str) -> Sequence[Candidate]:
        """Articles with exactly this text."""

    def load(self, articles: Sequence[int]) -> Sequence[Candidate]:
        """Articles by id, in the order asked for."""

    def lead(self, story: int) -> Candidate | None:
        """The article that leads a story."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's settings, which feeds may be compared with the probe's, and what a person has parted from it."""

    threshold: float = 0.75
    may_compare: Callable[[int], bool] = field(default=lambda feed: True)
    apart: frozenset[int] = frozenset()  # stories it must not join

    def allow(self, story: int, feed: int) -> bool:
        """Whether an article of this story and feed may be the original of the probe."""
        return story not in self.apart and self.may_compare(feed)
