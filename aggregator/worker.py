"""The other side of the engine: what runs in a worker process, and how documents and articles go between the two.

Not in the engine's folder: a worker has no use for an event loop, and the memory that one takes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import pickle
import signal
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from isal import isal_zlib

from aggregator.errors import ParseError

HEADER = struct.Struct(">I")  # the length of what comes next on a pipe

_LARGE = 2**19  # bytes; more than asyncio takes for each read (256 KiB), which would be mapped and unmapped each time
_SPARE = 2**22  # bytes
_PIPE = 2**18  # bytes
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h

try:
    import fcntl
    import resource
except ImportError:  # not on Windows
    fcntl = resource = None  # type: ignore[assignment]


def main() -> None:
    """Does jobs from stdin to stdout until there are no more, each with its length before it. What comes first is what to
    do with a job, how many bytes of address space that may take, and how many seconds."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        _widen(stream)
        os.dup2(nothing, stream)  # whatever a library prints is no answer
    work, limit, seconds = unpacked(_frame(source))
    _prepare(limit)
    while job := _frame(source):
        _alarm(2 * seconds)
        made = _done(work, job, limit)
        _alarm(0)
        del job
        sink.write(HEADER.pack(len(made)))
        sink.write(made)
        sink.flush()


def _frame(source: BinaryIO) -> bytes:
    header = source.read(HEADER.size)
    return source.read(*HEADER.unpack(header)) if header else b""


def _done(work: Callable[[Any], object], job: bytes, limit: int) -> bytes:
    try:
        return packed(work(unpacked(job)))
    except MemoryError:
        return packed(ParseError(f"reading the document took more than {limit // 2**20} MiB"))
    except Exception as error:  # noqa: BLE001 - whatever a document brings up in a worker, it is that feed's failure
        return packed(ParseError(f"reading the document failed: {type(error).__name__}: {error}"[:300]))


def _alarm(seconds: float) -> None:
    """Ends this process, if it takes so long: who else would end it may have been killed meanwhile."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _widen(pipe: int) -> None:
    """Lets a pipe hold what is made of a document, so that nobody waits for the other side to take it."""
    with contextlib.suppress(OSError, AttributeError):  # not on Linux, or more than the system lets a user have
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _prepare(limit: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of a terminal's processes: the daemon ends us
    # Else a parser's tree goes back and is asked for again with each article, which takes as long as the parsing.
    trim(_SPARE)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def trim(spare: int = 2**17) -> None:
    """Makes a process fit to live long on little; call it when all is loaded, and before there are threads.

    Large blocks go back to the system when they are freed, as they do until one was freed (mallopt(3)): else a process that
    has once read a document of 10 MB keeps five times that for good. `spare` bytes of small ones are kept. Threads share
    one heap: what one of them freed is no use to the others else.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library than glibc
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        allocator.mallopt(_M_TRIM_THRESHOLD, spare)
        allocator.mallopt(_M_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()  # modules and rules stay: the collector need not look through them again and again


class _Pickler(pickle.Pickler):
    """Writes a named tuple as a call of its class: a quarter faster than by looking at each for how it wants to be written."""

    def reducer_override(self, thing: object) -> Any:
        return (type(thing), tuple(thing)) if isinstance(thing, tuple) else NotImplemented


def packed(value: object) -> bytes:
    """What goes between processes: both sides hold the last one until the next comes, so a large one is compressed."""
    written = io.BytesIO()
    _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(value)
    data = written.getvalue()
    return isal_zlib.compress(data, 1) if len(data) > _LARGE else data


def unpacked(data: bytes) -> Any:
    """What `packed` was given."""
    # A pickle begins with PROTO; what is compressed never does.
    return pickle.loads(data if data.startswith(pickle.PROTO) else isal_zlib.decompress(data))  # noqa: S301 - our own
