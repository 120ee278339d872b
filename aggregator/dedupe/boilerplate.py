"""What so many stories have that it tells none of them: known from before, or seen often enough by now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.dedupe import fingerprint
from aggregator.dedupe.text import Text

STORIES = 6  # a hash seen in so many stories is boilerplate (stories: a widely copied one must not mask itself)
IN_FEED = 3  # so is one seen in so many stories of the same feed


@dataclass(frozen=True, slots=True)
class Posting:
    """Where a hash was seen."""

    hash: int
    article: int
    story: int
    feed: int


class Seen(Protocol):
    """What is known of hashes."""

    def postings(self, hashes: Sequence[int]) -> Iterable[Posting]:
        """Where these hashes were seen."""

    def boilerplate(self, hashes: Sequence[int], feed: int) -> Collection[int]:
        """Those that are known as boilerplate, everywhere or in this feed, also from before the window."""


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """The hashes of an article that are boilerplate: known as such, and those that others show to be."""

    known: frozenset[int] = field(default=frozenset())
    everywhere: frozenset[int] = field(default=frozenset())
    in_feed: frozenset[int] = field(default=frozenset())

    @property
    def hashes(self) -> frozenset[int]:
        """All of them."""
        return self.known | self.everywhere | self.in_feed

    @property
    def learned(self) -> tuple[frozenset[int], frozenset[int]]:
        """Those that were not known before: everywhere, and in this feed only."""
        return self.everywhere - self.known, self.in_feed - self.everywhere - self.known

    @property
    def new(self) -> frozenset[int]:
        """Those that were not known before."""
        return self.hashes - self.known


@dataclass(frozen=True, slots=True)
class Standing:
    """A passage that is masked as boilerplate, and the hashes in it that are known as such."""

    text: str
    hashes: tuple[int, ...]


def find(hashes: Sequence[int], feed: int, postings: Iterable[Posting], seen: Seen) -> Boilerplate:
    """The boilerplate among the hashes of an article of a feed; `postings` is where others have them."""
    stories: defaultdict[int, set[int]] = defaultdict(set)
    in_feed: defaultdict[int, set[int]] = defaultdict(set)
    for posting in postings:
        stories[posting.hash].add(posting.story)
        if posting.feed == feed:
            in_feed[posting.hash].add(posting.story)
    return Boilerplate(
        frozenset(seen.boilerplate(hashes, feed)),
        frozenset(value for value, found in stories.items() if len(found) >= STORIES),
        frozenset(value for value, found in in_feed.items() if len(found) >= IN_FEED),
    )


def standing(text: Text) -> Iterator[Standing]:
    """The passages of a text that are masked, as they are written."""
    mask = text.masked
    runs = fingerprint.runs(text.words) if any(mask) else []
    start = 0
    while (begin := mask.find(1, start)) >= 0:
        end = mask.find(0, begin)
        end = len(mask) if end < 0 else end
        known = tuple(value for i, value in runs if begin <= i < end and value in text.boilerplate)
        yield Standing(text.phrase(begin, end), known)
        start = end
