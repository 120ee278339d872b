"""Who may fetch now: so many at a time, and whoever hangs steps aside for the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Self, TypeVar

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

T = TypeVar("T")

PATIENCE = 0.25  # seconds without a byte, after which others may go on: 1,000 that hang cost the next one 2.5
_ASIDE = 10  # times as many may hang beside those at work
_CROWD = 4  # a crowd is one for each so many turns
_SMALL = 2**16  # bytes of a body, up to which it may wait aside; what is large in memory keeps its turn
_OTHERS = 40  # file descriptors for the database, the workers and who reads our pages


class Turns:
    """Turns for `most` fetches at a time, fewer where the system allows not so many open files."""

    def __init__(self, most: int) -> None:
        files = _files(most * (1 + _ASIDE) + _OTHERS) - _OTHERS
        self.most = max(4, min(most, files))
        self._free = asyncio.Semaphore(self.most)
        self._room = max(0, min(_ASIDE * most, files - self.most))
        self._waiting = self._taken = self._laden = 0
        self._moved = asyncio.Event()

    async def uncrowded(self) -> None:
        """Waits while many wait for a turn, or have their document and wait until it is read: to begin more fetches would
        bring nothing but more to hold."""
        while self._is_crowded():
            self._moved.clear()
            await self._moved.wait()

    def _is_crowded(self) -> bool:
        crowd = self.most // _CROWD
        if not self._laden:
            return self._waiting > crowd
        # The nearer to a crowd, the fewer are on their way: else they would come all at once whenever there is none, and
        # while so many answers are taken in nobody else's turn comes.
        on_their_way = self._taken - self._laden
        return self._waiting + self._laden > crowd or on_their_way > self.most * (1 - self._laden / crowd)

    def _give_back(self) -> None:
        self._taken -= 1
        self._free.release()
        self._moved.set()

    def turn(self) -> Turn:
        """One more turn, to be waited for."""
        return Turn(self)


class Turn:
    """One fetch's turn, which it has, or has given up for a while; use it as an async context manager, which waits for it."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._aside = self._laden = False

    async def __aenter__(self) -> Self:
        self._turns._waiting += 1
        try:
            await self.take()
        finally:
            self._turns._waiting -= 1
            self._turns._moved.set()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.end()

    async def take(self) -> None:
        """Waits until it is one of those at work."""
        await self._turns._free.acquire()
        self._turns._taken += 1
        self._turns._room += self._aside
        self._aside = False

    def laden(self) -> None:
        """Says that its document is in memory, from now to the end of the turn."""
        self._turns._laden += not self._laden
        self._laden = True

    def end(self) -> None:
        """Makes room for the next."""
        self._turns._laden -= self._laden
        if self._aside:
            self._turns._room += 1
        else:
            self._turns._give_back()

    async def patience(self, awaited: Awaitable[T]) -> T:
        """What is awaited: a long wait is made aside, and ends when there is a turn again."""
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._step_aside)
        try:
            result = await awaited
        finally:
            timer.cancel()
        if self._aside:
            await self.take()
        return result

    async def patient(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The chunks of a body; the waits for its first ones may be made aside."""
        size = 0
        while size < _SMALL:
            chunk = await self.patience(anext(chunks, None))
            if chunk is None:
                return
            size += len(chunk)
            yield chunk
        async for chunk in chunks:
            yield chunk

    def _step_aside(self) -> None:
        if self._turns._room > 0 and not self._aside:
            self._turns._room -= 1
            self._aside = True
            self._turns._give_back()


def _files(wanted: int) -> int:
    """How many files may be open at a time; the soft limit is raised as far as it is needed and may be."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
