"""Two texts side by side: how much of each is in the other, where, and what stands in the other's place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from aggregator.dedupe import figures, fingerprint, titles
from aggregator.dedupe.text import Text

LEAD = 25  # words at the start that carry the news
GAP = 16  # words; a longer difference is an edit, not a field of a form


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
    date: bool  # whether it is another date


@dataclass
class Comparison:
    """One text beside another. Shares are of words that are not boilerplate, as far as `a` knows it, 0 to 1."""

    a: Text
    b: Text

    @cached_property
    def _common(self) -> Set[tuple[str, ...]]:
        return self.a.places.keys() & self.b.places.keys()

    @cached_property
    def covered_a(self) -> bytearray:
        """A 1 for each of our words that stands in a common run."""
        return _covered(self.a, self._common)

    @cached_property
    def covered_b(self) -> bytearray:
        """The same of the other's words."""
        return _covered(self.b, self._common)

    @property
    def masked_a(self) -> bytearray:
        """A 1 for each of our words that is boilerplate."""
        return self.a.masked

    @cached_property
    def masked_b(self) -> bytearray:
        """A 1 for each of the other's words that is boilerplate to us."""
        return _covered(self.b, self._common & self.a.standing)

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
            numbers = figures.differ(self.a.numbers_in(start, end), self.b.numbers_in(other, until))
            ours = self.a.names_in(start, end) - self.b.vocabulary
            theirs = self.b.names_in(other, until) - self.a.vocabulary
            names = frozenset((x, y) for x in ours for y in theirs if x[:3] != y[:3])
            # The word beside a figure may be the month, which both have.
            around = self.a.words[max(0, start - 1) : end + 1], self.b.words[max(0, other - 1) : until + 1]
            date = figures.is_other_date(*around, numbers)
            if numbers or names or date:
                found.append(Sign(self.a.phrase(start, end), self.b.phrase(other, until), numbers, names, date))
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
    def redated(self) -> int:
        """Places with another date."""
        return sum(sign.date for sign in self.signs)

    @cached_property
    def kept_names(self) -> int:
        """Names that both texts have."""
        return len(self.a.names & self.b.names)

    @cached_property
    def alike(self) -> float:
        """Share of the titles' words that both have, 0..1."""
        return titles.alike(self.a.title, self.b.title)

    @cached_property
    def subjects(self) -> tuple[list[str], list[str]]:
        """Words of each title that its own text uses and the other's knows nothing of: what only one is about."""
        return _subject(self.a, self.b), _subject(self.b, self.a)

    @cached_property
    def numbered(self) -> tuple[list[str], list[str]] | None:
        """Figures and days that differ between the titles: a series (weeks, versions, episodes)."""
        a, b = (titles.numbered(text.title) for text in (self.a, self.b))
        ours, theirs = a - b, b - a
        if not ours or not theirs:
            return None
        return sorted(ours), sorted(theirs)


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


def _subject(one: Text, other: Text) -> list[str]:
    own = one.subject & one.below - other.vocabulary - one.site
    return [word for word in dict.fromkeys(one.title_words) if word in own]
