"""OPML -> the feeds it lists. Pure. A document with a DTD is refused: nothing that lists feeds needs one, only attacks do.

Readers in the wild write OPML by hand: a bare "&" and HTML's named entities are repaired, everything else that is no
XML is refused with its line.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.entities import html5
from urllib.parse import urlsplit
from xml.parsers import expat

from aggregator.errors import ParseError
from aggregator.terminal import printable

MAX_BYTES = 64 * 2**20  # 100,000 feeds are about 20 MiB
_MAX_DEPTH = 100
_XML = {"amp", "lt", "gt", "quot", "apos"}


@dataclass(frozen=True, slots=True)
class Row:
    """One feed of the list; `tags` are the folders it is in, outermost first, then its categories."""

    url: str
    title: str | None
    tags: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is no feed we could poll."""

    line: int
    what: str
    why: str


@dataclass(slots=True)
class Subscriptions:
    """What a document lists, in its order; an address that comes twice is one row with the tags of both."""

    rows: list[Row] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


def read(data: bytes) -> Subscriptions:
    """The feeds of an OPML document. Raises ParseError where it is none, or is hostile."""
    if len(data) > MAX_BYTES:
        raise ParseError(f"is larger than {MAX_BYTES // 2**20} MiB")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    reader.line = lambda: parser.CurrentLineNumber
    try:
        parser.Parse(_repaired(data), True)
    except expat.ExpatError as error:
        raise ParseError(f"is no XML: line {error.lineno}: {expat.ErrorString(error.code)}") from None
    except (LookupError, ValueError) as error:
        raise ParseError(f"is no XML: {error}") from None
    if not reader.is_opml:
        raise ParseError("is no OPML: its root is not <opml>")
    return Subscriptions(list(reader.rows.values()), reader.bad)


class _Reader:
    """Follows the outlines; `path` holds the tag that each open one gives to what is in it."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.bad: list[Bad] = []
        self.path: list[str | None] = []
        self.depth = 0
        self.is_opml = False
        self.line: Callable[[], int] = int

    def doctype(self, *about: object) -> None:
        raise ParseError("has a document type declaration (DTD), which can define entities without end: refused")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ParseError(f"is nested deeper than {_MAX_DEPTH}")
        local = name.rpartition(":")[2].lower()
        if self.depth == 1:
            self.is_opml = local == "opml"
        if local != "outline" or not self.is_opml:
            return
        said = {key.lower(): value for key, value in attributes.items()}  # xmlurl and XMLURL are seen, too
        title = printable(said.get("title") or said.get("text") or "", 300) or None
        url = (said.get("xmlurl") or "").strip()
        kind = said.get("type", "").strip().lower()
        if url:
            self.path.append(None)
            self.row(url, title, said.get("category", ""))
        elif kind in ("", "folder", "category"):
            self.path.append(title)
        else:
            self.path.append(None)
            why = (
                "has no xmlUrl" if kind in ("rss", "atom") else f"is of type {printable(kind, 30)!r}, which is no feed"
            )
            self.bad.append(Bad(self.line(), title or "an outline", why))

    def end(self, name: str) -> None:
        self.depth -= 1
        if name.rpartition(":")[2].lower() == "outline" and self.path:
            self.path.pop()

    def row(self, url: str, title: str | None, categories: str) -> None:
        folders = [tag for tag in self.path if tag]
        # "Comma-separated slash-delimited category strings" (OPML 2.0): each word of a path is a tag, as folders are.
        words = [printable(word, 300) for word in re.split(r"[,/]", categories)]
        tags = tuple(dict.fromkeys([*folders, *filter(None, words)]))
        url = re.sub(r"^feed:(?://)?(?=https?:)", "", url, flags=re.IGNORECASE)
        url = re.sub(r"^feed://", "http://", url, flags=re.IGNORECASE)
        if (why := _fault(url)) is not None:
            self.bad.append(Bad(self.line(), title or printable(url, 200), why))
        elif url in self.rows:
            old = self.rows[url]
            self.rows[url] = Row(url, old.title or title, tuple(dict.fromkeys((*old.tags, *tags))), old.line)
        else:
            self.rows[url] = Row(url, title if title != url else None, tags, self.line())


def _fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if fine and not re.search(r"[\s\x00-\x1f\x7f]", url):
        return None
    return f"{printable(url, 200)!r} is no address that starts with http:// or https://"


def _repaired(data: bytes) -> bytes:
    """The document from its first "<" on, with what people's editors do to ampersands undone."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return re.sub(rb"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};)([A-Za-z][A-Za-z0-9]{0,30};)?", _ampersand, data)


def _ampersand(match: re.Match[bytes]) -> bytes:
    name = (match[1] or b"").decode()
    if name[:-1] in _XML:
        return match[0]
    if name in html5:
        return "".join(f"&#{ord(c)};" for c in html.unescape(f"&{name}")).encode()
    return b"&amp;" + (match[1] or b"")
