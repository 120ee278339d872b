"""Images: which address is the real one, which only count readers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aggregator.clean import links

# Where lazy loaders keep the real address, the surest first.
LAZY = (
    "data-src data-lazy-src data-original data-lazyload data-lazy data-url data-orig-src data-original-src data-srcs "
    "data-hi-res-src data-img-src data-ezsrc data-pin-media data-full-url data-large-file data-orig-file "
    "data-canonical-src data-echo"
).split()
LAZY_SETS = "data-srcset data-lazy-srcset data-original-set data-ezsrcset".split()
_LAZY = frozenset(LAZY)
_LAZY_SETS = frozenset(LAZY_SETS)
_PLACEHOLDER = re.compile(
    r"data:|about:|.*/(?:[\w-]*(?:placeholder|spacer|blank|transparent|lazy|loading|grey|gray|pixel|1x1|empty|clear)[\w-]*)"
    r"\.(?:gif|png|svg|jpe?g|webp)(?:[?#]|$)",
    re.I,
)
_IMAGE = re.compile(r"\.(?:avif|bmp|gif|jpe?g|png|svg|webp)(?:[?#:!/]|$)", re.I)
# HTML §4.8.4.3.10: white space ends an address, not a comma; one at its end belongs to the list.
_CANDIDATE = re.compile(r"[\s,]*(\S*[^\s,])(?:\s+([^,\s]+))?\s*(?:,|$)|[\s,]+$")
_DESCRIPTOR = re.compile(r"\d+(?:\.\d+)?[wxh]")
_LONGEST_SET = 20_000
_KEPT = frozenset("alt title lang dir id loading".split())
_SIZE = re.compile(r"\s*(\d{1,6})(?:\.\d+)?\s*(?:px)?\s*")
_STYLE_SIZE = re.compile(r"(?:^|;)\s*(width|height)\s*:\s*(\d{1,6})(?:\.\d+)?\s*(?:px)?\s*(?=!|;|$)", re.I)


def image(attributes: Mapping[str, str], base: str, trackers: links.Trackers) -> dict[str, str] | None:
    """The attributes an image keeps, addresses absolute; None where it shows nothing or only counts its readers."""
    source = attributes.get("src", "").strip()
    source = "" if source.startswith("#") else source  # the page itself is no image
    real = links.absolute(base, source)
    lazy = None
    if not _LAZY.isdisjoint(attributes):
        lazy = next((url for name in LAZY if (url := _lazy(name, attributes, base))), None)
        if lazy and (
            real is None or _PLACEHOLDER.match(source) or attributes.get("data-src") or "lazy" in _marks(attributes)
        ):
            real = lazy
    found = srcset(candidates(attributes), base, trackers)
    if found and (real is None or _PLACEHOLDER.match(source)):
        real = largest(found) if lazy is None else real
    if real is None or trackers.counts_readers(real):
        return None
    width, height = size(attributes)
    if width is not None and height is not None and width <= 1 and height <= 1:
        return None
    kept = {"src": real}
    if found:
        kept["srcset"] = found
        if "sizes" in attributes and attributes["sizes"].strip().lower() != "auto":
            kept["sizes"] = attributes["sizes"]
        elif attributes.get("data-sizes", "auto") != "auto":
            kept["sizes"] = attributes["data-sizes"]
    for name, value in attributes.items():
        if name in _KEPT or (name in ("width", "height") and _SIZE.fullmatch(value)):
            kept[name] = value.strip() if name not in _KEPT else value
    return kept


def is_lazy(attributes: Mapping[str, str]) -> bool:
    """Whether a script was to put the real address in: then a <noscript> after it holds the same image."""
    late = not (_LAZY.isdisjoint(attributes) and _LAZY_SETS.isdisjoint(attributes))
    return late or _PLACEHOLDER.match(attributes.get("src", "data:")) is not None


def size(attributes: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Width and height in pixels, as attributes or style say."""
    found = {}
    if style := attributes.get("style"):
        found = {name.lower(): int(value) for name, value in _STYLE_SIZE.findall(style)}
    for name in ("width", "height"):
        if name in attributes and (match := _SIZE.fullmatch(attributes[name])):
            found[name] = int(match[1])
    return found.get("width"), found.get("height")


def srcset(value: str, base: str, trackers: links.Trackers) -> str:
    """The candidates of a srcset with absolute addresses; a comma in an address is escaped where it could part two."""
    result: list[str] = []
    if not value:
        return ""
    for match in _CANDIDATE.finditer(value[:_LONGEST_SET]):
        address = links.absolute(base, match[1]) if match[1] else None
        if address is None or trackers.counts_readers(address):
            continue
        if match[2] is not None and not _DESCRIPTOR.fullmatch(match[2]):
            continue
        result.append(f"{address} {match[2] or ''}".strip())
    return ", ".join(result)


def largest(found: str) -> str | None:
    """The address of a srcset's candidate with the greatest width or density."""
    best: tuple[float, str] | None = None
    for candidate in found.split(", "):
        address, _, descriptor = candidate.partition(" ")
        weight = float(descriptor[:-1]) if _DESCRIPTOR.fullmatch(descriptor) else 1.0
        if best is None or weight > best[0]:
            best = weight, address
    return best[1] if best else None


def candidates(attributes: Mapping[str, str]) -> str:
    """The srcset of an image or source, lazy or not."""
    if not _LAZY_SETS.isdisjoint(attributes):
        for name in LAZY_SETS:
            if attributes.get(name, "").strip():
                return attributes[name]
    own = attributes.get("srcset", "")
    return "" if own.strip().startswith("data:") else own


def _lazy(name: str, attributes: Mapping[str, str], base: str) -> str | None:
    value = attributes.get(name, "").strip()
    if not value or value.startswith(("{", "[")) or (name != "data-src" and not _IMAGE.search(value)):
        return None
    return links.absolute(base, value)


def _marks(attributes: Mapping[str, str]) -> str:
    return attributes.get("class", "").lower()
