"""Aggregator: who polls, in which order, and what is published after it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from array import array
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from aggregator.app.commits import AFTER_FAULT, Commits
from aggregator.app.group import Group
from aggregator.app.outage import Outage
from aggregator.app.poll import Poll
from aggregator.app.writer import Writer
from aggregator.config import Config
from aggregator.engine import Engine, Workers
from aggregator.errand import Carrier
from aggregator.errors import ParseError, StoreError
from aggregator.fetch import Client, client_for
from aggregator.model import Response
from aggregator.ping import Pinger
from aggregator.poller import Poller
from aggregator.replay import Replay
from aggregator.schedule.network import Network
from aggregator.site import Site
from aggregator.store import Due, Expired, Outcome, Read, Store
from aggregator.websub import Subscriber, public_url
from aggregator.worker import trim

T = TypeVar("T")

_CLOCK_SLACK = timedelta(seconds=5)  # a clock that is set back by less needs no second thought
UPKEEP = timedelta(minutes=1)  # between two looks for something to prune, when the last one found nothing


class Aggregator:
    """Polls, stores and publishes; use it as an async context manager.

    `engine` is where documents are digested, `clock` gives the time. Raises StoreError where the database can't be had.
    """

    client: Client
    writer: Writer
    websub: Subscriber

    def __init__(
        self, config: Config, engine: Engine | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.config = config
        self.engine = engine or Workers()
        self.clock = clock or (lambda: datetime.now(UTC))
        self.site = Site(config.output.directory)
        self.dirty = True  # whether something may have to be published
        self.changed = asyncio.Event()  # set by each commit that brought something, for whoever publishes
        self._poller = Poller(self.engine, self.clock, lambda question: self.writer.do(lambda: question(self.store)))
        self._poller.configure(config)
        self.writer = Writer(config, self._poller.failed, lambda *hub: self.websub.found(*hub))
        self._outage = Outage(self._poller.network, self.writer, self.clock)
        self.websub = Subscriber(
            lambda: self.store,
            lambda: self.client,
            lambda: public_url(self.config),
            self._pushed,
            self.writer.do,
        )
        self._busy: set[int] = set()
        self._unwritten: set[int] = set()  # those of them that have news and wait for their commit
        if isinstance(self.engine, Carrier):
            self.engine.backlog = lambda: len(self._unwritten)
        self._latest = datetime.min.replace(tzinfo=UTC)  # the latest time the clock has shown
        self._next_upkeep: datetime | None = None
        self._publishing = asyncio.Lock()

    @property
    def store(self) -> Store:
        """The writer's side of the file; only for its thread."""
        return self.writer.store

    @property
    def faults(self) -> list[str]:
        """What the writer could not do, since the list was last emptied."""
        return self.writer.faults

    @property
    def network(self) -> Network:
        """Whether anybody can be reached."""
        return self._poller.network

    async def __aenter__(self) -> Self:
        trim()  # this process holds what the workers have read, if only for a while
        self._stack = contextlib.AsyncExitStack()
        try:
            self._stack.push_async_callback(self.writer.close)
            await self.writer.do(self.writer.open, self.clock())
            await self.writer.do(self.site.sweep)
            await self._stack.enter_async_context(self.engine)
            self.client = self._poller.client = await self._stack.enter_async_context(client_for(self.config))
            self._pinger = Pinger(lambda: self.client)
            self._stack.push_async_callback(self._pinger.close)
            self._stack.push_async_callback(self.websub.close)
        except BaseException:
            await self._stack.aclose()
            raise
        self._commits = Commits(
            self._commit, lambda: self.engine.reading, lambda: len(self._busy), self.writer.faults.append
        )
        self._committer = asyncio.create_task(self._commits.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._committer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._committer
        await self._stack.aclose()

    async def reconfigure(self, config: Config) -> None:
        """Puts another configuration in force; its database must be the same. Polls under way end as they began."""
        client = (
            await self._stack.enter_async_context(client_for(config)) if config.fetch != self.config.fetch else None
        )
        self.config = self.writer.config = config
        self.client = self._poller.client = client or self.client
        self._poller.configure(config)
        self.dirty = True
        await self.writer.do(self.writer.sync, self.clock())

    async def follow(self) -> bool:
        """Opens the database anew where another file stands under its name for two looks: a backup was put in its place,
        or it was deleted. Else all that comes would go into a file that has no name any more.

        Says whether it was. Raises StoreError where the new file can't be used; it is tried again at the next look.
        """
        if not await self.writer.do(self.writer.is_replaced):
            return False
        await self.writer.do(self.writer.open, self.clock())
        self.dirty = True
        return True

    async def due(self, force: bool = False, only: Collection[str] | None = None) -> list[Due]:
        """The feeds to poll now and not being polled already; `force`: all active ones; `only`: configured URLs."""
        now = self.clock()
        if now + _CLOCK_SLACK < self._latest:
            await self.writer.do(self.writer.rewind, now)
        self._latest = now
        found = await self.writer.do(self.store.feeds.due, None if force else now, only)
        return [due for due in found if due.feed not in self._busy]

    def claim(self, dues: Collection[Due]) -> None:
        """Marks feeds as being polled, so that the next look at what is due leaves them out."""
        self._busy.update(due.feed for due in dues)

    async def poll(self, dues: Collection[Due], heard: Callable[[Poll], None] | None = None) -> list[Poll]:
        """Polls these feeds, side by side; `heard` is called after each one's commit. Never raises for a feed.

        Where no feed of several can be reached at all, the network is down: nobody's fault, and all are tried soon.
        """
        self.claim(dues)
        feeds, waiting = array("q", (due.feed for due in dues)), deque(dues)
        del dues  # who gave them may not keep them, and there may be ten thousand
        try:
            polls = await Group(self._poller, self._commits, self._outage, self._unwritten, heard).poll(waiting)
            # Which article leads is settled only when all have come: an origin may be polled after its copy.
            copies = await self.read(lambda read: [read.copies_among(poll.articles) for poll in polls])
            return [
                poll if poll.copies == number else dataclasses.replace(poll, copies=number)
                for poll, number in zip(polls, copies, strict=True)
            ]
        finally:
            self._busy.difference_update(feeds)
            self._unwritten.difference_update(feeds)

    async def publish(self) -> int:
        """Brings the published documents up to date; gives how many changed. `site.faults` says what went wrong."""
        async with self._publishing:
            self.dirty = False
            try:
                changed = await self.writer.do(self.site.publish, self.store, self.config, self.clock())
            except StoreError:
                self.dirty = True
                raise
            if self.site.unfinished:
                self.dirty = True
                self.changed.set()
            if self.site.faults:
                asyncio.get_running_loop().call_later(AFTER_FAULT, setattr, self, "dirty", True)
            if self.config.output.hub is not None and self.site.news:
                self._pinger.tell(self.config.output.hub, self.site.news)
            return changed

    async def upkeep(self) -> Expired:
        """One short step of retention, where one is due; gives what was removed. Call it at every tick."""
        now = self.clock()
        if await self.writer.do(self.writer.carry_out_requests, now):
            self.dirty = True
        if await self.writer.do(self.writer.tag):
            self.dirty = True
        if self._next_upkeep is not None and self._next_upkeep - UPKEEP <= now < self._next_upkeep:
            return Expired()
        removed, more = await self.writer.do(self.writer.upkeep, now)
        self._next_upkeep = None if removed or more else now + UPKEEP
        if removed.stories:
            self.dirty = True
        return removed

    async def correct(self, kind: str, a: int, b: int = 0, undo: bool = False) -> bool:
        """What a person says of articles: "apart" (a), "together" (a and b), "pin" (a); gives whether it did anything."""
        done = await self.writer.do(self.writer.correct, self.clock(), kind, a, b, undo)
        self.dirty = self.dirty or done
        return done

    async def replay(self, threshold: float | None = None) -> Replay:
        """Runs today's rules over the whole history; `threshold` stands in for the configured one."""
        self.dirty = True
        return await self.writer.do(self.writer.replay, self.clock(), threshold)

    async def shrink(self) -> int:
        """Gives the file's free pages back to the disk, step by step; gives how many there were."""
        pages = 0
        while step := await self.writer.do(self.store.retention.shrink, True):
            pages += step
        return pages

    @property
    def polling(self) -> tuple[int, int]:
        """(feeds being polled, polls that wait for their commit)"""
        return len(self._busy), len(self._commits)

    async def read(self, question: Callable[[Read], T]) -> T:
        """An answer from the database, through the writer's connection."""
        return await self.writer.do(lambda: question(Read(self.store.connection)))

    async def probe(self) -> list[Due]:
        """Of the feeds that are silent since the network is down, the next one to try; none while one is being tried."""
        return await self._outage.probe(self._busy)

    async def _pushed(self, feed: int, response: Response) -> None:
        """Commits what a hub has pushed for a feed."""
        due = await self.writer.do(self.store.feeds.one, feed)
        if due is None:
            return
        outcome = await self._poller.pushed(due, response)
        if isinstance(outcome, ParseError):
            self.faults.append(f"a push for {due.title} can't be used: {outcome}")
            return
        await (await self._commits.add(outcome))

    async def _commit(self, outcomes: Sequence[Outcome]) -> list[Poll]:
        polls = await self.writer.do(self.writer.commit, outcomes)
        if any(poll.new or poll.changed for poll in polls):
            self.dirty = True
        if self.dirty:
            self.changed.set()
        return polls
