"""Templates -> HTML. Whatever comes from a feed is escaped, but for the sanitised HTML of an article."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aggregator.page import words

T = TypeVar("T")

_HERE = Path(__file__).parent

# Nothing but our own style sheet and script; of other sites pictures and sound only, which can't act. A page that holds
# other people's HTML needs this lock although that HTML is sanitised: two things would have to fail, not one.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: http:; media-src https: http:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
# For a reader whose browser asks to save data or for privacy (Save-Data, Sec-GPC): nothing from other sites at all.
QUIET_POLICY = POLICY.replace(" https: http:", "").replace("media-src;", "media-src 'none';")
LONGEST = 50_000  # bytes of a page of the river


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the pages need."""

    body: bytes
    type: str

    @property
    def version(self) -> str:
        """Changes when the file does; a part of its address, so that it may be kept for ever."""
        return hashlib.blake2b(self.body, digest_size=6).hexdigest()


STATIC: Mapping[str, Asset] = {
    name: Asset((_HERE / "static" / name).read_bytes(), kind)
    for name, kind in (
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    )
}


@dataclass(frozen=True, slots=True)
class Alternate:
    """A feed that a reader program finds by looking at the page. `path` is below the site."""

    title: str
    path: str
    type: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has. `root` is the way from the page to the front page: "" or "../", so that any prefix will do."""

    title: str  # of the site
    now: datetime
    root: str = ""
    here: str | None = None  # the entry of the menu that this page is
    pictures: bool = True  # whether pictures of other sites are loaded
    feeds: tuple[Alternate, ...] = ()

    @property
    def home(self) -> str:
        """The way to the front page."""
        return self.root or "./"

    def static(self, name: str) -> str:
        """The address of a file of ours."""
        return f"{self.root}static/{name}?v={STATIC[name].version}"


def _time(value: datetime, now: datetime) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        words.machine(value), words.exact(value), words.ago(value, now)
    )


def _sentence(text: str) -> Markup:
    """A clause with `code` in it as a sentence."""
    pieces = re.split("`([^`]*)`", f"{text[:1].upper()}{text[1:]}.")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece for number, piece in enumerate(pieces)
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        name: getattr(words, name)
        for name in ("ago", "span", "later", "exact", "machine", "count", "size", "percent", "language", "direction")
    }
    environment.filters.update(filters, time=_time, sentence=_sentence)
    return environment


_ENVIRONMENT = _environment()


def prepare() -> None:
    """Compiles the templates, so that the first reader need not wait for it."""
    for name in _ENVIRONMENT.list_templates():
        _ENVIRONMENT.get_template(name)


def render(template: str, frame: Frame, **values: object) -> str:
    """A page as HTML."""
    return _ENVIRONMENT.get_template(template).render(frame=frame, **values)


def trim(make: Callable[[Sequence[T]], str], items: Sequence[T]) -> tuple[str, Sequence[T]]:
    """A page that is short enough: with fewer and fewer items, but at least one. Gives what it shows."""
    page = make(items)
    while len(page.encode()) > LONGEST and len(items) > 1:
        items = items[: max(1, len(items) * 2 // 3)]
        page = make(items)
    return page, items
