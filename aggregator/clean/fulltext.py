"""The article on a web page, for feeds that carry a summary only. The only door of trafilatura."""

from __future__ import annotations

import re

from aggregator.clean import shape, tokens
from aggregator.clean.defuse import defuse
from aggregator.model import Entry, Response, Text

ENOUGH = 200  # words of a feed's own text with which no page is asked for
_LONGEST = 2 * 2**20  # characters of a page that are read
_GAIN = 1.2  # times the feed's own words that a page must have
_LEAST_SHARED = 0.3  # of the feed's own words, that a page must have, else it is about something else
_TELLING = 5  # own words from which on that can be asked
_WORD = re.compile(r"\w{3,}")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,40})""", re.I)


def is_short(entry: Entry) -> bool:
    """Whether an entry holds a summary only."""
    own = _own(entry)
    return len(own.split()) < ENOUGH


def completed(entry: Entry, page: Response) -> Entry | str:
    """The entry with the text of its page as content, or why it stays as it is. Never raises for what a page holds."""
    found = _extracted(_decoded(page), page.url)
    if found is None:
        return "no article was found on the page"
    own, new = _own(entry), tokens.text(found)
    if len(new.split()) < _GAIN * len(own.split()):
        return "the page has no more text than the feed"
    known = set(_WORD.findall(f"{tokens.text(entry.title.value)} {own}".casefold()))
    if len(known) >= _TELLING and len(known & set(_WORD.findall(new.casefold()))) < _LEAST_SHARED * len(known):
        return "the page is about something else"
    summary = entry.summary if entry.summary.value.strip() else entry.content
    return entry._replace(summary=summary, content=Text(found, True, page.url))


def _own(entry: Entry) -> str:
    text = entry.content if entry.content.value.strip() else entry.summary
    return tokens.text(shape.html(text))


def _extracted(html: str, url: str) -> str | None:
    import trafilatura

    try:
        found = trafilatura.extract(
            defuse(html),
            url=url,
            output_format="html",
            favor_precision=True,
            include_comments=False,
            include_links=True,
            include_images=True,
            include_formatting=True,
        )
    except Exception:  # noqa: BLE001 - pages are hostile, and a library's fault must cost the summary nothing
        return None
    return found or None


def _decoded(page: Response) -> str:
    """The page's text: by the header, by its <meta>, else UTF-8 (HTML §13.2.3)."""
    named = re.search(r"charset\s*=\s*[\"']?([\w-]{2,40})", page.header("content-type") or "", re.I)
    meta = _CHARSET.search(page.body[:4096])
    for encoding in (named[1] if named else None, meta[1].decode("ascii", "replace") if meta else None, "utf-8"):
        if encoding is not None:
            try:
                return page.body.decode(encoding, "replace")[:_LONGEST]
            except LookupError:
                continue
    return page.body.decode("utf-8", "replace")[:_LONGEST]
