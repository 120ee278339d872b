"""Knows our own documents when they come back: an aggregator that reads itself would publish echoes for ever."""

from __future__ import annotations

import re

_HEAD = 20_000  # bytes that are looked at


def claims(document: bytes, site: str) -> bool:
    """Whether a fetched document says of itself that it is one of the feeds of `site` (base_url, ending in a slash)."""
    head = re.split(rb"<(?:item|entry)\b|\"items\"", document[:_HEAD], maxsplit=1)[0]
    ours = re.escape(site.encode()) + rb"(?:feed|tags/[^\"'/]+|feeds/[^\"'/]+|archive/\d+)\.(?:atom|rss|json)[\"']"
    in_xml = rb"<(?:atom:)?link\b[^>]*\brel=[\"']self[\"'][^>]*\bhref=[\"']" + ours
    return re.search(in_xml + rb"|\"feed_url\"\s*:\s*\"" + ours, head) is not None
