"""What a person types into a search, as an FTS5 query (FTS5 §3) that is never a syntax error."""

from __future__ import annotations

import re

_TERM = re.compile(r'-?(?:title:)?"[^"]*"\*?|\S+')
_OPERATORS = ("AND", "OR", "NOT")
# Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana, Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def unspaced(text: str) -> tuple[str, ...]:
    """The words of a query in a script without spaces, where FTS5 finds no words; empty for any other query."""
    return tuple(text.replace('"', " ").split()) if _UNSPACED.search(text) else ()


def to_match(text: str) -> str:
    """An FTS5 query: all words must be there, in any order; empty where there is nothing to look for.

    Understood are "several words together", OR and NOT (or -word) in between, word* for beginnings, and title:word.
    """
    parts: list[str] = []
    for term in _TERM.findall(text.replace("\0", " ")):
        if term in _OPERATORS:
            if parts and parts[-1] not in _OPERATORS:
                parts.append(term)
            continue
        negative, column, word, prefix = _read(term)
        if word is None:
            continue
        if negative and parts:
            if parts[-1] in _OPERATORS:
                parts.pop()
            parts.append("NOT")
        parts.append(f'{column}"{word}"{prefix}')
    while parts and parts[-1] in _OPERATORS:
        parts.pop()
    return " ".join(parts)


def _read(term: str) -> tuple[bool, str, str | None, str]:
    """(negative, column filter, word without quotes or None where there is none, "*" for a prefix)."""
    negative = term.startswith("-") and len(term) > 1
    rest = term[1:] if negative else term
    column = "title : " if rest.startswith("title:") and len(rest) > 6 else ""
    rest = rest[6:] if column else rest
    prefix = "*" if rest.endswith("*") else ""
    word = rest.replace('"', " ").rstrip("*").strip()
    # A phrase without a letter or digit would match nothing, and with it the whole query.
    return negative, column, word if re.search(r"\w", word) else None, prefix
