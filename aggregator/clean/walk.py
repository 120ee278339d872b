"""The transform: one parse, one walk over the tree; afterwards only nh3 touches the markup."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from selectolax.lexbor import LexborNode

from aggregator.clean import furniture, links
from aggregator.clean.sanitize import sanitize
from aggregator.clean.tree import BLOCKS, MEDIA, body, walk
from aggregator.model import Removal

_DROP = frozenset(
    (
        "script style template noscript object embed applet svg form input button select textarea option link meta "
        "title base head frame frameset canvas dialog"
    ).split()
)
_PROTECTING = frozenset("pre table blockquote figure code".split())
_TIDY = frozenset(
    "p div span section article a b i em strong li ul ol h1 h2 h3 h4 h5 h6 figure small header footer".split()
)
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\s*(?:!|;|$)", re.I)
_CITING = frozenset("blockquote q del ins".split())
_SOURCES = ("src", "poster")


@dataclass(slots=True)
class Run:
    """Text nodes that stand in one line of the page, in the making of a Block."""

    nodes: list[LexborNode] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    media: bool = False
    protected: bool = False

    def block(self) -> furniture.Block:
        return furniture.Block(" ".join("".join(self.text).split()), self.media, self.protected)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Safe HTML, what was removed as furniture, and the addresses that the removed text linked to."""

    html: str
    removed: tuple[Removal, ...]
    credits: tuple[str, ...]


def transform(html: str, base: str, hosts: frozenset[str]) -> Cleaned:
    """Cleans an HTML fragment whose relative links are relative to `base`; `hosts` choose among the furniture rules."""
    root = body(html)
    runs = _walk(root, base)
    found = furniture.find([run.block() for run in runs], hosts)
    removed, credits = [], []
    for index in sorted(found):
        removed.append(Removal(found[index], runs[index].block().text))
        credits += runs[index].hrefs
        _take_out(runs[index])
    return Cleaned(sanitize(root.inner_html or ""), tuple(removed), tuple(dict.fromkeys(credits)))


def _walk(root: LexborNode, base: str) -> list[Run]:
    runs: list[Run] = []
    run = Run()
    protecting = 0
    breaks = 0  # <br> in a row

    def close() -> None:
        nonlocal run
        if run.nodes or run.media:
            runs.append(run)
        run = Run(protected=protecting > 0)

    steps = walk(root)
    skip: bool | None = None
    while True:
        try:
            node, entering = steps.send(skip)
        except StopIteration:
            break
        skip = None
        if node.is_text_node:
            value = node.text_content or ""
            run.nodes.append(node)
            run.text.append(value)
            breaks = breaks if value.isspace() else 0
            continue
        tag = node.tag or ""
        if not entering:
            if tag in _PROTECTING:
                protecting -= 1
            if tag in BLOCKS:
                close()
            if tag in _TIDY and _is_empty(node):
                run.nodes = [known for known in run.nodes if known.parent != node]
                node.decompose()
            continue
        if tag == "br":
            breaks += 1
            if breaks > 2:
                node.decompose()
                skip = True
                continue
            run.nodes.append(node)
            close()
            continue
        if not node.is_element_node or tag in _DROP or _hidden(node):
            node.decompose()
            skip = True
            continue
        if tag in _PROTECTING:
            protecting += 1
        if tag in BLOCKS:
            close()
            breaks = 0
        if tag in MEDIA:
            if not _medium(node, tag, base):
                node.decompose()
                skip = True
                if tag in _PROTECTING:
                    protecting -= 1
                continue
            run.media = True
        _addresses(node, tag, base)
        if tag == "a" and (href := node.attrs.get("href")):
            run.hrefs.append(href)
    close()
    return runs


def _hidden(node: LexborNode) -> bool:
    attributes = node.attrs
    if "hidden" in attributes:
        return True
    return "style" in attributes and _HIDDEN.search(attributes.get("style") or "") is not None


def _is_empty(node: LexborNode) -> bool:
    child = node.first_child
    while child is not None:
        if not child.is_text_node or (child.text_content or "").strip():
            return False
        child = child.next
    return True


def _medium(node: LexborNode, tag: str, base: str) -> bool:
    """Makes an image or embed right; False where nothing of it is worth keeping."""
    if tag == "img":
        return _image(node, base)
    if tag == "iframe":
        address = links.resolve(base, node.attrs.get("src"))
        if address is None:
            return False
        title = node.attrs.get("title") or urlsplit(address).hostname or address
        link = body("<p><a></a></p>")
        anchor = link.css_first("a")
        assert anchor is not None
        anchor.attrs["href"] = address
        anchor.insert_child(title)
        paragraph = link.first_child
        assert paragraph is not None
        node.insert_before(paragraph)
        return False
    return True


def _image(node: LexborNode, base: str) -> bool:
    attributes = node.attrs
    source = attributes.get("src") or ""
    lazy = attributes.get("data-src") or attributes.get("data-lazy-src") or attributes.get("data-original")
    if lazy and (not source or source.startswith("data:") or links.resolve(base, lazy)):
        source = lazy
    address = links.resolve(base, source)
    if address is None or links.counts_readers(address):
        return False
    if _small(attributes.get("width")) and _small(attributes.get("height")):
        return False
    attributes["src"] = address
    candidates = attributes.get("srcset") or attributes.get("data-srcset")
    if candidates:
        attributes["srcset"] = _srcset(candidates, base)
    return True


def _small(value: str | None) -> bool:
    return value is not None and re.fullmatch(r"\s*[01](?:px)?\s*", value) is not None


def _srcset(value: str, base: str) -> str:
    """The candidates of a srcset with absolute addresses (HTML §4.8.4.3.10: an address may hold commas, not end in one)."""
    result = []
    for match in re.finditer(r"[\s,]*(\S*[^\s,])(?:\s+([^,\s]+))?\s*(?:,|$)", value[:20_000]):
        if address := links.resolve(base, match[1]):
            result.append(f"{address.replace(',', '%2C')} {match[2] or ''}".strip())
    return ", ".join(result)


def _addresses(node: LexborNode, tag: str, base: str) -> None:
    attributes = node.attrs
    if tag == "a" and "href" in attributes:
        href = links.resolve(base, attributes.get("href"), ("http", "https", "mailto"))
        if href is None:
            del attributes["href"]
        else:
            attributes["href"] = href
    elif tag in ("video", "audio", "source", "track"):
        for name in _SOURCES:
            if name in attributes:
                attributes[name] = links.resolve(base, attributes.get(name)) or ""
        if tag == "source" and (candidates := attributes.get("srcset")):
            attributes["srcset"] = _srcset(candidates, base)
    elif tag in _CITING and "cite" in attributes:
        attributes["cite"] = links.resolve(base, attributes.get("cite")) or ""


def _take_out(run: Run) -> None:
    """Removes the nodes of a run and the elements that are empty without them."""
    for node in run.nodes:
        parent = node.parent
        node.decompose()
        while parent is not None and parent.tag in _TIDY and _is_empty(parent):
            empty, parent = parent, parent.parent
            empty.decompose()
