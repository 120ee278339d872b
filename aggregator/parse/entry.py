"""feedparser's dictionary of an entry -> Entry: what it says, untouched, in the words of RFC 4287."""

from __future__ import annotations

import contextlib
import html
import mimetypes
import re
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from aggregator.model import Enclosure, Entry, Source, Text
from aggregator.parse import dates, identity

LONGEST = 2 * 2**20  # characters of a text, two thick books; each is held and copied more than once on its way
CUT = " […]"
_PICTURES = re.compile(r"data:[\w.+/-]{1,80};base64,[A-Za-z0-9+/=\s]{1000,}")  # no reader is shown these
# Addresses that joining leaves as they are; it takes as long as all else in reading an entry.
_WHOLE = re.compile(r"https?://[a-zA-Z0-9.:-]+/[\w./%~+=@:-]*(?:\?[\w./%~+=@:&-]+)?(?:#[\w-]+)?", re.A)
_BREAKS = re.compile(r"\s*[\t\r\n]\s*|\s{2,}")
_MAILBOX = re.compile(r"\S+@\S+\s*\((.+)\)|(.+?)\s*<\S+@\S+>", re.S)
_MARKUP = re.compile(r"</\w+>|<br")
_TEXTUAL = re.compile(r"text/|application/xhtml")
_LENGTH = re.compile(r"\s*[0-9]{1,15}\s*")
_EMPTY = Text()
_NO_DATES = frozenset(("", "0000-00-00", "0000-00-00 00:00:00", "0"))  # what programs write where they have none


def read(item: Any, atom: bool, base: str, feed_author: str | None) -> tuple[Entry, tuple[str, ...]]:
    """The entry and what was lost of it. `base` is the document's address, `feed_author` who is meant if it names none."""
    flaws: list[str] = []
    links = [link for link in dict.get(item, "links", []) if isinstance(link, dict) and get(link, "href")]
    entry = Entry(
        guid=identity.given(get(item, "id")),
        url=_url(item, links, base),
        title=_title(item, atom),
        summary=_summary(item, base),
        content=_content(item, base),
        author=author(item) or author(dict.get(item, "source") or {}) or feed_author,  # in this order: RFC 4287 §4.2.1
        published=_date(item, ("published", "created"), flaws),
        updated=_date(item, ("updated",), flaws),
        categories=tuple(dict.fromkeys(filter(None, map(_category, dict.get(item, "tags", ()))))),
        enclosures=_enclosures(item, links, base),
        language=_language(item),
        source=_source(dict.get(item, "source"), base),
        via=tuple(filter(None, [join(base, a["href"]) for a in links if a.get("rel") in ("via", "canonical")])),
    )
    if not entry.guid:
        entry = entry._replace(guid=identity.made(entry))
    flaws += lost(entry)
    return entry, tuple([f"entry {entry.guid[:100]}: {flaw}" for flaw in flaws])


def bounded(value: str) -> str:
    """A text that is no longer than LONGEST, and marked where it was cut."""
    if len(value) > LONGEST and "data:" in value:
        value = _PICTURES.sub("data:,", value)
    return value if len(value) <= LONGEST else value[:LONGEST] + CUT


def lost(entry: Entry) -> list[str]:
    """What `bounded` took from an entry, in words."""
    if max(len(entry.title.value), len(entry.summary.value), len(entry.content.value)) > LONGEST:
        return [f"it is longer than {LONGEST // 2**20} Mi characters; its end is left out"]
    return []


def get(data: Any, key: str) -> str | None:
    """A text as it stands. FeedParserDict invents some keys from others; only what is there counts."""
    value = dict.get(data, key)
    return (value.strip() or None) if isinstance(value, str) else None


def join(base: str, link: object) -> str | None:
    """A link made absolute; line breaks, and runs of spaces that were some, are accidents of layout in it."""
    if not isinstance(link, str):
        return None
    if _WHOLE.fullmatch(link):
        return link
    if link := _BREAKS.sub("", link.strip()):
        with contextlib.suppress(ValueError):
            return urljoin(base, link)
    return None


def author(data: Any) -> str | None:
    """Who wrote an entry or a feed: names, else mail addresses, parted by commas."""
    found = dict.get(data, "authors")
    if not found:
        return None
    names = [get(person, "name") or get(person, "email") for person in found if isinstance(person, dict)]
    return ", ".join(dict.fromkeys(_name(name) for name in names if name)) or None


def _name(text: str) -> str:
    """The name in "mail (name)" (RSS 2.0) and "name <mail>" (RFC 5322)."""
    match = _MAILBOX.fullmatch(text)
    return (match[1] or match[2]).strip(" \"'") or text if match else text


def _url(item: Any, links: list[Any], base: str) -> str | None:
    """Where the entry is: what FeedBurner says it was before, else its link to a page, else what comes nearest."""
    original = get(item, "feedburner_origlink")
    if original and original.lower().startswith(("http://", "https://")):
        return join(base, original)
    pages = [a for a in links if a.get("rel", "alternate") == "alternate"]
    for link in sorted(pages, key=lambda a: "html" not in str(a.get("type", "html"))):
        if (url := join(base, link["href"])) and (":" not in link["href"][:30] or url.lower().startswith("http")):
            return url
    guid, link = get(item, "id"), get(item, "link")
    if link is not None and link != guid:
        return join(base, link)
    # A guid is an address unless it says that it is none (RSS 2.0); many that say nothing are none either.
    if guid and dict.get(item, "permalink") and guid.lower().startswith(("http://", "https://", "/")):
        return join(base, guid)
    sources = (part for part in dict.get(item, "content", []) if get(part, "src"))  # RFC 4287 §4.1.3.2
    return next((join(base, part["src"]) for part in sources), None)


def _date(item: Any, keys: tuple[str, ...], flaws: list[str]) -> datetime | None:
    for key in keys:
        text = dict.get(item, key)
        if isinstance(text, str) and text.strip() not in _NO_DATES:
            if date := dates.from_text(text) or _as_feedparser_reads_it(text):
                return date
            flaws.append(f"its date {text.strip()[:60]!r} can't be read")
    return None


def _as_feedparser_reads_it(text: str) -> datetime | None:
    from aggregator.parse import reader  # slow to load, and few dates need it

    return dates.from_struct(reader.moment(text))


def _title(item: Any, atom: bool) -> Text:
    detail = dict.get(item, "title_detail") or {}
    value = bounded(get(item, "title") or "")
    if "html" in str(detail.get("type")):
        return Text(value, True)
    # RSS does not say whether a title is text or HTML; most writers escape it twice, so entities are meant as such.
    return Text(value if atom else html.unescape(value), False)


def _text(detail: Any, document: str) -> Text:
    if not isinstance(detail, dict) or not isinstance(detail.get("value"), str):
        return _EMPTY
    base = detail.get("base") or None  # the document's own address is no base that somebody chose
    return Text(bounded(detail["value"]), "html" in str(detail.get("type")), base if base != document else None)


def _summary(item: Any, base: str) -> Text:
    found = _text(dict.get(item, "summary_detail"), base)
    if found.value:
        return found
    plain = get(item, "itunes_summary") or get(item, "media_description") or get(item, "subtitle") or ""
    return Text(bounded(plain), _MARKUP.search(plain) is not None)


def _content(item: Any, base: str) -> Text:
    if not dict.get(item, "content"):
        return _EMPTY
    parts = [part for part in item["content"] if isinstance(part, dict)]
    # Base64 of a picture (RFC 4287 §4.1.3.3) is no text.
    texts = [_text(part, base) for part in parts if _TEXTUAL.match(str(part.get("type", "text/html")))]
    return max(texts, key=lambda text: (text.html, len(text.value)), default=_EMPTY)


def _category(tag: Any) -> str | None:
    return get(tag, "label") or get(tag, "term")


def _enclosures(item: Any, links: list[Any], base: str) -> tuple[Enclosure, ...]:
    """Enclosures, then media, then pictures that stand for the entry; each address once."""
    found = [(a["href"], get(a, "type"), a.get("length")) for a in links if a.get("rel") == "enclosure"]
    for media in dict.get(item, "media_content", ()):
        if isinstance(media, dict) and (address := get(media, "url")):
            found.append((address, get(media, "type") or _guess(address), media.get("filesize")))
    for part in dict.get(item, "content", ()):
        if isinstance(part, dict) and (address := get(part, "src")) and "html" not in str(part.get("type")):
            found.append((address, get(part, "type"), None))
    pictures = [get(picture, "url") for picture in dict.get(item, "media_thumbnail", ()) if isinstance(picture, dict)]
    image = dict.get(item, "image")
    pictures.append(get(image, "href") if isinstance(image, dict) else None)
    found += [(picture, _guess(picture) or "image/*", None) for picture in pictures if picture]
    enclosures: dict[str, Enclosure] = {}
    for href, kind, length in found:
        address = join(base, href)
        if address and address not in enclosures:
            size = int(length) if isinstance(length, str) and _LENGTH.fullmatch(length) else None
            enclosures[address] = Enclosure(address, kind if kind and "/" in kind else None, size or None)
    return tuple(enclosures.values())


def _guess(address: str) -> str | None:
    return mimetypes.guess_type(address.partition("?")[0])[0]


def _language(item: Any) -> str | None:
    if language := get(item, "language"):
        return language
    for key in ("content", "summary_detail", "title_detail"):
        if not (details := dict.get(item, key)):
            continue
        for detail in details if isinstance(details, list) else (details,):
            if language := get(detail, "language"):
                return language
    return None


def _source(source: Any, base: str) -> Source | None:
    if not isinstance(source, dict):
        return None
    links = {str(a.get("rel")): a.get("href") for a in dict.get(source, "links", [])}
    # RSS <source url> is the feed; Atom has the feed as rel=self and the site as rel=alternate.
    feed = links.get("self") or get(source, "url") or get(source, "href")
    found = Source(get(source, "title"), join(base, feed), join(base, links.get("alternate")), get(source, "id"))
    return found if any(found) else None
