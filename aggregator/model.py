"""The nouns. Frozen, slotted and picklable: every stage takes some of these and returns others.

Those that come by the dozen with each document are named tuples, which are made, copied and pickled in half the time.

The words are those of the standards: Feed and Entry of RFC 4287 (Atom), Request and Response of RFC 9110 (HTTP),
Subscription of OPML. All datetimes are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Role = Literal["origin", "republisher"]


@dataclass(frozen=True, slots=True)
class OwnRules:
    """Cleaning rules from a file of the operator's, checked; `data` is the file as JSON, without its comments."""

    version: str  # another one for other data
    data: str = field(repr=False)
    file: str = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One feed as feeds.yaml asks for it. The field names are the keys of the file."""

    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    interval: timedelta = timedelta(minutes=30)
    adaptive: bool = False
    min_interval: timedelta = timedelta(minutes=10)
    max_interval: timedelta = timedelta(hours=24)
    jitter: float = 0.2
    role: Role | None = None
    priority: int = 0
    full_text: bool = False
    remove: tuple[str, ...] = ()
    learn: bool = True
    rules: OwnRules | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    since: datetime | None = None
    headers: tuple[tuple[str, str], ...] = ()
    dedupe: bool = True
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """One GET of one feed: the address, what we already have, and the limits."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = 30.0  # seconds, for everything together
    max_body: int = 10 * 2**20  # bytes, decoded
    validators_url: str | None = None  # where the validators came from, if not from `url`: a redirect's target


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response with its body decoded (Content-Encoding undone). A 304 has an empty body."""

    url: str  # after redirects
    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes
    redirects: tuple[tuple[int, str], ...] = ()  # (status, address it sent us to), in order
    seconds: float = 0.0

    def header(self, name: str) -> str | None:
        """The first value of a header field, or None."""
        return next((value for key, value in self.headers if key == name), None)

    def values(self, name: str) -> str | None:
        """All values of a list-valued field as one (RFC 9110 §5.3), or None."""
        return ", ".join(value for key, value in self.headers if key == name) or None


class Enclosure(NamedTuple):
    """A file that belongs to an entry (RFC 4287 link rel="enclosure", RSS <enclosure>)."""

    url: str
    type: str | None = None
    length: int | None = None  # bytes


class Source(NamedTuple):
    """The feed an entry came from, as the entry itself says (atom:source, RSS <source>)."""

    title: str | None = None
    url: str | None = None  # the feed
    home_page_url: str | None = None
    guid: str | None = None  # the feed's own id (atom:id)


class Text(NamedTuple):
    """A text construct (RFC 4287 §3.1): the value, whether it is HTML, and the base of its relative links."""

    value: str = ""
    html: bool = True
    base: str | None = None


class Entry(NamedTuple):
    """An entry as its document has it: nothing cleaned, nothing resolved. `guid` is never empty."""

    guid: str
    url: str | None = None
    title: Text = Text()
    summary: Text = Text()
    content: Text = Text()
    author: str | None = None
    published: datetime | None = None
    updated: datetime | None = None
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    language: str | None = None
    source: Source | None = None
    via: tuple[str, ...] = ()  # addresses it names as where it is from: rel=via, rel=canonical


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed document as it is. `flaws` are the repairs and losses a person may want to know of."""

    url: str  # where it was found
    title: str | None = None
    home_page_url: str | None = None
    guid: str | None = None
    language: str | None = None
    ttl: timedelta | None = None
    entries: tuple[Entry, ...] = ()
    flaws: tuple[str, ...] = ()
    format: str | None = None  # its name, as in "RSS 2.0"
    complete: bool = True  # False: the document broke off, and what is missing may come with the next poll


class Removal(NamedTuple):
    """Text that cleaning took out, and the rule that did it."""

    rule: str
    text: str


class Article(NamedTuple):
    """A cleaned entry: safe HTML, its text, what was removed, and its fingerprint."""

    guid: str
    url: str
    title: str
    author: str | None
    summary: str
    content_html: str
    content_text: str
    removed: tuple[Removal, ...]
    categories: tuple[str, ...]
    enclosures: tuple[Enclosure, ...]
    language: str | None
    word_count: int
    published: datetime | None
    updated: datetime | None
    source: Source | None
    credits: tuple[str, ...]  # addresses named as where the text is from
    edges: tuple[int, ...] = ()  # marks of the blocks near its edges, see clean.habits
    faint: tuple[str, ...] = ()  # blocks of content_text that the feed repeats too often to tell copies by
    fingerprint: tuple[int, ...] = ()  # see dedupe.fingerprint

    @property
    def removed_text(self) -> str:
        """What was removed, readable, in document order."""
        return "\n\n".join(removal.text for removal in self.removed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an article is a copy, of what, and why. `against` is None for one that stands alone."""

    kind: str  # see dedupe.match.KINDS
    reason: str  # in words a person understands
    against: int | None = None  # article id
    story: int | None = None  # story id
    similarity: float = 1.0  # share of the shorter side's own words found in the other, 0..1
    other: float = 1.0  # the same, of the longer side
    shared: int = 0  # words in common runs


@dataclass(frozen=True, slots=True)
class Copy:
    """A member of a story that is not its lead, as the merged feed lists it."""

    title: str
    url: str
    feed_title: str
    published: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """One or more articles that say the same, as the merged feed shows it: by its lead."""

    id: int
    uid: str
    title: str
    url: str
    published: datetime
    updated: datetime
    author: str | None
    summary: str
    content_html: str
    categories: tuple[str, ...]
    enclosures: tuple[Enclosure, ...]
    language: str | None
    feed_url: str
    feed_title: str
    feed_home: str | None
    feed_guid: str | None  # the source feed's own id, where it has one
    copies: tuple[Copy, ...] = ()
