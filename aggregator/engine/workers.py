"""The engines: this process, or worker processes.

A worker that hangs or grows beyond its limits on a hostile document is killed and replaced; that feed's poll is a
recorded failure, and its neighbours never notice.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import anyio
from anyio import to_process

from aggregator.digest import Digest, Job, digest
from aggregator.errors import ParseError
from aggregator.worker import packed, unpacked, worked

_DESKS = 40  # documents being digested or waiting for their commit; with all that is made of one, half a megabyte each
TIME_LIMIT = 20.0  # seconds of one document
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
    """Digests in up to `count` processes, started when jobs come: a pass of nothing but 304 starts none. They end with the
    event loop.

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
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.work = work
        self.reading = 0
        self._turns = asyncio.Semaphore(self.count)  # taken before the time limit begins, as anyio's own limit is not
        self._limiter = anyio.CapacityLimiter(self.count)
        self._desks = asyncio.Semaphore(_DESKS)
        self._seated: weakref.WeakSet[asyncio.Task[object]] = weakref.WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None  # anyio ends the processes with the loop

    async def run(self, job: Job) -> Digest | ParseError:
        """Digests in a worker, as soon as there is room. The caller's task has a desk for its document till it ends."""
        await self._sit_down(job)
        self.reading += 1
        try:
            async with self._turns:
                made = await self._worked(job)
            # The worker is to have its next document before this one's articles are unpacked: that takes whoever waits for a
            # turn one step, and another for anyio's limiter.
            for _ in range(2):
                await asyncio.sleep(0)
            done: Digest | ParseError = unpacked(made)
            return done
        except TimeoutError:
            return ParseError(f"the document could not be read within {self.time_limit:g} s")
        except MemoryError:
            return ParseError(f"reading the document took more than {self.memory_limit // 2**20} MiB")
        except anyio.BrokenWorkerProcess:
            return ParseError("reading the document ended the worker process")
        except Exception as error:  # noqa: BLE001 - whatever a document brings up in a worker, it is that feed's failure
            return ParseError(f"reading the document failed: {type(error).__name__}: {error}"[:300])
        finally:
            self.reading -= 1

    async def _worked(self, job: Job) -> bytes:
        data = packed(job)
        try:
            return await self._sent(data)
        except anyio.BrokenWorkerProcess:
            # Others end processes, too: the kernel where memory is short, a signal to all that a terminal has started.
            return await self._sent(data)

    async def _sent(self, data: bytes) -> bytes:
        with anyio.fail_after(self.time_limit):
            return await to_process.run_sync(
                worked, self.work, data, self.memory_limit, cancellable=True, limiter=self._limiter
            )

    async def _sit_down(self, job: Job) -> None:
        """Waits for a desk, so that workers do not run ahead of the writer: what they make is held until it is stored."""
        task = asyncio.current_task()
        # Pages of articles are still to be fetched for full texts: those would wait for slots while these wait for a desk.
        if task is None or task in self._seated or job.subscription.full_text:
            return
        await self._desks.acquire()
        self._seated.add(task)
        task.add_done_callback(lambda _: self._desks.release())
