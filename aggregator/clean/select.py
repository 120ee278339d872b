"""What beautifulsoup4 does here: CSS selectors that a person wrote, and web pages that a person points at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from urllib.parse import urljoin

import bs4
import soupsieve

_FEED_TYPES = {
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/json",
}


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a web page names (<link rel="alternate">)."""

    url: str
    title: str | None


def fault(selector: str) -> str | None:
    """What is wrong with a CSS selector, or None."""
    try:
        soupsieve.compile(selector)
    except (soupsieve.SelectorSyntaxError, NotImplementedError) as error:
        return f"is no CSS selector: {str(error).splitlines()[0]}"
    return None


def without(html: str, selectors: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The HTML without the elements that the selectors find, and the text of those."""
    soup = _soup(html)
    removed = []
    for selector in selectors:
        for element in soup.select(selector):
            if not element.decomposed:
                removed.append(element.get_text(" ", strip=True))
                element.decompose()
    return (str(soup), tuple(removed)) if removed else (html, ())


def feed_links(html: str, base: str) -> tuple[FeedLink, ...]:
    """The feeds that a web page names, in its order."""
    soup = _soup(html)
    root = soup.select_one("base[href]")
    if root is not None:
        base = urljoin(base, str(root["href"]))
    found: dict[str, FeedLink] = {}
    for link in soup.select("link[rel~=alternate i][href][type]"):
        if str(link["type"]).partition(";")[0].strip().lower() in _FEED_TYPES:
            try:
                url = urljoin(base, str(link["href"]).strip())
            except ValueError:
                continue
            if url.startswith(("http://", "https://")):
                found.setdefault(url, FeedLink(url, str(link["title"]) if link.get("title") else None))
    return tuple(found.values())


def _soup(html: str) -> bs4.BeautifulSoup:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 warns of texts that look like a file name or an address
        return bs4.BeautifulSoup(html, "html.parser")
