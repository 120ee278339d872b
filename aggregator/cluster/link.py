"""The connection to Dask's scheduler. Dask makes no promise about work under way when it breaks: all futures are lost
then (dask/distributed#5667). So we make it anew ourselves and send again what did not come back.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import TYPE_CHECKING, Any

from aggregator.cluster.parcel import Parcel
from aggregator.cluster.versions import difference, told
from aggregator.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

_TIMEOUT = 5.0  # seconds to connect
_END = 0.4  # seconds for good-byes
_LOOK = 2.0  # seconds between looks at who works there


class Lost(Exception):
    """What was sent will not come back, through no fault of its own: send it again."""


class Killed(Exception):
    """Each worker that had it has died."""


class Link:
    """A connection to the scheduler at `address` (tcp:// or tls://host:port, certificates as Dask is configured)."""

    def __init__(self, address: str) -> None:
        if not re.fullmatch(r"(?:tcp|tls)://(?:[^/@\s:\[\]]+|\[[^/@\s]+\]):[0-9]{1,5}", address):
            raise ClusterError(f"{address}: a scheduler's address is tcp://host:port or tls://host:port", lasting=True)
        self.address = address
        self.unfit: dict[str, str] = {}  # workers that can't be used, and why
        self.threads = 0  # batches that the others take at once
        self.workers = 0  # how many others there are
        self._known: frozenset[str] = frozenset()
        self._looked = 0.0
        self._client: Client | None = None

    @property
    def up(self) -> bool:
        """Whether something can be sent."""
        return self._client is not None and self._client.status == "running"

    async def open(self) -> None:
        """Connects. Raises ClusterError where nobody answers; who can't be used is in `unfit` then."""
        try:
            from distributed import Client
        except ImportError:
            raise ClusterError(
                "--workers needs Dask, which is not installed: pip install 'aggregator[cluster]'", lasting=True
            ) from None
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what a person should know is said by us, in one line
        await self.close()
        client = Client(self.address, asynchronous=True, timeout=_TIMEOUT, set_as_default=False, name="aggregator")
        try:
            await client
            self._client = client
            await self._look()
        except BaseException as error:
            self._client = None
            await _end(client)
            if not isinstance(error, OSError | TimeoutError | TypeError | ValueError | RuntimeError):
                raise
            raise ClusterError(f"no Dask scheduler can be used at {self.address}: {_reason(error)}") from None

    async def close(self) -> None:
        """Ends the connection, if there is one, within half a second."""
        if self._client is not None:
            client, self._client = self._client, None
            await _end(client)

    async def look(self) -> None:
        """Counts who works there, now and then. Raises Lost."""
        if asyncio.get_running_loop().time() - self._looked < _LOOK:
            return
        try:
            await asyncio.wait_for(self._look(), _TIMEOUT)
        except (OSError, TimeoutError, ValueError, RuntimeError, AttributeError):
            raise Lost from None

    async def _look(self) -> None:
        assert self._client is not None
        threads: dict[str, int] = await self._client.nthreads()
        if self._known != threads.keys():
            versions: dict[str, Any] = await self._client.get_versions(packages=["aggregator"])
            found = {name: difference(told(of["packages"])) for name, of in versions["workers"].items() if of}
            self.unfit = {f"worker {name}": wrong for name, wrong in found.items() if wrong}
            # It passes on what it can't read: the scheduler needs no aggregator.
            if wrong := difference(told(versions["scheduler"]["packages"]), without="aggregator"):
                self.unfit["the scheduler"] = wrong
            self._known = frozenset(threads)
        fit = {name: count for name, count in threads.items() if f"worker {name}" not in self.unfit}
        self.threads, self.workers = sum(fit.values()), len(fit)
        self._looked = asyncio.get_running_loop().time()

    async def send(self, parcel: Parcel) -> Parcel:
        """Has a batch polled, wherever; gives its haul. A worker that dies is replaced by another: Dask sees to that.

        Raises Lost, Killed, and ClusterError where it came to a worker of another version.
        """
        from distributed import CancelledError, KilledWorker

        from aggregator.cluster.outpost import run

        if not self.up:
            raise Lost
        assert self._client is not None
        fit = [name for name in self._known if f"worker {name}" not in self.unfit] if self.unfit else None
        # The key is what logs and the dashboard show. It says nothing, and is never given twice: `pure` work would be
        # answered from what is known. Those that don't fit say so themselves, should no other be left.
        key = f"polls-{uuid.uuid4().hex}"
        future = self._client.submit(run, parcel, key=key, pure=False, workers=fit, allow_other_workers=bool(fit))
        try:
            answer = await future
        except KilledWorker as error:
            raise Killed(str(error)) from None
        except CancelledError:  # Dask's: the scheduler is gone; that of asyncio, for us, is another
            raise Lost from None
        except ModuleNotFoundError as error:
            answer = str(error)
        finally:
            future.release()
        if isinstance(answer, Parcel):
            return answer
        self._known, self._looked = frozenset(), 0.0  # it came just now; the next look tells who it is
        wrong = answer if isinstance(answer, str) else difference(answer)
        raise ClusterError(f"a worker can't be used: {wrong}")


async def _end(client: Client) -> None:
    try:
        await client.close(timeout=_END)
    except (OSError, TimeoutError, RuntimeError, AttributeError):
        return  # it is over all the same


def _reason(error: Exception) -> str:
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_TIMEOUT:g} s"
    return " ".join(str(error).split())[:200] or type(error).__name__
