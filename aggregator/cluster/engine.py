"""Cluster: an engine that has whole errands run by the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from aggregator.cluster.link import Killed, Link, Lost
from aggregator.cluster.parcel import Batch, Haul, Parcel, slim
from aggregator.cluster.waiting import Waiting
from aggregator.digest import Digest, Job
from aggregator.engine import Engine, Workers
from aggregator.errand import Errand, Found, Runner, host_of
from aggregator.errors import ClusterError, FetchError, ParseError
from aggregator.fetch import site_of

log = logging.getLogger("aggregator")

BATCH = 50  # errands, as far as there are so many
_GATHER = 0.02  # seconds: what is due together is sent together
_AGAIN = 2.0  # seconds between attempts
_BACKLOG = 1000  # polls with news that wait for the writer: while there are more, no batch is sent

Group = dict[str, list["_Sent"]]  # by host


@dataclass(frozen=True, slots=True, eq=False)
class _Sent:
    """An errand, and who waits for what it finds."""

    errand: Errand
    runner: Runner
    future: asyncio.Future[Found]


class Cluster:
    """Sends errands in batches to the scheduler at `address`; while nobody answers there, they wait.

    What is digested without a poll (a push) is digested here, by `local`. Raises ClusterError on entering, where the
    cluster can't be used.
    """

    def __init__(self, address: str, local: Engine | None = None) -> None:
        self.link = Link(address)
        self.backlog: Callable[[], int] = lambda: 0
        self._local = local or Workers()
        self._waiting: Waiting[_Sent] = Waiting()
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._fault: str | None = None  # what is in the log already
        self._unfit: set[str] = set()  # likewise

    async def __aenter__(self) -> Self:
        await self.link.open()
        if self.link.unfit:
            await self.link.close()
            first, *others = [f"{name} has {wrong}" for name, wrong in self.link.unfit.items()]
            more = f" (and {len(others)} more)" if others else ""
            raise ClusterError(f"{first}{more}; the same version is needed everywhere")
        host = self.link.address.partition("://")[2].rpartition(":")[0]
        if self.link.address.startswith("tcp:") and host not in ("localhost", "[::1]") and not host.startswith("127."):
            log.warning("%s is not encrypted: whoever can listen reads addresses and secrets of feeds, and whoever can "
                        "connect runs programs there; tls:// is for that (docs/scale.md)", self.link.address)  # fmt: skip
        log.info("polls are sent to %d workers of %s", self.link.workers, self.link.address)
        await self._local.__aenter__()
        self._dispatcher = asyncio.create_task(self._dispatch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [self._dispatcher, *self._sending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.link.close()
        await self._local.__aexit__(kind, value, trace)

    @property
    def reading(self) -> int:
        """What is being digested here."""
        return self._local.reading

    async def run(self, job: Job) -> Digest | ParseError:
        """Digests here."""
        return await self._local.run(job)

    async def carry(self, runner: Runner, errand: Errand) -> Found:
        """Has an errand run by some worker."""
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.add(site_of(errand.request.url), _Sent(errand, runner, future))
        self._wake.set()
        return await future

    async def _dispatch(self) -> None:
        """Sends what waits, as much at once as there are workers for, and a batch for each to begin with next."""
        while True:
            soon = _GATHER if self.backlog() > _BACKLOG else _AGAIN
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), soon if self._waiting else None)
            self._wake.clear()
            await asyncio.sleep(_GATHER)
            try:
                await self._prepare()
            except (ClusterError, Lost) as error:
                self._say(str(error) or f"the scheduler at {self.link.address} does not answer")
                await asyncio.sleep(_AGAIN)
                self._wake.set()
                continue
            except Exception:
                log.exception("sending polls failed")
                await asyncio.sleep(_AGAIN)
                self._wake.set()
                continue
            most = 0 if self.backlog() > _BACKLOG else self.link.threads + self.link.workers
            while self._waiting and len(self._sending) < most:
                task = asyncio.create_task(self._send(self._waiting.take(BATCH)))
                self._sending.add(task)
                task.add_done_callback(self._sent)

    async def _prepare(self) -> None:
        if not self.link.up:
            self._say(f"the connection to {self.link.address} is lost")
            await self.link.open()
        await self.link.look()
        for name in self.link.unfit.keys() - self._unfit:
            log.error("%s is not used: it has %s", name, self.link.unfit[name])
        self._unfit = set(self.link.unfit)
        if self.link.threads == 0:
            raise ClusterError(f"{self.link.address} has no workers")
        if self._fault is not None:
            log.info("polls are sent again, to %d workers of %s", self.link.workers, self.link.address)
            self._fault = None

    def _say(self, fault: str) -> None:
        if self._fault is None:
            self._fault = fault
            log.warning("%s: polls wait until it is back", fault)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._wake.set()

    async def _send(self, group: Group) -> None:
        """One batch there and back. What can't be sent waits again; each errand is answered once."""
        try:
            await self._deliver([sent for things in group.values() for sent in things if not sent.future.done()])
        except (Lost, ClusterError) as error:
            if isinstance(error, ClusterError):
                self._say(str(error))
                await asyncio.sleep(_AGAIN)
            self._waiting.put_back({host: [s for s in things if not s.future.done()] for host, things in group.items()})
        except Exception as error:  # noqa: BLE001 - a fault of ours in one batch must not cost the others
            for sent in (sent for things in group.values() for sent in things if not sent.future.done()):
                sent.future.set_exception(error)
            self._waiting.done(group)
        else:
            self._waiting.done(group)

    async def _deliver(self, batch: list[_Sent]) -> None:
        if not batch:
            return
        runner, errands = batch[0].runner, [sent.errand for sent in batch]
        memories = await runner.recall([errand.feed for errand in errands])
        now = runner.clock()
        resting = {host_of(errand.request.url): runner.resting.get(host_of(errand.request.url)) for errand in errands}
        known = {host: until for host, until in resting.items() if until is not None and until > now}
        pairs = tuple(zip(errands, memories, strict=True))
        try:
            answer = await self.link.send(Parcel.of(len(pairs), Batch(now, slim(runner.config()), pairs, known)))
        except Killed:
            await self._deliver_halves(batch)
            return
        haul = answer.open()
        assert isinstance(haul, Haul)
        late = max(runner.clock() - haul.end, timedelta(0))  # it waited for a worker, or was begun anew by another
        for sent, found in zip(batch, haul.found, strict=True):
            if sent.future.done():
                continue
            if isinstance(found, str):
                sent.future.set_exception(RuntimeError(found))
            else:
                found = dataclasses.replace(found, at=found.at + late)
                runner.heed(sent.errand.request.url, found)
                sent.future.set_result(found)

    async def _deliver_halves(self, batch: list[_Sent]) -> None:
        """Whatever it is that ends workers, its neighbours are to be polled."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._deliver(batch[:middle])
            await self._deliver(batch[middle:])
        elif not batch[0].future.done():
            error = FetchError("polling it has ended several workers, or they were lost one after the other")
            batch[0].future.set_result(Found(batch[0].runner.clock(), error))
