"""Fingerprints: hashes of runs of four words. Copies share many of them; a look-up in an index finds them all at once."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Sequence

RUN = 4  # words
FIRST = 32  # runs at a text's start that are always kept: short texts and leads count whole
EVERY = 16  # of the rest one in so many is kept, chosen by the hash itself
MOST = 400  # hashes of one article; a book must not fill the index
_MASK = 2**62 - 1  # SQLite integers are signed 64-bit
# Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese): each character is a word.
_WORD = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0002ffff]"
    "|[^\\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+"
)


def words(text: str) -> list[str]:
    """The words of a text as they are compared: NFKC, case folded, without punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def runs(words: Sequence[str]) -> list[int]:
    """The hash of each run of four words, in order; 62 bits, the same in every process."""
    numbers = [_word(word) for word in words]
    return [_mix(*numbers[i : i + RUN]) for i in range(len(numbers) - RUN + 1)]


def sample(hashes: Sequence[int]) -> list[int]:
    """The positions of the runs that make the fingerprint."""
    return [i for i, value in enumerate(hashes) if i < FIRST or value % EVERY == 0]


def hashes(text: str) -> tuple[int, ...]:
    """The fingerprint of a text: its first runs and a sample of the rest, each once."""
    found = runs(words(text))
    return tuple(dict.fromkeys(found[i] for i in sample(found)))[:MOST]


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
