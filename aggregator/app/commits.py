"""What polls have brought waits here, and is committed a batch at a time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence

from aggregator.app.poll import Poll
from aggregator.errors import StoreError
from aggregator.store import Outcome

BATCH = 50  # polls in one transaction
_ITEMS = 500  # entries in one, about: the workers go on with other documents than those being written
_GATHER, _GATHERINGS = 0.02, 25  # seconds between looks for what else is nearly ready, and how many times at most
_SOON = 0.005  # seconds, where a transaction is nearly full
AFTER_FAULT = 5.0  # seconds until what could not be stored or published is tried again

Commit = Callable[[Sequence[Outcome]], Awaitable[list[Poll]]]


class Commits:
    """The queue, and who empties it. `commit` may raise StoreError; `reading` tells how many documents are being read
    just now, `polling` how many feeds are being polled; `failed` hears what went wrong."""

    def __init__(
        self,
        commit: Commit,
        reading: Callable[[], int],
        polling: Callable[[], int],
        failed: Callable[[str], None],
    ) -> None:
        self._commit, self._reading, self._polling, self._failed = commit, reading, polling, failed
        self._waiting: asyncio.Queue[tuple[Outcome, asyncio.Future[Poll], bool]] = asyncio.Queue(BATCH * 4)

    def __len__(self) -> int:
        """How many wait."""
        return self._waiting.qsize()

    async def add(self, outcome: Outcome, unreachable: bool = False) -> asyncio.Future[Poll]:
        """Waits for a place; gives the poll as it will have been when it is committed."""
        future: asyncio.Future[Poll] = asyncio.get_running_loop().create_future()
        await self._waiting.put((outcome, future, unreachable))
        return future

    async def run(self) -> None:
        """Commits for ever."""
        while True:
            batch = await self._batch()
            try:
                polls = await self._commit([outcome for outcome, _, _ in batch])
            except StoreError as error:
                # Nothing of the batch is stored, its validators neither: all of it is fetched again when this is over.
                self._failed(f"{error}; trying again in {AFTER_FAULT:g} s")
                await asyncio.sleep(AFTER_FAULT)
                why = f"not stored: {error.__cause__ or error}"
                polls = [Poll(o.due.title, o.due.url, o.status, error=why) for o, _, _ in batch]
            for (_, future, unreachable), poll in zip(batch, polls, strict=True):
                if not future.done():
                    future.set_result(dataclasses.replace(poll, unreachable=True) if unreachable else poll)

    async def _batch(self) -> list[tuple[Outcome, asyncio.Future[Poll], bool]]:
        """What is to be committed next. A transaction costs as much again as a poll in it: documents that are being read
        just now are waited for, if not for long, and other polls for a moment."""
        batch = [await self._waiting.get()]
        items = len(batch[0][0].items)
        for look in range(_GATHERINGS):
            while len(batch) < BATCH and items < _ITEMS and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
                items += len(batch[-1][0].items)
            others = look == 0 and not items and self._polling() > len(batch)
            if len(batch) >= BATCH or items >= _ITEMS or not (self._reading() or others):
                break
            await asyncio.sleep(_SOON if items > _ITEMS // 2 else _GATHER)
        return batch
