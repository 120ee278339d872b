"""Fingerprints: hashes of runs of four words. Copies share many of them; a look-up in an index finds them all at once."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Sequence

VERSION = 1  # rises when the same text would give other hashes: a replay then builds the index anew
RUN = 4  # words
FIRST = 32  # runs at a text's start that are always kept: short texts and leads count whole
EVERY = 16  # of the rest one in so many is kept, chosen by the hash itself
MOST = 400  # hashes of one article; a book must not fill the index
LONGEST = 200_000  # characters of a text that are looked at: MOST hashes come from fewer, and a book needs no more
_MASK = 2**62 - 1  # SQLite integers are signed 64-bit
# Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese): each character is a word.
_UNSPACED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0002ffff"
)
# Vowel signs of the scripts of India are no letters to `re`, but belong to their word.
_SIGNS = "\u0900-\u0963\u0966-\u0d7f"
WORD = re.compile(f"[{_UNSPACED}]|(?:[^\\W_{_UNSPACED}]|[{_SIGNS}])+")
# What one copy writes and the other does not: soft hyphens, joiners and direction marks inside words; accents that
# stand alone; the vowel marks and the stretching line of Arabic, the points of Hebrew.
_SILENT = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufe0e\ufe0f\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2"
    "\u0640\u064b-\u065f\u0670]"
)


def normal(text: str) -> str:
    """A text without what typography may change: compatibility forms, marks that are not read."""
    return _SILENT.sub("", unicodedata.normalize("NFKC", text))


def words(text: str) -> list[str]:
    """The words of a text as they are compared: NFKC, case folded, without punctuation."""
    return WORD.findall(normal(text).casefold())


def runs(words: Sequence[str]) -> list[int]:
    """The hash of each run of four words, in order; 62 bits, the same in every process."""
    numbers = [_word(word) for word in words]
    return [_mix(*numbers[i : i + RUN]) for i in range(len(numbers) - RUN + 1)]


def sample(hashes: Sequence[int]) -> list[int]:
    """The positions of the runs that make the fingerprint."""
    return [i for i, value in enumerate(hashes) if i < FIRST or value % EVERY == 0]


def hashes(text: str, title: str) -> tuple[int, ...]:
    """The fingerprint of a text: its title as one, its first runs and a sample of the rest, each once."""
    found = runs(words(text[:LONGEST]))
    return tuple(dict.fromkeys((title_hash(title), *(found[i] for i in sample(found)))))[:MOST]


@functools.lru_cache(maxsize=1024)
def title_hash(title: str) -> int:
    """The hash of a whole title: finds the copies of texts that are nearly all boilerplate."""
    return _word("\x1f".join(words(title))) & _MASK


@functools.lru_cache(maxsize=65_536)
def _word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mix(a: int, b: int, c: int, d: int) -> int:
    value = (a * 0x9E3779B97F4A7C15 + b * 0xC2B2AE3D27D4EB4F + c * 0x165667B19E3779F9 + d * 0x27D4EB2F165667C5) & (
        2**64 - 1
    )
    value ^= value >> 29
    value = (value * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    return (value ^ value >> 32) & _MASK
