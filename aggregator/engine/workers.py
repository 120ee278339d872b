"""The engines: this process, or worker processes.

A worker that hangs or grows beyond its limits on a hostile document is killed and replaced; that feed's poll is a
recorded failure, and its neighbours never notice.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from aggregator.digest import Digest, Job, digest
from aggregator.engine.hand import Hand, Orders, Place
from aggregator.errors import ParseError
from aggregator.worker import unpacked

_DESKS = 48  # documents being digested or waiting for their commit; with all that is made of one, half a megabyte each
TIME_LIMIT = 20.0  # seconds of one document
_REST = 300.0  # seconds without a document, after which all workers but one end
MEMORY_LIMIT = 2**30  # bytes of address space of one worker; the largest honest documents take a quarter of it


class Engine(Protocol):
    """An async context manager that digests jobs. Never raises for what a document does."""

    @property
    def reading(self) -> int:
        """Jobs that are being done just now; those that wait for room are not."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def run(self, job: Job) -> Digest | ParseError: ...


class Here:
    """Digests in this process, one job after the other: for tests and for a single feed."""

    reading = 0  # nobody sees it at work

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def run(self, job: Job) -> Digest | ParseError:
        """Digests at once."""
        return digest(job)


class Workers:
    """Digests in up to `count` processes, started when jobs come: a pass of nothing but 304 starts none.

    `time_limit` is in seconds for one document, `memory_limit` in bytes for one process; `work` is what is done.
    """

    def __init__(
        self,
        count: int | None = None,
        time_limit: float = TIME_LIMIT,
        memory_limit: int = MEMORY_LIMIT,
        work: Callable[[Job], Digest | ParseError] = digest,
    ) -> None:
        self.count = count or max(1, min(4, (os.cpu_count() or 1) - 1))  # one processor is for the daemon itself
        self.reading = 0
        self._orders = Orders(work, time_limit, memory_limit)
        self._waiting: deque[Place] = deque()
        self._hands: list[Hand] = []
        self._desks = asyncio.Semaphore(_DESKS)
        self._seated: weakref.WeakSet[asyncio.Task[object]] = weakref.WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for place in self._waiting:
            place.made.cancel()
        for hand in self._hands:
            hand.task.cancel()
        await asyncio.gather(*(hand.task for hand in self._hands), return_exceptions=True)

    async def run(self, job: Job) -> Digest | ParseError:
        """Digests in a worker, as soon as there is room. The caller's task has a desk for its document till it ends."""
        await self._sit_down(job)
        self.reading += 1
        try:
            place = Place(job, asyncio.get_running_loop().create_future())
            self._waiting.append(place)
            self._next().fill()
            done: Digest | ParseError = unpacked(await place.made)
            return done
        except TimeoutError:
            return ParseError(f"the document could not be read within {self._orders.time_limit:g} s")
        except EOFError:
            return ParseError("reading the document ended the worker process")
        except OSError as error:
            return ParseError(f"no process to read the document could be started: {error}"[:300])
        finally:
            self.reading -= 1

    def _next(self) -> Hand:
        """Who has least to do; a new one where all have something, and there may be more."""
        self._hands = [hand for hand in self._hands if not hand.task.done()]
        if len(self._hands) < self.count and all(hand.places for hand in self._hands):
            self._hands.append(Hand(self._waiting, self._orders, _REST if self._hands else None))
        return min(self._hands, key=lambda hand: len(hand.places))

    async def _sit_down(self, job: Job) -> None:
        """Waits for a desk, so that workers do not run ahead of the writer: what they make is held until it is stored."""
        task = asyncio.current_task()
        # Pages of articles are still to be fetched for full texts: those would wait for slots while these wait for a desk.
        if task is None or task in self._seated or job.subscription.full_text:
            return
        await self._desks.acquire()
        self._seated.add(task)
        task.add_done_callback(lambda _: self._desks.release())
