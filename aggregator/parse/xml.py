"""RSS, Atom and CDF: well-formed document -> the entries that are not known yet.

    plain      the ordinary ones among the new entries; head: the feed itself, where it is ordinary
    elements   what is in these by the formats' standards
    reader     feedparser, on the others
    entry      what it found, as Entry

An entry is known by a hash of its own bytes and of all that it inherits: the address of the document, the elements
around it with their namespaces, xml:base and xml:lang, the feed's author. Known ones are cut out of the document
before feedparser sees it, so what is left is read exactly as it would be in the whole. Wherever that can't be shown
(a damaged document, one id on two entries, prefixes that change their meaning) the whole is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import html
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from aggregator.errors import ParseError
from aggregator.model import Entry, Feed
from aggregator.parse import entry, identity, plain, words
from aggregator.parse.document import Document, without
from aggregator.parse.known import Changes, Found, Seen
from aggregator.parse.scan import MOST_ELEMENTS
from aggregator.parse.stranger import what_is_it

VERSION = 1  # of the reading: rises when the same bytes are read differently, so that known entries are read again
# New entries at once; more are left for the next polls, since a worker's time is limited and all else waits for it.
_MOST_AT_ONCE = 5_000
_MOST_BYTES_AT_ONCE = 4 * 2**20
_MOST_FLAWS = 20


def changes(document: Document, url: str, known: Mapping[bytes, Seen], salt: bytes) -> Changes:
    """The feed in a document, and those of its entries that are not in `known`. Raises ParseError where it is none."""
    document, hashes, large = _bounded(document, _hashes(document, url, salt))
    new = [number for number, mark in enumerate(hashes) if mark not in known]
    portion = _portion(document, new)
    if len(portion) < len(new):
        flaw = f"has {len(new)} new entries; {len(portion)} were read, the others are left for the next polls"
        document = dataclasses.replace(document, flaws=(*document.flaws, flaw), complete=False)
        new = portion
    if len(new) < len(hashes):
        slim = without(document, sorted({*range(len(hashes))} - {*new}))
        found = _changes(slim, url, hashes, known, new, large)
        if found is not None:
            return found
    found = _changes(document, url, hashes, {}, range(len(hashes)))
    assert found is not None
    return found


def _hashes(document: Document, url: str, salt: bytes) -> list[bytes]:
    """One for each entry; none where they must not be told apart by their bytes."""
    layout = document.layout
    if not document.whole or not layout.apart:
        return []
    found, last, around = [], None, b""
    for piece in layout.slices:
        if piece.context != last:
            last = piece.context
            inherited = repr((VERSION, url, salt, piece.context)).encode("utf-8", "surrogatepass")
            around = hashlib.blake2b(inherited + b"".join(document.data[a:b] for a, b in layout.inherited)).digest()
        mark = hashlib.blake2b(document.data[piece.start : piece.end], key=around, digest_size=16)
        found.append(mark.digest())
    return found


def _bounded(document: Document, hashes: list[bytes]) -> tuple[Document, list[bytes], bool]:
    """The document, its hashes where they tell its entries apart, and whether it is too large to be read at once."""
    every = [*range(len(document.layout.slices))]
    first = _portion(document, every)
    large = len(first) < len(every)
    if large and not hashes:
        # Nothing tells which of its entries are known, so it is never read further than this.
        flaw = f"has {len(every)} entries; {len(first)} were read"
        document = dataclasses.replace(without(document, every[len(first) :]), flaws=(*document.flaws, flaw))
    elif len(set(hashes)) < len(hashes):
        if not large:
            return document, [], False
        once = {mark: number for number, mark in reversed([*enumerate(hashes)])}
        document, hashes = without(document, sorted({*every} - {*once.values()})), [*dict.fromkeys(hashes)]
    return document, hashes, large


def _portion(document: Document, new: list[int]) -> list[int]:
    """As many of the new entries as are read at once, from the first on."""
    size = 0
    for count, number in enumerate(new[:_MOST_AT_ONCE]):
        piece = document.layout.slices[number]
        size += piece.end - piece.start
        if size > _MOST_BYTES_AT_ONCE and count:
            return new[:count]
    return new[:_MOST_AT_ONCE]


def _changes(
    document: Document,
    url: str,
    hashes: list[bytes],
    known: Mapping[bytes, Seen],
    new: Sequence[int],
    large: bool = False,
) -> Changes | None:
    """What the document holds. None where some entries were left out and can't be put beside the others safely.

    A `large` one is never read whole: there an id belongs to the entry that was read first.
    """
    data, broken = _read(document, url)
    atom = data.version.startswith("atom")
    if not data.version and not data.entries and not known:
        raise ParseError(what_is_it(document.data.decode("utf-8", "replace")) or "is no RSS, Atom or JSON feed")
    feed_author = entry.author(data.feed) if atom else None  # RFC 4287 §4.2.1; RSS has no such rule
    found: list[tuple[Entry, tuple[str, ...]] | None] = []
    for number, item in enumerate(data.entries):
        try:
            found.append(entry.read(item, atom, url, feed_author))
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
            broken.append(f"entry {number + 1} can't be read: {error}"[:300])
            found.append(None)
    entries: Sequence[Entry] = [pair[0] for pair in found if pair is not None]
    seen: dict[bytes, Seen] = {}
    if large:
        taken = {known[mark].guid for mark in hashes if mark in known}
        entries, seen = _of_many(found, [hashes[n] for n in new], taken)
    elif len(found) == len(new) and not broken:
        seen = {hashes[n]: Seen(pair[0].guid, pair[1]) for n, pair in zip(new, found, strict=True) if pair}
    elif known:
        return None
    every = {mark: known.get(mark) or seen.get(mark) for mark in hashes}
    guids = [s.guid for s in every.values() if s is not None] if seen or known else [e.guid for e in entries]
    if not large:
        if len(set(guids)) < len(guids):
            # Which of two entries with one id keeps it depends on both.
            if known:
                return None
            seen, every = {}, {}
        entries = identity.unique(entries)
    flaws = [*document.flaws, *broken]
    for pair_flaws in [s.flaws for s in every.values() if s] if every else [pair[1] for pair in found if pair]:
        flaws += pair_flaws
    feed = _feed(data, url, tuple(entries), tuple(flaws[:_MOST_FLAWS]), document.complete)
    sources = {mark: s for mark, s in every.items() if s is not None}
    return Changes(feed, frozenset(guids) | {e.guid for e in entries}, sources)


def _of_many(
    found: Sequence[tuple[Entry, tuple[str, ...]] | None], marks: Sequence[bytes], taken: Collection[str]
) -> tuple[list[Entry], dict[bytes, Seen]]:
    """The entries of a portion with ids of their own beside those `taken`, and what to remember of them."""
    read = identity.apart((pair[0] for pair in found if pair is not None), taken)
    entries = [entry for entry in read if entry is not None]
    if len(found) != len(marks) or None in found:
        # What could not be read is not tried again, or nothing behind it would ever be.
        return entries, {mark: Seen(f"read:{mark.hex()}") for mark in marks}
    whole = zip(marks, read, (pair for pair in found if pair is not None), strict=True)
    return entries, {mark: Seen((entry or pair[0]).guid, pair[1]) for mark, entry, pair in whole}


def _feed(data: Found, url: str, entries: tuple[Entry, ...], flaws: tuple[str, ...], complete: bool) -> Feed:
    head = data.feed
    return Feed(
        url=url,
        title=_plain(entry.get(head, "title"), not data.version.startswith("atom")),
        home_page_url=entry.join(url, _home(head)),
        guid=entry.get(head, "id"),
        language=entry.get(head, "language"),
        ttl=_ttl(entry.get(head, "ttl")),
        entries=entries,
        flaws=flaws,
        format=words.FORMATS.get(data.version),
        complete=complete,
    )


def _read(document: Document, url: str) -> tuple[Found, list[str]]:
    """The dictionaries of a document, and what could not be read. Where feedparser raises, each entry is tried alone."""
    if document.layout.weight > MOST_ELEMENTS:
        raise ParseError("has more elements than can be read")
    large = [n for n, piece in enumerate(document.layout.slices) if piece.weight > MOST_ELEMENTS]
    flaws = [f"entry {n + 1} has more attributes than can be read and is left out" for n in large]
    if large:
        document = without(document, large)
    usual = _usual(document)
    if usual is not None:
        return usual, flaws
    base = url if document.layout.based else ""
    try:
        return _by_feedparser(document.data, base), flaws
    except MemoryError:
        raise  # of the worker, which the engine tells
    except Exception as error:  # noqa: BLE001 - feedparser raises many kinds on odd input (kurtmckee/feedparser)
        reason = f"{type(error).__name__}: {error}"[:200]
    numbers = range(len(document.layout.slices))
    try:
        data = _by_feedparser(without(document, [*numbers]).data, base)
    except Exception:  # noqa: BLE001
        raise ParseError(f"can't be read: {reason}") from None
    entries = [*data.entries]
    for number in numbers:
        try:
            entries += _by_feedparser(without(document, [n for n in numbers if n != number]).data, base).entries
        except Exception as error:  # noqa: BLE001
            flaws.append(f"entry {number + 1} can't be read: {type(error).__name__}: {error}"[:300])
    return dataclasses.replace(data, entries=entries), flaws


def _by_feedparser(data: bytes, base: str) -> Found:
    from aggregator.parse import reader  # slow to load, and most documents do without it

    return reader.read(data, base)


def _usual(document: Document) -> Found | None:
    """The plain entries, and the others as feedparser reads them. None where it has to read the document as a whole.

    Entries can be read apart from each other wherever they can be told apart by their bytes.
    """
    if not document.whole or not document.layout.apart or document.layout.based:
        return None
    read = document.read or plain.read(document.data)
    items = read.items
    if not read.version or len(items) != len(document.layout.slices):
        return None
    numbers = [number for number, item in enumerate(items) if item is not None]
    if read.head is not None and len(numbers) == len(items):
        return Found(read.version, read.head, items)
    if not numbers:
        return None
    try:
        data = _by_feedparser(without(document, numbers).data, "")
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - which of the entries it is, is found out entry by entry
        return None
    if not data.version.startswith(read.version[:3]) or len(data.entries) != len(items) - len(numbers):
        return None
    unusual = iter(data.entries)
    return dataclasses.replace(data, entries=[item if item is not None else next(unusual) for item in items])


def _home(head: Any) -> str | None:
    """The feed's page: an RSS channel may hold an atom:link to itself beside its link."""
    links = [a for a in dict.get(head, "links", []) if a.get("rel", "alternate") == "alternate" and a.get("href")]
    pages = [a["href"] for a in links if "html" in str(a.get("type", "html"))]
    return next(iter(pages), entry.get(head, "link"))


def _plain(value: str | None, unescape: bool) -> str | None:
    return html.unescape(value) if value and unescape else value


def _ttl(value: str | None) -> timedelta | None:
    return timedelta(minutes=int(value)) if value and re.fullmatch(r"[0-9]{1,7}", value) and int(value) else None
