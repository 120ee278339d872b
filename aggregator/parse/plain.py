"""The entries that can be read at a glance: ordinary RSS 2.0, RSS 1.0 and Atom 1.0, by expat, in the dictionaries that
feedparser would give (as far as `entry` asks for them).

Most entries of most feeds are a title, a link, an id, a date and a text, and cost feedparser twenty times what they cost
here. Whatever is not one of these, in exactly the form its standard has it, makes its entry unusual: no attempt is made,
feedparser reads that entry. Tests hold the two to each other, field by field.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from aggregator.parse import reader

Item = dict[str, Any]

_ATOM = "http://www.w3.org/2005/Atom "
_RSS1 = "http://purl.org/rss/1.0/ "
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_DC = "http://purl.org/dc/elements/1.1/ "
_CONTENT = "http://purl.org/rss/1.0/modules/content/ "
_MEDIA = "http://search.yahoo.com/mrss/ "
_XML = "http://www.w3.org/XML/1998/namespace "

# What holds the entries: (kind, names of the elements around one, its own name).
_KINDS = {
    "rss": ("rss", ("rss", "channel"), "item"),
    f"{_RDF}RDF": ("rss", (f"{_RDF}RDF",), f"{_RSS1}item"),
    f"{_ATOM}feed": ("atom", (f"{_ATOM}feed",), f"{_ATOM}entry"),
}
_EVERYWHERE = {
    f"{_DC}creator": "author",
    f"{_DC}date": "updated",
    f"{_DC}subject": "category",
    f"{_CONTENT}encoded": "encoded",
    f"{_MEDIA}content": "media",
    f"{_ATOM}link": "atom_link",
    "http://rssnamespace.org/feedburner/ext/1.0 origLink": "feedburner_origlink",
}
_CORE = {
    "title": "title", "link": "link", "guid": "guid", "description": "description", "pubDate": "published",
    "author": "author", "category": "category", "enclosure": "enclosure", "source": "source",
}  # fmt: skip
_TABLES = {
    "rss": _EVERYWHERE | _CORE,
    f"{_RDF}RDF": _EVERYWHERE | {f"{_RSS1}{name}": what for name, what in _CORE.items()},
    f"{_ATOM}feed": _EVERYWHERE
    | {f"{_ATOM}{name}": name for name in ("title", "summary", "content", "published", "updated")}
    | {f"{_ATOM}id": "guid", f"{_ATOM}author": "person", f"{_ATOM}category": "atom_category"},
}
_PARTS = {f"{_ATOM}name": "name", f"{_ATOM}email": "email", f"{_ATOM}uri": "uri"}
_OFTEN = ("author", "category", "atom_category", "atom_link", "person", "media", "enclosure")
_TYPES = {"text": "text/plain", "text/plain": "text/plain", "html": "text/html", "text/html": "text/html"}
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "guid": frozenset(("isPermaLink",)),
    "category": frozenset(("domain",)),
    "enclosure": frozenset(("url", "type", "length")),
    "source": frozenset(("url",)),
    "atom_link": frozenset(("href", "rel", "type", "title", "length", "hreflang")),
    "atom_category": frozenset(("term", "label", "scheme")),
    "media": frozenset(
        ("url", "type", "medium", "fileSize", "width", "height", "isDefault", "duration", "expression", "bitrate")
    ),
    **dict.fromkeys(("title", "summary", "content"), frozenset(("type",))),
}
_NONE: frozenset[str] = frozenset()
_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)(/*)")  # feedparser takes surplus ones out
_WINDOWS = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
_WINDOWS = {code: character for code, character in _WINDOWS.items() if character != "\ufffd"}


class _Unusual(Exception):
    """The document has something that changes what its entries mean."""


@dataclass(slots=True)
class _Plain:
    parser: expat.XMLParserType
    kind: str = ""
    around: tuple[str, ...] = ()
    entry: str = ""
    table: dict[str, str] = field(default_factory=dict)
    items: list[Item | None] = field(default_factory=list)
    stack: list[tuple[str, str | None]] = field(default_factory=list)  # elements around an entry, and their language
    depth: int = 0  # in an entry: of its elements 1; outside of all 0
    item: Item | None = None
    usual: bool = True
    what: str | None = None  # the element we are in
    part: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def declare(self, prefix: str | None, uri: str | None) -> None:
        # feedparser has names of its own for prefixes, and gets lost where the document uses one for something else it knows.
        uri = (uri or "").lower()
        if prefix in reader.PREFIXES and ("userland.com" in uri or reader.NAMESPACES.get(uri, prefix) != prefix):
            raise _Unusual

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.item is None:
            self.outside(name, attributes)
            return
        self.depth += 1
        if self.depth == 1:
            self.what, self.attributes = self.table.get(name), attributes
            self.pieces.clear()
            if self.what is None:
                if name.rpartition(" ")[2].lower() in reader.MEANT or "lang" in attributes:
                    self.usual = False
            elif not attributes.keys() <= _ATTRIBUTES.get(self.what, _NONE):
                self.usual = False
            elif self.what not in _OFTEN:
                if self.what in self.done:
                    self.usual = False
                self.done.add(self.what)
            if self.what == "person":
                self.item.setdefault("authors", []).append({})
        elif self.depth == 2 and self.what == "person" and name in _PARTS and not attributes and not self.text.strip():
            self.part = _PARTS[name]
            self.pieces.clear()
        else:
            self.usual = False

    def outside(self, name: str, attributes: dict[str, str]) -> None:
        if not self.stack:
            if name not in _KINDS:
                raise _Unusual
            self.kind, self.around, self.entry = _KINDS[name]
            self.table = _TABLES[name]
        elif name == self.entry and tuple(pair[0] for pair in self.stack) == self.around:
            self.item, self.depth, self.usual = {}, 0, True
            self.done.clear()
            self.parser.CharacterDataHandler = self.pieces.append
            about = attributes.pop(f"{_RDF}about", None)
            if about:
                self.item["id"] = about
            self.usual = not attributes
            return
        language = attributes.get(f"{_XML}lang", attributes.get("lang", self.stack[-1][1] if self.stack else None))
        self.stack.append((name, language or None))

    @property
    def text(self) -> str:
        """Of the element we are in."""
        return "".join(self.pieces)

    def end(self, name: str) -> None:
        if self.item is None:
            self.stack.pop()
        elif self.depth == 0:
            self.items.append(self.item if self.usual else None)
            self.item = None
            self.parser.CharacterDataHandler = None
        else:
            self.depth -= 1
            if self.depth == 0 and self.usual and self.what is not None:
                self.element(self.item, self.what, self.attributes)
            elif self.depth == 1 and self.part is not None and self.usual:
                self.person(self.item, self.part)
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
                item[what] = _clean(self.text)
            case "link":
                item["link"] = _link(_SLASHES.sub(r"\1", _clean(self.text)))
                found = {"rel": "alternate", "type": "text/html"}
                item.setdefault("links", []).append(found | ({"href": item["link"]} if item["link"] else {}))
            case "guid":
                item["permalink"] = attributes.get("isPermaLink", "true") == "true"
                item["id"] = _clean(self.text)
                if item["permalink"]:
                    item.setdefault("link", item["id"])
            case "author":
                name = _clean(self.text)
                item.setdefault("authors", []).append({"name": name} if name else {})
            case "person" if self.text.strip():
                self.usual = False
            case "category":
                item.setdefault("tags", []).append({"term": _clean(self.text)})
            case "atom_category":
                self.usual = bool(attributes.get("term")) and not self.text.strip()
                item.setdefault("tags", []).append(attributes)
            case "source":
                item["source"] = {"href": attributes.get("url"), "title": _clean(self.text)}
            case "enclosure" | "atom_link" | "media":
                self.address(item, what, attributes)

    def construct(self, item: Item, what: str, attributes: dict[str, str]) -> None:
        """A text that may be HTML."""
        text, given = _clean(self.text), attributes.get("type")
        kind = "text/html" if what in ("description", "encoded") else "text/plain"
        if given is not None:
            if self.kind != "atom" or given.lower() not in _TYPES:
                self.usual = False
                return
            kind = _TYPES[given.lower()]
        if (
            self.kind == "rss"
            and kind == "text/plain"
            and ("<" in text or "&" in text)
            and reader.looks_like_html(text)
        ):
            kind = "text/html"
        detail = {"value": text, "type": kind, "language": (self.stack[-1][1] or "").replace("_", "-") or None}
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
        href = found.pop("url" if what == "enclosure" else "href", "")
        if not href:
            self.usual = False
        if what == "enclosure":
            found |= {"href": href, "rel": "enclosure"}
        else:
            found["href"] = _SLASHES.sub(r"\1", href)
            found.setdefault("rel", "alternate")
            found.setdefault("type", "application/atom+xml" if found["rel"] == "self" else "text/html")
            if found["rel"] == "alternate" and found["type"] in ("text/html", "html", "xhtml", "application/xhtml+xml"):
                item["link"] = found["href"]
        item.setdefault("links", []).append(found)


def read(data: bytes) -> tuple[str, list[Item | None]]:
    """Whether a well-formed document is "rss" or "atom", and its entries in order; None for each unusual one.

    ("", []) where the document as a whole is unusual.
    """
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.buffer_text = True
    plain = _Plain(parser)
    parser.StartElementHandler = plain.start
    parser.EndElementHandler = plain.end
    parser.StartNamespaceDeclHandler = plain.declare
    try:
        parser.Parse(data, True)
    except (_Unusual, expat.ExpatError, ValueError):
        return "", []
    return plain.kind, plain.items


def _clean(text: str) -> str:
    """As feedparser leaves a text: UTF-8 in UTF-8 and windows-1252 in ISO 8859-1 are undone."""
    text = text.strip()
    if text.isascii():
        return text
    with contextlib.suppress(UnicodeError):
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(_WINDOWS)


def _link(text: str) -> str:
    return re.sub(r"&([A-Za-z0-9_]+);", r"&\g<1>", text.replace("&amp;", "&"))
