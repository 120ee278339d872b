"""The other side of the engine: what runs in a worker process, and how documents and articles go between the two.

Not in the engine's folder: a worker has no use for an event loop, and the memory that one takes.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import io
import pickle
import signal
from collections.abc import Callable
from typing import Any

from isal import isal_zlib

from aggregator.digest import Digest, Job
from aggregator.errors import ParseError

_LARGE = 2**19  # bytes; more than asyncio takes for each read (256 KiB), which would be mapped and unmapped each time
_SPARE = 2**22  # bytes
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]


def worked(work: Callable[[Job], Digest | ParseError], job: bytes, limit: int) -> bytes:
    """Does a job in a process that may have `limit` bytes of address space. Raises what `work` does."""
    _prepare(limit)
    return packed(work(unpacked(job)))


@functools.cache
def _prepare(limit: int) -> None:
    """What a process needs to have done once."""
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
