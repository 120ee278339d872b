"""Response -> Feed with Entries. Pure.

    charset    bytes -> text: by label, then by evidence
    document   text -> well-formed XML (repair, scan and salvage are its parts)
    xml        RSS 0.9x, 1.0, 2.0, Atom and CDF in it (plain, head, reader and entry are its parts)
    jsonfeed   JSON Feed 1.0 and 1.1, which the released feedparser does not read
    dates      whatever feeds write for a moment
    identity   which entries of a document are one entry
    known      what is remembered of a document, so that unchanged entries are not read again
    stranger   what a document is that is no feed, and the feeds it names

What a document says is kept as it is; cleaning and resolving come later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from aggregator.errors import ParseError
from aggregator.model import Feed, Response
from aggregator.parse import charset, jsonfeed, xml
from aggregator.parse.document import well_formed
from aggregator.parse.known import Changes, Seen
from aggregator.parse.stranger import FeedLink, feed_links

__all__ = ["Changes", "FeedLink", "Seen", "candidates", "changes", "parse"]


def parse(response: Response) -> Feed:
    """The feed in a response's body. Raises ParseError where it is none."""
    return changes(response).feed


def changes(response: Response, known: Mapping[bytes, Seen] | None = None, salt: bytes = b"") -> Changes:
    """What is new in a response's body beside `known`, the `sources` of the document before.

    A `salt` other than before makes every entry new. Raises ParseError where the body is no feed.
    """
    text, flaws = charset.decode(response.body, response.header("content-type"))
    text = text.strip("\ufeff\x00 \t\r\n")
    if not text:
        raise ParseError("the document is empty")
    if text[0] in "{[":
        found = jsonfeed.parse(response.url, text)
    else:
        document = well_formed(text, first=not known)
        del text  # one emoji makes every character of it four bytes; from here on the document's own are enough
        found = xml.changes(document, response.url, known or {}, salt)
    if flaws:
        feed = dataclasses.replace(found.feed, flaws=(*flaws, *found.feed.flaws))
        found = dataclasses.replace(found, feed=feed)
    return found


def candidates(response: Response) -> tuple[FeedLink, ...]:
    """The feeds that a web page names: those it declares first, then links that look like feeds of the same site."""
    text, _ = charset.decode(response.body[:1_000_000], response.header("content-type"))
    return feed_links(text, response.url) if "<" in text[:10_000] else ()
