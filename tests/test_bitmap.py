"""The bitmap: what was put in is never denied, and of the rest so little is taken for it that a look is worth it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from aggregator.store.bitmap import Bitmap

HASHES = st.lists(st.integers(0, 2**62 - 1))


@given(HASHES, HASHES, st.integers(-1, 2**62))
def test_none_is_denied_that_is_in_it_or_not_known_yet(held: list[int], others: list[int], upto: int) -> None:
    bitmap = Bitmap(0, upto)
    bitmap.add(held)
    assert bitmap.among(held) == held
    assert bitmap.among(others) == [
        value for value in others if value > upto or value >> 38 in {each >> 38 for each in held}
    ]


def test_it_tells_enough_until_it_is_full() -> None:
    dice, bitmap, count = random.Random(4), Bitmap(0, 2**62), 0
    while not bitmap.is_full:
        bitmap.add([dice.randrange(2**62) for _ in range(100_000)])
        count += 100_000
    assert len(bitmap.among(dice.randrange(2**62) for _ in range(10_000))) < 3500
    larger = Bitmap(count)
    larger.add(range(count))
    assert not larger.is_full
