"""Attributes: which stay, and their values made right for where the article is read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aggregator.clean import images, links
from aggregator.clean.links import Trackers
from aggregator.clean.sanitize import ATTRIBUTES, EVERYWHERE, NAME, TAGS, language_class
from aggregator.clean.tokens import escape_value, plain

_KEPT = {tag: ATTRIBUTES.get(tag, frozenset()) | EVERYWHERE for tag in TAGS}
_PLAYERS = frozenset({"video", "audio"})
_DONE = frozenset({"src", "srcset"})
_SCHEMES = ("http", "https", "mailto", "tel")
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)\s*(?:!|;|$)", re.I)
_FLAGS = frozenset("controls loop open reversed default".split())
_NUMBERS = frozenset("width height colspan rowspan span start value".split())
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d+)?(?:px|%)?")
_ID = re.compile(r' (?:id|name)="([^"]+)"')
_FRAGMENT = re.compile(r' href="[^"]*#([^"#]+)"')
_BASE = re.compile(r'<base(?: [^>]*)? href="([^"]*)"')


class Values:
    """The attributes that stay in one document, whose relative addresses are relative to `base`."""

    def __init__(self, html: str, base: str, trackers: Trackers) -> None:
        self.base = _own_base(base, html)
        self.trackers = trackers
        self._page = self.base.partition("#")[0]
        self._targets = set(_ID.findall(html)) & set(_FRAGMENT.findall(html)) if "#" in html else set()

    def kept(self, name: str, values: Mapping[str, str], in_picture: bool = False) -> dict[str, str]:
        """What stays of the attributes of an element that gets this name."""
        kept: dict[str, str] = {}
        players = name in _PLAYERS
        if not values and not players:
            return kept
        allowed = _KEPT.get(name, EVERYWHERE)
        if "lang" not in values and "xml:lang" in values:
            values = {**values, "lang": values["xml:lang"]}
        if name == "a" and "id" not in values and "name" in values:
            values = {**values, "id": values["name"]}
        for key, value in values.items():
            if key in allowed and (made := self._value(name, key, value)) is not None:
                kept[key] = made
        if players:
            kept.setdefault("controls", "")
            if "src" not in kept and (source := links.absolute(self.base, values.get("data-src"))):
                kept["src"] = source
        elif name == "source":
            if in_picture:
                kept.pop("src", None)
                if candidates := images.srcset(images.candidates(values), self.base, self.trackers):
                    kept = {"srcset": candidates} | {key: kept[key] for key in kept if key != "srcset"}
            if "src" not in kept and "srcset" not in kept:
                return {}
        return kept

    def of_image(self, values: Mapping[str, str]) -> dict[str, str]:
        """What stays of the attributes that `images.image` gave, whose addresses are right already."""
        kept: dict[str, str] = {}
        for key, value in values.items():
            made = value if key in _DONE else self._value("img", key, value)
            if made is not None:
                kept[key] = made
        return kept

    def _value(self, name: str, key: str, value: str) -> str | None:
        if key in _NUMBERS and name != "data":
            return value.strip() if _NUMBER.fullmatch(value.strip()) else None
        match key:
            case "href":
                return self.href(value)
            case "cite":
                return self.trackers.resolve(self.base, value)
            case "src" | "poster":
                return links.absolute(self.base, value)
            case "srcset":
                return images.srcset(value, self.base, self.trackers) or None
            case "class":
                return language_class(value)
            case "id":
                return value if value in self._targets and NAME.fullmatch(value) else None
            case "title" | "lang" | "dir" | "datetime" | "alttext":
                return value.strip() or None
        if key in _FLAGS and name != "mo":
            return ""
        return value

    def href(self, value: str) -> str | None:
        """A link's target; one to a place in this text stays that, also where the feed has made it absolute."""
        if self._targets:
            address, mark, fragment = value.strip().partition("#")
            here = fragment in self._targets and (not address or links.absolute(self.base, address) == self._page)
            if mark and here and NAME.fullmatch(fragment):
                return "#" + fragment
        return self.trackers.resolve(self.base, value, _SCHEMES)


def written(name: str, kept: Mapping[str, str]) -> str:
    """A start tag."""
    values = [f' {key}="{escape_value(value)}"' for key, value in kept.items()]
    return f"<{name}{''.join(values)}>"


def hidden(values: Mapping[str, str]) -> bool:
    """Whether an element is not for eyes."""
    if not values:
        return False
    if "hidden" in values or ("style" in values and _HIDDEN.search(values["style"]) is not None):
        return True
    # KaTeX and MathJax write a formula twice: as MathML, and drawn for eyes only.
    return values.get("aria-hidden") == "true" and "katex-html" in values.get("class", "")


def titled(values: Mapping[str, str]) -> dict[str, str]:
    """The title of an element, as an attribute for what stands for it."""
    return {"title": values["title"]} if values.get("title") else {}


def _own_base(base: str, html: str) -> str:
    """The base of relative links: a <base> in the document is relative to what it would be without (HTML §4.2.3)."""
    found = _BASE.search(html)
    return (links.absolute(base, plain(found[1])) if found else None) or base
