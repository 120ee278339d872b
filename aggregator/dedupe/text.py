"""A text made ready to be compared: its words, the runs they make, where they stand, what in them is boilerplate."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from functools import cached_property
from urllib.parse import urlsplit

from aggregator.dedupe import figures, fingerprint, titles

_SENTENCE = re.compile(r"[.!?:;。！？।\n“”\"«»•*–—]\s*$|^$")


class Text:
    """A title and a text, each part prepared when it is first asked for; `url` is where they stand."""

    def __init__(self, title: str, body: str, boilerplate: Collection[int] = frozenset(), url: str = "") -> None:
        self.title = title
        self.url = url
        self.boilerplate = boilerplate
        self._body = body[: fingerprint.LONGEST]

    @cached_property
    def _normal(self) -> str:
        return fingerprint.normal(self._body)

    @cached_property
    def words(self) -> list[str]:
        """The words as they are compared."""
        return fingerprint.words(self._body)

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
        last = None
        for i, value in fingerprint.runs(self.words) if self.boilerplate else ():
            if value in self.boilerplate:
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
        return titles.plain(self.title)

    @cached_property
    def subject(self) -> frozenset[str]:
        """The words of the title that may say what it is about."""
        return frozenset(word for word in self.title_words if titles.is_telling(word))

    @cached_property
    def site(self) -> frozenset[str]:
        """The words of the host's name: "Mirage: …" over a text that begins "Mirage reports" is not about Mirage."""
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:
            host = ""
        return frozenset(fingerprint.words(host))

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
        return frozenset(figures.numbers(self._normal, self.words))

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
        return figures.numbers(self._normal[self.spans[start][0] : self.spans[end - 1][1]], self.words[start:end])

    def phrase(self, start: int, end: int) -> str:
        """Some words as they are written."""
        if start >= end:
            return ""
        if not self.spans:
            return " ".join(self.words[start:end])
        return self._normal[self.spans[start][0] : self.spans[end - 1][1]]
