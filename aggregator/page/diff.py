"""Two texts word by word: what a copy kept, added and dropped."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LONGEST = 3000  # words of each side that are compared; comparing costs their product at worst

Kind = Literal["kept", "added", "dropped"]
KINDS: tuple[Kind, ...] = ("kept", "added", "dropped")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words with one fate. `words` is how many they are; `text` keeps the side's own spaces."""

    kind: Kind
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class Diff:
    """The copy's text in order, with what it dropped where it was. `cut`: one side is longer than was compared."""

    pieces: tuple[Piece, ...]
    cut: bool

    def words(self, kind: Kind) -> int:
        """How many words had this fate."""
        return sum(piece.words for piece in self.pieces if piece.kind == kind)


def compare(lead: str, copy: str) -> Diff:
    """The difference from lead to copy; case and punctuation at a word's edge make no difference."""
    ours, theirs = _tokens(lead), _tokens(copy)
    cut = len(ours) > LONGEST or len(theirs) > LONGEST
    return Diff(tuple(_pieces(ours[:LONGEST], theirs[:LONGEST])), cut)


def _pieces(lead: list[str], copy: list[str]) -> Iterator[Piece]:
    a, b = [_fold(word) for word in lead], [_fold(word) for word in copy]
    # Words that are all over a long text would make this quadratic; autojunk leaves them to their neighbours.
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=len(a) > 600)
    for _, i, j, k, m in matcher.get_opcodes():
        if a[i:j] == b[k:m]:
            yield Piece("kept", "".join(copy[k:m]), m - k)
            continue
        if j > i:
            yield Piece("dropped", "".join(lead[i:j]), j - i)
        if m > k:
            yield Piece("added", "".join(copy[k:m]), m - k)


def _tokens(text: str) -> list[str]:
    """The words, each with the white space after it; a text without spaces between words goes by single characters."""
    return re.findall(
        r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]\s*|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+\s*", text
    )


def _fold(word: str) -> str:
    return re.sub(r"^\W+|\W+$", "", word).casefold() or word.strip()
