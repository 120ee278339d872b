"""Frames and players: each becomes a link with a title to the page of what it shows (rules/embeds.yaml)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aggregator import yamlfile
from aggregator.clean import images, links

_RULES = Path(__file__).parent / "rules" / "embeds.yaml"


@dataclass(frozen=True, slots=True)
class Embed:
    """What is linked instead of a frame."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How a service's frame becomes a link; `link` is None where the frame's own address is it, "" drops it."""

    title: str
    address: re.Pattern[str]
    link: str | None


def embed(attributes: Mapping[str, str], base: str, known: bool = False) -> Embed | None:
    """The link for an <iframe>, <embed> or <object>; None where it shows nothing. `known`: of known services only."""
    names = ("src", "data-src", "data-lazy-src", "data-litespeed-src", "data-cookieblock-src", "data")
    source = next(
        (attributes[name] for name in names if attributes.get(name, "").strip().lower() not in ("", "about:blank")), ""
    )
    url = links.absolute(base, source)
    if url is None:
        return None
    width, height = images.size(attributes)
    if (width is not None and width <= 1) or (height is not None and height <= 1):
        return None
    own = " ".join((attributes.get("title") or attributes.get("aria-label") or "").split())
    bare = re.sub(r"^https?://", "", url, flags=re.I)
    for rule in _rules():
        match = rule.address.fullmatch(bare)
        if match is None:
            continue
        if rule.link == "":
            return None
        if rule.link is not None:
            target = links.absolute(
                "https:", unquote(match.expand(rule.link)) if rule.link == r"\1" else match.expand(rule.link)
            )
            return Embed(target, own or rule.title) if target else None
        return Embed(url, own or rule.title)
    if known:
        return None
    return Embed(links.direct(url), own or urlsplit(url).hostname or url)


@functools.cache
def _rules() -> tuple[Rule, ...]:
    return tuple(
        Rule(str(row["title"]), re.compile(str(row["address"]), re.I | re.S), _text(row.get("link")))
        for row in yamlfile.rows(_RULES)
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
