"""The daemon: one tick that asks the database what is due, a server, and a clean end. The only door of apscheduler."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.metadata
import logging
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from aggregator import config as configuration
from aggregator.app import Aggregator, Poll
from aggregator.config import Config
from aggregator.engine import Engine
from aggregator.errand import host_of
from aggregator.errors import ConfigError, StoreError
from aggregator.health import Health
from aggregator.metrics import TYPE as METRICS_TYPE
from aggregator.metrics import Gauges, Metrics, Polled
from aggregator.schedule import spread
from aggregator.server import Probe, Server, application, bind, is_loopback, with_callback
from aggregator.store import Due
from aggregator.systemd import notify
from aggregator.terminal import printable
from aggregator.web import Web

log = logging.getLogger("aggregator")

TICK = 1.0  # seconds
LOOK = 0.25  # seconds between looks at feeds.yaml
PROBE = 5.0  # seconds between two tries while nobody can be reached, each of another feed
_JUMP = 60.0  # seconds; by less a clock is put right without a word
GAUGED = 15.0  # seconds between two counts for /metrics


class Daemon:
    """Polls on schedule, publishes and serves until it is told to stop.

    `passed` is called with the polls of each group that was due together; `clock` and `engine` are as Aggregator has
    them. Raises StoreError and AggregatorError at the start, where the database or the port can't be had.
    """

    def __init__(
        self,
        config: Config,
        passed: Callable[[list[Poll]], None] | None = None,
        clock: Callable[[], datetime] | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.config = config
        self.passed = passed or (lambda polls: None)
        self.stopping = asyncio.Event()
        self.health = Health()
        self.metrics = Metrics(importlib.metadata.version("aggregator"))
        self.engine = engine
        self.clock = clock or (lambda: datetime.now(UTC))
        self._files = config.files
        self._file = _stamps(self._files)
        self._asked = asyncio.Event()  # SIGHUP: read feeds.yaml again, changed or not
        self._tasks: set[asyncio.Task[None]] = set()
        self._down = False  # whether we have said that nothing can be reached
        self._told: set[str] = set()  # faults already in the log
        self._gauged = 0.0
        self._probed = 0.0

    async def run(self, force: bool = False) -> None:
        """Runs until `stop`, SIGTERM or SIGINT; `force` begins with all feeds, also those that are not due."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        async with self.opened() as stack:
            # The database first: of two daemons on one file the second is told that, not that its port is taken.
            await self._serve(stack)
            for work in (self._publish_changes(), self._follow_file()):
                stack.push_async_callback(_cancelled, asyncio.create_task(work))
            if force:
                self._start(await self.aggregator.due(force=True))
            # One job, not one per feed: what is due is a question to the database.
            scheduler = AsyncIOScheduler(timezone=UTC)
            job = scheduler.add_job(
                self._job, _Soon(), max_instances=1, coalesce=True, misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )  # fmt: skip
            logging.getLogger("apscheduler").setLevel(logging.ERROR)  # that a tick takes a second and more is no news
            scheduler.start()
            stack.callback(scheduler.shutdown, wait=False)
            stack.push_async_callback(_cancelled, asyncio.create_task(self._watch_clock(job)))
            self._greet()
            await self.stopping.wait()
            self.health.stopping = True
            notify("STOPPING=1")
            log.info("stopping")

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[contextlib.AsyncExitStack]:
        """With the database open and no work begun yet; polls that are under way at the end are given up."""
        async with contextlib.AsyncExitStack() as stack:
            self.aggregator = await stack.enter_async_context(Aggregator(self.config, self.engine, self.clock))
            stack.push_async_callback(self._cancel)
            yield stack

    def _greet(self) -> None:
        feeds = sum(subscription.enabled for subscription in self.config.feeds)
        log.info("%d feeds into %s, published in %s", feeds, self.config.database, self.config.output.directory)
        if not feeds:
            log.warning("%s has no feeds yet: `aggregator add URL` adds one, also while this runs", self.config.file)

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        listen, auth = self.config.server.listen, self.config.server.auth
        if not listen:
            return
        sock = bind(listen)
        stack.callback(sock.close)
        app = application(
            self.aggregator.site,
            auth,
            lambda: not self.health.troubles(_now()),
            Web(lambda: self.config),
            self._probes(),
        )
        server = Server(with_callback(app, self.aggregator.websub, self.clock))
        stack.push_async_callback(_end, server, asyncio.create_task(server.serve([sock])))
        log.info("serving on http://%s/", listen)
        if not is_loopback(listen) and auth is None:
            log.warning("anybody who can reach %s can read the feeds; server.auth sets a password", listen)

    def _probes(self) -> dict[str, Probe]:
        def alive() -> tuple[int, bytes, str]:
            fault = self.health.alive(_now())
            return (200, b"ok\n", "text/plain") if fault is None else (503, f"{fault}\n".encode(), "text/plain")

        def ready() -> tuple[int, bytes, str]:
            status, text = self.health.report(_now())
            return status, text.encode(), "text/plain; charset=utf-8"

        return {"healthz": alive, "readyz": ready, "metrics": lambda: (200, self.metrics.text(), METRICS_TYPE)}

    def stop(self) -> None:
        """Ends the run; what is not committed is polled again the next time."""
        self.stopping.set()

    async def _job(self) -> None:
        """A tick, for apscheduler, which would log that it was cancelled at the end."""
        try:
            await self.tick()
        except asyncio.CancelledError:
            if not self.stopping.is_set():
                raise

    async def tick(self) -> None:
        """Starts the polls that are due, publishes what changed, and says how it stands."""
        try:
            if await self.aggregator.follow():
                log.warning("%s is another file now, and was opened anew", self.config.database)
            dues = await self.aggregator.due()
            # Many feeds of one host are not asked for in one second, as they would be after a start or a long night.
            self._start(spread(((host_of(due.url), due) for due in dues), self.config.fetch.per_host))
            if self.aggregator.network.down and _now() >= self._probed + PROBE:
                self._probed = _now()
                self._start(await self.aggregator.probe())
            self.aggregator.websub.tick(self.clock())
            removed = await self.aggregator.upkeep()
            if removed.stories:
                log.info("pruned %d stories older than retention.keep", removed.stories)
            if self.aggregator.dirty:
                await self._publish()
            faults = [*self.aggregator.faults, *self.aggregator.site.faults]
            self.aggregator.faults.clear()
            self._tell(faults)
            await self._gauge()
            first = self.health.ticked is None
            self.health.tick(_now(), map(printable, faults))
            notify("READY=1\nWATCHDOG=1" if first else "WATCHDOG=1")
        except StoreError as error:
            self._tell([str(error)])
            self.health.tick(_now(), [printable(str(error))])
        except Exception:
            # Whatever it was, the next tick is a second away; a daemon must not die of one.
            log.exception("a tick failed")

    async def _watch_clock(self, job: Job) -> None:
        """Says when the wall clock was set, and keeps the ticks coming.

        apscheduler waits until the wall clock shows the time of the next run: of one that was set back by a day it would
        wait for a day.
        """
        wall, steady = datetime.now(UTC), _now()
        while True:
            await asyncio.sleep(TICK)
            ahead = (datetime.now(UTC) - wall).total_seconds() - (_now() - steady)
            wall, steady = datetime.now(UTC), _now()
            if ahead < -TICK:
                job.reschedule(_Soon())
            if abs(ahead) >= _JUMP:
                how = "went ahead by {} (it was set, or the machine slept)" if ahead > 0 else "was set back by {}"
                log.warning(
                    "the clock %s; feeds are polled by the new time", how.format(timedelta(seconds=round(abs(ahead))))
                )

    async def _gauge(self) -> None:
        """Shows how things stand; counting what is stored costs, so not at each tick."""
        self.metrics.ticked.set(self.clock().timestamp())
        if self.health.ticked is not None and _now() - self._gauged < GAUGED:
            return
        self._gauged = _now()
        found = await self.aggregator.read(lambda read: read.gauges(self.clock()))
        polling, queue = self.aggregator.polling
        database = self.config.database
        self.metrics.show(
            Gauges(**found, polling=polling, queue=queue, database=_size(database), wal=_size(Path(f"{database}-wal")))
        )
        notify(f"STATUS={sum(found['feeds'].values())} feeds, {found['failing']} failing, {found['stories']} stories")

    async def _publish(self) -> None:
        changed = await self.aggregator.publish()
        if changed:
            log.debug("published %d documents", changed)

    async def _publish_changes(self) -> None:
        """Publishes what is committed without waiting for the next tick: a change shows within a second."""
        loop = asyncio.get_running_loop()
        while True:
            await self.aggregator.changed.wait()
            self.aggregator.changed.clear()
            before = loop.time()
            try:
                await self._publish()
            except StoreError as error:
                self.aggregator.faults.append(str(error))  # the next tick tells it, and publishes
            except Exception:
                log.exception("publishing failed")
            # The writer has other work, too: commits that come close together are published together.
            await asyncio.sleep(min(0.5, max(0.1, loop.time() - before)))

    def _start(self, dues: Collection[Due]) -> None:
        """Polls a group beside those under way: a feed that hangs holds only its own group up."""
        if dues:
            self.aggregator.claim(dues)
            now = self.clock()
            for due in dues:
                self.metrics.begun((now - due.due_at).total_seconds() if due.due_at else 0.0)
            task = asyncio.create_task(self._poll(dues))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _poll(self, dues: Collection[Due]) -> None:
        try:
            polls = await self.aggregator.poll(dues, self._heard)
        except Exception:
            log.exception("a group of %d polls failed", len(dues))
            return
        if self.aggregator.network.down and not self._down:
            self._down = True
            silent = next((poll for poll in polls if poll.unreachable), polls[0])
            log.warning(
                "no feed can be reached (%s: %s): is this machine on-line? Trying again soon; no feed is blamed. "
                "`aggregator demo` shows everything without internet",
                printable(silent.feed), printable(silent.error or ""),
            )  # fmt: skip
        elif self._down and not self.aggregator.network.down:
            self._down = False
            log.info("the network is back")
        self.passed(polls)

    def _heard(self, poll: Poll) -> None:
        name, fields = printable(poll.feed), {"event": "poll", "feed": poll.url, "http_status": poll.status}
        if poll.error is not None:
            level = logging.DEBUG if poll.excused else logging.WARNING
            log.log(level, "%s: %s", name, printable(poll.error), extra=fields)
        elif poll.new or poll.changed:
            counts = {"new": poll.new, "changed": poll.changed, "copies": poll.copies}
            log.info("%s: %d new, %d changed, %d copies", name, *counts.values(), extra={**fields, **counts})
        else:
            log.debug("%s: nothing new (%s)", name, poll.status, extra=fields)
        self.metrics.polled(Polled(_outcome(poll), poll.seconds, poll.new, poll.changed, poll.copies))

    def _tell(self, faults: list[str]) -> None:
        """Each fault once, until it is over."""
        for fault in faults:
            if fault not in self._told:
                log.error("%s", printable(fault))
        self._told = set(faults)

    async def _follow_file(self) -> None:
        """Puts a changed feeds.yaml in force, within a second; SIGHUP does at once.

        A change counts when two looks find the same: editors empty a file before they fill it, or take it away.
        """
        seen = self._file
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), LOOK)
            stamp = _stamps(self._files)
            if self._asked.is_set() or (stamp == seen and stamp != self._file):
                self._asked.clear()
                self._file = stamp
                try:
                    await self.reload()
                except Exception:
                    log.exception("the changed configuration could not be put in force")
            seen = stamp

    async def reload(self) -> bool:
        """Reads feeds.yaml again and puts it in force; one with faults changes nothing. Gives whether it is in force."""
        try:
            config = await asyncio.to_thread(configuration.load, self.config.file)
        except ConfigError as error:
            faults = tuple(printable(str(fault)) for fault in error.faults)
            for fault in faults:
                log.error("%s", fault)
            log.error("%s has %d faults; the last good one stays in force", self.config.file, len(faults))
            self._refused(faults)
            self._files |= {Path(fault.file) for fault in error.faults}  # which may be the ones to be mended
            return False
        if (config.database, config.server) != (self.config.database, self.config.server):
            log.warning("database and server change with the next start")
            config = dataclasses.replace(config, database=self.config.database, server=self.config.server)
        await self.aggregator.reconfigure(config)
        self.config = config
        self._files = config.files
        self._refused(())
        log.info("%s is in force: %d feeds", config.file, len(config.feeds))
        await self.tick()
        return True

    def _refused(self, faults: tuple[str, ...]) -> None:
        self.health.config_faults = faults
        self.metrics.config_faults.set(len(faults))
        self.metrics.reloads.labels("refused" if faults else "in_force").inc()

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Soon(BaseTrigger):  # type: ignore[misc]
    """A tick from now, whenever that is: apscheduler's own interval counts all ticks of a month asleep, one by one."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + timedelta(seconds=TICK)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _outcome(poll: Poll) -> str:
    if poll.error is not None:
        return "unreachable" if poll.unreachable else "failed"
    if poll.not_modified:
        return "not_modified"
    return "news" if poll.new or poll.changed else "nothing_new"


async def _end(server: Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving


def _now() -> float:
    return asyncio.get_running_loop().time()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _stamps(paths: Iterable[Path]) -> frozenset[tuple[Path, tuple[int, int, int] | None]]:
    """Changes when one of the files does."""
    return frozenset((path, _stamp(path)) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes when a file does; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
