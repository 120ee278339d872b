"""Two texts side by side: how much of each is in the other, and signs that both are one template filled in twice."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from aggregator.dedupe import fingerprint

_LONGEST = 4000  # words compared one by one; beyond, the first ones speak for the text
_GAP = 6  # words; a longer difference is an edit, not a field of a form


@dataclass(frozen=True, slots=True)
class Overlap:
    """Shares of the words of each side, boilerplate masked, that stand in runs both sides have."""

    ours: float
    theirs: float
    shared: int  # words of our side in common runs

    @property
    def high(self) -> float:
        return max(self.ours, self.theirs)

    @property
    def low(self) -> float:
        return min(self.ours, self.theirs)


def overlap(ours: str, theirs: str, boilerplate: Collection[int] = frozenset()) -> Overlap:
    """How much of each text is in the other; words between neighbouring `boilerplate` hashes count on neither side."""
    a, b = fingerprint.runs(fingerprint.words(ours)), fingerprint.runs(fingerprint.words(theirs))
    common = set(a) & set(b)
    share_a, shared = _share(a, common, boilerplate)
    share_b, _ = _share(b, common, boilerplate)
    return Overlap(share_a, share_b, shared)


def _share(runs: list[int], common: set[int], boilerplate: Collection[int]) -> tuple[float, int]:
    if not runs:
        return 0.0, 0
    total = len(runs) + fingerprint.RUN - 1
    covered, masked = bytearray(total), bytearray(total)
    for i, value in enumerate(runs):
        if value in common:
            covered[i : i + fingerprint.RUN] = b"\x01" * fingerprint.RUN
    if boilerplate:
        last = None
        for i in fingerprint.sample(runs):
            if runs[i] in boilerplate:
                start = i if last is None else last
                masked[start : i + fingerprint.RUN] = b"\x01" * (i + fingerprint.RUN - start)
                last = i
            else:
                last = None
    own = total - sum(masked)
    shared = sum(1 for c, m in zip(covered, masked, strict=True) if c and not m)
    return (shared / own if own else 0.0), shared


def template_signs(ours: str, theirs: str) -> list[tuple[str, str]]:
    """Short differences inside common text where both sides have another number or name: (ours, theirs).

    A copy keeps the figures and the names; a form filled in again changes just these.
    """
    a, b = _tokens(ours), _tokens(theirs)
    folded_a, folded_b = [token.casefold() for token in a], [token.casefold() for token in b]
    signs = []
    codes = difflib.SequenceMatcher(None, folded_a, folded_b, autojunk=False).get_opcodes()
    for number, (tag, i, j, k, m) in enumerate(codes):
        if tag != "replace" or j - i > _GAP or m - k > _GAP:
            continue
        before = codes[number - 1] if number else None
        after = codes[number + 1] if number + 1 < len(codes) else None
        if not all(code and code[0] == "equal" and code[2] - code[1] >= 2 for code in (before, after)):
            continue
        if _differ(_numbers(a[i:j]), _numbers(b[k:m])) or _differ(_names(a, i, j), _names(b, k, m)):
            signs.append((" ".join(a[i:j]), " ".join(b[k:m])))
    return signs


def titles_conflict(ours: str, theirs: str) -> bool:
    """Whether two titles are alike but for their numbers: a series (weeks, versions, episodes), not copies."""
    a, b = fingerprint.words(ours), fingerprint.words(theirs)
    numbers_a, numbers_b = _numbers(a), _numbers(b)
    if not _differ(numbers_a, numbers_b):
        return False
    rest_a, rest_b = set(a) - numbers_a, set(b) - numbers_b
    return _jaccard(rest_a, rest_b) >= 0.6


def titles_alike(ours: str, theirs: str) -> float:
    """Share of the words of two titles that both have, 0..1."""
    return _jaccard(set(fingerprint.words(ours)), set(fingerprint.words(theirs)))


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:[.,:]\d+)*|[.!?]", unicodedata.normalize("NFKC", text))[:_LONGEST]


def _numbers(tokens: Collection[str]) -> set[str]:
    return {token for token in tokens if any(character.isdigit() for character in token)}


def _names(tokens: list[str], start: int, end: int) -> set[str]:
    """Capitalised words that do not begin a sentence."""
    return {
        tokens[i].casefold()
        for i in range(start, end)
        if tokens[i][0].isupper() and i and tokens[i - 1] not in (".", "!", "?")
    }


def _differ(a: set[str], b: set[str]) -> bool:
    return bool(a) and bool(b) and a.isdisjoint(b)


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0
