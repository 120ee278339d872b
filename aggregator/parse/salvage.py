"""A damaged document, entry by entry: what is wrong in one is mended there, and its neighbours never notice."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from aggregator.parse import repair
from aggregator.parse.scan import Layout, Malformed, scan

_START = re.compile(
    r"<!\[CDATA\[(?:(?!<!\[CDATA\[).)*?\]\]>|<!--(?:(?!<!--).)*?-->|<(?P<name>(?:[A-Za-z_][\w.-]{0,60}:)?(?:item|entry))(?=[\s/>])",
    re.S | re.I,
)
_CONTAINERS = ("rss", "rdf", "channel", "feed")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A well-formed document made of a damaged one. `complete` is false where that one broke off within an entry."""

    data: bytes
    layout: Layout
    flaws: tuple[str, ...]
    complete: bool


def salvage(text: str) -> Salvaged:
    """Raises Malformed where nothing can be made of it."""
    starts = [(match.start(), match["name"]) for match in _START.finditer(text) if match["name"]]
    if not starts:
        mended, open_ = repair.mend(text)
        data = (mended + _closers(open_)).encode("utf-8", "replace")
        return Salvaged(data, scan(data), (), _ends(text))
    name = starts[0][1]
    edges = [start for start, found in starts if found == name] + [len(text)]
    head, closers = _head(text[: edges[0]])
    root = _opening(head)
    pieces, flaws, repaired, complete = [], [], 0, True
    for number, (start, end) in enumerate(itertools.pairwise(edges), 1):
        piece, closed = _cut(text[start:end], name)
        if end == len(text) and not closed and not _ends(text[start:]):
            flaws.append("breaks off within its last entry, which is left out")
            complete = False
            break
        if not _stands(root + piece + closers):
            repaired += 1
            piece, open_ = repair.mend(piece)
            piece += _closers(open_)
            if not _stands(root + piece + closers):
                flaws.append(f"entry {number} is damaged beyond repair")
                continue
        pieces.append(piece)
    if repaired:
        flaws.insert(0, f"{repaired} of its {len(edges) - 1} entries had to be repaired")
    data = (head + "\n".join(pieces) + closers).encode("utf-8", "replace")
    if complete and not _ends(text[edges[-2] :]):
        flaws.append("has no end after its last entry")
    return Salvaged(data, scan(data), tuple(flaws), complete)


def _head(text: str) -> tuple[str, str]:
    """All before the first entry, with only the elements left open that entries stand in; and what closes those."""
    head, open_ = repair.mend(text)
    while open_ and open_[-1].rpartition(":")[2].lower() not in _CONTAINERS:
        head += f"</{open_.pop()}>"
    if not open_:
        head, open_ = head + '<rss version="2.0"><channel>', ["rss", "channel"]
    return head, _closers(open_)


def _opening(head: str) -> str:
    """The start tags of the elements that stay open: the least an entry needs around it to be read."""
    stack: list[tuple[str, str]] = []
    for match in re.finditer(r"<!\[CDATA\[.*?\]\]>|<(/?)([A-Za-z_][\w.:-]*)[^<>]*?(/?)>", head, re.S):
        if match[2] is None or match[3]:
            continue
        if not match[1]:
            stack.append((match[2], match[0]))
        elif stack:
            stack.pop()
    return "".join(tag for _, tag in stack)


def _cut(piece: str, name: str) -> tuple[str, bool]:
    """An entry up to its own end tag, and whether it has one."""
    ends = [match.end() for match in re.finditer(rf"</{re.escape(name)}\s*>", piece, re.I)]
    return (piece[: ends[-1]], True) if ends else (piece, False)


def _ends(text: str) -> bool:
    return re.search(r"</(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\s*>", text, re.I) is not None


def _closers(names: list[str]) -> str:
    return "".join(f"</{name}>" for name in reversed(names))


def _stands(text: str) -> bool:
    try:
        scan(text.encode("utf-8", "replace"))
    except Malformed:
        return False
    return True
