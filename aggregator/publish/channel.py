"""What the writers write: one merged feed with its stories."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from aggregator.model import Story


@dataclass(frozen=True, slots=True)
class Channel:
    """A merged feed. `path` is its address below the site without the format, such as "feed" or "tags/press"."""

    title: str
    site: str  # base_url, ending in a slash
    path: str
    stories: tuple[Story, ...]
    hub: str | None = None

    def address(self, kind: str) -> str:
        """Where the document of one format is found."""
        return f"{self.site}{self.path}.{kind}"

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


def rfc3339(time: datetime) -> str:
    """A date construct of RFC 4287 §3.3."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def rfc822(time: datetime) -> str:
    """A date of RSS 2.0 (RFC 822 with four-digit years); strftime would name days in the operator's language."""
    time = time.astimezone(UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[time.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[time.month - 1]
    return f"{day}, {time.day:02} {month} {time.year:04} {time:%H:%M:%S} +0000"
