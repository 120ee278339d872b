"""The published ids of stories: frozen at first sight, the same when a lost database is filled again."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Container, Iterator

from aggregator import iri
from aggregator.store.hashes import name_of


def unused(connection: sqlite3.Connection, names: Iterator[str], waiting: Container[str] = ()) -> str:
    """The first of the names that no stored story has, and none of those that wait to be stored."""
    taken = "SELECT 1 FROM stories WHERE uid = ?"
    return next(name for name in names if name not in waiting and not connection.execute(taken, (name,)).fetchone())


def uids(configured_url: str, guid: str, day: str) -> Iterator[str]:
    """The ids that would do for a story, the best first: its first article's own where it is an IRI, else tag: URIs.

    `day` is when that was published, YYYY-MM-DD (RFC 4151). Nothing in them depends on when we came by. Never ends.
    """
    if iri.names(guid):
        yield guid
    name = iri.host(configured_url)
    authority = name if re.fullmatch(r"[a-z0-9.-]+", name) else "feed.invalid"
    uid = f"tag:{authority},{day}:{name_of(configured_url, guid)}"
    yield uid
    yield from (f"{uid};{number}" for number in itertools.count(2))
