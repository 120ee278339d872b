"""Feeds that are polled side by side. What reached nobody is held until it is clear whether anybody can be reached."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from aggregator.app.commits import BATCH, Commits
from aggregator.app.outage import Outage
from aggregator.app.poll import Poll
from aggregator.poller import Poller
from aggregator.store import Due, Outcome

AT_ONCE = 2000  # polls under way; each takes some 4 KiB
_AT_A_TIME = 8  # polls that are begun in one go: each look at the sockets costs as much as a tenth of a poll


class Group:
    """One group, for one `poll`. `news` has the feeds whose news wait for their commit, of all groups; `heard` is called
    after each commit."""

    def __init__(
        self,
        poller: Poller,
        commits: Commits,
        outage: Outage,
        news: set[int],
        heard: Callable[[Poll], None] | None = None,
    ) -> None:
        self._poller, self._commits, self._outage = poller, commits, outage
        self._news, self._heard = news, heard
        self._reached = False  # whether somebody has answered
        self._held: list[Outcome] = []  # of those who did not, until then
        self._polls: list[Poll] = []
        self._unwritten: set[asyncio.Future[Poll]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._errors: list[BaseException] = []

    async def poll(self, waiting: deque[Due]) -> list[Poll]:
        """Polls these feeds, each of which is let go as it begins; gives the polls in the order of their commits."""
        try:
            while waiting:
                await self._room.acquire()
                await self._poller.client.uncrowded()
                if len(self._unwritten) > 4 * BATCH:
                    await asyncio.wait({next(iter(self._unwritten))})
                task = asyncio.create_task(self._poll(waiting.popleft()))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
                if len(waiting) % _AT_A_TIME == 0:  # they go as far as they can, which shows whether there is a crowd
                    await asyncio.sleep(0)
            while self._tasks:
                await asyncio.wait(self._tasks)
            if self._errors:
                raise self._errors[0]
            await self._settle()
            if self._unwritten:
                await asyncio.wait(self._unwritten)
            return self._polls
        finally:
            for task in self._tasks:
                task.cancel()

    async def _poll(self, due: Due) -> None:
        outcome, unreachable = await self._poller.poll(due)
        if outcome.items:
            self._news.add(due.feed)
        if unreachable and not self._reached:
            self._outage.network.unreached(due.feed, due.failures, outcome.at)
            self._held.append(outcome)
            return
        if not outcome.excused:
            self._reached = True
            await self._outage.answered()
            silent = self._held.copy()
            self._held.clear()
            for other in silent:
                await self._commit(other, True)
        future = await self._commit(outcome, unreachable)
        if outcome.items:  # in one task with its commit: the engine has room again when that is stored
            await asyncio.wait([future])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)

    async def _settle(self) -> None:
        """Commits what is still held, as nobody's fault where the network is down."""
        network = self._outage.network
        if network.down and self._held:
            await self._outage.forgive()
            self._held = [self._poller.excused(outcome) for outcome in self._held]
        else:
            network.blamed.update(network.silent)
        for outcome in self._held:
            await self._commit(outcome, True)

    async def _commit(self, outcome: Outcome, unreachable: bool) -> asyncio.Future[Poll]:
        future = await self._commits.add(outcome, unreachable)
        self._unwritten.add(future)
        future.add_done_callback(partial(self._committed, outcome.due.feed))
        return future

    def _committed(self, feed: int, future: asyncio.Future[Poll]) -> None:
        self._news.discard(feed)
        self._unwritten.discard(future)
        if not future.cancelled():
            self._polls.append(future.result())
            if self._heard is not None:
                self._heard(self._polls[-1])
