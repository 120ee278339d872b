"""Two texts word by word: what a copy kept, added and dropped, and what in it is boilerplate."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal

LONGEST = 3000  # words of each side that are compared; comparing costs their product at worst

Kind = Literal["kept", "added", "dropped", "masked"]
KINDS: tuple[Kind, ...] = ("kept", "added", "dropped", "masked")


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


def compare(lead: str, copy: str, masked: Sequence[str] = ()) -> Diff:
    """The difference from lead to copy; case and punctuation at a word's edge make no difference.

    `masked` are passages of the copy that are boilerplate: their words count neither as kept nor as added.
    """
    ours, theirs = _tokens(lead), _tokens(copy)
    cut = len(ours) > LONGEST or len(theirs) > LONGEST
    ours, theirs = ours[:LONGEST], theirs[:LONGEST]
    a, b = [_fold(word) for word in ours], [_fold(word) for word in theirs]
    mask = _mask(theirs, masked)
    # Words that are all over a long text would make this quadratic; autojunk leaves them to their neighbours.
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=len(a) > 600)
    pieces: list[Piece] = []
    for _, i, j, k, m in matcher.get_opcodes():
        same = a[i:j] == b[k:m]
        if j > i and not same:
            pieces.append(Piece("dropped", "".join(ours[i:j]), j - i))
        pieces += _runs("kept" if same else "added", theirs[k:m], mask[k:m])
    return Diff(tuple(pieces), cut)


def _runs(kind: Kind, words: list[str], mask: bytearray) -> Iterator[Piece]:
    """Words of the copy, parted where boilerplate begins and ends."""
    for is_masked, run in groupby(zip(words, mask, strict=True), key=itemgetter(1)):
        chosen = [word for word, _ in run]
        yield Piece("masked" if is_masked else kind, "".join(chosen), len(chosen))


def _mask(tokens: list[str], passages: Sequence[str]) -> bytearray:
    """A 1 for each token that belongs to one of the passages, whose words may be parted in another way."""
    found = [(word, number) for number, token in enumerate(tokens) for word in _words(token)] if passages else []
    flat = [word for word, _ in found]
    mask = bytearray(len(tokens))
    for passage in passages:
        sought = _words(passage)
        for i in range(len(flat) - len(sought) + 1) if sought else ():
            if flat[i] == sought[0] and flat[i : i + len(sought)] == sought:
                for _, number in found[i : i + len(sought)]:
                    mask[number] = 1
    return mask


def _words(text: str) -> list[str]:
    return re.findall(
        r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+", text.casefold()
    )


def _tokens(text: str) -> list[str]:
    """The words, each with the white space after it; a text without spaces between words goes by single characters."""
    return re.findall(
        r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]\s*|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+\s*", text
    )


def _fold(word: str) -> str:
    return re.sub(r"^\W+|\W+$", "", word).casefold() or word.strip()
