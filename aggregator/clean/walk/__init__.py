"""The transform: one parse, one walk along the tokens; afterwards only nh3 touches the markup.

names    elements by what is done with them
values   attributes that stay, made right
page     the walk itself
writer   what is open meanwhile, and what its end means
sheet    what was written; the removal of what is furniture
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aggregator.clean import furniture, habits, tokens
from aggregator.clean.furniture import Surroundings
from aggregator.clean.rules import Rules
from aggregator.clean.sanitize import sanitize
from aggregator.clean.steps import Stepwise
from aggregator.clean.tidy import is_tidy, tidy
from aggregator.clean.walk.page import Page
from aggregator.clean.walk.sheet import Sheet
from aggregator.model import Removal

_MOST_PASSES = 8
_LOCAL = re.compile(r' href="#([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')


class Place(NamedTuple):
    """Where a text stands: the base of its relative links, what is around it, and the rules that apply."""

    base: str
    around: Surroundings
    rules: Rules


class Cleaned(NamedTuple):
    """Safe HTML, its text, what was removed, where that linked to, and the blocks near the edges."""

    html: str
    text: str
    removed: tuple[Removal, ...] = ()
    credits: tuple[str, ...] = ()
    edges: tuple[tuple[int, str], ...] = ()  # (mark, text), see habits


def transform(html: str, place: Place) -> Stepwise[Cleaned]:
    """Cleans an HTML fragment, step by step.

    The result is a fixed point: cleaned again, it gives itself, byte for byte. Mostly one pass shows that, since nh3
    changes nothing of it; misnested markup may need a few more.
    """
    first, steady = yield from _once(html, place)
    if steady:
        return first
    done, removed, credits = first, list(first.removed), list(first.credits)
    for _ in range(_MOST_PASSES):
        before = done.html
        done, steady = yield from _once(before, place)
        removed += done.removed
        credits += done.credits
        if steady or done.html == before:
            break
    else:
        # Markup that never comes to rest: its words are what can be saved.
        done, _ = yield from _once("<pre>" + tokens.escape(done.text) + "</pre>", place)
    return Cleaned(done.html, done.text, tuple(removed), tuple(dict.fromkeys(credits)), first.edges)


def words(html: str, place: Place) -> str:
    """The text of an HTML fragment without furniture, for where the markup is not needed."""
    sheet = Page(place.base, tokens.serialised(html), place.rules).run()
    _without_furniture(sheet, place)
    return tokens.written("".join(sheet.out))


def _once(html: str, place: Place) -> Stepwise[tuple[Cleaned, bool]]:
    """One pass, and whether another would change nothing."""
    regular = tokens.serialised(html)
    yield
    sheet = Page(place.base, regular, place.rules).run()
    yield
    removed, credits, settled = _without_furniture(sheet, place)
    yield
    raw = "".join(sheet.out).strip()
    orderly = is_tidy(raw)
    if not orderly:
        raw, plain = tidy(sheet.out)
        raw = raw.strip()
        settled = settled and plain
    safe = sanitize(raw)
    yield
    text = sheet.text if orderly and safe == raw and not removed else None
    if text is None:
        text = tokens.written(safe)
    # Without a "#" nothing links to a place in the text, and no place is named.
    paired = "#" not in regular or set(_LOCAL.findall(safe)) == set(_ID.findall(safe))
    steady = settled and safe == raw and paired
    yield
    edges = habits.edges(sheet, place.around.title)
    return Cleaned(safe, text, (*sheet.forms, *removed), tuple(credits), edges), steady


def _without_furniture(sheet: Sheet, place: Place) -> tuple[list[Removal], list[str], bool]:
    """Takes furniture out: what went, where it linked to, and whether another look would find nothing more."""
    known, around = place.rules.furniture, place.around
    found = known.candidates(sheet, around)
    settled = True
    if found:
        # What was known by a class name, which is gone afterwards, or was too much to go, is to be looked at again.
        settled = not any(sheet[index].hint for index in found) and len(found) < furniture.DEEPEST
        if not furniture.is_little(found, sheet):
            found, settled = {}, False
    removed, credits = [], []
    for index in sorted(found):
        block = sheet[index]
        if block.text:
            removed.append(Removal(found[index], block.text))
        credits += [address for address in block.addresses if address[:4] == "http"]
        sheet.take_out(index)
    tail = sheet.cut_tail(known, found, around)
    return removed + tail, credits, settled and not tail
