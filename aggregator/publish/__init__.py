"""Stories -> bytes. Pure: the same stories and the same date give the same bytes.

No library writes atom:source, RSS <source> and JSON Feed's extensions from one description, so the writers are ours;
each document is parsed again (`verify`) before it may replace the last good one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from aggregator.publish import atom, delta, html, jsonfeed, opml, own, rss
from aggregator.publish.channel import Channel, Outline
from aggregator.publish.verify import fault

__all__ = ["FORMATS", "TYPES", "VERSION", "Channel", "Outline", "delta", "fault", "html", "opml", "own"]

VERSION = 3  # of the writers: documents made by another are written again

FORMATS: Mapping[str, Callable[[Channel, datetime], bytes]] = {
    "atom": atom.render,
    "rss": rss.render,
    "json": jsonfeed.render,
}
TYPES: Mapping[str, str] = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "opml": "text/x-opml; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
}
