"""The transform: one parse, one walk along the tokens; afterwards only nh3 touches the markup."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aggregator.clean import furniture, habits, tokens
from aggregator.clean.furniture import Surroundings
from aggregator.clean.page import LazyBlocks, Page
from aggregator.clean.sanitize import sanitize
from aggregator.clean.tidy import tidy
from aggregator.model import Removal

_MOST_PASSES = 8
_NOWHERE = Surroundings()
_LOCAL = re.compile(r' href="#([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Safe HTML, its text, what was removed, where that linked to, the lead image, and the blocks near the edges."""

    html: str
    text: str
    removed: tuple[Removal, ...] = ()
    credits: tuple[str, ...] = ()
    image: str | None = None
    edges: tuple[tuple[int, str], ...] = ()  # (mark, text), see habits


def transform(html: str, base: str, around: Surroundings = _NOWHERE) -> Cleaned:
    """Cleans an HTML fragment whose relative links are relative to `base`.

    The result is a fixed point: cleaned again, it gives itself, byte for byte. Mostly one pass shows that, since nh3
    changes nothing of it; misnested markup may need a few more.
    """
    first, steady = _once(html, base, around)
    done, removed, credits = first, list(first.removed), list(first.credits)
    for _ in range(_MOST_PASSES):
        if steady:
            break
        before = done.html
        done, steady = _once(before, base, around)
        steady = steady or done.html == before
        removed += done.removed
        credits += done.credits
    if not steady:
        # Markup that never comes to rest: its words are what can be saved.
        done, _ = _once("<pre>" + tokens.escape(done.text) + "</pre>", base, around)
    return Cleaned(done.html, done.text, tuple(removed), tuple(dict.fromkeys(credits)), done.image, first.edges)


def _once(html: str, base: str, around: Surroundings) -> tuple[Cleaned, bool]:
    """One pass, and whether another would change nothing."""
    page = Page(base, tokens.serialised(html))
    page.run()
    blocks = LazyBlocks(page)
    found = furniture.candidates(blocks, around)
    # What was known by a class name, which is gone afterwards, or was too much to go, is to be looked at again.
    settled = not any(blocks[index].hint for index in found) and len(found) < furniture.DEEPEST
    if found and not furniture.is_little(found, blocks):
        found, settled = {}, False
    removed, credits = [], []
    for index in sorted(found):
        if blocks[index].text:
            removed.append(Removal(found[index], blocks[index].text))
        credits += [address for address in blocks[index].addresses if address[:4] == "http"]
        page.take_out(page.runs[index])
    tail = page.cut_tail(blocks, found, around)
    removed += tail
    pieces = tidy(page.out)
    raw = "".join([markup for _, markup in pieces]).strip()
    safe = sanitize(raw)
    text = tokens.joined(pieces if safe == raw else tokens.visible(safe))
    local = set(_LOCAL.findall(safe)) if 'href="#' in safe else set()
    steady = settled and not tail and safe == raw and local == (set(_ID.findall(safe)) if ' id="' in safe else set())
    image = next((url for index, url in page.pictures if page.out[index] is not None), None)
    edges = habits.edges(blocks, around.title)
    return Cleaned(safe, text, (*page.forms, *removed), tuple(credits), image, edges), steady
