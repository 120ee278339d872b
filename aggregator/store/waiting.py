"""Hashes in memory, and which articles have them: a table with open addressing, of twelve bytes a place.

A dict of the same would take six times as much. The place of a hash is told by its highest bits, so what lies side by side
in here does so in the table of the file, and goes there together. Hashes are spread evenly by themselves.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from itertools import repeat

_BITS = 62  # of a hash
_LEAST = 14  # bits: of the smallest table
# Share of places taken, from which on what is looked for lies too far from its place: what is taken next has waited longest,
# so there twice as many are taken.
_FULL = 0.43
_PORTIONS = 256  # a portion is a hundred or a thousand places


class Waiting:
    """Pairs of a hash (0 to 2**62 - 1) and an article (from 1 on), each put in once; `len` is how many.

    `room`: how many are to come, where they do not come evenly spread. In a table that grows with them, those of one part
    would stand ever farther from their places.
    """

    def __init__(self, room: int = 0) -> None:
        self._clear(_bits_for(room, _LEAST))

    def __len__(self) -> int:
        return self._count

    def add(self, article: int, hashes: Collection[int]) -> None:
        """Puts in the hashes of an article."""
        if self._taken + len(hashes) > _FULL * self._places:
            self._renew(len(hashes))
        self._put(zip(hashes, repeat(article), strict=False))

    def find(self, hashes: Iterable[int]) -> list[tuple[int, int]]:
        """The pairs with one of these hashes."""
        found = []
        held, shift = self._hashes, self._shift
        for value in hashes:
            place = value >> shift
            while here := held[place]:
                if here == value + 1 and (article := self._articles[place]):
                    found.append((value, article))
                place += 1
        return found

    def remove(self, article: int, hashes: Iterable[int]) -> None:
        """Takes out those of an article that are in it."""
        for value in hashes:
            place = value >> self._shift
            while here := self._hashes[place]:
                if here == value + 1 and self._articles[place] == article:
                    self._articles[place] = 0
                    self._count -= 1
                place += 1

    def take(self, first: int) -> tuple[list[tuple[int, int]], int]:
        """Takes out a portion, in order, from the hash `first` on, which is 0 or where the last one ended; gives where this
        one ends, 0 for the end of the table."""
        begin = first >> self._shift
        end = min(begin + self._places // _PORTIONS, self._places)
        # No gap may come between a place and what stands behind it for want of room.
        while self._hashes[end]:
            end += 1
        held, articles = self._hashes[begin:end], self._articles[begin:end]
        pairs = sorted(_pairs(held, articles))
        self._taken -= sum(map(bool, held))
        self._count -= len(pairs)
        self._hashes[begin:end] = _free("q", end - begin)
        self._articles[begin:end] = _free("I", end - begin)
        return pairs, end << self._shift if end < self._places else 0

    def _clear(self, bits: int) -> None:
        self._places = 1 << bits
        self._shift = _BITS - bits
        self._hashes = _free("q", self._places + 1)  # each plus one; 0: the place is free, as the last one always is
        self._articles = _free("I", self._places + 1)  # 0: who was here is gone, and others stand behind
        self._count = self._taken = 0

    def _put(self, pairs: Iterable[tuple[int, int]]) -> None:
        held, articles, shift = self._hashes, self._articles, self._shift
        last, count = len(held) - 1, 0
        for value, article in pairs:
            place = value >> shift
            while held[place]:
                place += 1
            held[place] = value + 1
            articles[place] = article
            count += 1
            if place == last:
                held.append(0)
                articles.append(0)
                last += 1
        self._count += count
        self._taken += count

    def _renew(self, more: int) -> None:
        """Makes a table with room for more, or one as large without those who are gone."""
        held, articles, bits = self._hashes, self._articles, self._places.bit_length() - 1
        self._clear(_bits_for(self._count + more, bits))
        self._put(_pairs(held, articles))


def _bits_for(count: int, bits: int) -> int:
    """Of a table that has room for so many."""
    while count > _FULL * (1 << bits):
        bits += 2 if bits < _LEAST + 4 else 1  # each time all are put in again, which is worth some memory
    return bits


def _pairs(hashes: array[int], articles: array[int]) -> Iterable[tuple[int, int]]:
    return ((here - 1, article) for here, article in zip(hashes, articles, strict=True) if article)


def _free(kind: str, places: int) -> array[int]:
    return array(kind, [0]) * places
