"""JSON Feed 1.0 and 1.1 (jsonfeed.org): a small reader, forgiving field by field."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin

from aggregator.errors import ParseError
from aggregator.model import Enclosure, Entry, Feed, Text
from aggregator.parse import identity
from aggregator.parse.dates import from_rfc3339


def looks_like(body: bytes) -> bool:
    """Whether a body is JSON rather than XML or HTML."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def parse(url: str, body: bytes) -> Feed:
    """The feed in `body`. Raises ParseError where it is other JSON."""
    try:
        data = json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"starts like JSON but is not: {error}") from None
    if not isinstance(data, dict) or "jsonfeed.org/version/" not in str(data.get("version")):
        raise ParseError("is JSON, but no JSON Feed (no version with jsonfeed.org)")
    items = data.get("items")
    flaws = [] if isinstance(items, list) else ["has no items"]
    entries = []
    for number, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict):
            entries.append(_entry(item, _text(data.get("language")), url))
        else:
            flaws.append(f"item {number + 1} is not an object")
    return Feed(
        url=url,
        title=_text(data.get("title")),
        home_page_url=_text(data.get("home_page_url")),
        guid=_text(data.get("feed_url")),
        language=_text(data.get("language")),
        entries=tuple(entries),
        flaws=tuple(flaws),
    )


def _entry(item: dict[str, Any], language: str | None, base: str) -> Entry:
    html, plain = _text(item.get("content_html")), _text(item.get("content_text"))
    url = _text(item.get("url")) or _text(item.get("external_url"))
    if url:
        try:
            url = urljoin(base, url)
        except ValueError:
            url = None
    entry = Entry(
        guid="",
        url=url,
        title=Text(_text(item.get("title")) or "", html=False),
        summary=Text(_text(item.get("summary")) or "", html=False),
        content=Text(html, True) if html else Text(plain or "", False),
        author=", ".join(_authors(item)) or None,
        published=from_rfc3339(item.get("date_published")),
        updated=from_rfc3339(item.get("date_modified")),
        categories=tuple(tag for tag in map(_text, _list(item.get("tags"))) if tag),
        enclosures=tuple(_enclosures(item, base)),
        language=_text(item.get("language")) or language,
        via=tuple(filter(None, [_text(item.get("external_url"))])),
    )
    identifier = item.get("id")  # 1.0 feeds have numbers here
    explicit = str(identifier) if isinstance(identifier, str | int | float) else None
    return dataclasses.replace(entry, guid=identity.guid(explicit, entry))


def _authors(item: dict[str, Any]) -> Iterable[str]:
    for author in [*_list(item.get("authors")), item.get("author")]:
        if isinstance(author, dict) and (name := _text(author.get("name"))):
            yield name


def _enclosures(item: dict[str, Any], base: str) -> Iterable[Enclosure]:
    for attachment in _list(item.get("attachments")):
        if isinstance(attachment, dict) and (url := _text(attachment.get("url"))):
            length = attachment.get("size_in_bytes")
            size = length if isinstance(length, int) and 0 <= length < 2**53 else None
            try:
                yield Enclosure(urljoin(base, url), _text(attachment.get("mime_type")), size)
            except ValueError:
                continue


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
