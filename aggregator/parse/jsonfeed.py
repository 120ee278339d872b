"""JSON Feed 1.0 and 1.1 (jsonfeed.org): a small reader, forgiving field by field."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aggregator.errors import ParseError
from aggregator.model import Enclosure, Entry, Feed, Text
from aggregator.parse import dates, identity
from aggregator.parse.entry import bounded, join
from aggregator.parse.entry import lost as too_long
from aggregator.parse.known import Changes

_MOST = 5_000  # items of a document; a worker's time is limited
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ITEMS = re.compile(r'"items"\s*:\s*\[')


def parse(url: str, text: str) -> Changes:
    """The feed in `text`. Raises ParseError where it is other JSON."""
    data, flaws, complete = _load(text)
    if not isinstance(data, dict):
        raise ParseError("is JSON, but no JSON Feed (its outermost value is a list)")
    if "jsonfeed.org/version/" not in str(data.get("version")):
        if not _reads_like_a_feed(data):
            raise ParseError("is JSON, but no JSON Feed (it has no version with jsonfeed.org)")
        flaws.append("does not say which version of JSON Feed it is")
    items = data.get("items")
    if not isinstance(items, list):
        flaws.append("has no list of items")
    version = re.search(r"/version/([\d.]{1,9})", str(data.get("version")))
    authors = _authors(data)
    entries = []
    found = _list(items)
    if len(found) > _MOST:
        flaws.append(f"has {len(found)} items; the first {_MOST} were read")
    for number, item in enumerate(found[:_MOST], 1):
        if isinstance(item, dict):
            entry, lost = _entry(item, url, authors)
            entries.append(entry)
            flaws += [f"item {number}: {flaw}" for flaw in lost]
        else:
            flaws.append(f"item {number} is not an object")
    feed = Feed(
        url=url,
        title=_text(data.get("title")),
        home_page_url=join(url, _text(data.get("home_page_url"))),
        guid=_text(data.get("feed_url")),
        language=_text(data.get("language")),
        entries=identity.unique(entries),
        flaws=tuple(flaws[:20]),
        format=f"JSON Feed {version[1]}" if version else "JSON Feed",
        complete=complete,
    )
    # Read whole every time: JSON costs a hundredth of what feedparser takes.
    return Changes(feed, frozenset(entry.guid for entry in feed.entries), {})


def _load(text: str) -> tuple[Any, list[str], bool]:
    """The document; of one that breaks off, the head and the items before the cut."""
    decoder = json.JSONDecoder(strict=False, parse_int=lambda digits: int(digits) if len(digits) < 20 else 0)
    try:
        return decoder.decode(text), [], True
    except RecursionError:
        raise ParseError("is JSON nested too deep to be a feed") from None
    except ValueError as error:
        reason = str(error)
    start = _ITEMS.search(text)
    if start is None:
        raise ParseError(f"begins like JSON but is not ({reason})")
    try:
        data = decoder.decode(text[: start.end()] + "]}")
        items, position = [], start.end()
        while found := re.compile(r"[\s,]*(?=\{)").match(text, position):
            try:
                item, position = decoder.raw_decode(text, found.end())
            except ValueError:
                break
            items.append(item)
    except (ValueError, RecursionError):
        raise ParseError(f"begins like JSON but is not ({reason})") from None
    if not isinstance(data, dict) or not items:
        raise ParseError(f"begins like JSON but is not ({reason})")
    return data | {"items": items}, [f"is damaged JSON, read as far as it goes ({reason})"], False


def _reads_like_a_feed(data: dict[str, Any]) -> bool:
    items = [item for item in _list(data.get("items")) if isinstance(item, dict)]
    return bool(items) and all(
        {"id", "url"} & set(i) and {"content_html", "content_text", "title"} & set(i) for i in items
    )


def _entry(item: dict[str, Any], base: str, feed_authors: list[str]) -> tuple[Entry, list[str]]:
    lost: list[str] = []
    html, plain = bounded(_text(item.get("content_html")) or ""), bounded(_text(item.get("content_text")) or "")
    external = join(base, _text(item.get("external_url")))
    entry = Entry(
        guid=identity.given(_text(item.get("id"))),
        url=join(base, _text(item.get("url"))) or external,
        title=Text(bounded(_text(item.get("title")) or ""), html=False),
        summary=Text(bounded(_text(item.get("summary")) or ""), html=False),
        content=Text(html, True) if html else Text(plain, False),
        author=", ".join(_authors(item) or feed_authors) or None,
        published=_date(item, "date_published", lost),
        updated=_date(item, "date_modified", lost),
        categories=tuple(dict.fromkeys(filter(None, map(_text, _list(item.get("tags")))))),
        enclosures=tuple(_enclosures(item, base)),
        language=_text(item.get("language")),
        via=(external,) if external else (),
    )
    if not entry.guid:
        entry = entry._replace(guid=identity.made(entry))
    return entry, [*lost, *too_long(entry)]


def _date(item: dict[str, Any], key: str, lost: list[str]) -> datetime | None:
    text = _text(item.get(key))
    date = dates.from_text(text)
    if text and date is None:
        lost.append(f"its {key} {text[:60]!r} can't be read")
    return date


def _authors(data: dict[str, Any]) -> list[str]:
    """Names by `authors` (1.1), else `author` (1.0); a bare text is taken for a name."""
    found: list[str] = []
    for author in [*_list(data.get("authors")), *_list(data.get("author"))]:
        if name := _text(author.get("name") if isinstance(author, dict) else author):
            found.append(name)
    return list(dict.fromkeys(found))


def _enclosures(item: dict[str, Any], base: str) -> Iterable[Enclosure]:
    seen = set()
    for attachment in _list(item.get("attachments")):
        if isinstance(attachment, dict) and (url := join(base, _text(attachment.get("url")))) and url not in seen:
            seen.add(url)
            length = attachment.get("size_in_bytes")
            size = int(length) if isinstance(length, int | float) and 1 <= length < 2**53 else None
            yield Enclosure(url, _text(attachment.get("mime_type")), size)
    for key in ("image", "banner_image"):
        if (url := join(base, _text(item.get(key)))) and url not in seen:
            seen.add(url)
            yield Enclosure(url, mimetypes.guess_type(url.partition("?")[0])[0] or "image/*")


def _text(value: object) -> str | None:
    """A text, also where a number stands for one (ids in 1.0 feeds); None where it is empty or something else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        # Half of a surrogate pair can be neither shown nor stored.
        value = _ILLEGAL.sub("", value)
        return value if value.strip() else None
    return None


def _list(value: object) -> list[Any]:
    """A list; something alone where a list is due is a list of one."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict | str) and value else []
