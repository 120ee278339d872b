"""Fingerprints: hashes of runs of four words. Copies share many of them; a look-up in an index finds them all at once.

Which runs are kept is told by their own words, wherever they stand, so that two texts keep the same ones (Manber, "Finding
similar files in a large file system", 1994); more of them at the start, where short texts and leads have all they have.

`hashes` is the one place that says what of an article is hashed: whoever puts it into an index, takes it out, looks it up
again or explains it asks here.
"""

from __future__ import annotations

import functools
import hashlib
import re
import struct
import unicodedata
from collections.abc import Iterable, Sequence

from isal import isal_zlib

VERSION = 4  # rises when the same text would give other hashes: the stored index is then made anew (store/renewal)
RUN = 4  # words
EVERY = 21  # of all runs one in so many is kept
FIRST, DENSE = 32, 8  # of the runs at a text's start at least so many are
MOST = 400  # hashes of one article; a book must not fill the index
LONGEST = 200_000  # characters of a text that are looked at: MOST hashes come from fewer, and a book needs no more
_MASK = 2**62 - 1  # SQLite integers are signed 64-bit
_PRIME = 2**62 - 57
_CHOSEN = re.compile(b"[\\x00-\\x%02x]" % (256 // EVERY - 1))
# Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese): each character is a word.
UNSPACED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0002ffff"
)
# Vowel signs of the scripts of India are no letters to `re`, but belong to their word.
_SIGNS = "\u0900-\u0963\u0966-\u0d7f"
WORD = re.compile(f"[{UNSPACED}]|(?:[^\\W_{UNSPACED}]|[{_SIGNS}])+")
# The same words where a text has nothing of these scripts, found in half the time or a quarter of it.
_SPECIAL = re.compile(f"[{UNSPACED}{_SIGNS}]")
_PLAIN_WORD = re.compile(r"[^\W_]+")
# The same in ASCII: what is no letter or digit parts words.
_ASCII_WORDS = bytes(code if chr(code).isalnum() else 0x20 for code in range(128)).ljust(256)
# What one copy writes and the other does not: soft hyphens, joiners and direction marks inside words; accents that
# stand alone; the vowel marks and the stretching line of Arabic, the points of Hebrew.
_SILENT = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufe0e\ufe0f\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2"
    "\u0640\u064b-\u065f\u0670]"
)


def normal(text: str) -> str:
    """A text without what typography may change: compatibility forms, marks that are not read."""
    return text if text.isascii() else _SILENT.sub("", unicodedata.normalize("NFKC", text))


def words(text: str) -> list[str]:
    """The words of a text as they are compared: NFKC, case folded, without punctuation."""
    return _joined(text).split()


def _joined(text: str) -> str:
    """The words of a text, with blanks between them."""
    folded = normal(text).casefold()
    if folded.isascii():
        return folded.encode().translate(_ASCII_WORDS).decode()
    return " ".join((WORD if _SPECIAL.search(folded) else _PLAIN_WORD).findall(folded))


def runs(words: Sequence[str]) -> list[tuple[int, int]]:
    """(position, hash) of the runs of four words that make the fingerprint, in order.

    62 bits, the same in every process.
    """
    return list(zip(*_runs(" ".join(words)), strict=True))


def _runs(words: str) -> tuple[Sequence[int], list[int]]:
    """The positions and the hashes of `runs`, of words with blanks between them."""
    numbers = list(map(isal_zlib.crc32, words.encode("utf-8", "surrogatepass").split()))
    count = max(0, len(numbers) - RUN + 1)
    # All runs at once: one large integer has a byte of each word, beside which lie those of the next three.
    low = int.from_bytes(struct.pack(f"<{len(numbers)}I", *numbers)[::4], "little")
    rank = (low ^ low >> 8 ^ low >> 16 ^ low >> 24).to_bytes(len(numbers), "little")  # the lower, the sooner it is kept
    dense = sorted(range(min(FIRST, count)), key=rank.__getitem__)[:DENSE]
    places = sorted({*dense, *(match.start() for match in _CHOSEN.finditer(rank, 0, count))})
    # A polynomial over a prime field: four numbers of 32 bits, spread evenly over 62.
    return places, [
        (
            numbers[i] * 0x9E3779B97F4A7C1
            + numbers[i + 1] * 0xC2B2AE3D27D4EB4
            + numbers[i + 2] * 0x165667B19E3779F9
            + numbers[i + 3] * 0x27D4EB2F165667C5
        )
        % _PRIME
        for i in places
    ]


def hashes(text: str, title: str, faint: Iterable[str] = ()) -> tuple[int, ...]:
    """The fingerprint of an article: its title as one, and a sample of its runs, each once.

    `faint` are blocks of the text that are passed over, since the feed repeats them too often to tell copies by.
    """
    for block in faint:
        text = text.replace(block, "\n", 1)
    _, found = _runs(_joined(text[:LONGEST]))
    return tuple(dict.fromkeys((title_hash(title), *found)))[:MOST]


@functools.lru_cache(maxsize=1024)
def title_hash(title: str) -> int:
    """The hash of a whole title: finds the copies of texts that are nearly all boilerplate."""
    folded = "\x1f".join(words(title)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(folded, digest_size=8).digest(), "big") & _MASK
