"""What runs in a Dask worker: errands by our own client, on the worker's own loop, and digests in processes of ours.

A document that hangs or grows ends one of those processes, as it would at home; the worker goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from distributed import Worker, WorkerPlugin, get_worker

from aggregator.cluster.parcel import Batch, Haul, Parcel
from aggregator.cluster.versions import Versions, difference, here
from aggregator.config import Config
from aggregator.engine import Workers
from aggregator.errand import Errand, Found, Runner
from aggregator.fetch import Client, client_for
from aggregator.pages import Pages
from aggregator.store import Memory

_NAME = "aggregator"


class Outpost(WorkerPlugin):  # type: ignore[misc]
    """What stays from batch to batch: connections, names, what robots.txt files say, and warm processes."""

    def setup(self, worker: Worker) -> None:
        """Called by Dask, as is `teardown`."""
        self._engine = Workers(min(worker.state.nthreads, os.cpu_count() or 1))
        self._rooms: dict[object, tuple[Client, Pages]] = {}  # by the `fetch` of a configuration

    async def teardown(self, worker: Worker) -> None:
        """Ends connections and processes."""
        for client, _ in self._rooms.values():
            await client.__aexit__(None, None, None)
        await self._engine.__aexit__(None, None, None)

    async def run(self, batch: Batch) -> Haul:
        """All errands of a batch, side by side."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        memories = {errand.feed: memory for errand, memory in batch.errands}

        def clock() -> datetime:
            return batch.now + timedelta(seconds=loop.time() - start)

        async def recall(feeds: Sequence[int]) -> list[Memory]:
            return [memories[feed] for feed in feeds]

        client, pages = await self._room(batch.config)
        runner = Runner(lambda: client, lambda: batch.config, self._engine.run, recall, clock)
        runner.resting.update(batch.resting)
        runner.pages = pages

        async def one(errand: Errand) -> Found | str:
            try:
                return await runner.run(errand)
            except Exception as error:  # noqa: BLE001 - a fault of ours in one feed must not cost the others
                return f"{type(error).__name__}: {error}"

        found = await asyncio.gather(*(one(errand) for errand, _ in batch.errands))
        return Haul(clock(), tuple(found))

    async def _room(self, config: Config) -> tuple[Client, Pages]:
        if config.fetch not in self._rooms:
            client = client_for(config)
            self._rooms[config.fetch] = client, Pages(lambda: client, config.fetch.timeout.total_seconds)
            await client.__aenter__()
        return self._rooms[config.fetch]


async def run(parcel: Parcel) -> Parcel | Versions:
    """A batch, polled here; what runs here where that can't be, since it is not what runs there."""
    if difference(parcel.versions) is not None:
        return here()
    batch = parcel.open()
    assert isinstance(batch, Batch)
    worker = get_worker()
    if _NAME not in worker.plugins:
        # By the worker itself: registered with the scheduler, it would keep workers without aggregator from starting.
        await worker.plugin_add(Outpost(), name=_NAME, catch_errors=False)
    outpost = worker.plugins[_NAME]
    assert isinstance(outpost, Outpost)
    return Parcel.of(len(batch.errands), await outpost.run(batch))
