"""Work that is done in steps, so that the same step of several things can be done before the next: a step's code and tables
push those of the others out of the processor's caches, and are found there when they are used again at once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Stepwise = Generator[None, None, T]  # stops between two steps, and gives its result when the last one is done


def finished(work: Stepwise[T]) -> T:
    """The result of work that is done by itself."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        result: T = end.value
        return result


def together(works: Iterable[Stepwise[T]]) -> Iterator[T | Exception]:
    """The results of works that are done step by step beside each other, in their order; of one that raised, what it did."""
    ended: dict[int, T | Exception] = {}
    going = dict(enumerate(works))
    count = len(going)
    while going:
        for number, work in [*going.items()]:
            try:
                next(work)
            except StopIteration as end:
                ended[number] = end.value
            except MemoryError:
                raise  # of the process, not of the work
            except Exception as error:  # noqa: BLE001 - a fault in one must not cost its neighbours
                ended[number] = error
            else:
                continue
            del going[number]
    return (ended[number] for number in range(count))
