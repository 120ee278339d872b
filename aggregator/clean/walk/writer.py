"""What is open while the walk writes: elements, and the run of text it stands in; what happens when one ends."""

from __future__ import annotations

from collections import defaultdict

from aggregator.clean.tidy import BREAK
from aggregator.clean.tokens import GAPS, VOID
from aggregator.clean.walk import names
from aggregator.clean.walk.sheet import Run, Sheet
from aggregator.model import Removal

_PERMALINKS = frozenset("# ¶ § 🔗 ⚓ ∞".split())
_SHORT_FORM = 300  # characters; a longer form is a page wrapped in one

# An open element: the tag as it was; as it is written, "" where only its content is; its first piece; the hint before it.
Element = tuple[str, str, int, str | None]


class Writer:
    """Writes end tags and runs on a sheet, and knows what it is inside of."""

    __slots__ = (
        "_headings", "_hint", "_inside", "_noscript", "_open", "_players", "_protecting", "_special", "current", "out",
        "sheet",
    )  # fmt: skip

    def __init__(self) -> None:
        self.sheet = Sheet()
        self.out = self.sheet.out
        self.current = Run("", False, False, None)
        self._open: list[Element] = []
        self._inside: defaultdict[str, int] = defaultdict(int)  # elements open, by the name they get
        self._protecting = 0
        self._headings = 0
        self._noscript = 0
        self._special = 0  # of <noscript> and <math> open: elements in which others have no place
        self._players = 0
        self._hint: str | None = None

    def _end(self, tag: str) -> None:
        stack = self._open
        if stack and (stack[-1][0] == tag or any(element[0] == tag for element in stack)):
            while self._pop() != tag:
                pass

    def _push(self, source: str, name: str) -> None:
        self._open.append((source, name, len(self.out), self._hint))
        if source in ("noscript", "math"):
            self._special += 1
            self._noscript += source == "noscript"
        if name:
            self._inside[name] += 1
            if name in names.COUNTED:
                self._count(name, 1)
                self.current.protected |= self._protecting > 0
                self.current.heading |= self._headings > 0

    def _pop(self) -> str:
        source, name, first, hint = self._open.pop()
        if source in ("noscript", "math"):
            self._special -= 1
            self._noscript -= source == "noscript"
        if source in GAPS and not self._noscript:
            self._part(GAPS[source])
            if not name and not self._inside["math"]:
                self.out.append(BREAK)  # what it held stays in lines of its own
        if name:
            self._inside[name] -= 1
            if name in names.COUNTED:
                self._count(name, -1)
            if name not in VOID:
                self.out.append(f"</{name}>")
            if name == "a":
                if self._headings:
                    self._permalink_ends(first)
            elif name in names.PLAYERS:
                self._player_ends(first)
        if source == "form" and not self._inside["math"]:
            self._form_ends(first)
        if self._hint is not hint:
            self._set_hint(hint)
        return source

    def _count(self, name: str, number: int) -> None:
        self._players += number * (name in names.PLAYERS)
        self._protecting += number * (name in names.PROTECTING)
        self._headings += number * (name in names.HEADINGS)

    def _part(self, gap: str) -> None:
        """A block begins or ends. In a formula there are none: a blank parts what it held from what is around it."""
        if not self._inside["math"]:
            self._close(gap)
        else:
            self.out.append(" ")
            if self.current.texts:
                self.current.texts.append(" ")

    def _close(self, gap: str) -> None:
        """Ends the run: what follows is parted from it by `gap`."""
        current = self.current
        if current.texts or current.media:
            current.end = len(self.out)
            self.sheet.runs.append(current)
            self.current = Run(gap, self._protecting > 0, self._headings > 0, self._hint)
        else:
            if len(gap) > len(current.gap):
                current.gap = gap
            current.protected, current.heading, current.hint = self._protecting > 0, self._headings > 0, self._hint

    def _set_hint(self, hint: str | None) -> None:
        self._close("")
        self._hint = self.current.hint = hint

    def _permalink_ends(self, first: int) -> None:
        """A sign such as "¶" that only links to the heading it stands in goes."""
        inside = self.out[first + 1 : -1]
        if len(inside) != 1 or inside[0].strip() not in _PERMALINKS or "#" not in self.out[first]:
            return
        self.out[first:] = [""] * (len(self.out) - first)
        for run in (self.current, *self.sheet.runs[-1:]):
            if run.texts and run.texts[-1] is inside[0]:
                del run.texts[-1]
                break

    def _player_ends(self, first: int) -> None:
        if ' src="' in self.out[first] or any(piece.startswith("<source") for piece in self.out[first:]):
            return
        self.out[first] = self.out[-1] = ""  # nothing to play: what is inside for such a case stays

    def _form_ends(self, first: int) -> None:
        """A short form is a box to fill in, not text; a long one is wrapped around a page."""
        runs: list[Run] = []
        for run in reversed(self.sheet.runs):
            if (run.first if run.texts else run.media[0]) < first:
                break
            runs.insert(0, run)
        text = " ".join(filter(None, (run.block().text for run in runs)))
        if len(text) > _SHORT_FORM or any(run.media or run.embed for run in runs):
            return
        del self.sheet.runs[len(self.sheet.runs) - len(runs) :]
        self.out[first:] = [BREAK] + [""] * (len(self.out) - first - 1)
        if text:
            self.sheet.forms.append(Removal("form", text))
