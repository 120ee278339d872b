"""Which entries of one document are the same entry: nothing lost, nothing doubled.

An id is what the feed says it is. Where it says none, the link is taken, else title and date, else the text. Feeds
that give one id to different entries keep all of them: the id of the later ones gets their link or title added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from aggregator.model import Entry

LONGEST = 2000  # characters; an id beyond this is replaced by its digest


def digest(*parts: str) -> str:
    """A short stable name for some texts, the same in every process."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def given(explicit: str | None) -> str:
    """The id of an entry that the document gives one; empty where it gives none."""
    text = (explicit or "").strip()
    return text if len(text) <= LONGEST else f"sha:{digest(text)}"


def made(entry: Entry) -> str:
    """The id of an entry that has none."""
    if entry.url and len(entry.url) <= LONGEST:
        return entry.url
    date = entry.published.isoformat() if entry.published else ""
    if entry.title.value and date:
        return f"sha:{digest(entry.title.value, date)}"
    return f"sha:{digest(entry.title.value, entry.content.value or entry.summary.value)}"


def unique(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries with an id each of their own; true repetitions are dropped, the first stays."""
    return tuple(entry for entry in apart(entries) if entry is not None)


def apart(entries: Iterable[Entry], taken: Collection[str] = ()) -> list[Entry | None]:
    """Each entry with an id of its own, which is none of those `taken`; None for one that repeats another."""
    seen: dict[str, Entry] = {}
    found: list[Entry | None] = []
    for entry in entries:
        first = seen.get(entry.guid)
        if entry.guid in taken or (
            first is not None and (first.url, first.title.value) != (entry.url, entry.title.value)
        ):
            other = f"{entry.guid[:LONGEST]}#{digest(entry.url or '', entry.title.value)}"
            entry = entry._replace(guid=other)
            first = seen.get(other)
        found.append(entry if first is None else None)
        seen.setdefault(entry.guid, entry)
    return found
