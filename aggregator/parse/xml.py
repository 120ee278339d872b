"""RSS and Atom through feedparser: a document is repaired where a person could read it, then taken as it is.

feedparser's sanitiser can be bypassed and its relative-URL resolver hides xml:base, so both are off; `clean` does that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import html
import io
import re
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import feedparser

from aggregator.errors import ParseError
from aggregator.model import Enclosure, Entry, Feed, Response, Source, Text
from aggregator.parse import identity
from aggregator.parse.dates import from_struct

_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]{0,2000}(?:\[.*?\]\s*)?>", re.S | re.I)
_HTML = re.compile(rb"^\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.S | re.I)


def parse(response: Response, body: bytes) -> Feed:
    """The feed in `body`. Raises ParseError where it is none."""
    body = _repair(body)
    if _HTML.match(body[:4000]):
        raise ParseError("is a web page, not a feed")
    data = _feedparser(body, response.header("content-type"))
    if not data.entries and (prefixed := _unprefixed(body)) is not None:
        data = _feedparser(prefixed, response.header("content-type"))
    if not data.version and not data.entries:
        raise ParseError("is no RSS, Atom or JSON feed")
    flaws = []
    if data.bozo and (error := data.get("bozo_exception")) is not None:
        flaws.append(f"{type(error).__name__}: {error}"[:300])
    entries = []
    for number, item in enumerate(data.entries):
        try:
            entries.append(_entry(item, data, response.url))
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
            flaws.append(f"entry {number + 1} can't be read: {error}"[:300])
    head = data.feed
    return Feed(
        url=response.url,
        title=_plain(head, "title", not data.version.startswith("atom")),
        home_page_url=_join(response.url, _get(head, "link")),
        guid=_get(head, "id"),
        language=_get(head, "language"),
        ttl=_ttl(_get(head, "ttl")),
        entries=tuple(entries),
        flaws=tuple(flaws),
    )


def _feedparser(body: bytes, content_type: str | None) -> Any:
    # No content-location: feedparser would resolve ids against it, and an id is not ours to change.
    headers = {"content-type": content_type} if content_type else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 and feedparser warn about the document, not about us
        try:
            return feedparser.parse(
                io.BytesIO(body), response_headers=headers, resolve_relative_uris=False, sanitize_html=False
            )
        except Exception as error:  # noqa: BLE001 - feedparser raises many kinds on damaged input (kurtmckee/feedparser)
            raise ParseError(f"can't be read: {type(error).__name__}: {error}"[:300]) from None


def _repair(body: bytes) -> bytes:
    """The document as UTF-8-compatible bytes where it is UTF-16, without DOCTYPE and without junk at its start."""
    encoding = _UTF16.get(body[:2])
    if encoding and b"\x00" in body[:8]:
        text = body.decode(encoding, "replace").lstrip("\ufeff")
        body = re.sub(r"(<\?xml[^>]{0,200}?)\s+encoding=[\"'][^\"']*[\"']", r"\1", text, count=1).encode()
    # Entity definitions can crash expat or grow without bound; HTML's own entities are known to feedparser anyway.
    body = _DOCTYPE.sub(lambda m: m[0] if b"html" in m[0][:20].lower() else b"", body, count=1)
    start = body.find(b"<?xml", 0, 4000)
    if start > 0 and not re.search(rb"<(?:rss|feed|rdf:RDF)\b", body[:start], re.I):
        body = body[start:]  # the XML declaration must come first (XML 1.0 §2.8)
    return body


def _unprefixed(body: bytes) -> bytes | None:
    """The document with an undeclared prefix taken off its elements (<rss:item>); None where there is none such."""
    match = re.search(rb"<([A-Za-z_][\w.-]{0,30}):(?:item|entry)\b", body)
    if match is None or b"xmlns:" + match[1] in body:
        return None
    body = re.sub(rb"(</?)" + re.escape(match[1]) + rb":", rb"\1", body)
    return re.sub(rb"^<\?xml.{0,200}?\?>", b"", body, flags=re.S)


def _entry(item: Any, data: Any, url: str) -> Entry:
    atom = data.version.startswith("atom")
    link = _join(_base(item, url), _get(item, "link"))
    links = [link for link in dict.get(item, "links", []) if _get(link, "href")]
    entry = Entry(
        guid="",
        url=link,
        title=_title(item, atom),
        summary=_text(dict.get(item, "summary_detail")),
        content=_content(item),
        author=_author(item),
        published=_date(item, "published_parsed", "created_parsed"),
        updated=_date(item, "updated_parsed"),
        categories=tuple(dict.fromkeys(filter(None, (_category(tag) for tag in dict.get(item, "tags", []))))),
        enclosures=tuple(_enclosures(item, links, _base(item, url))),
        language=_language(item) or _get(data.feed, "language"),
        source=_source(dict.get(item, "source"), url),
        via=tuple(filter(None, (_join(url, a["href"]) for a in links if a.get("rel") in ("via", "canonical")))),
    )
    return dataclasses.replace(entry, guid=identity.guid(_get(item, "id"), entry))


def _get(data: Any, key: str) -> str | None:
    """A text as it stands. FeedParserDict invents some keys from others; only what is there counts."""
    value = dict.get(data, key)
    return value.strip() if isinstance(value, str) and value.strip() else None


def _date(item: Any, *keys: str) -> datetime | None:
    return next((date for key in keys if (date := from_struct(dict.get(item, key)))), None)


def _title(item: Any, atom: bool) -> Text:
    detail = dict.get(item, "title_detail") or {}
    value = _get(item, "title") or ""
    if "html" in str(detail.get("type")):
        return Text(value, True)
    # RSS does not say whether a title is text or HTML; most writers escape it twice, so entities are meant as such.
    return Text(value if atom else html.unescape(value), False)


def _plain(head: Any, key: str, unescape: bool) -> str | None:
    value = _get(head, key)
    return html.unescape(value) if value and unescape else value


def _text(detail: Any) -> Text:
    if not detail or not isinstance(detail.get("value"), str):
        return Text()
    return Text(detail["value"], "html" in str(detail.get("type")), detail.get("base") or None)


def _content(item: Any) -> Text:
    texts = [_text(part) for part in dict.get(item, "content", [])]
    return max(texts, key=lambda text: (text.html, len(text.value)), default=Text())


def _author(item: Any) -> str | None:
    names = [_get(author, "name") or _get(author, "email") for author in dict.get(item, "authors", [])]
    return ", ".join(dict.fromkeys(name for name in names if name)) or _get(item, "author")


def _category(tag: Any) -> str | None:
    return _get(tag, "label") or _get(tag, "term")


def _enclosures(item: Any, links: list[Any], base: str) -> Iterator[Enclosure]:
    seen = set()
    media = [m for m in dict.get(item, "media_content", []) if isinstance(m, dict) and _get(m, "url")]
    found = [(a["href"], _get(a, "type"), a.get("length")) for a in links if a.get("rel") == "enclosure"]
    found += [(m["url"], _get(m, "type") or _get(m, "medium"), m.get("filesize")) for m in media]
    for href, kind, length in found:
        address = _join(base, href)
        if address and address not in seen:
            seen.add(address)
            size = int(length) if isinstance(length, str) and re.fullmatch(r"[0-9]{1,15}", length) else None
            yield Enclosure(address, kind if kind and "/" in kind else None, size)


def _language(item: Any) -> str | None:
    for key in ("content", "summary_detail", "title_detail"):
        details = dict.get(item, key) or []
        for detail in details if isinstance(details, list) else [details]:
            if language := _get(detail, "language"):
                return language
    return None


def _source(source: Any, url: str) -> Source | None:
    if not isinstance(source, dict):
        return None
    links = {str(a.get("rel")): a.get("href") for a in dict.get(source, "links", [])}
    # RSS <source url> is the feed; Atom has the feed as rel=self and the site as rel=alternate.
    feed = links.get("self") or _get(source, "url") or _get(source, "href")
    found = Source(_get(source, "title"), _join(url, feed), _join(url, links.get("alternate")), _get(source, "id"))
    return found if any(getattr(found, name) for name in Source.__slots__) else None


def _base(item: Any, url: str) -> str:
    detail = dict.get(item, "title_detail") or dict.get(item, "summary_detail") or {}
    return _join(url, detail.get("base")) or url


def _join(base: str, link: object) -> str | None:
    if isinstance(link, str) and link.strip():
        with contextlib.suppress(ValueError):
            return urljoin(base, link.strip())
    return None


def _ttl(value: str | None) -> timedelta | None:
    return timedelta(minutes=int(value)) if value and re.fullmatch(r"[0-9]{1,7}", value) and int(value) else None
