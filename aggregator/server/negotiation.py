"""What a client has already, and what it takes: conditional requests and content codings. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from starlette.datastructures import Headers

from aggregator.schedule import http_date


def is_fresh(none_match: str | None, modified_since: str | None, etag: str, changed: datetime) -> bool:
    """Whether what the client has is what we have (RFC 9110 §13.2.2: If-None-Match goes before If-Modified-Since).

    `etag` is without quotes and without encoding: the tags of all encodings are of the same document.
    """
    if none_match is not None:
        return none_match.strip() == "*" or etag in tags(none_match)
    since = http_date(modified_since)
    return since is not None and changed <= since


def tags(none_match: str) -> list[str]:
    """The entity tags in a list, without W/ (weak comparison, RFC 9110 §8.8.3.2) and without what we add for gzip."""
    return [tag.removesuffix("-gz") for tag in re.findall(r'"([^"]*)"', none_match)]


def wants_news(value: str | None) -> bool:
    """Whether A-IM allows the "feed" instance manipulation (RFC 3229 §10.5.3)."""
    return _qualities(value).get("feed", 0.0) > 0


def content_coding(value: str | None) -> Literal["gzip", "identity"] | None:
    """What Accept-Encoding likes best of what we have; None where it refuses both (RFC 9110 §12.5.3)."""
    qualities = _qualities(value)
    rest = qualities.get("*")
    gzipped = qualities.get("gzip", qualities.get("x-gzip", rest))
    plain = qualities.get("identity", rest)
    if gzipped and (plain is None or plain <= gzipped):
        return "gzip"
    if plain is None or plain > 0:
        return "identity"
    # Who refuses identity and does not mention gzip gets gzip: it is refused only by q=0.
    return "gzip" if gzipped is None else None


def _qualities(value: str | None) -> dict[str, float]:
    """The tokens of a list field with their weights; a weight that is none counts as 1."""
    found: dict[str, float] = {}
    for item in (value or "").lower().split(","):
        name, _, rest = item.partition(";")
        match = re.search(r"(?:^|;|\s)q\s*=\s*(0(?:\.\d*)?|1(?:\.0*)?|\.\d+)\s*(?:;|$)", rest)
        if name.strip():
            found[name.strip()] = float(match[1]) if match else 1.0
    return found


def joined(headers: Headers, name: str) -> str | None:
    """A list field, which may stand on several lines (RFC 9110 §5.3)."""
    values = headers.getlist(name)
    return ", ".join(values) if values else None
