"""Titles: what in them counts, how much two are alike, and what tells them apart."""

from __future__ import annotations

import functools
import re

from aggregator.dedupe import figures, fingerprint

_EDITIONS = re.compile(
    r"^\W*(?:c\s?o\s?r\s?r\s?e\s?c\s?t\s?i\s?o\s?n|corrected|corrects|updated?|repeat|re-?issue|revised|clarification|refiled)\b"
    r"[\s:–—./-]*(?:and replac\w+\s*[:–—-]*)?|\W*\((?:corrected|updated?|correction|revised|repeat)\)\W*$",
    re.IGNORECASE,
)


def alike(ours: str, theirs: str) -> float:
    """Share of the words of two titles that both have, 0..1; "CORRECTION:" and the name of a site do not count."""
    a, b = set(plain(ours)), set(plain(theirs))
    if not a or not b:
        return float(a == b)
    within = 0.9 * len(a & b) / min(len(a), len(b)) if min(len(a), len(b)) >= 4 else 0.0
    return max(len(a & b) / len(a | b), within)


@functools.lru_cache(maxsize=1024)
def plain(title: str) -> tuple[str, ...]:
    """The words of a title, without what says only that it is a correction or another edition."""
    kept = _EDITIONS.sub("", fingerprint.normal(title))
    return tuple(fingerprint.words(kept)) or tuple(fingerprint.words(title))


def is_edition(title: str) -> bool:
    """Whether a title says that it is a correction, or another edition."""
    return _EDITIONS.search(title) is not None


def is_telling(word: str) -> bool:
    """Whether a word of a title may say what it is about: not "of", "the"; figures are looked at by themselves."""
    return (len(word) > 3 or not word.isascii()) and not any(c.isdigit() for c in word)


def numbered(title: str) -> set[str]:
    """Its figures and days."""
    return figures.dated(fingerprint.normal(title), plain(title))
