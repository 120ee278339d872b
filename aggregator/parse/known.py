"""What is found in a document, and what is remembered of it, so that its next version need not be read whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aggregator.model import Feed


@dataclass(frozen=True, slots=True)
class Found:
    """The dictionaries of a feed and its entries, as feedparser gives them, and its short name of the format."""

    version: str
    feed: Mapping[str, Any]
    entries: Sequence[Any]


class Seen(NamedTuple):
    """An entry that was read: its id, and what was lost of it."""

    guid: str
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """A document beside what was known of the one before.

    `feed.entries` are the entries that are new or changed, `guids` the ids of all, `sources` maps the hash of each
    entry's source bytes to what was read: pass it as `known` the next time. It is empty for documents that have to be
    read whole.
    """

    feed: Feed
    guids: frozenset[str]
    sources: Mapping[bytes, Seen]
