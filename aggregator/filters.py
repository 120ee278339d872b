"""The operator's include and exclude patterns, with a time limit: no pattern and no text can hold a poll up.

A pattern is a regular expression, searched in title and text; `title:`, `text:`, `author:`, `category:` or `link:` before
it names the one place to search. Letter case makes no difference. The only door of regex, which knows what `re` knows
(RE2 has no look-around) and, unlike it, can be told when to give up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import regex

FIELDS = ("title", "text", "author", "category", "link")
TIME_LIMIT = 0.1  # seconds of one pattern on one article
_STRIKES = 3  # articles a pattern may run out of time on before it is left out for the rest of a document


@dataclass(frozen=True, slots=True)
class Subject:
    """What patterns are searched in."""

    title: str = ""
    text: str = ""
    author: str = ""
    categories: Sequence[str] = ()
    link: str = ""

    def places(self, name: str | None) -> tuple[str, ...]:
        """The texts that a pattern for the field `name` is searched in; title and text together where it is None."""
        match name:
            case "title":
                return (self.title,)
            case "text":
                return (self.text,)
            case "author":
                return (self.author,)
            case "category":
                return tuple(self.categories)
            case "link":
                return (self.link,)
            case _:
                return (f"{self.title}\n{self.text}",)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an article is let through, and why, in words."""

    passes: bool
    reason: str
    judged: bool = True  # False: a pattern took too long to say

    @property
    def is_sure(self) -> bool:
        """Whether it is let through for what was found, not for want of an answer."""
        return self.passes and self.judged


@dataclass(slots=True)
class Filter:
    """Decides for the articles of one document, or of one output.

    A pattern that runs out of time decides nothing: what it can't judge is let through, and `flaws` says so.
    """

    include: Collection[str] = ()
    exclude: Collection[str] = ()
    time_limit: float = TIME_LIMIT
    _strikes: dict[str, int] = field(default_factory=dict)

    def decide(self, subject: Subject) -> Decision:
        """One of `include` must be found (where there are any), and none of `exclude`."""
        for pattern in self.exclude:
            if self._found(pattern, subject):
                return Decision(False, f"left out: exclude {pattern!r} is found in it")
        if not self.include:
            return Decision(
                True, "let through: no exclude is found in it" if self.exclude else "let through: no filter"
            )
        for pattern in self.include:
            found = self._found(pattern, subject)
            if found is None:
                return Decision(True, f"let through: include {pattern!r} took too long to judge it", judged=False)
            if found:
                return Decision(True, f"let through: include {pattern!r} is found in it")
        return Decision(False, "left out: no include is found in it")

    @property
    def flaws(self) -> tuple[str, ...]:
        """The patterns that ran out of time."""
        return tuple(
            f"the pattern {pattern!r} took longer than {self.time_limit:g} s on {count} article{'s' * (count > 1)}: "
            "it decided nothing there"
            for pattern, count in self._strikes.items()
        )

    def _found(self, pattern: str, subject: Subject) -> bool | None:
        """None where that took too long to say."""
        if self._strikes.get(pattern, 0) >= _STRIKES:
            return None
        name, expression = split(pattern)
        try:
            compiled = regex.compile(expression, regex.IGNORECASE)
            return any(compiled.search(text, timeout=self.time_limit) for text in subject.places(name))
        except TimeoutError:
            self._strikes[pattern] = self._strikes.get(pattern, 0) + 1
            return None


def tagged(rules: Mapping[str, Filter], subject: Subject) -> tuple[str, ...]:
    """The tags (keys of `rules`) that an article gets. What a pattern took too long to judge gets none."""
    return tuple(name for name, rule in rules.items() if rule.decide(subject).is_sure)


def split(pattern: str) -> tuple[str | None, str]:
    """(field or None, regular expression) of a pattern."""
    name, colon, expression = pattern.partition(":")
    return (name, expression.lstrip()) if colon and name in FIELDS else (None, pattern)


def fault(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    try:
        regex.compile(split(pattern)[1], regex.IGNORECASE)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        return f"is no regular expression: {error}"
    return None
