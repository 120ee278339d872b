"""The entries that can be read at a glance: ordinary RSS 2.0, RSS 1.0 and Atom 1.0, by expat, in the dictionaries that
feedparser would give (as far as `entry` asks for them); and the feed's `head`.

Most entries of most feeds are a title, a link, an id, a date and a text, and cost feedparser twenty times what they cost
here. Whatever is not one of these, in exactly the form its standard has it, makes its entry unusual: no attempt is made,
feedparser reads that entry. Tests hold the two to each other, field by field.

It is done in a scan's own pass over the document, since that costs as much as reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aggregator.parse import words
from aggregator.parse.elements import ATTRIBUTES, KINDS, OFTEN, PARTS, RDF, TABLES, TYPES, VERSIONS, XML
from aggregator.parse.head import Head
from aggregator.parse.scan import Layout, Malformed, Scan, scan

Item = dict[str, Any]
_NONE: frozenset[str] = frozenset()


class _Unusual(Exception):
    """The document has something that changes what its entries mean."""


@dataclass(frozen=True, slots=True)
class Read:
    """A document's format by feedparser's short name, its head (None: unusual), its entries in order (None: each unusual one).

    All of it is empty where the document as a whole is unusual.
    """

    version: str = ""
    head: dict[str, Any] | None = None
    items: Sequence[Item | None] = ()


@dataclass(slots=True)
class _Plain:
    """Listens to what a scan hears, after it."""

    scan: Scan
    version: str = ""
    head: Head = field(default_factory=Head)
    kind: str = ""
    around: list[str] = field(default_factory=list)
    entry: str = ""
    table: dict[str, str] = field(default_factory=dict)
    items: list[Item | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of the elements around an entry
    languages: list[str | None] = field(default_factory=lambda: [None])  # theirs
    language: str | None = None  # of the entry
    item: Item = field(default_factory=dict)
    usual: bool = True
    what: str | None = None  # the element we are in
    part: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    pieces: list[str] = field(default_factory=list)  # of text since the last tag

    def __post_init__(self) -> None:
        self.head.pieces = self.pieces
        parser = self.scan.parser
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.StartNamespaceDeclHandler = self.declare
        parser.CharacterDataHandler = self.pieces.append

    def declare(self, prefix: str | None, uri: str | None) -> None:
        self.scan.declare(prefix, uri)
        # feedparser has names of its own for prefixes, and gets lost where the document uses one for something else it knows.
        uri = (uri or "").lower()
        if prefix in words.PREFIXES and ("userland.com" in uri or words.NAMESPACES.get(uri, prefix) != prefix):
            raise _Unusual
        self.version = self.version or VERSIONS.get(uri, "")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        scan = self.scan
        scan.start(name, attributes)
        if not scan.inside:
            self.outside(name, attributes)
        elif scan.depth == scan.inside:
            self.enter(name, attributes)
        elif self.usual:
            self.within(name, attributes, scan.depth - scan.inside)

    def outside(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins, and we are in no entry."""
        if not self.names:
            if name not in KINDS:
                raise _Unusual
            self.kind, self.around, self.entry = KINDS[name]
            self.table = TABLES[name]
            if name == "rss" and not self.version.startswith("rss"):
                self.version = "rss20"
                self.head.usual = attributes.get("version", "").startswith("2.")
        self.head.start(name, attributes)
        self.names.append(name)
        self.languages.append(attributes.get(f"{XML}lang", attributes.get("lang", self.languages[-1])) or None)

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        """An entry begins."""
        if name != self.entry or self.names != self.around:
            raise _Unusual
        self.item = {}
        self.language = (self.languages[-1] or "").replace("_", "-") or None
        self.done.clear()
        about = attributes.pop(f"{RDF}about", None)
        if about:
            self.item["id"] = about
        self.usual = not attributes

    def within(self, name: str, attributes: dict[str, str], depth: int) -> None:
        """An element of an entry begins."""
        if depth == 1:
            self.what = what = self.table.get(name)
            self.attributes = attributes
            self.pieces.clear()
            if what is None:
                if name.rpartition(" ")[2].lower() in words.MEANT or "lang" in attributes:
                    self.usual = False
                return
            if attributes and not ATTRIBUTES.get(what, _NONE).issuperset(attributes):
                self.usual = False
            elif what not in OFTEN:
                if what in self.done:
                    self.usual = False
                self.done.add(what)
            if what == "person":
                self.item.setdefault("authors", []).append({})
        elif depth == 2 and self.what == "person" and name in PARTS and not attributes and not self.text.strip():
            self.part = PARTS[name]
            self.pieces.clear()
        else:
            self.usual = False

    @property
    def text(self) -> str:
        """Of the element we are in."""
        return "".join(self.pieces)

    def end(self, name: str) -> None:
        """It ends."""
        scan = self.scan
        inside = scan.inside
        scan.end(name)
        if not inside:
            self.head.end()
            self.names.pop()
            self.languages.pop()
        elif not scan.inside:
            self.items.append(self.item if self.usual else None)
        elif self.usual:
            if scan.depth > inside:
                if self.part is not None:
                    self.person(self.item, self.part)
            elif self.what is not None:
                self.element(self.item, self.what, self.attributes)
        self.pieces.clear()

    def person(self, item: Item, part: str) -> None:
        if part != "uri" and part in item["authors"][-1]:
            self.usual = False
        item["authors"][-1][part] = self.text.strip()
        self.part = None

    def element(self, item: Item, what: str, attributes: dict[str, str]) -> None:
        """Puts into the item what feedparser would; sets `usual` where it might do something else."""
        match what:
            case "title" | "summary" | "content" | "description" | "encoded":
                self.construct(item, what, attributes)
            case "published" | "updated" | "feedburner_origlink":
                item[what] = words.cleaned(self.text)
            case "link":
                item["link"] = link = words.address(self.text.replace("&amp;", "&"))
                found = {"rel": "alternate", "type": "text/html", "href": link}
                item.setdefault("links", []).append(found)
            case "guid":
                item["permalink"] = attributes.get("isPermaLink", "true") == "true"
                item["id"] = words.cleaned(self.text)
                if item["permalink"]:
                    item.setdefault("link", item["id"])
            case "author":
                name = words.cleaned(self.text)
                item.setdefault("authors", []).append({"name": name} if name else {})
            case "person" if self.text.strip():
                self.usual = False
            case "category":
                item.setdefault("tags", []).append({"term": words.cleaned(self.text)})
            case "atom_category":
                self.usual = bool(attributes.get("term")) and not self.text.strip()
                item.setdefault("tags", []).append(attributes)
            case "source":
                item["source"] = {"href": attributes.get("url"), "title": words.cleaned(self.text)}
            case "enclosure" | "atom_link" | "media":
                self.address(item, what, attributes)

    def construct(self, item: Item, what: str, attributes: dict[str, str]) -> None:
        """A text that may be HTML."""
        text, given = words.cleaned(self.text), attributes.get("type")
        kind = "text/html" if what in ("description", "encoded") else "text/plain"
        if given is not None:
            if self.kind != "atom" or given.lower() not in TYPES:
                self.usual = False
                return
            kind = TYPES[given.lower()]
        if self.kind == "rss" and kind == "text/plain" and ("<" in text or "&" in text) and words.looks_like_html(text):
            kind = "text/html"
        detail = {"value": text, "type": kind, "language": self.language}
        if what in ("encoded", "content"):
            if "content" in item:
                self.usual = False
            item["content"] = [detail]
        elif what == "title":
            item["title"], item["title_detail"] = text, detail
        else:
            item["summary_detail"] = detail

    def address(self, item: Item, what: str, attributes: dict[str, str]) -> None:
        found = {key.lower(): value.lower() if key in ("rel", "type") else value for key, value in attributes.items()}
        if what == "media":
            item.setdefault("media_content", []).append(found)
            return
        if what == "enclosure":
            found |= {"href": found.pop("url", ""), "rel": "enclosure"}
            self.usual = bool(found["href"])
        elif link := words.link(attributes):
            found = link
            if words.is_page(link):
                item["link"] = link["href"]
        else:
            self.usual = False
        item.setdefault("links", []).append(found)

    def read(self) -> Read:
        """What was read."""
        if not self.version.startswith(self.kind):
            return Read()
        return Read(self.version, self.head.found if self.head.usual else None, self.items)


def read(data: bytes) -> Read:
    """What of a well-formed document can be read at a glance."""
    plain = _Plain(Scan(data))
    try:
        plain.scan.run()
    except (_Unusual, Malformed):  # the latter for whatever goes wrong, in reading too
        return Read()
    return plain.read()


def scan_and_read(data: bytes) -> tuple[Layout, Read]:
    """The layout of a document, as `scan` finds it, and what can be read at a glance, in one pass. Raises Malformed."""
    plain = _Plain(Scan(data))
    try:
        return plain.scan.run(), plain.read()
    except (_Unusual, Malformed):
        return scan(data), Read()
