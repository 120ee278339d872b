"""Two texts word by word: what a copy kept, added and dropped, and what in it is boilerplate."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal

from aggregator.dedupe.fingerprint import UNSPACED, words

LONGEST = 3000  # words of each side that are compared; comparing costs their product at worst

Fate = Literal["kept", "added", "dropped", "masked"]
FATES: tuple[Fate, ...] = ("kept", "added", "dropped", "masked")

# A word with the white space after it; a text without spaces between words goes by single characters.
_TOKEN = re.compile(rf"[{UNSPACED}]\s*|[^\s{UNSPACED}]+\s*")
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words with one fate. `words` is how many they are; `text` keeps the side's own spaces."""

    fate: Fate
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `ours` stands in the copy, `theirs` in the other text; an empty side has nothing there."""

    kind: Literal["added", "dropped", "changed"]
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Diff:
    """The copy's text in order, with what it dropped where it was. `cut`: one side is longer than was compared."""

    pieces: tuple[Piece, ...]
    cut: bool

    def words(self, fate: Fate) -> int:
        """How many words had this fate."""
        return sum(piece.words for piece in self.pieces if piece.fate == fate)

    def changes(self) -> list[Change]:
        """The differences in reading order; what only moved is dropped in one place and added in the other."""
        found = []
        for is_same, run in groupby(self.pieces, key=lambda piece: piece.fate == "kept"):
            if is_same:
                continue
            pieces = list(run)
            ours = "".join(piece.text for piece in pieces if piece.fate != "dropped").strip()
            theirs = "".join(piece.text for piece in pieces if piece.fate == "dropped").strip()
            kind: Literal["added", "dropped", "changed"] = (
                "changed" if ours and theirs else "added" if ours else "dropped"
            )
            found.append(Change(kind, ours, theirs))
        return found


def diff(other: str, copy: str, masked: Sequence[str] = ()) -> Diff:
    """The difference from another text to its copy; case and punctuation at a word's edge make no difference.

    `masked` are passages of the copy that are boilerplate: their words count neither as kept nor as added.
    """
    theirs, ours = tokens(other), tokens(copy)
    cut = len(theirs) > LONGEST or len(ours) > LONGEST
    theirs, ours = theirs[:LONGEST], ours[:LONGEST]
    a, b = [fold(word) for word in theirs], [fold(word) for word in ours]
    mask = _mask(ours, masked)
    # Words that are all over a long text would make this quadratic; autojunk leaves them to their neighbours.
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=len(a) > 600)
    pieces: list[Piece] = []
    for _, i, j, k, m in matcher.get_opcodes():
        same = a[i:j] == b[k:m]
        if j > i and not same:
            pieces.append(Piece("dropped", "".join(theirs[i:j]), j - i))
        pieces += _runs("kept" if same else "added", ours[k:m], mask[k:m])
    return Diff(tuple(pieces), cut)


def tokens(text: str) -> list[str]:
    """The words with what stands between them: joined, they are the text from its first word on."""
    return _TOKEN.findall(text)


def fold(word: str) -> str:
    """A word as it is compared here."""
    return _EDGES.sub("", word).casefold() or word.strip()


def _runs(fate: Fate, words: list[str], mask: bytearray) -> Iterator[Piece]:
    """Words of the copy, parted where boilerplate begins and ends."""
    for is_masked, run in groupby(zip(words, mask, strict=True), key=itemgetter(1)):
        chosen = [word for word, _ in run]
        yield Piece("masked" if is_masked else fate, "".join(chosen), len(chosen))


def _mask(tokens: list[str], passages: Sequence[str]) -> bytearray:
    """A 1 for each token that belongs to one of the passages, whose words may be parted in another way."""
    found = [(word, number) for number, token in enumerate(tokens) for word in words(token)] if passages else []
    flat = [word for word, _ in found]
    mask = bytearray(len(tokens))
    for passage in passages:
        sought = words(passage)
        for i in range(len(flat) - len(sought) + 1) if sought else ():
            if flat[i] == sought[0] and flat[i : i + len(sought)] == sought:
                for _, number in found[i : i + len(sought)]:
                    mask[number] = 1
    return mask
