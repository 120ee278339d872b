"""Entry -> Article: article HTML that is safe, whole, and free of what a republisher added. Pure; rules are data.

shape        what an entry holds, made one HTML fragment: plain text, escaped twice, too long
characters   illegal characters go, misread ones are repaired
select       elements that the operator's CSS selectors name go (beautifulsoup4)
defuse       what would stall a parser goes
tokens       one parse; the fragment as a flat list
walk         one walk: addresses (links), images, embeds, hidden nodes; runs of text
furniture    which runs a republisher added, by rules; habits: by counting
rules        the data of both, and an operator's own
tidy         empty nodes and runs of line breaks go
sanitize     nh3 with a fixed allow-list, last
language     as declared, else guessed
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from aggregator.clean import habits as habits
from aggregator.clean import links, rules, select, shape, tokens, walk
from aggregator.clean.characters import line
from aggregator.clean.furniture import Surroundings
from aggregator.clean.habits import Decision, Habits
from aggregator.clean.language import declared, guessed
from aggregator.clean.rules import Rules
from aggregator.clean.steps import Stepwise, finished
from aggregator.iri import host
from aggregator.model import Article, Enclosure, Entry, Removal, Text

__all__ = ["VERSION", "Decision", "Habits", "Site", "address", "clean"]

VERSION = 3  # of the rules: articles cleaned by another are cleaned again by a replay
_SUMMARY = 300  # characters
_SENTENCE_END = re.compile(
    r"[.!?…。！？](?:(?<=[。！？])|(?<!\b\w.)(?<!\b(?:Mr|Dr|St|No|vs).)(?<!\bMrs.)[\"”’»)]*(?=\s+[^\sa-z]))", re.DOTALL
)
_CHARACTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_PARTED = re.compile("[\x00-\u303f]*+")  # most texts are so, which is seen faster than that they hold no such character
# These are slow to compile, so that is left to `re` when a text needs it.
_UNPARTED = f"[{_CHARACTERS}]"
_WORD = f"[{_CHARACTERS}]|[^\\s{_CHARACTERS}]+"
_EXACT = re.compile("<pre")  # found faster than a string is


@dataclass(frozen=True, slots=True)
class Site:
    """What cleaning knows of the feed an entry is from."""

    url: str  # the feed's address
    home_page_url: str | None = None
    language: str | None = None
    remove: tuple[str, ...] = ()  # CSS selectors
    learned: Decision = field(default=Decision())
    rules: Rules = field(default_factory=rules.ready)

    @property
    def hosts(self) -> frozenset[str]:
        """The names of the site, lower case."""
        return _hosts(self.url, self.home_page_url)


def clean(entry: Entry, site: Site) -> Article:
    """The article in an entry. Never raises for what an entry holds."""
    return finished(stepwise(entry, site))


def stepwise(entry: Entry, site: Site) -> Stepwise[Article]:
    """As `clean`, for who has several entries to clean together."""
    url = _url(entry, site)
    body = entry.content if entry.content.value.strip() else entry.summary
    base = links.absolute(site.url, body.base) or url
    title = _title(entry.title)
    markup = shape.html(body)
    removed: list[Removal] = []
    if site.remove:
        markup, texts = select.without(markup, site.remove)
        removed += [Removal("remove", line(text, 10_000)) for text in texts]
    place = walk.Place(base, Surroundings(site.hosts | {host(url)}, title, site.learned.cut), site.rules)
    yield
    done = yield from shape.whole(markup, lambda part: walk.transform(part, place))
    removed += done.removed
    yield
    summary = _summary(entry, done.text, place)
    yield
    language = declared(entry.language) or declared(site.language) or guessed(f"{title} {done.text[:4000]}")
    yield
    source = entry.source
    named = (*entry.via, *done.credits, *((source.home_page_url, source.url) if source is not None else ()))
    faint = site.learned.faint
    credits = [site.rules.trackers.resolve(base, link) for link in named]
    return Article(
        guid=line(entry.guid, 2100) or url,
        url=url,
        title=title or line(done.text[:400], 80) or url,
        author=line(entry.author, 300) or None if entry.author else None,
        summary=summary,
        content_html=done.html,
        content_text=done.text,
        removed=tuple(removed),
        categories=tuple(dict.fromkeys(filter(None, (line(category, 200) for category in entry.categories))))[:100],
        enclosures=tuple(_enclosures(entry, base)),
        language=language,
        word_count=_words(done),
        published=entry.published,
        updated=entry.updated,
        source=source,
        credits=tuple(dict.fromkeys(link for link in credits if link and link != url)),
        edges=tuple([mark for mark, _ in done.edges]),
        faint=tuple([text for mark, text in done.edges if mark in faint]) if faint else (),
    )


def address(base: str, href: str | None) -> str | None:
    """The absolute form of a link without what only tracks; None where it is no http or https address."""
    return rules.ready().trackers.resolve(base, href)


def _url(entry: Entry, site: Site) -> str:
    """Where the article is: its link, else whatever comes nearest; never empty."""
    candidates = [entry.url, entry.guid, *(enclosure.url for enclosure in entry.enclosures), site.home_page_url]
    for candidate in candidates:
        if not candidate or (candidate == entry.guid and not host(candidate)):
            continue
        if url := site.rules.trackers.resolve(site.url, candidate):
            return url
    return links.absolute(site.url, site.url) or site.url


def _title(title: Text) -> str:
    value = title.value[:20_000]
    marked = title.html and ("<" in value or "&" in value)
    return shape.unescaped(line(tokens.text(value) if marked else value))


def _summary(entry: Entry, text: str, place: walk.Place) -> str:
    """The feed's own, else the first sentences of the text."""
    if entry.content.value.strip() and entry.summary.value.strip():
        own = line(walk.words(shape.html(entry.summary)[: shape.LONGEST], place), 1000)
        if own:
            return own
    for longest in (_SUMMARY + 20, 2 * _SUMMARY):  # mostly few of the characters are blanks too many
        start = line(text[:longest], longest)
        if len(start) > _SUMMARY:
            break
    else:
        return start
    text = start
    sentence = max((end.end() for end in _SENTENCE_END.finditer(text, 0, _SUMMARY)), default=0)
    if sentence >= _SUMMARY // 3:
        return text[:sentence].rstrip()
    return text[: text.rfind(" ", 0, _SUMMARY) if " " in text[:_SUMMARY] else _SUMMARY].rstrip(" ,;:–-") + "…"


def _words(done: walk.Cleaned) -> int:
    """Words; in scripts that do not part them, characters count, as word processors do."""
    text = done.text
    if len(text) > shape.LONGEST:  # a list of its words would be ten times its size
        return sum(1 for _ in re.finditer(_WORD, text))
    if not text.isascii() and _PARTED.fullmatch(text) is None and re.search(_UNPARTED, text):
        return len(re.sub(_UNPARTED, " x ", text).split())
    if _EXACT.search(done.html) is not None:
        return len(text.split())
    lines = text.split("\n")
    return text.count(" ") + len(lines) - lines.count("")  # one blank or gap between any two words


def _enclosures(entry: Entry, base: str) -> list[Enclosure]:
    found = []
    for enclosure in entry.enclosures[:100]:
        if address := links.absolute(base, enclosure.url):
            kind = re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,60}", enclosure.type or "")
            found.append(Enclosure(address, kind and kind[0], enclosure.length))
    return found


@functools.lru_cache(maxsize=256)
def _hosts(*urls: str | None) -> frozenset[str]:
    return frozenset(filter(None, map(host, urls)))
