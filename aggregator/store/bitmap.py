"""Which hashes a table may have, told without a look at it (Bloom, "Space/time trade-offs in hash coding", 1970).

There are more places than hashes by so much that one for each is enough of his several, and since hashes are spread evenly
by themselves, their highest bits tell which. What is taken out of the table leaves its bit, so a bitmap fills up with time
and is made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

_BITS = 62  # of a hash
_LEAST = 24  # bits: 2 MiB
_FULL = 0.4  # hashes for each bit, of which a third are taken then


class Bitmap:
    """A set of hashes (0 to 2**62 - 1), and of some more by chance; `room` is for how many.

    Of those above `upto` it does not know yet: they may all be in it.
    """

    def __init__(self, room: int, upto: int = -1) -> None:
        bits = _LEAST
        while room > _FULL * (1 << bits):
            bits += 1
        self.upto = upto
        self._shift = _BITS - bits
        self._left = int(_FULL * (1 << bits))
        self._bytes = bytearray(1 << bits - 3)

    @property
    def is_full(self) -> bool:
        """Whether it has so many that it tells too little."""
        return self._left < 0

    def add(self, hashes: Collection[int]) -> None:
        """Puts hashes in."""
        held, shift = self._bytes, self._shift
        for value in hashes:
            place = value >> shift
            held[place >> 3] |= 1 << (place & 7)
        self._left -= len(hashes)

    def among(self, hashes: Iterable[int]) -> list[int]:
        """Those that may be in it."""
        held, shift, upto = self._bytes, self._shift, self.upto
        return [value for value in hashes if held[(place := value >> shift) >> 3] >> (place & 7) & 1 or value > upto]
