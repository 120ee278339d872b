"""Figures in words and digits, and the days and months: what a form filled in again has others of."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\d+(?:[.,:/’']\d+)*")
_NUMBER_WORDS = {
    word: str(value)
    for value, names in enumerate(
        "zero|one first|two second|three third|four fourth|five fifth|six sixth|seven seventh|eight eighth|nine ninth|"
        "ten tenth|eleven eleventh|twelve twelfth".split("|")
    )
    for word in names.split()
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100"}
_DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_MONTHS = frozenset("january february march april may june july august september october november december".split())
_CALENDAR = (_DAYS | _MONTHS) - {"may"}  # which in a title is mostly a verb


def numbers(raw: str, words: Sequence[str]) -> set[str]:
    """All figures of a text, without what parts thousands; those written out, too."""
    found = {number.replace(",", "").replace("’", "").replace("'", "") for number in _NUMBER.findall(raw)}
    return found | {_NUMBER_WORDS[word] for word in words if word in _NUMBER_WORDS}


def differ(a: set[str], b: set[str]) -> int:
    """How many figures of one place are others in the other; none where one side only left some out."""
    return min(len(a - b), len(b - a))


def dated(raw: str, words: Sequence[str]) -> set[str]:
    """The figures of a text, its days and months: what tells the parts of a series from one another."""
    return numbers(raw, words) | {word for word in words if word in _CALENDAR}


def is_other_date(ours: Sequence[str], theirs: Sequence[str], numbers: int) -> bool:
    """Whether two passages name different months or days of the week, or the same month with different figures."""
    for names in (_MONTHS, _DAYS):
        a, b = names.intersection(ours), names.intersection(theirs)
        if a and b and (a.isdisjoint(b) or (numbers and names is _MONTHS)):
            return True
    return False
