"""The language of a text: as declared, else guessed from its letters and small words, or None where that is not sure."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import cast

from aggregator import yamlfile

_RULES = Path(__file__).parent / "rules" / "languages.yaml"
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")  # BCP 47; no language has a longer primary tag
_SAMPLES = (200, 600, 4000)  # characters: mostly the first few lines say it
_LEAST_WORDS = 4  # that tell, of one language
_LEAST_SHARE = 0.12  # of all words
_LEAST_OWN = 2  # of them, that the next language does not have
_LEAD = 2  # times what only the next language has
_LEAST_LETTERS = 0.3  # of a text's letters in a script of one language
_LETTER = re.compile(r"[^\W\d_]")
_PUNCTUATION = ".,;:!?…()[]\"'“”„‘’«»–—-·،؟।"


def declared(value: str | None) -> str | None:
    """The language tag that a feed or entry has, if it can be one: "english" is none."""
    if not value:
        return None
    value = value.strip().replace("_", "-")
    return value if _TAG.fullmatch(value) else None


def guessed(text: str) -> str | None:
    """The primary language tag of a text; None where it is too short, or could be of several languages."""
    for longest in _SAMPLES:
        sample = text[:longest]
        found = (None if sample.isascii() else _by_letters(sample)) or _by_words(sample)
        if found is not None or len(text) <= longest:
            return found
    return None


def _by_letters(text: str) -> str | None:
    """For scripts that one language is written in. A Japanese text is full of the letters of Chinese, too."""
    if _scripts()[1].search(text) is None:
        return None
    counts = Counter(match.lastgroup for match in _scripts()[0].finditer(text))
    tag, number = ("ja", counts.total()) if 10 * counts["ja"] > counts["zh"] > 0 else counts.most_common(1)[0]
    return tag if number >= _LEAST_WORDS and number >= _LEAST_LETTERS * len(_LETTER.findall(text)) else None


def _by_words(text: str) -> str | None:
    words = text.lower().split()
    known = _words()
    found = [  # a word can have punctuation at an end that hides it
        tags
        for word in words
        if (tags := known.get(word) or (None if word.isalnum() else known.get(word.strip(_PUNCTUATION))))
    ]
    if len(found) < _LEAST_WORDS or len(found) < _LEAST_SHARE * len(words):
        return None
    telling: dict[tuple[str, ...], int] = {}  # how many words are of these languages
    for tags in found:
        telling[tags] = telling.get(tags, 0) + 1
    counts: dict[str, int] = {}
    for tags, number in telling.items():
        for tag in tags:
            counts[tag] = counts.get(tag, 0) + number
    (tag, number), (next_tag, next_number) = [*sorted(counts.items(), key=itemgetter(1), reverse=True)[:2], ("", 0)][:2]
    if number < _LEAST_WORDS or number < _LEAST_SHARE * len(words):
        return None
    shared = sum(times for tags, times in telling.items() if tag in tags and next_tag in tags)
    return tag if number - shared >= max(_LEAST_OWN, _LEAD * (next_number - shared)) else None


@functools.cache
def _data() -> Mapping[str, Mapping[str, str]]:
    return cast(Mapping[str, Mapping[str, str]], yamlfile.plain(yamlfile.read(_RULES)))


@functools.cache
def _scripts() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """For a letter of each script, in a group of the language's tag; for a letter of any."""
    scripts = _data()["scripts"]
    named = "|".join(f"(?P<{tag}>[{letters}])" for tag, letters in scripts.items())
    return re.compile(named), re.compile(f"[{''.join(scripts.values())}]")


@functools.cache
def _words() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tag, words in _data()["words"].items():
        for word in dict.fromkeys(words.split()):
            found[word] = (*found.get(word, ()), tag)
    return found
