"""Where the entries of a well-formed document lie, byte by byte, found by one pass of expat (its only door).

This is some fifty times cheaper than reading the entries, which makes it worth while to ask first which are new.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

ENTRIES = ("item", "entry")
_INHERITED = ("author",)  # of the feed, and of its entries where they have none (RFC 4287 §4.2.1)
_WITHIN = ("http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML")

MOST_ELEMENTS = 5_000  # in one entry, and outside of all: feedparser's time grows with their square

_START_TAG = re.compile(rb"<(?>(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*)>")

Context = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


class Malformed(Exception):
    """The document is not well-formed XML; the message says where."""


class Slice(NamedTuple):
    """One entry: data[start:end], what it inherits (names and attributes of the elements around it), its weight."""

    start: int
    end: int
    context: Context
    weight: int  # elements, and more for those with very many attributes


@dataclass(frozen=True, slots=True)
class Layout:
    """The entries of a document in order, and the parts of the feed that they inherit besides (start, end).

    `apart`: no entry means something else when another is taken away. `based`: an element may name a base for addresses (as
    xml:base, or what feedparser takes for it). `surplus` are the places (start, end) of elements
    beyond MOST_ELEMENTS, `weight` is that of all outside the entries.
    """

    slices: tuple[Slice, ...]
    inherited: tuple[tuple[int, int], ...]
    apart: bool
    surplus: tuple[tuple[int, int], ...]
    weight: int
    based: bool


@dataclass(slots=True)
class Scan:
    """One pass of expat, in which another may listen (`plain` does)."""

    data: bytes
    stack: list[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    declared: list[tuple[str, str]] = field(default_factory=list)
    prefixes: dict[str, str] = field(default_factory=dict)
    uris: dict[str, str] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    depth: int = 0
    inside: int = 0  # depth of the entry we are in; 0: in none
    begin: int = 0
    weight: int = 0
    outside: int = 0
    apart: bool = True
    based: bool = False
    inherited: list[tuple[int, int]] = field(default_factory=list)
    surplus: list[tuple[int, int]] = field(default_factory=list)
    cut: tuple[int, int, int] | None = None  # of the element that is too much: depth, start, entries before it
    parser: expat.XMLParserType = field(default_factory=lambda: expat.ParserCreate("utf-8", namespace_separator=" "))

    def __post_init__(self) -> None:
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartNamespaceDeclHandler = self.declare
        self.parser.StartDoctypeDeclHandler = self.refuse

    def run(self) -> Layout:
        """The layout of the document. Raises Malformed."""
        try:
            self.parser.Parse(self.data, True)
        except expat.ExpatError as error:
            raise Malformed(str(error)) from None
        except ValueError as error:
            raise Malformed(f"{type(error).__name__}: {error}") from None
        surplus = tuple(self.surplus)
        return Layout(tuple(self.slices), tuple(self.inherited), self.apart, surplus, self.outside, self.based)

    def refuse(self, *doctype: object) -> None:
        """Whatever let a DOCTYPE through: no entity of it is ever defined, here or in what reads after us."""
        raise Malformed("has a DOCTYPE")

    def declare(self, prefix: str | None, uri: str | None) -> None:
        prefix, uri = prefix or "", uri or ""
        self.declared.append((prefix, uri))
        # feedparser keeps one table of prefixes for the whole document, so one that changes its meaning on the way
        # can make an entry depend on those before it.
        if uri not in _WITHIN:
            known = self.prefixes.setdefault(prefix, uri), self.uris.setdefault(uri, prefix)
            if known != (uri, prefix) and self.depth:
                self.apart = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        weight = 1
        if attributes:
            weight += len(attributes) ** 2 // 1000
            for key in attributes:
                if key[-4:].lower() == "base":
                    self.based = True
        if self.inside:
            self.weight += weight
            if self.weight > MOST_ELEMENTS and self.cut is None:
                self.cut = self.depth, self.parser.CurrentByteIndex, len(self.slices)
            return
        local = name.rpartition(" ")[2].lower()
        if local in ENTRIES and self.depth > 1:
            self.inside, self.begin, self.weight = self.depth, self.parser.CurrentByteIndex, weight
            self.declared.clear()
            return
        self.outside += weight
        if self.outside > MOST_ELEMENTS and self.cut is None:
            self.cut = self.depth, self.parser.CurrentByteIndex, len(self.slices)
        if local in _INHERITED:
            self.begin = self.parser.CurrentByteIndex
        self.stack.append((name, (*sorted(attributes.items()), *self.declared)))
        self.declared.clear()

    def end(self, name: str) -> None:
        self.depth -= 1
        if self.cut is not None and self.depth < self.cut[0]:
            _, start, entries = self.cut
            if len(self.slices) == entries and self.inside != self.depth + 1:
                self.surplus.append((start, self.past(start)))
            self.cut = None
        if self.depth >= self.inside > 0:
            return
        if not self.inside:
            name, _ = self.stack.pop()
            if name.rpartition(" ")[2].lower() in _INHERITED:
                self.inherited.append((self.begin, self.parser.CurrentByteIndex))
        else:
            self.slices.append(Slice(self.begin, self.past(self.begin), tuple(self.stack), self.weight))
            self.inside = 0
            self.declared.clear()

    def past(self, start: int) -> int:
        """Where the element ends that began at `start`. Expat stands before an end tag, but behind an empty element."""
        at = self.parser.CurrentByteIndex
        if self.data[at - 2 : at] == b"/>" and (tag := _START_TAG.match(self.data, start)) and tag.end() == at:
            return at
        return self.data.find(b">", at) + 1


def scan(data: bytes) -> Layout:
    """The layout of a document in UTF-8 without XML declaration and DOCTYPE. Raises Malformed."""
    return Scan(data).run()
