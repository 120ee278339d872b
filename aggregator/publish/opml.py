"""OPML 2.0 of the sources."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.publish.channel import Outline
from aggregator.publish.markup import element, empty


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
