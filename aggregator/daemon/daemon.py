"""Daemon: what is done in a tick and between two, from the start to the end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.metadata
import logging
import signal
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from aggregator import config as configuration
from aggregator.app import Aggregator, Poll
from aggregator.config import Config
from aggregator.daemon.files import Files
from aggregator.daemon.journal import Journal
from aggregator.daemon.probes import probes
from aggregator.daemon.ticks import ticking
from aggregator.engine import Engine
from aggregator.errand import host_of
from aggregator.errors import ConfigError, StoreError
from aggregator.health import Health
from aggregator.metrics import Gauges, Metrics
from aggregator.schedule import spread
from aggregator.server import Server, application, bind, is_loopback, with_callback
from aggregator.store import Due
from aggregator.systemd import notify
from aggregator.terminal import printable
from aggregator.web import Web

log = logging.getLogger("aggregator")

PROBE = 5.0  # seconds between two tries while nobody can be reached, each of another feed
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
        self.journal = Journal(self.metrics)
        self.files = Files(config.files)
        self.engine = engine
        self.clock = clock or (lambda: datetime.now(UTC))
        self._tasks: set[asyncio.Task[None]] = set()
        self._gauged = 0.0
        self._probed = 0.0

    async def run(self, force: bool = False) -> None:
        """Runs until `stop`, SIGTERM or SIGINT; `force` begins with all feeds, also those that are not due."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.files.ask)
        async with self.opened() as stack:
            # The database first: of two daemons on one file the second is told that, not that its port is taken.
            await self._serve(stack)
            for work in (self._publish_changes(), self._follow_file()):
                stack.push_async_callback(_cancelled, asyncio.create_task(work))
            if force:
                self._start(await self.aggregator.due(force=True))
            await stack.enter_async_context(ticking(self.tick, self.stopping))
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
            probes(self.health, self.metrics, _now),
        )
        server = Server(with_callback(app, self.aggregator.websub, self.clock))
        stack.push_async_callback(_end, server, asyncio.create_task(server.serve([sock])))
        log.info("serving on http://%s/", listen)
        if not is_loopback(listen) and auth is None:
            log.warning("anybody who can reach %s can read the feeds; server.auth sets a password", listen)

    def stop(self) -> None:
        """Ends the run; what is not committed is polled again the next time."""
        self.stopping.set()

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
            self.journal.faults(faults)
            await self._gauge()
            first = self.health.ticked is None
            self.health.tick(_now(), map(printable, faults))
            notify("READY=1\nWATCHDOG=1" if first else "WATCHDOG=1")
        except StoreError as error:
            self.journal.faults([str(error)])
            self.health.tick(_now(), [printable(str(error))])
        except Exception:
            # Whatever it was, the next tick is a second away; a daemon must not die of one.
            log.exception("a tick failed")

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
            polls = await self.aggregator.poll(dues, self.journal.heard)
        except Exception:
            log.exception("a group of %d polls failed", len(dues))
            return
        self.journal.network(self.aggregator.network.down, polls)
        self.passed(polls)

    async def _follow_file(self) -> None:
        """Puts a changed feeds.yaml in force, within a second; SIGHUP does at once."""
        while True:
            await self.files.changed()
            try:
                await self.reload()
            except Exception:
                log.exception("the changed configuration could not be put in force")

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
            self.files.paths |= {Path(fault.file) for fault in error.faults}  # which may be the ones to be mended
            return False
        if (config.database, config.server) != (self.config.database, self.config.server):
            log.warning("database and server change with the next start")
            config = dataclasses.replace(config, database=self.config.database, server=self.config.server)
        await self.aggregator.reconfigure(config)
        self.config = config
        self.files.paths = config.files
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


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
