"""A worker process, and the documents that lie before it: the one that it reads, and the next."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from aggregator.digest import Digest, Job
from aggregator.errors import ParseError
from aggregator.worker import HEADER, packed

_COMMAND = "from aggregator.worker import main; main()"
_AHEAD = 2**20  # bytes of what has been made that are read before somebody wants them
_SMALL = 2**18  # bytes of a document and its next one; larger ones lie in the queue till there is nothing before them


class Orders(NamedTuple):
    """What a worker does with each job, and its limits: seconds for one document, bytes of address space."""

    work: Callable[[Job], Digest | ParseError]
    time_limit: float
    memory_limit: int


class Place(NamedTuple):
    """A document in the queue. `made` will be what `packed` gives of its digest, or TimeoutError where it took too long,
    EOFError where it ended its process, OSError where none could be started."""

    job: Job
    made: asyncio.Future[bytes]
    again: bool = False  # whether a process has ended on it already

    def tell(self, outcome: bytes | Exception) -> None:
        """Ends the wait, if anybody still waits."""
        if self.made.done():
            return
        if isinstance(outcome, Exception):
            self.made.set_exception(outcome)
        else:
            self.made.set_result(outcome)


class Hand:
    """A task that keeps one process at work as long as documents wait, and ends it when it is cancelled.

    The process has the next document before what it made of the last one has been taken from its pipe. `rest` is how many
    seconds without a document end it; None: never.
    """

    def __init__(self, waiting: deque[Place], orders: Orders, rest: float | None = None) -> None:
        self.places: deque[Place] = deque()
        self._waiting, self._orders, self._rest = waiting, orders, rest
        self._called = asyncio.Event()
        self._process: Process | None = None
        self.task = asyncio.create_task(self._live())

    def fill(self) -> None:
        """Takes what waits, as much as may lie before it."""
        while self._waiting and self._has_room():
            place = self._waiting.popleft()
            self.places.append(place)
            self._give(place)
        self._called.set()

    def _has_room(self) -> bool:
        size = len(self._waiting[0].job.response.body)
        return not self.places or (len(self.places) == 1 and size + len(self.places[0].job.response.body) <= _SMALL)

    async def _live(self) -> None:
        try:
            while await self._has_work():
                try:
                    async with asyncio.timeout(self._orders.time_limit):
                        made = await self._first()
                except (TimeoutError, EOFError, OSError) as error:
                    await self._fail(error)
                else:
                    place = self.places.popleft()
                    self.fill()  # before whoever waits for this one unpacks it
                    place.tell(made)
        finally:
            for place in self.places:
                place.tell(EOFError())
            await self._end()

    async def _has_work(self) -> bool:
        """Waits for a document, for as long as there is patience."""
        if not self.places:
            self._called.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rest):
                    await self._called.wait()
        return bool(self.places)

    async def _first(self) -> bytes:
        """What is made of the first document."""
        if self._process is None:
            self._process = await self._start()
            for place in self.places:
                self._give(place)
        assert self._process.stdout is not None
        (length,) = HEADER.unpack(await self._process.stdout.readexactly(HEADER.size))
        return await self._process.stdout.readexactly(length)

    async def _start(self) -> Process:
        # It is to find what we find, `aggregator` first of all, and not what lies in the working directory (-P).
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", _COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=env, limit=_AHEAD
        )
        _send(process, packed((self._orders.work, self._orders.memory_limit, self._orders.time_limit)))
        return process

    def _give(self, place: Place) -> None:
        if self._process is not None:
            _send(self._process, packed(place.job))

    async def _fail(self, error: Exception) -> None:
        """The first document has failed; the next one is given to another process."""
        await self._end()
        if isinstance(error, EOFError) and not self.places[0].again:
            # Others end processes, too: the kernel where memory is short, a signal to all that a terminal has started.
            self.places[0] = self.places[0]._replace(again=True)
        else:
            self.places.popleft().tell(error)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            await process.communicate()  # reads its pipe to the end, which closes that


def _send(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(HEADER.pack(len(data)))
    process.stdin.write(data)
