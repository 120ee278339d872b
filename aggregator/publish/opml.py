"""OPML 2.0 of the sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from aggregator.publish.channel import Outline
from aggregator.publish.markup import element, empty


def digest(version: int, title: str, outlines: Sequence[Outline]) -> bytes:
    """Changes exactly when the document would; a sixth of the work of making it."""
    rows = [(outline.title, outline.url, outline.home_page_url, outline.tags) for outline in outlines]
    return hashlib.blake2b(repr((version, title, rows)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def render(title: str, outlines: Iterable[Outline]) -> bytes:
    """The subscription list, in the order given."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>\n<opml version="2.0">\n<head>\n', element("title", title)]
    parts.append("</head>\n<body>\n")
    for outline in outlines:
        parts.append(
            empty(
                "outline",
                type="rss",
                text=outline.title,
                title=outline.title,
                xmlUrl=outline.url,
                htmlUrl=outline.home_page_url,
                category=",".join(outline.tags) or None,
            )
        )
    parts.append("</body>\n</opml>\n")
    return "".join(parts).encode()
