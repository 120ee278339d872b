"""Reads a document back before it is published: it must be well-formed and hold every story as it was given."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime

from aggregator.iri import uri
from aggregator.publish.channel import Channel, published, rfc3339
from aggregator.publish.markup import legal

_ATOM = "{http://www.w3.org/2005/Atom}"

Row = tuple[str, str, str, str]  # id, title, link, date


def fault(channel: Channel, kind: str, document: bytes) -> str | None:
    """What is wrong with a document, or None. Our own output has no DTD, so ElementTree is safe here."""
    wanted = [
        (legal(story.uid), legal(story.title), uri(story.url), rfc3339(published(story))) for story in channel.stories
    ]
    try:
        found = _READERS[kind](document)
    except (ET.ParseError, ValueError, KeyError, TypeError) as error:
        return f"{channel.path}.{kind} can't be read back: {error}"
    if found != wanted:
        lost = next((a for a, b in zip(wanted, found, strict=False) if a != b), wanted[-1] if wanted else ("",))
        return f"{channel.path}.{kind} does not hold what it should, first at {lost[0][:200]}"
    ids = [row[0] for row in found]
    if len(set(ids)) != len(ids):
        return f"{channel.path}.{kind} has two entries with one id"
    return None


def _atom(document: bytes) -> list[Row]:
    root = ET.fromstring(document)  # noqa: S314 - our own bytes
    return [
        (
            entry.findtext(f"{_ATOM}id", ""),
            entry.findtext(f"{_ATOM}title", ""),
            next((a.get("href", "") for a in entry.findall(f"{_ATOM}link") if a.get("rel") == "alternate"), ""),
            entry.findtext(f"{_ATOM}published", ""),
        )
        for entry in root.iter(f"{_ATOM}entry")
    ]


def _rss(document: bytes) -> list[Row]:
    root = ET.fromstring(document)  # noqa: S314 - our own bytes
    return [
        (
            item.findtext("guid", ""),
            item.findtext("title", ""),
            item.findtext("link", ""),
            rfc3339(parsedate_to_datetime(item.findtext("pubDate", ""))),
        )
        for item in root.iter("item")
    ]


def _json(document: bytes) -> list[Row]:
    return [(item["id"], item["title"], item["url"], item["date_published"]) for item in json.loads(document)["items"]]


_READERS = {"atom": _atom, "rss": _rss, "json": _json}
