"""What the walk has written: pieces of markup, the runs of text they make, and the removal of what is furniture."""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.clean import furniture
from aggregator.clean.characters import collapsed
from aggregator.clean.furniture import Block, Blocks, Furniture, Surroundings
from aggregator.clean.tokens import VOID, escape, plain
from aggregator.model import Removal


def letters(text: str) -> int:
    """How many there are, blanks left out: cleaning changes those, and must find the same when it is done again."""
    return len("".join(text.split()))


class Run:
    """Pieces that stand in one line of the page, in the making of a Block."""

    __slots__ = (
        "addresses",
        "embed",
        "end",
        "first",
        "gap",
        "heading",
        "hint",
        "linked",
        "media",
        "protected",
        "texts",
    )

    def __init__(self, gap: str, protected: bool, heading: bool, hint: str | None) -> None:
        self.gap = gap  # what parts it from the one before: line breaks, or nothing
        self.texts: list[str] = []
        self.first = self.end = 0  # where its texts are among the pieces
        self.media: list[int] = []  # where its images and players begin
        self.embed = False  # it stands for something that showed
        self.addresses: list[str] = []
        self.linked = 0  # letters in links
        self.protected = protected
        self.heading = heading
        self.hint = hint

    def block(self) -> Block:
        """What the rules look at."""
        text = "".join(self.texts)
        linked = self.linked > 0 and self.linked >= letters(text) - 2  # what parts one link from the next
        text = collapsed(plain(text))
        media = self.embed or bool(self.media)
        return Block(text, media, self.protected, linked, self.heading, self.hint, tuple(self.addresses))


class Sheet:
    """The pieces and runs of a document. Its runs as blocks: each is made when it is first looked at."""

    def __init__(self) -> None:
        self.out: list[str] = []  # tags and texts; "": taken out
        self.runs: list[Run] = []
        self.forms: list[Removal] = []
        self._blocks: dict[int, Block] = {}

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, index: int) -> Block:
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = self.runs[index].block()
        return block

    @property
    def text(self) -> str | None:
        """What `tokens.written` makes of the markup, if that was tidy and nothing was taken out; None: it must be asked."""
        result: list[str] = []
        gap = ""
        for index, run in enumerate(self.runs):
            gap = run.gap if len(run.gap) >= len(gap) else gap
            if text := self[index].text:
                if not gap and result:
                    return None
                result += (gap, text)
                gap = ""
        return "".join(result[1:])

    def take_out(self, index: int) -> None:
        """Removes what a run shows; its block stays to be looked at."""
        run, out = self.runs[index], self.out
        for at in range(run.first, run.end) if run.texts else ():
            if out[at][:1] != "<":
                out[at] = ""
        for at in run.media if run.hint is not None else ():
            piece, out[at] = out[at], ""
            name = piece[1:-1].partition(" ")[0]
            if not piece or name in VOID:
                continue
            while at + 1 < len(out) and piece != f"</{name}>":  # none is ever inside its like
                at += 1
                piece, out[at] = out[at], ""

    def cut_tail(self, known: Furniture, found: Mapping[int, str], around: Surroundings) -> list[Removal]:
        """Removes furniture that ends the last block, after a full stop; `found` are the blocks that go."""
        removed: list[Removal] = []
        blocks: Blocks = self
        for last in range(len(blocks) - 1, -1, -1):
            if last not in found and blocks[last].text:
                break
        else:
            return removed
        block = blocks[last]
        if block.protected or block.heading:
            return removed
        text = block.text
        while (cut := known.tail(text, around)) is not None:
            start, rule = cut
            left = sum(len(blocks[index].text) for index in range(len(blocks)) if index not in found and index != last)
            if left + start < (1 - furniture.MOST) * (left + len(block.text)):
                break
            removed.insert(0, Removal(rule, text[start:]))
            text = text[:start].rstrip()
        if removed:
            self._keep(self.runs[last], len("".join(text.split())))
        return removed

    def _keep(self, run: Run, most: int) -> None:
        """Keeps the first `most` letters of a run."""
        for index in range(run.first, run.end):
            piece = self.out[index]
            if piece[:1] == "<":
                continue
            value = plain(piece)
            letters = 0
            for at, letter in enumerate(value):
                if letters == most and not letter.isspace():
                    self.out[index] = escape(value[:at].rstrip())
                    break
                letters += not letter.isspace()
            most -= letters
