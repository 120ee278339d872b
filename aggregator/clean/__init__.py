"""Entry -> Article: article HTML that is safe, whole, and free of what a republisher added. Pure; rules are data.

characters   illegal characters go, misread ones are repaired
select       elements that the operator's CSS selectors name go (beautifulsoup4)
walk         one parse, one walk: addresses, pixels, hidden nodes, furniture
sanitize     nh3 with a fixed allow-list, last
tree         the text of what is left
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aggregator.clean import links, select, tree, walk
from aggregator.clean.characters import legal, line
from aggregator.model import Article, Enclosure, Entry, Removal, Text

__all__ = ["VERSION", "Site", "clean"]

VERSION = 1  # of the rules: articles cleaned by another are cleaned again by a replay
LONGEST = 2**20  # characters of an entry's HTML; the rest is dropped and marked
_SUMMARY = 300  # characters
_HTML_TAG = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9]{0,15}(?:\s[^<>]*)?/?|!--.*?--)>", re.S)


@dataclass(frozen=True, slots=True)
class Site:
    """What cleaning knows of the feed an entry is from."""

    url: str  # the feed's address
    home_page_url: str | None = None
    language: str | None = None
    remove: tuple[str, ...] = ()  # CSS selectors

    @property
    def hosts(self) -> frozenset[str]:
        """The names of the site, lower case."""
        return frozenset(filter(None, (_host(self.url), _host(self.home_page_url))))


def clean(entry: Entry, site: Site) -> Article:
    """The article in an entry. Never raises for what an entry holds."""
    url = _url(entry, site)
    body = entry.content if entry.content.value.strip() else entry.summary
    base = links.resolve(site.url, body.base) or url
    markup = _markup(body)
    removed: list[Removal] = []
    if site.remove:
        markup, texts = select.without(markup, site.remove)
        removed += [Removal("remove", line(text, 10_000)) for text in texts]
    done = walk.transform(markup, base, site.hosts | {_host(url) or ""})
    removed += done.removed
    text = tree.text(done.html)
    title = _title(entry.title) or line(text, 80) or url
    source = entry.source
    credits = [links.resolve(base, link) for link in (*entry.via, *done.credits)]
    if source is not None:
        credits += [links.resolve(base, link) for link in (source.home_page_url, source.url)]
    return Article(
        guid=line(entry.guid, 2100) or url,
        url=url,
        title=title,
        author=line(entry.author, 300) or None if entry.author else None,
        summary=_summary(entry, text),
        content_html=done.html,
        content_text=text,
        removed=tuple(removed),
        categories=tuple(dict.fromkeys(filter(None, (line(category, 200) for category in entry.categories))))[:100],
        enclosures=tuple(_enclosures(entry, base)),
        language=_language(entry.language) or _language(site.language),
        word_count=len(text.split()),
        published=entry.published,
        updated=entry.updated,
        source=source,
        credits=tuple(dict.fromkeys(link for link in credits if link and link != url)),
    )


def _url(entry: Entry, site: Site) -> str:
    """Where the article is: its link, else whatever comes nearest; never empty."""
    candidates = [entry.url, entry.guid, *(enclosure.url for enclosure in entry.enclosures), site.home_page_url]
    for candidate in candidates:
        if candidate and (url := links.resolve(site.url, candidate)) and (candidate != entry.guid or _host(candidate)):
            return url
    return links.resolve(site.url, site.url) or site.url


def _markup(text: Text) -> str:
    value = legal(text.value)
    if len(value) > LONGEST:
        value = value[:LONGEST]
        cut = value.rfind("<")
        if cut > value.rfind(">"):
            value = value[:cut]  # not in the middle of a tag
        value += "\n\n[…]" if not text.html else "<p>[…]</p>"
    if text.html and _HTML_TAG.search(value) is None and "&lt;" not in value and "\n\n" in value.strip():
        # Plain text that a feed calls HTML: its blank lines are paragraphs.
        return "".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", value.strip()))
    if text.html:
        return value
    paragraphs = re.split(r"\n\s*\n", value.strip())
    return "".join("<p>" + html.escape(part, quote=False).replace("\n", "<br>") + "</p>" for part in paragraphs if part)


def _title(title: Text) -> str:
    value = legal(title.value[:20_000])
    return line(tree.text(value) if title.html else value)


def _summary(entry: Entry, text: str) -> str:
    if entry.content.value.strip() and entry.summary.value.strip():
        own = walk.transform(_markup(entry.summary), "", frozenset()).html
        if summary := line(tree.text(own), 1000):
            return summary
    text = line(text, _SUMMARY + 200)
    if len(text) <= _SUMMARY:
        return text
    return text[: text.rfind(" ", 0, _SUMMARY) if " " in text[:_SUMMARY] else _SUMMARY].rstrip(" ,;:–-") + "…"


def _enclosures(entry: Entry, base: str) -> list[Enclosure]:
    found = []
    for enclosure in entry.enclosures[:100]:
        if address := links.resolve(base, enclosure.url):
            kind = re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,60}", enclosure.type or "")
            found.append(Enclosure(address, kind and kind[0], enclosure.length))
    return found


def _language(value: str | None) -> str | None:
    value = (value or "").strip().replace("_", "-")
    return value if re.fullmatch(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}", value) else None


def _host(url: str | None) -> str | None:
    try:
        return (urlsplit(url or "").hostname or "").lower() or None
    except ValueError:
        return None
