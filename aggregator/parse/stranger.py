"""A document that is no feed: what it is instead, in words, and the feeds it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from aggregator.iri import host
from aggregator.soup import soup

_PAGE = re.compile(
    r"\s*+(?>(?:<!--(?>(?:(?!-->).){0,2000})-->\s*+|<\?xml[^>]{0,200}+>\s*+)*)<(?:!doctype\s+html|html|head|body)\b",
    re.S | re.I,
)
_FEED_TYPES = {
    "application/rss+xml": 0,
    "application/atom+xml": 0,
    "application/feed+json": 0,
    "application/rdf+xml": 0,
    "application/json": 1,  # JSON Feed 1.0 asks for this one; much else has it too
    "application/xml": 1,
    "text/xml": 1,
}
_FEED_NAME = re.compile(r"(?:^|[/._=-])(?:rss2?|atom|feeds?|index\.xml|rdf)(?:$|[/._?&-])", re.I)
_ROBOTS = re.compile(
    r"captcha|just a moment|checking your browser|attention required|are you (?:a )?(?:robot|human)", re.I
)
_PASSWORD = re.compile(r"<input[^>]{1,300}type\s*=\s*[\"']?password", re.I)
_MOST = 20
_ROOTS = {
    "urlset": "is a sitemap, not a feed",
    "sitemapindex": "is a sitemap, not a feed",
    "opml": "is an OPML list of feeds, not a feed: `aggregator import` reads it",
    "svg": "is an SVG picture, not a feed",
    "error": "is an error message in XML, not a feed",
}


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a web page names. `declared`: by <link rel="alternate">; else only a link that looks like one."""

    url: str
    title: str | None
    declared: bool = True


def what_is_it(text: str, page_only: bool = False) -> str | None:
    """What a document that is no feed is, as the end of a sentence; None where it may be a feed."""
    start = text[:20_000].lstrip("\ufeff \t\r\n\x00")
    if _PAGE.match(start):
        title = re.search(r"<title[^>]{0,200}>(.{0,300}?)</title", text[:200_000], re.S | re.I)
        if title and _ROBOTS.search(title[1]):
            return "is a web page that checks for robots, not a feed"
        # A page with feeds of its own may well have a log-in box beside them.
        if _PASSWORD.search(text[:500_000]) and not re.search(r"application/(?:rss|atom|feed)\+", text[:500_000]):
            return "is a web page that asks for a password, not a feed"
        return "is a web page, not a feed"
    if page_only:
        return None
    if re.search("[\x00-\x08\x0e-\x1a\ufffd]", start[:200]):
        return "is binary data, not a feed"
    root = re.search(r"<([A-Za-z_][\w.:-]{0,60})", start)
    if root is None or not start.startswith("<"):
        shown = " ".join(start[:40].split())
        return f"is plain text, not a feed (it begins with {shown!r})" if shown else None
    name = root[1].rpartition(":")[2]
    return _ROOTS.get(name.lower(), f"is XML, but no feed (its root is <{name}>)")


def feed_links(page: str, base: str) -> tuple[FeedLink, ...]:
    """The feeds that a web page names: declared ones in the page's order, then links that look like feeds of the site."""
    tree = soup(page)
    if tree is None:
        return ()
    root = tree.select_one("base[href]")
    if root is not None:
        base = _join(base, str(root["href"])) or base
    declared: dict[str, FeedLink] = {}
    likely: dict[str, FeedLink] = {}
    for link in tree.select("link[href][rel], a[href]"):
        url = _join(base, str(link["href"]))
        if url is None or url == base:
            continue
        given = link.get("rel") or ""
        rel = (given if isinstance(given, str) else " ".join(given)).lower().split()
        kind = str(link.get("type") or "").partition(";")[0].strip().lower()
        title = " ".join(str(link.get("title") or link.get_text()).split())[:200] or None
        if ("alternate" in rel and kind in _FEED_TYPES) or "feed" in rel:
            if _FEED_TYPES.get(kind, 0) == 0 or _names_a_feed(url):
                declared.setdefault(url, FeedLink(url, title))
        elif link.name == "a" and host(url) == host(base) and (kind in _FEED_TYPES or _names_a_feed(url)):
            likely.setdefault(url, FeedLink(url, title, False))
    found = [*declared.values(), *(link for link in likely.values() if link.url not in declared)]
    return tuple(found[:_MOST])


def _names_a_feed(url: str) -> bool:
    parts = urlsplit(url)
    return _FEED_NAME.search(f"{parts.path}?{parts.query}") is not None


def _join(base: str, href: str) -> str | None:
    href = re.sub(r"^feed:(?://)?(?=https?://)|^feed(?=://)", lambda m: "http" if m[0] == "feed" else "", href.strip())
    try:
        url = urljoin(base, href).partition("#")[0]
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) and host(url) else None
