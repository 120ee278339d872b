"""Two texts side by side: how much of each is in the other, where, and what stands in the other's place."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from aggregator.dedupe import fingerprint

LEAD = 25  # words at the start that carry the news
GAP = 16  # words; a longer difference is an edit, not a field of a form
_SENTENCE = re.compile(r"[.!?:;。！？।\n“”\"«»•*–—]\s*$|^$")
_NUMBER = re.compile(r"\d+(?:[.,:/’']\d+)*")
_NUMBER_WORDS = {
    word: str(value)
    for value, names in enumerate(
        "zero|one first|two second|three third|four fourth|five fifth|six sixth|seven seventh|eight eighth|nine ninth|"
        "ten tenth|eleven eleventh|twelve twelfth".split("|")
    )
    for word in names.split()
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100"}
_CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september "
    "october november december".split()
)  # without May, which is mostly a verb


class Text:
    """A title and a text, prepared once and compared with many; `url` is where they stand."""

    def __init__(self, title: str, body: str, boilerplate: Collection[int] = frozenset(), url: str = "") -> None:
        self.title = title
        self.url = url
        self._normal = fingerprint.normal(body[: fingerprint.LONGEST])
        self.words: list[str] = fingerprint.WORD.findall(self._normal.casefold())
        self.boilerplate = boilerplate

    @cached_property
    def grams(self) -> list[tuple[str, ...]]:
        """The runs of four words, in order."""
        w = self.words
        return list(zip(w, w[1:], w[2:], w[3:], strict=False))

    @cached_property
    def places(self) -> dict[tuple[str, ...], list[int]]:
        """Where each run stands."""
        found: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for i, gram in enumerate(self.grams):
            found[gram].append(i)
        return dict(found)

    @cached_property
    def masked(self) -> bytearray:
        """A 1 for each word that is boilerplate: those of and between neighbouring boilerplate hashes."""
        mask = bytearray(len(self.words))
        if self.boilerplate:
            hashes = fingerprint.runs(self.words)
            last = None
            for i in fingerprint.sample(hashes):
                if hashes[i] in self.boilerplate:
                    start = i if last is None else last
                    mask[start : i + fingerprint.RUN] = b"\x01" * (i + fingerprint.RUN - start)
                    last = i
                else:
                    last = None
        return mask

    @cached_property
    def standing(self) -> frozenset[tuple[str, ...]]:
        """The runs that are boilerplate."""
        mask, run = self.masked, b"\x01" * fingerprint.RUN
        return (
            frozenset(gram for i, gram in enumerate(self.grams) if mask[i : i + fingerprint.RUN] == run)
            if any(mask)
            else frozenset()
        )

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words, those of the title too."""
        return frozenset(self.words) | frozenset(self.title_words)

    @cached_property
    def title_words(self) -> tuple[str, ...]:
        """The words of the title, without what says only that it is a correction or another edition."""
        return _plain_title(self.title)

    @cached_property
    def subject(self) -> frozenset[str]:
        """The words of the title that may say what it is about."""
        return frozenset(word for word in self.title_words if _telling(word))

    @cached_property
    def site(self) -> frozenset[str]:
        """The words of the host's name: "Mirage: …" over a text that begins "Mirage reports" is not about Mirage."""
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:
            host = ""
        return frozenset(fingerprint.WORD.findall(host.casefold()))

    @cached_property
    def below(self) -> frozenset[str]:
        """The words of the text, a repeated title left out."""
        title, words = self.title_words, self.words
        for i in range(len(words) - len(title) + 1) if len(title) > 1 else ():
            if words[i] == title[0] and tuple(words[i : i + len(title)]) == title:
                return frozenset(words[:i]) | frozenset(words[i + len(title) :])
        return frozenset(words)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each word stands in the text; empty in the rare script whose folding parts words."""
        spans = [match.span() for match in fingerprint.WORD.finditer(self._normal)]
        return spans if len(spans) == len(self.words) else []

    @cached_property
    def numbers(self) -> frozenset[str]:
        """All figures, written out or not."""
        return frozenset(_numbers(self._normal, self.words))

    @cached_property
    def names(self) -> frozenset[str]:
        """Capitalised words that do not begin a sentence."""
        return frozenset(self.names_in(0, len(self.words)))

    def names_in(self, start: int, end: int) -> set[str]:
        """The names among some words."""
        found = set()
        for i in range(start, end) if self.spans else ():
            at, to = self.spans[i]
            if self._normal[at].isupper() and to - at > 1:
                before = self._normal[max(0, at - 3) : at]
                if i and _SENTENCE.search(before) is None:
                    found.add(self.words[i])
        return found

    def numbers_in(self, start: int, end: int) -> set[str]:
        """The figures among some words."""
        if not self.spans or start >= end:
            return set()
        return _numbers(self._normal[self.spans[start][0] : self.spans[end - 1][1]], self.words[start:end])

    def phrase(self, start: int, end: int) -> str:
        """Some words as they are written."""
        if start >= end:
            return ""
        if not self.spans:
            return " ".join(self.words[start:end])
        return self._normal[self.spans[start][0] : self.spans[end - 1][1]]


@dataclass(frozen=True, slots=True)
class Block:
    """A run of words that both texts have."""

    ours: int  # position of its first word
    theirs: int
    length: int


@dataclass(frozen=True, slots=True)
class Sign:
    """What stands in one place in one text, and in the same place in the other."""

    ours: str
    theirs: str
    numbers: int  # how many figures differ
    names: frozenset[tuple[str, str]]


@dataclass
class Comparison:
    """One text beside another. Shares are of words that are not boilerplate, as far as `a` knows it, 0 to 1."""

    a: Text
    b: Text
    covered_a: bytearray = field(init=False)
    covered_b: bytearray = field(init=False)
    masked_a: bytearray = field(init=False)
    masked_b: bytearray = field(init=False)

    def __post_init__(self) -> None:
        common = self.a.places.keys() & self.b.places.keys()
        self.covered_a, self.covered_b = _covered(self.a, common), _covered(self.b, common)
        self.masked_a, self.masked_b = self.a.masked, _covered(self.b, common & self.a.standing)

    @cached_property
    def ours(self) -> float:
        """Share of our words in runs that the other text has too."""
        return _share(self.covered_a, self.masked_a)

    @cached_property
    def theirs(self) -> float:
        """Share of the other's words in runs that we have too."""
        return _share(self.covered_b, self.masked_b)

    @cached_property
    def shared(self) -> int:
        """Words of ours in common runs."""
        return sum(1 for c, m in zip(self.covered_a, self.masked_a, strict=True) if c and not m)

    @cached_property
    def unmasked(self) -> tuple[float, float]:
        """The same shares with boilerplate counted."""
        return tuple(sum(covered) / max(1, len(covered)) for covered in (self.covered_a, self.covered_b))  # type: ignore[return-value]

    @property
    def high(self) -> float:
        return max(self.ours, self.theirs)

    @property
    def low(self) -> float:
        return min(self.ours, self.theirs)

    @cached_property
    def lead(self) -> float:
        """Share of the first words that the other text has too, of the side that has more of them."""
        return max(_lead(self.covered_a, self.masked_a), _lead(self.covered_b, self.masked_b))

    @cached_property
    def _within(self) -> bool:
        """Whether it is we who are (more) within the other."""
        return self.ours >= self.theirs

    @property
    def shorter(self) -> Text:
        """The side that is (more) within the other."""
        return self.a if self._within else self.b

    @cached_property
    def start(self) -> int:
        """Words of the longer side before the first run it shares: what a copy puts before the text."""
        covered, masked = (self.covered_b, self.masked_b) if self._within else (self.covered_a, self.masked_a)
        return next((i for i, (c, m) in enumerate(zip(covered, masked, strict=True)) if c and not m), len(covered))

    @cached_property
    def hole(self) -> int:
        """Words of the longest run within the shorter side that the other does not have."""
        covered, masked = (self.covered_a, self.masked_a) if self._within else (self.covered_b, self.masked_b)
        longest = run = 0
        for c, m in zip(covered, masked, strict=True):
            run = 0 if c or m else run + 1
            longest = max(longest, run)
        return longest

    @cached_property
    def blocks(self) -> list[Block]:
        """Common runs, in our order."""
        a, b = self.a, self.b
        found: list[Block] = []
        i = expected = 0
        while i < len(a.grams):
            places = b.places.get(a.grams[i])
            if places is None:
                i += 1
                continue
            # The next one after where we were is the likeliest; text that moved is found again from the start.
            at = bisect_left(places, expected)
            j = places[at] if at < len(places) else places[0]
            length = fingerprint.RUN
            while (
                i + length < len(a.words) and j + length < len(b.words) and a.words[i + length] == b.words[j + length]
            ):
                length += 1
            found.append(Block(i, j, length))
            i, expected = i + length, j + length
        return found

    @cached_property
    def signs(self) -> list[Sign]:
        """Figures or names that differ in the same place, inside text that both have.

        A copy keeps the figures and the names; a form filled in again changes just these.
        """
        found = []
        edges = [Block(0, 0, 0), *self.blocks]
        for before, after in zip(edges, self.blocks, strict=False):
            start, end = before.ours + before.length, after.ours
            other, until = before.theirs + before.length, after.theirs
            if not (0 <= until - other <= GAP and end - start <= GAP) or (start == end and other == until):
                continue
            numbers = _differ(self.a.numbers_in(start, end), self.b.numbers_in(other, until))
            ours = self.a.names_in(start, end) - self.b.vocabulary
            theirs = self.b.names_in(other, until) - self.a.vocabulary
            names = frozenset((x, y) for x in ours for y in theirs if x[:3] != y[:3])
            if numbers or names:
                found.append(Sign(self.a.phrase(start, end), self.b.phrase(other, until), numbers, names))
        return found

    @cached_property
    def reentitled(self) -> bool:
        """Whether titles that are much alike have other words in one place, each used by its own text."""
        ours, theirs = set(self.a.title_words), set(self.b.title_words)
        return 0.3 <= self.alike < 1 and bool((ours - theirs) & self.a.below) and bool((theirs - ours) & self.b.below)

    @cached_property
    def figures(self) -> int:
        """Figures that differ in the same place."""
        return sum(sign.numbers for sign in self.signs)

    @cached_property
    def kept_figures(self) -> int:
        """Figures that both texts have."""
        return len(self.a.numbers & self.b.numbers)

    @cached_property
    def renamed(self) -> int:
        """Places where the names are others."""
        return sum(1 for sign in self.signs if sign.names)

    @cached_property
    def kept_names(self) -> int:
        """Names that both texts have."""
        return len(self.a.names & self.b.names)

    @cached_property
    def alike(self) -> float:
        """Share of the titles' words that both have, 0..1."""
        return titles_alike(self.a.title, self.b.title)

    @cached_property
    def subjects(self) -> tuple[list[str], list[str]]:
        """Words of each title that its own text uses and the other's knows nothing of: what only one is about."""
        return _subject(self.a, self.b), _subject(self.b, self.a)

    @cached_property
    def numbered(self) -> tuple[list[str], list[str]] | None:
        """Figures and days that differ between the titles: a series (weeks, versions, episodes)."""
        a, b = (_counted(text.title, text.title_words) for text in (self.a, self.b))
        ours, theirs = a - b, b - a
        if not ours or not theirs:
            return None
        return sorted(ours), sorted(theirs)


def titles_alike(ours: str, theirs: str) -> float:
    """Share of the words of two titles that both have, 0..1; "CORRECTION:" and the name of a site do not count."""
    a, b = set(_plain_title(ours)), set(_plain_title(theirs))
    if not a or not b:
        return float(a == b)
    within = 0.9 * len(a & b) / min(len(a), len(b)) if min(len(a), len(b)) >= 4 else 0.0
    return max(len(a & b) / len(a | b), within)


def _covered(text: Text, common: Collection[tuple[str, ...]]) -> bytearray:
    covered = bytearray(len(text.words))
    for gram in common:
        for i in text.places[gram]:
            covered[i : i + fingerprint.RUN] = b"\x01\x01\x01\x01"
    return covered


def _share(covered: Sequence[int], masked: Sequence[int]) -> float:
    own = len(masked) - sum(masked)
    return sum(1 for c, m in zip(covered, masked, strict=True) if c and not m) / own if own else 0.0


def _lead(covered: Sequence[int], masked: Sequence[int]) -> float:
    own = [c for c, m in zip(covered, masked, strict=True) if not m][:LEAD]
    return sum(own) / len(own) if own else 0.0


def _numbers(raw: str, words: Sequence[str]) -> set[str]:
    found = {number.replace(",", "").replace("’", "").replace("'", "") for number in _NUMBER.findall(raw)}
    return found | {_NUMBER_WORDS[word] for word in words if word in _NUMBER_WORDS}


def _differ(a: set[str], b: set[str]) -> int:
    """How many figures of one place are others in the other; none where one side only left some out."""
    return min(len(a - b), len(b - a))


_EDITIONS = re.compile(
    r"^\W*(?:c\s?o\s?r\s?r\s?e\s?c\s?t\s?i\s?o\s?n|corrected|corrects|updated?|repeat|re-?issue|revised|clarification|refiled)\b"
    r"[\s:–—./-]*(?:and replac\w+\s*[:–—-]*)?|\W*\((?:corrected|updated?|correction|revised|repeat)\)\W*$",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=1024)
def _plain_title(title: str) -> tuple[str, ...]:
    plain = _EDITIONS.sub("", fingerprint.normal(title))
    return tuple(fingerprint.words(plain)) or tuple(fingerprint.words(title))


def _telling(word: str) -> bool:
    """Whether a word of a title may say what it is about: not "of", "the"; figures are looked at by themselves."""
    return (len(word) > 3 or not word.isascii()) and not any(c.isdigit() for c in word)


def _subject(one: Text, other: Text) -> list[str]:
    own = one.subject & one.below - other.vocabulary - one.site
    return [word for word in dict.fromkeys(one.title_words) if word in own]


def _counted(title: str, words: Sequence[str]) -> set[str]:
    return _numbers(fingerprint.normal(title), words) | {word for word in words if word in _CALENDAR}
