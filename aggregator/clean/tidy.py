"""What the walk leaves, tidied: no empty elements, no runs of line breaks, none at the edge of a block."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aggregator.clean.tokens import BLOCKS

Piece = tuple[str, str]  # ("", text), ("p", "<p>"), ("/p", "</p>"), ("br", "<br>")
BREAK = "<br>"

_KEPT_EMPTY = frozenset("td th tr table tbody thead tfoot colgroup pre audio video iframe math hr source track".split())
_NEVER_EMPTY = frozenset("img br hr col wbr source track".split())
_PLAIN = frozenset("p div span section b i em strong u s small sub sup li ul".split())
_MOST_BREAKS = 2
_SPACES = " \t\n\r"
# Line breaks and rules; <pre>, of which a parser drops the first line break; a start tag with nothing before an end tag.
_UNTIDY = re.compile(r"<(?:[bh]r|pre|picture)\b|<(?!/|(?:img|col|wbr|source|track)\b)[^>]*+>(?>(?:\s|&nbsp;)*)</")


def is_tidy(markup: str) -> bool:
    """Whether `tidy` would leave the markup of these pieces as it is, as far as a glance can tell."""
    return _UNTIDY.search(markup) is None and not markup.startswith("&nbsp;") and not markup.endswith("&nbsp;")


def tidy(pieces: Iterable[str]) -> tuple[str, bool]:
    """The markup of these tags and (escaped) texts without what shows nothing. Inside <pre> and MathML all stays.

    With whether the walk would see the same in it: it would not where an element is gone that meant something.
    """
    before = [piece for piece in pieces if piece]
    plain = True
    while True:
        once = _Tidy()
        after = [markup for _, markup in once.run(before)]
        plain = plain and once.plain
        # What goes at an edge can bring something else there. Pieces of text are joined, hence the lengths.
        if sum(map(len, after)) == sum(map(len, before)):
            return "".join(after), plain
        before = after


class _Tidy:
    def __init__(self) -> None:
        self.out: list[Piece] = []
        self.open: list[int] = []  # where in `out` the open elements begin
        self.exact = 0  # <pre> and <math> open
        self.plain = True  # only elements went that mean nothing

    def run(self, pieces: Iterable[str]) -> list[Piece]:
        for markup in pieces:
            if markup[:1] != "<":
                if markup:
                    self._text(("", markup))
            elif markup == BREAK:
                self._line_break(("br", markup))
            else:
                tag = markup[1:-1].partition(" ")[0]
                if tag[0] == "/":
                    self._end((tag, markup), tag[1:])
                else:
                    self._start((tag, markup), tag)
        self._trim_end()
        return self._without_edges(self.out)

    def _text(self, piece: Piece) -> None:
        if self.exact and self.out and self.out[-1][0] == "pre" and piece[1].startswith("\n"):
            piece = ("", piece[1].lstrip("\n"))  # a parser takes the first one for the end of the tag's own line
            if not piece[1]:
                return
        if self.out and self.out[-1][0] == "br" and not self.exact:
            piece = ("", piece[1].lstrip(_SPACES))  # a line begins without space
            if not piece[1]:
                return
        if self.out and not self.out[-1][0]:
            piece = ("", self.out.pop()[1] + piece[1])
        self.out.append(piece)

    def _line_break(self, piece: Piece) -> None:
        if not self.exact:
            breaks = 0
            for tag, markup in reversed(self.out):
                if tag == "br":
                    breaks += 1
                elif tag in BLOCKS or (tag[:1] == "/" and tag[1:] in BLOCKS):
                    return  # a block begins or ends a line by itself
                elif (not tag and markup.strip()) or tag in _NEVER_EMPTY or tag[:1] == "/":
                    break
            else:
                return
            if breaks >= _MOST_BREAKS:
                return
        self.out.append(piece)

    def _start(self, piece: Piece, tag: str) -> None:
        if tag in BLOCKS and not self.exact:
            self._trim_end()
        self.out.append(piece)
        if tag in _NEVER_EMPTY:
            return
        self.open.append(len(self.out) - 1)
        if tag in ("pre", "math"):
            self.exact += 1

    def _end(self, piece: Piece, tag: str) -> None:
        start = self.open.pop()
        if tag in ("pre", "math"):
            self.exact -= 1
        block = tag in BLOCKS
        if tag == "picture" and not any(t == "img" for t, _ in self.out[start:]):
            self._unwrap(start)
            return
        last = self.out[-1]
        if not last[0] and last[1][-1] not in _SPACES and last[1][-1] != ";":
            self.out.append(piece)  # it ends with text: nothing to tidy
            return
        if block and not self.exact and tag != "pre":
            self._trim_end()
        inside = self.out[start + 1 :] if len(self.out) - start < 6 else None
        if inside is not None and tag not in _KEPT_EMPTY and ' id="' not in self.out[start][1] and not self.exact:
            if all(not t and not _strip(markup) for t, markup in inside):
                self.plain = self.plain and tag in _PLAIN
                del self.out[start:]
                if block:
                    self._line_break(("br", BREAK))  # an empty block, too, parts what is before from what comes after
                else:
                    for space in inside:
                        self._text(space)
                return
            if not block and all((not t and not _strip(markup)) or t == "br" for t, markup in inside):
                self.plain = self.plain and tag in _PLAIN
                del self.out[start]
                return
        self.out.append(piece)

    def _unwrap(self, start: int) -> None:
        """Takes away a picture of nothing; what else is in it stays."""
        inside = [piece for piece in self.out[start + 1 :] if piece[0] != "source"]
        del self.out[start:]
        self.plain = False
        for piece in inside:
            if piece[0]:
                self.out.append(piece)
            else:
                self._text(piece)

    def _trim_end(self) -> None:
        """Takes line breaks off the end of a block, also out of the inline elements that end with it."""
        at = len(self.out) - 1
        while at >= 0:
            tag, markup = self.out[at]
            if tag == "br":
                del self.out[at]
            elif (tag and (tag[0] != "/" or tag[1:] in BLOCKS)) or (not tag and markup.strip()):
                return
            at -= 1

    def _without_edges(self, pieces: list[Piece]) -> list[Piece]:
        """Without rules and space before the first thing or after the last."""
        first, last = 0, len(pieces)
        while first < last and _blank(pieces[first]):
            first += 1
        while last > first and _blank(pieces[last - 1]):
            last -= 1
        self.plain = self.plain and not any(tag == "hr" for tag, _ in (*pieces[:first], *pieces[last:]))
        return pieces[first:last]


def _blank(piece: Piece) -> bool:
    return piece[0] == "hr" or (not piece[0] and not _strip(piece[1]))


def _strip(markup: str) -> str:
    return markup.replace("&nbsp;", " ").strip()
