"""What makes a copy, and what speaks against it: the rules, each with its words for people.

A kind asks for shares of common words. An objection sees that both are one form filled in twice, or share only what is
not news: no threshold on shares can tell that, since releases of one wire often have most of their words in common.
"""

from __future__ import annotations

from aggregator.dedupe import titles
from aggregator.dedupe.compare import Comparison

KINDS = ("near-copy", "edited", "summary", "embedded")

LEAST_WORDS = 12  # of a text that can be a copy at all
LOW = 0.42  # share of the longer text's own words that must be in the shorter one
SAME_TITLE = 0.8  # share of title words that makes a title the same
OWN = 60  # words in a row that the shorter text may have for itself under another title
ALIKE = 0.6  # share of title words that makes titles alike
SHORT = 60  # words; in so short a text each differing word counts
BEFORE = 60  # words a copy may put before the text, under another title
PREFIX = 60  # words into the longer text where a summary must begin
REDATED = 2  # places with another date: sent again for another day
CORRECTED = 4  # places where a correction has fewer changes than that
FRAME = 0.3  # share of the longer text, boilerplate counted, where both are standing text under one title
WHOLE = 0.5  # share that must be common when boilerplate is counted, too
BRIEF = 130  # words of a summary at most
HOLE = 80  # words of the shorter text in a row that an edited copy may lack


def are_alike(one: str, other: str) -> bool:
    """Whether two titles may stand over the same text."""
    return titles.alike(one, other) >= ALIKE


def kind(c: Comparison, threshold: float, same_feed: bool) -> tuple[str | None, str]:
    """The kind of copy that the shares make it, or None; and the shares in words."""
    title = len(c.a.title_words) if c.alike == 1 else 0
    if c.shared + title < LEAST_WORDS:
        if (
            title + sum(c.covered_a) >= LEAST_WORDS
            and not same_feed
            and c.alike == 1
            and max(c.unmasked) >= max(threshold, 0.9)
            and min(c.unmasked) >= FRAME
        ):
            return "near-copy", "the same title over the same standing text"
        return None, f"only {c.shared} words in common that are not boilerplate"
    if max(c.unmasked) < WHOLE:
        return None, f"with boilerplate counted, only {max(c.unmasked):.0%} of the words are common"
    shares = f"{c.ours:.0%} of its words are in the other, {c.theirs:.0%} of the other's in it"
    if same_feed:
        if c.high >= max(threshold, 0.9) and c.low >= 0.8:
            return "near-copy", shares
        return None, f"{shares}; within one feed a copy has 90% and 80%"
    low = min(LOW, threshold)
    if c.high >= threshold and c.low >= low:
        return "near-copy", shares
    if c.high >= max(threshold, 0.8) and c.start <= PREFIX and c.hole <= 12:
        return "summary", f"{shares}: the shorter is the beginning of the longer"
    if c.alike >= ALIKE:
        # The operator's threshold moves these rules too; at 1 only equal texts are copies.
        slack = min(0.1, 0.4 * (1 - threshold))
        if c.high >= (threshold - slack if c.alike == 1 else max(threshold, 0.8)) and len(c.shorter.words) <= BRIEF:
            return "summary", f"{shares}, and the titles are alike"
        if c.high >= max(threshold, 0.85) and c.low >= 0.2:
            return "embedded", f"{shares}, and the titles are alike"
        if c.high >= threshold - 1.5 * slack and c.low >= 0.45 and c.hole <= HOLE:
            return "edited", f"{shares}, and the titles are alike"
    return None, f"{shares}; a copy has {threshold:.0%} one way and {low:.0%} the other"


def objection(c: Comparison, same_feed: bool) -> str | None:
    """Why it is no copy whatever the shares say, or None."""
    if c.numbered and c.alike >= 0.3:
        ours, theirs = c.numbered
        return f"the titles differ in their numbers or days ({_list(ours)}; {_list(theirs)}), as in a series"
    if same_feed and c.alike < SAME_TITLE:
        return "the same feed with another title"
    ours, theirs = c.subjects
    much_a, much_b = len(ours) / max(1, len(c.a.subject)), len(theirs) / max(1, len(c.b.subject))
    if (
        min(much_a, much_b) >= 0.25
        or (ours and theirs and much_a + much_b >= 0.6)
        or (c.alike < ALIKE and c.lead < 0.9 and max(much_a, much_b) >= 0.5)
    ):
        return f"each is about something the other does not mention ({_list(ours) or '–'}; {_list(theirs) or '–'})"
    if c.alike < SAME_TITLE:
        if c.lead < 0.5:
            return "neither text's beginning is in the other: only what follows the news is shared"
        if c.hole > OWN and c.lead < 0.8:
            return f"each has a long part of its own ({c.hole} words in a row) under another title"
    if c.alike < ALIKE and c.start > BEFORE and c.low < 0.7:
        return f"{c.start} words of its own come first under another title, as in a follow-up"
    return _template(c, same_feed)


def _template(c: Comparison, same_feed: bool) -> str | None:
    shown = ", ".join(f"“{sign.ours}” for “{sign.theirs}”" for sign in c.signs[:3])
    said = f"a template filled in again ({shown})"
    if same_feed and c.signs:
        return said
    # A wire puts its own day over a copy; what is sent again has others within, too. A correction says that it is one.
    if c.redated >= REDATED and not (titles.is_edition(c.a.title) or titles.is_edition(c.b.title)):
        return said
    most = 0.5 if c.alike == 1 and len(c.signs) < CORRECTED else 0.25
    if c.figures >= 2 and c.figures > most * (c.figures + c.kept_figures):
        return said
    if c.renamed >= 2 and c.renamed > most * (c.renamed + c.kept_names):
        return said
    if c.alike < ALIKE and c.figures + c.renamed + 2 * c.reentitled >= 4:
        return said
    if min(len(c.a.words), len(c.b.words)) < SHORT and (
        c.lead < 0.7 or (c.signs and (c.alike < 1 or len(c.signs) > 1))
    ):
        return f"short texts that differ ({shown})" if shown else "short texts with other beginnings"
    return None


def _list(words: list[str]) -> str:
    return ", ".join(dict.fromkeys(words[:4]))
