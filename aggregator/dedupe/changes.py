"""What a copy added, dropped and changed, word by word; and what in it was boilerplate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aggregator.dedupe import fingerprint
from aggregator.dedupe.compare import Block, Comparison, Text


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `ours` stands in the first text, `theirs` in the second; an empty side has nothing there."""

    kind: Literal["added", "dropped", "changed"]
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A passage that was masked as boilerplate, and the hashes in it that are known as such."""

    text: str
    hashes: tuple[int, ...]


def changes(c: Comparison) -> list[Change]:
    """The differences in reading order; what only moved is shown as added in one place and dropped in the other."""
    edges = [Block(0, 0, 0), *c.blocks, Block(len(c.a.words), len(c.b.words), 0)]
    found = []
    for before, after in itertools.pairwise(edges):
        start, end, other, until = before.ours + before.length, after.ours, before.theirs + before.length, after.theirs
        # Runs of fewer than four words are no blocks, but no differences either.
        while start < end and other < until and c.a.words[start] == c.b.words[other]:
            start, other = start + 1, other + 1
        while start < end and other < until and c.a.words[end - 1] == c.b.words[until - 1]:
            end, until = end - 1, until - 1
        ours, theirs = c.a.phrase(start, end), c.b.phrase(other, until)
        if ours and theirs:
            found.append(Change("changed", ours, theirs))
        elif ours or theirs:
            found.append(Change("added" if ours else "dropped", ours, theirs))
    return found


def standing(text: Text) -> Iterator[Standing]:
    """The passages of a text that were masked."""
    mask = text.masked
    hashes = fingerprint.runs(text.words) if any(mask) else []
    start = 0
    while (begin := mask.find(1, start)) >= 0:
        end = mask.find(0, begin)
        end = len(mask) if end < 0 else end
        known = tuple(value for value in hashes[begin:end] if value in text.boilerplate)
        yield Standing(text.phrase(begin, end), known)
        start = end
