"""Reads a document back before it is published: it must be well-formed and hold every story as it was given."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

from aggregator.publish.channel import Channel

_ATOM = "{http://www.w3.org/2005/Atom}"


def fault(channel: Channel, kind: str, document: bytes) -> str | None:
    """What is wrong with a document, or None. Our own output has no DTD, so ElementTree is safe here."""
    wanted = [(story.uid, story.title) for story in channel.stories]
    try:
        found = _READERS[kind](document)
    except (ET.ParseError, ValueError, KeyError) as error:
        return f"{channel.path}.{kind} can't be read back: {error}"
    if found != wanted:
        lost = next((a for a, b in zip(wanted, found, strict=False) if a != b), wanted[-1] if wanted else ("", ""))
        return f"{channel.path}.{kind} does not hold what it should, first at {lost[0][:200]}"
    return None


def _atom(document: bytes) -> list[tuple[str, str]]:
    root = ET.fromstring(document)  # noqa: S314 - our own bytes
    return [
        (entry.findtext(f"{_ATOM}id", ""), entry.findtext(f"{_ATOM}title", "")) for entry in root.iter(f"{_ATOM}entry")
    ]


def _rss(document: bytes) -> list[tuple[str, str]]:
    root = ET.fromstring(document)  # noqa: S314 - our own bytes
    return [(item.findtext("guid", ""), item.findtext("title", "")) for item in root.iter("item")]


def _json(document: bytes) -> list[tuple[str, str]]:
    return [(item["id"], item["title"]) for item in json.loads(document)["items"]]


_READERS = {"atom": _atom, "rss": _rss, "json": _json}
