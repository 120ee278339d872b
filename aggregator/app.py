"""Aggregator: alone knows the order of the stages.

    due ─▶ fetch ─▶ digest (parse, clean, fingerprint) ─▶ commit (save, match, place) ─▶ publish
           network   the engine: here or in workers        one writer, one transaction a batch

A poll's whole effect is committed at once: an ETag is never stored without the entries that came with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from aggregator import schedule
from aggregator.config import Config
from aggregator.digest import subject_of
from aggregator.engine import Engine, Workers, trim
from aggregator.errand import Carrier
from aggregator.errors import FetchError, ParseError, StoreError
from aggregator.fetch import client_for
from aggregator.filters import Filter
from aggregator.model import Response
from aggregator.ping import Pinger
from aggregator.poller import Poller
from aggregator.replay import Replay, replay
from aggregator.schedule.ages import Ages
from aggregator.schedule.network import Network
from aggregator.site import Site
from aggregator.store import Due, Expired, Outcome, Read, Store, open_writer, renewal
from aggregator.stories import Editor
from aggregator.websub import Subscriber, public_url

T = TypeVar("T")

AT_ONCE = 2000  # polls under way; each takes some 4 KiB
BATCH = 50  # polls in one transaction
_CLOCK_SLACK = timedelta(seconds=5)  # a clock that is set back by less needs no second thought
TAGGED_AT_ONCE = 500  # stored articles that are judged in one go after the tag rules have changed
BATCH_ITEMS = 200  # entries in one, about: the workers go on with other documents than those being written
_GATHER, _GATHERINGS = 0.02, 25  # seconds between looks for what else is nearly ready, and how many times at most
POLLS_KEPT = timedelta(days=30)  # rows of `fetches`
UPKEEP = timedelta(minutes=1)  # between two looks for something to prune, when the last one found nothing
_BACKLOG = 10  # stories of a feed added later that may enter the merged feed at once, or a fifth of it
_NOT_STORABLE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    ValueError,
    OverflowError,
)  # what is in the poll, not in the file
_AFTER_FAULT = 5.0  # seconds a poll that could not be committed waits before it is due again


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll did, for people."""

    feed: str
    url: str
    status: int | None
    new: int = 0
    changed: int = 0
    copies: int = 0
    error: str | None = None
    unreachable: bool = False
    excused: bool = False  # failed, but through no fault of the feed: the network is down, its host asked for a rest
    seconds: float = 0.0  # of the fetch
    articles: Sequence[int] = ()  # the new ones

    @property
    def not_modified(self) -> bool:
        """Whether there was nothing new to read."""
        return self.error is None and self.status == 304


class Aggregator:
    """Polls, stores and publishes; use it as an async context manager.

    `engine` is where documents are digested, `clock` gives the time. Raises StoreError where the database can't be had.
    """

    def __init__(
        self, config: Config, engine: Engine | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.config = config
        self.engine = engine or Workers()
        self.clock = clock or (lambda: datetime.now(UTC))
        self.site = Site(config.output.directory)
        self.dirty = True  # whether something may have to be published
        self.changed = asyncio.Event()  # set by each commit that brought something, for whoever publishes
        self.faults: list[str] = []  # what the writer could not do, since last asked
        self._poller = Poller(self.engine, self.clock, lambda question: self._write(lambda: question(self.store)))
        self._poller.configure(config)
        self.websub = Subscriber(
            lambda: self.store,
            lambda: self.client,
            lambda: public_url(self.config),
            self._pushed,
            lambda work: self._write(work),
        )
        self._opened = contextlib.ExitStack()  # the database, in the writer's thread
        self._file: tuple[int, int] | None = None  # which file that is
        self._stranger: tuple[int, int] | None = None  # the one that stood under its name at the last look
        self._busy: set[int] = set()
        self._unwritten: set[int] = set()  # those of them that have news and wait for their commit
        if isinstance(self.engine, Carrier):
            self.engine.backlog = lambda: len(self._unwritten)
        self._latest = datetime.min.replace(tzinfo=UTC)  # the latest time the clock has shown
        self.ages = Ages()  # by which retention judges
        self._next_upkeep: datetime | None = None
        self._probes = 0
        self._publishing = asyncio.Lock()

    @property
    def network(self) -> Network:
        """Whether anybody can be reached."""
        return self._poller.network

    async def __aenter__(self) -> Self:
        trim()  # this process holds what the workers have read, if only for a while
        self._writer = ThreadPoolExecutor(1, "writer")  # SQLite's one writer; commits must not hold the loop up
        self._stack = contextlib.AsyncExitStack()
        try:
            self._stack.callback(self._writer.shutdown)
            self._stack.push_async_callback(self._write, self._opened.close)
            await self._write(self._open)
            await self._write(self.site.sweep)
            await self._stack.enter_async_context(self.engine)
            self.client = self._poller.client = await self._stack.enter_async_context(client_for(self.config))
            self._pinger = Pinger(lambda: self.client)
            self._stack.push_async_callback(self._pinger.close)
            self._stack.push_async_callback(self.websub.close)
        except BaseException:
            await self._stack.aclose()
            raise
        self._outcomes: asyncio.Queue[tuple[Outcome, asyncio.Future[Poll], bool]] = asyncio.Queue(BATCH * 4)
        self._committer = asyncio.create_task(self._commit_forever())
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
        self.config = config
        self.client = self._poller.client = client or self.client
        self._poller.configure(config)
        self.dirty = True
        await self._write(self._sync)

    async def follow(self) -> bool:
        """Opens the database anew where another file stands under its name for two looks: a backup was put in its place,
        or it was deleted. Else all that comes would go into a file that has no name any more.

        Says whether it was. Raises StoreError where the new file can't be used; it is tried again at the next look.
        """
        found = _identity(self.config.database)
        if found == self._file and self._file is not None:
            return False
        if self._file is not None and found != self._stranger:
            self._stranger = found
            return False
        await self._write(self._open)
        return True

    def _open(self) -> None:
        self._file = None
        self._opened.close()
        path = self.config.database
        self.store = Store(self._opened.enter_context(open_writer(path)))
        self._file = self._stranger = _identity(path)
        self.ages = Ages(self.store.feeds.last_polled(), time.monotonic())
        self._sync()
        self._renew(self.clock(), renewal.AT_ONCE)
        self.dirty = True

    async def due(self, force: bool = False, only: Collection[str] | None = None) -> list[Due]:
        """The feeds to poll now and not being polled already; `force`: all active ones; `only`: configured URLs."""
        now = self.clock()
        if now + _CLOCK_SLACK < self._latest:
            await self._write(self._rewind, now)
        self._latest = now
        found = await self._write(self.store.feeds.due, None if force else now, only)
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
        reached = asyncio.Event()
        held: list[Outcome] = []
        polls: list[Poll] = []
        unwritten: set[asyncio.Future[Poll]] = set()

        def done(feed: int, future: asyncio.Future[Poll]) -> None:
            self._unwritten.discard(feed)
            unwritten.discard(future)
            if not future.cancelled():
                polls.append(future.result())
                if heard is not None:
                    heard(polls[-1])

        async def commit(outcome: Outcome, unreachable: bool) -> asyncio.Future[Poll]:
            future: asyncio.Future[Poll] = asyncio.get_running_loop().create_future()
            unwritten.add(future)
            future.add_done_callback(partial(done, outcome.due.feed))
            await self._outcomes.put((outcome, future, unreachable))
            return future

        async def deliver(outcome: Outcome, unreachable: bool) -> None:
            if unreachable and not reached.is_set():
                self.network.unreached(outcome.due.feed, outcome.due.failures, outcome.at)
                held.append(outcome)
                return
            if not outcome.excused:
                reached.set()
                await self._back()
                silent = held.copy()
                held.clear()
                for other in silent:
                    await commit(other, True)
            await asyncio.wait([await commit(outcome, unreachable)])

        async def poll(due: Due) -> None:
            # In one task with its commit: the engine has room again when that is stored.
            outcome, unreachable = await self._poller.poll(due)
            if outcome.items:
                self._unwritten.add(due.feed)
            await deliver(outcome, unreachable)

        tasks: set[asyncio.Task[None]] = set()
        errors: list[BaseException] = []

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            room.release()
            if not task.cancelled() and (error := task.exception()) is not None:
                errors.append(error)

        room = asyncio.Semaphore(AT_ONCE)
        try:
            while waiting:
                await room.acquire()
                await self.client.uncrowded()
                if len(unwritten) > 4 * BATCH:
                    await asyncio.wait({next(iter(unwritten))})
                task = asyncio.create_task(poll(waiting.popleft()))
                tasks.add(task)
                task.add_done_callback(ended)
                await asyncio.sleep(0)  # it goes as far as it can, which is where it shows whether there is a crowd
            while tasks:
                await asyncio.wait(tasks)
            if errors:
                raise errors[0]
            if self.network.down and held:
                await self._forgive()
                held = [self._poller.excused(outcome) for outcome in held]
            else:
                self.network.blamed.update(self.network.silent)
            for outcome in held:
                await commit(outcome, True)
            if unwritten:
                await asyncio.wait(unwritten)
            # Which article leads is settled only when all have come: an origin may be polled after its copy.
            copies = await self.read(lambda read: [read.copies_among(poll.articles) for poll in polls])
            return [
                poll if poll.copies == number else dataclasses.replace(poll, copies=number)
                for poll, number in zip(polls, copies, strict=True)
            ]
        finally:
            for task in tasks:
                task.cancel()
            self._busy.difference_update(feeds)
            self._unwritten.difference_update(feeds)

    async def publish(self) -> int:
        """Brings the published documents up to date; gives how many changed. `site.faults` says what went wrong."""
        async with self._publishing:
            self.dirty = False
            try:
                changed = await self._write(self.site.publish, self.store, self.config, self.clock())
            except StoreError:
                self.dirty = True
                raise
            if self.site.unfinished:
                self.dirty = True
                self.changed.set()
            if self.site.faults:
                asyncio.get_running_loop().call_later(_AFTER_FAULT, setattr, self, "dirty", True)
            if self.config.output.hub is not None and self.site.news:
                self._pinger.tell(self.config.output.hub, self.site.news)
            return changed

    async def upkeep(self) -> Expired:
        """One short step of retention, where one is due; gives what was removed. Call it at every tick."""
        now = self.clock()
        if await self._write(self._carry_out_requests, now):
            self.dirty = True
        if await self._write(self._tag):
            self.dirty = True
        if self._next_upkeep is not None and self._next_upkeep - UPKEEP <= now < self._next_upkeep:
            return Expired()
        removed, more = await self._write(self._upkeep, now)
        self._next_upkeep = None if removed or more else now + UPKEEP
        if removed.stories:
            self.dirty = True
        return removed

    async def correct(self, kind: str, a: int, b: int = 0, undo: bool = False) -> bool:
        """What a person says of articles: "apart" (a), "together" (a and b), "pin" (a); gives whether it did anything."""

        def work() -> bool:
            with self.store.transaction():
                return self._editor().carry_out(kind, a, b, undo, self.clock())

        done = await self._write(work)
        self.dirty = self.dirty or done
        return done

    async def replay(self, threshold: float | None = None) -> Replay:
        """Runs today's rules over the whole history; `threshold` stands in for the configured one."""

        def work() -> Replay:
            settings = self.config.dedupe if threshold is None else dataclasses.replace(
                self.config.dedupe, threshold=threshold
            )  # fmt: skip
            with self.store.transaction():
                self.store.tags.again()
                return replay(self.store, settings, self._by_id, self.clock())

        self.dirty = True
        return await self._write(work)

    def _carry_out_requests(self, now: datetime) -> bool:
        if not self.store.corrections.is_asked():
            return False
        with self.store.transaction():
            editor = self._editor()
            done = [editor.carry_out(*request, now) for request in self.store.corrections.requests()]
            return any(done)

    def _editor(self) -> Editor:
        return Editor(self.store, self.config.dedupe, self._by_id)

    def _upkeep(self, now: datetime) -> tuple[Expired, int]:
        now = self._aged(now)
        retention, before = self.store.retention, self._kept_since(now)
        with self.store.transaction():
            stories, articles = retention.prune(before, now) if before else (0, 0)
        with self.store.transaction():
            polls = retention.prune_polls(now - POLLS_KEPT)
        with self.store.transaction():
            self.store.sweep(now - self.config.dedupe.window)
        renewed = self._renew(now, renewal.STEP)
        return Expired(stories, articles, polls), retention.shrink() + renewed

    def _renew(self, now: datetime, most: int) -> int:
        with self.store.transaction():
            return renewal.renew(self.store.connection, now - self.config.dedupe.window, most)

    def _aged(self, now: datetime) -> datetime:
        """The time to judge age by. Ask with what the clock shows: an answer asked about again would end the doubt."""
        return self.ages.now(now, time.monotonic())

    def _kept_since(self, aged: datetime) -> datetime | None:
        keep = self.config.retention.keep
        return None if keep == "forever" else aged - keep

    async def shrink(self) -> int:
        """Gives the file's free pages back to the disk, step by step; gives how many there were."""
        pages = 0
        while step := await self._write(self.store.retention.shrink, True):
            pages += step
        return pages

    @property
    def polling(self) -> tuple[int, int]:
        """(feeds being polled, polls that wait for their commit)"""
        return len(self._busy), self._outcomes.qsize()

    async def read(self, question: Callable[[Read], T]) -> T:
        """An answer from the database, through the writer's connection."""
        return await self._write(lambda: question(Read(self.store.connection)))

    async def _pushed(self, feed: int, response: Response) -> None:
        """Commits what a hub has pushed for a feed."""
        due = await self._write(self.store.feeds.one, feed)
        if due is None:
            return
        outcome = await self._poller.pushed(due, response)
        if isinstance(outcome, ParseError):
            self.faults.append(f"a push for {due.title} can't be used: {outcome}")
            return
        future: asyncio.Future[Poll] = asyncio.get_running_loop().create_future()
        await self._outcomes.put((outcome, future, False))
        await future

    async def probe(self) -> list[Due]:
        """Of the feeds that are silent since the network is down, the next one to try; none while one is being tried."""
        silent = [feed for feed in self.network.silent if feed not in self._busy]
        if not self.network.down or len(silent) < len(self.network.silent):
            return []
        self._probes += 1
        due = await self._write(self.store.feeds.one, silent[self._probes % len(silent)])
        return [] if due is None else [due]

    async def _back(self) -> None:
        """Somebody has answered; all that were silent are due, if that was everybody."""
        silent = tuple(self.network.silent) if self.network.down else ()
        self.network.answered()
        if silent:
            await self._write(self._forgive_now, silent, self.clock())

    async def _forgive(self) -> None:
        """Takes failures back that were put on feeds before it was clear that nobody can be reached."""
        if self.network.blamed:
            soon = self.clock() + schedule.NETWORK_RETRY
            await self._write(self._forgive_now, tuple(self.network.blamed), soon)
            self.network.blamed.clear()

    def _forgive_now(self, feeds: tuple[int, ...], soon: datetime) -> None:
        with self.store.transaction():
            self.store.feeds.forgive(feeds, soon)

    async def _commit_forever(self) -> None:
        while True:
            batch = await self._batch()
            try:
                polls = await self._write(self._commit, [(outcome, unreachable) for outcome, _, unreachable in batch])
            except StoreError as error:
                # Nothing of the batch is stored, its validators neither: all of it is fetched again when this is over.
                self.faults.append(f"{error}; trying again in {_AFTER_FAULT:g} s")
                await asyncio.sleep(_AFTER_FAULT)
                why = f"not stored: {error.__cause__ or error}"
                polls = [Poll(o.due.title, o.due.url, o.status, error=why) for o, _, _ in batch]
            for (_, future, _), poll in zip(batch, polls, strict=True):
                if not future.done():
                    future.set_result(poll)
            if self.dirty:
                self.changed.set()

    async def _batch(self) -> list[tuple[Outcome, asyncio.Future[Poll], bool]]:
        """What is to be committed next. A transaction costs as much again as a poll in it: documents that are being read
        just now are waited for, if not for long, and other polls for a moment."""
        batch = [await self._outcomes.get()]
        items = len(batch[0][0].items)
        for look in range(_GATHERINGS):
            while len(batch) < BATCH and items < BATCH_ITEMS and not self._outcomes.empty():
                batch.append(self._outcomes.get_nowait())
                items += len(batch[-1][0].items)
            others = look == 0 and not items and len(self._busy) > len(batch)
            if len(batch) >= BATCH or items >= BATCH_ITEMS or not (self.engine.reading or others):
                break
            await asyncio.sleep(_GATHER)
        return batch

    def _commit(self, outcomes: list[tuple[Outcome, bool]]) -> list[Poll]:
        """A batch of polls in one transaction. One that can't be stored is a recorded failure beside its neighbours."""
        try:
            with self.store.batch():
                polls = [self._commit_one(outcome) for outcome, _ in outcomes]
        except _NOT_STORABLE:
            # Seldom enough to be told apart only now: a savepoint for each poll would copy each page that it changes.
            with self.store.batch():
                polls = [self._commit_safely(outcome) for outcome, _ in outcomes]
        if any(poll.new or poll.changed for poll in polls):
            self.dirty = True
        return [
            dataclasses.replace(poll, unreachable=True) if unreachable else poll
            for poll, (_, unreachable) in zip(polls, outcomes, strict=True)
        ]

    def _commit_safely(self, outcome: Outcome) -> Poll:
        """One poll, or that it could not be stored."""
        execute = self.store.connection.execute
        execute("SAVEPOINT poll")
        try:
            poll = self._commit_one(outcome)
        except _NOT_STORABLE as error:
            execute("ROLLBACK TO poll")
            reason = FetchError(f"could not be stored: {error}", outcome.status)
            poll = self._commit_one(self._poller.failed(outcome.due, reason, outcome.at))
        execute("RELEASE poll")
        return poll

    def _commit_one(self, outcome: Outcome) -> Poll:
        feed, now = outcome.due.feed, outcome.at
        if feed in self._by_id and self._by_id[feed].url != outcome.due.configured_url:
            # The database was replaced while this poll was under way, and the number is another feed's in it.
            return Poll(
                outcome.due.title, outcome.due.url, outcome.status, error="not stored: the database is another one"
            )
        wanted = self.store.retention.wanted(feed, outcome.items, self._kept_since(self._aged(now)))
        taken = self._editor().take(feed, wanted, outcome.guids, now)
        counts = Counter(saved.change for saved in taken)
        articles = [saved.article for saved in taken if saved.change == "new"]
        rules = self.config.tag_filters()
        for saved, item in zip(taken, wanted, strict=True) if rules else ():
            if saved.change != "same":
                self.store.tags.judge(saved.article, subject_of(item.article), rules)
        self._complain(rules)
        if outcome.feed is not None:
            self.store.entries.hold(feed, articles, max(_BACKLOG, self.config.output.items // 5))
        title = self.store.feeds.record(outcome, counts["new"], counts["changed"])
        if outcome.hub is not None:
            self.websub.found(feed, outcome.hub, now)
        return Poll(
            feed=title,
            url=outcome.due.url,
            status=outcome.status,
            new=counts["new"],
            changed=counts["changed"],
            copies=Read(self.store.connection).copies_among(articles),
            error=outcome.error,
            excused=outcome.excused,
            seconds=outcome.seconds,
            articles=array("q", articles) if articles else (),  # held to the end of the pass: a quarter of a tuple
        )

    def _sync(self) -> None:
        with self.store.transaction():
            self.store.feeds.sync(self.config.feeds, self.clock())
            self.store.tags.of_feeds({subscription.url: subscription.tags for subscription in self.config.feeds})
            self.store.tags.begin(self.config.tag_filters())
        self._tag()  # at once those that the merged feeds show, the older ones with the ticks
        self._rewind(self.clock())
        known = self._poller.subscriptions
        self._by_id = {feed: known[url] for url, feed in Read(self.store.connection).numbers().items() if url in known}

    def _tag(self) -> bool:
        """Judges some of the articles that other tag rules were in force for."""
        if self.store.tags.left <= 1:
            return False
        rules = self.config.tag_filters()
        with self.store.transaction():
            changed = self.store.tags.step(rules, TAGGED_AT_ONCE)
        self._complain(rules)
        return changed

    def _complain(self, rules: dict[str, Filter]) -> None:
        self.faults += [f"tag {name!r}: {flaw}" for name, rule in rules.items() for flaw in rule.flaws]

    def _rewind(self, now: datetime) -> None:
        with self.store.transaction():
            self.store.feeds.rewind({url: s.interval for url, s in self._poller.subscriptions.items()}, now)

    async def _write(self, function: Callable[..., T], *args: object) -> T:
        """Runs something in the writer's thread, where alone the database is touched. Raises StoreError."""

        def work() -> T:
            try:
                return function(*args)
            except sqlite3.Error as error:
                damaged = not isinstance(error, sqlite3.OperationalError)  # else it is locked, full, or the like
                hint = " (`aggregator healthcheck --deep` says more)" if damaged else ""
                raise StoreError(f"can't write {self.config.database}: {error}{hint}") from error

        return await asyncio.get_running_loop().run_in_executor(self._writer, work)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands under a name."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
