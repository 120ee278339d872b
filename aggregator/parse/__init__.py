"""Response -> Feed with Entries. Pure.

    xml        RSS 0.9x, 1.0, 2.0 and Atom, through feedparser (its only door)
    jsonfeed   JSON Feed 1.0 and 1.1, which the released feedparser does not read
    identity   which entries of a document are one entry

What a document says is kept as it is; cleaning and resolving come later.
"""

from __future__ import annotations

import dataclasses

from aggregator.errors import ParseError
from aggregator.model import Feed, Response
from aggregator.parse import identity, jsonfeed, xml

__all__ = ["parse"]


def parse(response: Response) -> Feed:
    """The feed in a response's body. Raises ParseError where it is none."""
    body = response.body.strip(b"\x00")
    if not body.strip():
        raise ParseError("the document is empty")
    feed = jsonfeed.parse(response.url, body) if jsonfeed.looks_like(body) else xml.parse(response, body)
    return dataclasses.replace(feed, entries=identity.unique(feed.entries))
