"""What the writers write: one merged feed with its stories."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from aggregator import picture
from aggregator.iri import names, uri
from aggregator.model import Story


@dataclass(frozen=True, slots=True)
class Channel:
    """A merged feed. `path` is its address below the site without the format, such as "feed" or "tags/press"."""

    title: str
    site: str  # base_url, ending in a slash
    path: str
    stories: tuple[Story, ...]
    hub: str | None = None
    previous: int = 0  # number of the newest archive document before this one (RFC 5005 §4); 0: there is none

    def address(self, kind: str) -> str:
        """Where the document of one format is found."""
        return f"{self.site}{self.path}.{kind}"

    @property
    def archived(self) -> bool:
        """Whether this is an archive document: complete, and never changed again."""
        return self.path.startswith("archive/")

    @property
    def root(self) -> str:
        """The way from the document to the site, for links that must work wherever the files are put."""
        return "../" * self.path.count("/")

    @property
    def language(self) -> str | None:
        """The language of all stories, where they share one."""
        languages = {language(story) for story in self.stories}
        return languages.pop() if len(languages) == 1 else None

    def before(self, kind: str) -> str | None:
        """The address of the archive document before this one."""
        return f"{self.site}archive/{self.previous}.{kind}" if self.previous else None

    def digest(self, version: int) -> bytes:
        """Changes exactly when a document made of this would."""
        return hashlib.blake2b(repr((version, self)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Outline:
    """A source in the OPML."""

    title: str
    url: str
    home_page_url: str | None
    tags: tuple[str, ...]


def published(story: Story) -> datetime:
    """When it was published, to the second."""
    return story.published.replace(microsecond=0) if story.published.microsecond else story.published


def updated(story: Story) -> datetime:
    """The last real change of what the story shows; never before it was published."""
    return max(story.updated, published(story))


def author(story: Story) -> str:
    """Who wrote it, else who published it. A mail address in it is nobody's business."""
    name = story.author or ""
    if "@" in name:
        name = _MAIL.sub("", name).strip(" ,;")
    return name or story.feed_title


def source_id(story: Story) -> str:
    """The id of the feed the story is from: its own where that can be one, else its address."""
    return _source_id(story.feed_guid, story.feed_url)


@functools.lru_cache(1000)
def _source_id(guid: str | None, url: str) -> str:
    return guid if guid and names(guid) else uri(url)


def language(story: Story) -> str | None:
    """A language tag (BCP 47) whose language exists; feeds have "english" and "us" there, too."""
    return _existing(story.language) if story.language else None


def image(story: Story) -> str | None:
    """The picture of a story: one that is attached, else the first one in its text."""
    for enclosure in story.enclosures:
        if enclosure.type is not None and enclosure.type.startswith("image/"):
            return uri(enclosure.url)
    return _first_image(story.content_html)


@functools.lru_cache(200)  # three formats ask one after the other
def _first_image(html: str) -> str | None:
    found = picture.first(html)
    return uri(found) if found is not None else None


@functools.lru_cache(500)
def _existing(tag: str) -> str | None:
    first = tag.split("-")[0].lower()
    return tag if len(first) == 3 or first in _LANGUAGES else None


_MAIL = re.compile(r"[<(]?\s*[\w.+%-]+@[\w-]+(?:\.[\w-]+)+\s*[>)]?")
# ISO 639-1; a code that is not in it is an error to validators.
_LANGUAGES = frozenset(
    (
        "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
        "en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu "
        "ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na "
        "nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so "
        "sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
    ).split()
)


@functools.lru_cache(1000)  # three formats write the same dates
def rfc3339(time: datetime) -> str:
    """A date construct of RFC 4287 §3.3. A story's microseconds part it from others that changed in the same second."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


@functools.lru_cache(1000)
def rfc822(time: datetime) -> str:
    """A date of RSS 2.0 (RFC 822 with four-digit years); strftime would name days in the operator's language."""
    time = time.astimezone(UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[time.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[time.month - 1]
    return f"{day}, {time.day:02} {month} {time.year:04} {time.hour:02}:{time.minute:02}:{time.second:02} +0000"
