"""Frames and players: each becomes a link with a title to the page of what it shows (rules/embeds.yaml)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from aggregator.clean import images, links

_SOURCES = ("src", "data-src", "data-lazy-src", "data-litespeed-src", "data-cookieblock-src", "data")
_SCHEME = re.compile(r"https?://", re.I)


@dataclass(frozen=True, slots=True)
class Embed:
    """What is linked instead of a frame."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How a service's frame becomes a link; `link` is None where the frame's own address is it, "" drops it.

    `address` is a regular expression for the frame's whole address without its scheme.
    """

    title: str
    address: str
    link: str | None


class Embeds:
    """The services known, and what a frame of theirs or of others becomes."""

    def __init__(self, rules: Iterable[Rule], trackers: links.Trackers) -> None:
        self._rules = tuple(rules)
        self._trackers = trackers

    def link(self, attributes: Mapping[str, str], base: str, known: bool = False) -> Embed | None:
        """The link for an <iframe>, <embed> or <object>; None where it shows nothing. `known`: of known services only."""
        source = next(
            (
                attributes[name]
                for name in _SOURCES
                if attributes.get(name, "").strip().lower() not in ("", "about:blank")
            ),
            "",
        )
        url = links.absolute(base, source)
        if url is None:
            return None
        width, height = images.size(attributes)
        if (width is not None and width <= 1) or (height is not None and height <= 1):
            return None
        own = " ".join((attributes.get("title") or attributes.get("aria-label") or "").split())
        bare = _SCHEME.sub("", url, count=1)
        for rule in self._rules:
            match = _compiled(rule.address).fullmatch(bare)
            if match is None:
                continue
            if rule.link == "":
                return None
            if rule.link is None:
                return Embed(url, own or rule.title)
            made = match.expand(rule.link)
            target = links.absolute("https:", unquote(made) if rule.link == r"\1" else made)
            return Embed(target, own or rule.title) if target else None
        if known:
            return None
        return Embed(self._trackers.direct(url), own or urlsplit(url).hostname or url)


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when a frame is seen: most articles have none."""
    return re.compile(pattern, re.I | re.S)
