"""The engines: this process, or worker processes.

A worker that hangs or grows beyond its limits on a hostile document is killed and replaced; that feed's poll is a
recorded failure, and its neighbours never notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import ctypes
import dataclasses
import io
import multiprocessing
import pickle
import weakref
import zlib
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from multiprocessing.context import BaseContext
from operator import attrgetter
from types import TracebackType
from typing import Any, Protocol, Self

import pebble

from aggregator.digest import Digest, Item, Job, digest
from aggregator.errors import ParseError
from aggregator.model import Article, Entry, Text

_DESKS = 16  # documents being digested or waiting for their commit; with all that is made of one, half a megabyte each
TIME_LIMIT = 20.0  # seconds of one document
MEMORY_LIMIT = 2**30  # bytes of address space of one worker; the largest honest documents take a quarter of it
_LARGE = 2**19  # bytes; more than asyncio takes for each read (256 KiB), which would be mapped and unmapped each time
_SPARE = 2**22  # bytes
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]


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
    """Digests in `count` processes, started when the first job comes: a pass of nothing but 304 starts none.

    `time_limit` is in seconds for one document, `memory_limit` in bytes for one process; `work` is what is done.
    """

    def __init__(
        self,
        count: int | None = None,
        time_limit: float = TIME_LIMIT,
        memory_limit: int = MEMORY_LIMIT,
        work: Callable[[Job], Digest | ParseError] = digest,
    ) -> None:
        self.count = count or max(1, min(4, multiprocessing.cpu_count() - 1))  # one processor is for the daemon itself
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.work = work
        self.reading = 0
        self._pool: pebble.ProcessPool | None = None
        self._desks = asyncio.Semaphore(_DESKS)
        self._seated: weakref.WeakSet[asyncio.Task[object]] = weakref.WeakSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            await asyncio.to_thread(self._pool.join)

    async def run(self, job: Job) -> Digest | ParseError:
        """Digests in a worker, as soon as there is room. The caller's task has a desk for its document till it ends."""
        await self._sit_down(job)
        if self._pool is None:
            context = _context()
            self._pool = pebble.ProcessPool(
                max_workers=self.count, initializer=_prepare, initargs=(self.memory_limit,), context=context
            )
        self.reading += 1
        try:
            future = self._pool.schedule(_worked, args=(self.work, _packed(job)), timeout=self.time_limit)
            done: Digest | ParseError = _unpacked(await asyncio.wrap_future(future))
            return done
        except (TimeoutError, FutureTimeout):
            return ParseError(f"the document could not be read within {self.time_limit:g} s")
        except MemoryError:
            return ParseError(f"reading the document took more than {self.memory_limit // 2**20} MiB")
        except pebble.ProcessExpired as error:
            return ParseError(f"reading the document ended the worker process (exit code {error.exitcode})")
        except Exception as error:  # noqa: BLE001 - whatever a document brings up in a worker, it is that feed's failure
            return ParseError(f"reading the document failed: {type(error).__name__}: {error}"[:300])
        finally:
            self.reading -= 1

    async def _sit_down(self, job: Job) -> None:
        """Waits for a desk, so that workers do not run ahead of the writer: what they make is held until it is stored."""
        task = asyncio.current_task()
        # Pages of articles are still to be fetched for full texts: those would wait for slots while these wait for a desk.
        if task is None or task in self._seated or job.subscription.full_text:
            return
        await self._desks.acquire()
        self._seated.add(task)
        task.add_done_callback(lambda _: self._desks.release())


def _context() -> BaseContext:
    """How workers start. Not by "fork": pebble replaces them from a thread, and a fork of a threaded process can deadlock.

    A small process that has all that digesting needs is forked instead: a worker is there in milliseconds, and the pages
    of memory that this takes are there once for all of them.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aggregator.engine.ready"])
    return context


def trim(spare: int = 2**17) -> None:
    """Lets large blocks go back to the system when they are freed, as they do until one was freed (mallopt(3)).

    Else a process that has once read a document of 10 MB keeps five times that for good. `spare` bytes of small ones are
    kept. Threads share one heap: what one of them freed is no use to the others else. Call it before there are any.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library than glibc
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        allocator.mallopt(_M_TRIM_THRESHOLD, spare)
        allocator.mallopt(_M_ARENA_MAX, 1)


def _prepare(limit: int) -> None:
    # Else a parser's tree goes back and is asked for again with each article, which takes as long as the parsing.
    trim(_SPARE)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _reduced(noun: type) -> Callable[[object], tuple[type, tuple[object, ...]]]:
    values = attrgetter(*(field.name for field in dataclasses.fields(noun)))
    return lambda thing: (noun, values(thing))


def _worked(work: Callable[[Job], Digest | ParseError], job: bytes) -> bytes:
    return _packed(work(_unpacked(job)))


class _Pickler(pickle.Pickler):
    """Writes the nouns that come by the dozen as calls of their classes: half the time of what dataclasses with slots do
    by themselves, which is Python for each field (`dataclasses._dataclass_getstate`)."""

    dispatch_table = copyreg.dispatch_table | {noun: _reduced(noun) for noun in (Item, Article, Entry, Text)}


def _packed(value: object) -> bytes:
    """What goes between processes: both sides hold the last one until the next comes, so a large one is compressed."""
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(value)
    data = written.getvalue()
    return b"z" + zlib.compress(data, 1) if len(data) > _LARGE else b"p" + data


def _unpacked(data: bytes) -> Any:
    return pickle.loads(zlib.decompress(data[1:]) if data[:1] == b"z" else memoryview(data)[1:])  # noqa: S301 - our own
