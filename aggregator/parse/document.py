"""Text -> a well-formed document, of which it is known where its entries lie.

repair     text that XML forbids
scan       where the entries lie; salvage where that can't be told
plain      on first sight of a document, its ordinary entries with it
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from aggregator.errors import ParseError
from aggregator.parse import plain, repair
from aggregator.parse.salvage import salvage
from aggregator.parse.scan import MOST_ELEMENTS, Layout, Malformed, scan
from aggregator.parse.stranger import what_is_it

# What is read while it is scanned is in memory before anything can say that it is too much.
_MOST_BYTES_AT_A_GLANCE = 2**20


@dataclass(frozen=True, slots=True)
class Document:
    """A well-formed document. `whole` is false where entries must not be told apart by their bytes.

    `read` is what of it has been read at a glance, if that was tried.
    """

    data: bytes
    layout: Layout
    flaws: tuple[str, ...]
    whole: bool = True
    complete: bool = True
    read: plain.Read | None = None


def well_formed(text: str, first: bool) -> Document:
    """A text as a document, repaired no more than it needs. Raises ParseError where it is no feed.

    At `first` sight every entry is new, so the plain ones are read while it is scanned. Later few are, and to scan all and
    then to read those costs less.
    """
    return _trimmed(_repaired(text, first))


def _repaired(text: str, first: bool) -> Document:
    """What expat takes is left as it is."""
    if stranger := what_is_it(text, page_only=True):
        raise ParseError(stranger)
    found = repair.prolog(text)
    flaws = ("had something before its beginning",) if found.junk else ()
    try:
        return _sound(found.text, flaws, first)
    except Malformed as error:
        fault = str(error)
    text = repair.characters(found.text, found.entities)
    try:
        # With a DOCTYPE of its own it may well have been well-formed.
        return _sound(text, flaws if found.entities else (*flaws, f"is not well-formed XML ({fault})"), first)
    except Malformed:
        pass
    if not re.search(r"<(?:[\w.-]+:)?(?:rss|feed|rdf|channel|item|entry)\b", text, re.I):
        raise ParseError(what_is_it(found.text) or f"is no RSS, Atom or JSON feed ({fault})")
    try:
        saved = salvage(text)
    except Malformed:
        raise ParseError(f"is damaged beyond repair ({fault})") from None
    flaws = (*flaws, f"is not well-formed XML ({fault})", *saved.flaws)
    return Document(saved.data, saved.layout, flaws, False, saved.complete)


def _sound(text: str, flaws: tuple[str, ...], first: bool) -> Document:
    """A document that is well-formed as it stands. Raises Malformed."""
    data = text.encode("utf-8", "replace")
    if first and len(data) <= _MOST_BYTES_AT_A_GLANCE:
        layout, read = plain.scan_and_read(data)
        document = Document(data, layout, flaws, read=read)
    else:
        document = Document(data, scan(data), flaws)
    sections = data.count(b"<![CDATA[")
    if not sections or sections <= data.count(b"]]>"):
        return document
    # A CDATA section without end takes all in up to the end of the next one, entries too, and is well-formed still.
    try:
        saved = salvage(text)
    except Malformed:
        return document
    if len(saved.layout.slices) <= len(document.layout.slices):
        return document
    return Document(saved.data, saved.layout, (*document.flaws, *saved.flaws), False, saved.complete)


def _trimmed(document: Document) -> Document:
    """The document without the elements that are too many for feedparser, whose time grows with their square."""
    if not document.layout.surplus:
        return document
    data = _cut(document.data, document.layout.surplus)
    try:
        layout = scan(data)
    except Malformed as error:
        raise ParseError(f"has more elements than can be read ({error})") from None
    flaw = f"has more than {MOST_ELEMENTS} elements in one place; {len(document.layout.surplus)} were skipped"
    return replace(document, data=data, layout=layout, flaws=(*document.flaws, flaw), read=None)


def without(document: Document, numbers: list[int]) -> Document:
    """The document without some of its entries."""
    gone, rest, shift = set(numbers), [], 0
    for number, piece in enumerate(document.layout.slices):
        if number in gone:
            shift += piece.end - piece.start
        else:
            rest.append(piece._replace(start=piece.start - shift, end=piece.end - shift))
    slices = document.layout.slices
    data = _cut(document.data, [(slices[number].start, slices[number].end) for number in numbers])
    layout = replace(document.layout, slices=tuple(rest))
    return replace(document, data=data, layout=layout, read=None)


def _cut(data: bytes, places: Iterable[tuple[int, int]]) -> bytes:
    pieces, at = [], 0
    for start, end in places:
        pieces.append(data[at:start])
        at = end
    return b"".join([*pieces, data[at:]])
