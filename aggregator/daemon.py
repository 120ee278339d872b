"""The daemon: one tick that asks the database what is due, a server, and a clean end. The only door of apscheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from aggregator import config as configuration
from aggregator.app import Aggregator, Poll
from aggregator.config import Config
from aggregator.errors import ConfigError
from aggregator.server import Server, application, bind
from aggregator.store import Due
from aggregator.terminal import printable

log = logging.getLogger("aggregator")

TICK = 1.0  # seconds


class Daemon:
    """Polls on schedule, publishes and serves until it is told to stop.

    `passed` is called with the polls of each group that was due together. Raises StoreError and AggregatorError at the
    start, where the database or the port can't be had.
    """

    def __init__(self, config: Config, passed: Callable[[list[Poll]], None] | None = None) -> None:
        self.config = config
        self.passed = passed or (lambda polls: None)
        self.stopping = asyncio.Event()
        self._file = _stamp(config.file)
        self._tasks: set[asyncio.Task[None]] = set()
        self._down = False  # whether we have said that nothing can be reached
        self._told: set[str] = set()  # faults already in the log
        self._ticked = False

    async def run(self, force: bool = False) -> None:
        """Runs until `stop`, SIGTERM or SIGINT; `force` begins with all feeds, also those that are not due."""
        listen = self.config.server.listen
        sock = bind(listen) if listen else None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload_on_next_tick)
        async with contextlib.AsyncExitStack() as stack:
            if sock is not None:
                stack.callback(sock.close)
            self.aggregator = await stack.enter_async_context(Aggregator(self.config))
            if sock is not None:
                app = application(self.aggregator.site, self.config.server.auth, lambda: self._ticked)
                server = Server(app)
                serving = asyncio.create_task(server.serve([sock]))
                stack.push_async_callback(_end, server, serving)
                log.info("serving on http://%s/", listen)
                if not str(listen).startswith(("127.", "localhost", "[::1]")) and self.config.server.auth is None:
                    log.warning("anybody who can reach %s can read the feeds; server.auth sets a password", listen)
            stack.push_async_callback(self._cancel)
            publishing = asyncio.create_task(self._publish_changes())
            self._tasks.add(publishing)
            if force:
                self._start(await self.aggregator.due(force=True))
            # One job, not one per feed: what is due is a question to the database.
            scheduler = AsyncIOScheduler(timezone=UTC)
            scheduler.add_job(
                self.tick, "interval", seconds=TICK, max_instances=1, coalesce=True, misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )  # fmt: skip
            scheduler.start()
            stack.callback(scheduler.shutdown, wait=False)
            await self.stopping.wait()
            _notify("STOPPING=1")
            log.info("stopping")

    def stop(self) -> None:
        """Ends the run; what is not committed is polled again the next time."""
        self.stopping.set()

    async def tick(self) -> None:
        """Reloads a changed configuration, starts the polls that are due, publishes what changed."""
        try:
            await self._reload()
            dues = await self.aggregator.due()
            self._start(dues)
            removed = await self.aggregator.upkeep()
            if removed.stories:
                log.info("pruned %d stories older than retention.keep", removed.stories)
            if self.aggregator.dirty:
                await self._publish()
            self._tell([*self.aggregator.faults, *self.aggregator.site.faults])
            self.aggregator.faults.clear()
            if not self._ticked:
                self._ticked = True
                _notify("READY=1")
        except Exception:
            # Whatever it was, the next tick is a second away; a daemon must not die of one.
            log.exception("a tick failed")

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
            except Exception:
                log.exception("publishing failed")
            # The writer has other work, too: commits that come close together are published together.
            await asyncio.sleep(min(0.5, max(0.1, loop.time() - before)))

    def _start(self, dues: Collection[Due]) -> None:
        """Polls a group beside those under way: a feed that hangs holds only its own group up."""
        if dues:
            self.aggregator.claim(dues)
            task = asyncio.create_task(self._poll(dues))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _poll(self, dues: Collection[Due]) -> None:
        try:
            polls = await self.aggregator.poll(dues, self._heard)
        except Exception:
            log.exception("a group of %d polls failed", len(dues))
            return
        unreachable = [poll for poll in polls if poll.unreachable]
        if len(polls) > 1 and len(unreachable) == len(polls):
            if not self._down:
                self._down = True
                log.warning(
                    "none of %d feeds could be reached (%s: %s): is this machine on-line? Trying again every 2 minutes. "
                    "`aggregator demo` shows everything without internet",
                    len(polls), printable(polls[0].feed), printable(polls[0].error or ""),
                )  # fmt: skip
        elif self._down:
            self._down = False
            log.info("the network is back")
        self.passed(polls)

    def _heard(self, poll: Poll) -> None:
        name = printable(poll.feed)
        if poll.error is not None:
            log.log(logging.INFO if self._down else logging.WARNING, "%s: %s", name, printable(poll.error))
        elif poll.new or poll.changed:
            log.info("%s: %d new, %d changed, %d copies", name, poll.new, poll.changed, poll.copies)
        else:
            log.debug("%s: nothing new (%s)", name, poll.status)

    def _tell(self, faults: list[str]) -> None:
        """Each fault once, until it is over."""
        for fault in faults:
            if fault not in self._told:
                log.error("%s", printable(fault))
        self._told = set(faults)

    async def _reload(self) -> None:
        stamp = _stamp(self.config.file)
        if stamp == self._file or stamp is None:
            return
        self._file = stamp
        try:
            config = configuration.load(self.config.file)
        except ConfigError as error:
            for fault in error.faults:
                log.error("%s", printable(str(fault)))
            log.error("%s has %d faults; the last good one stays in force", self.config.file, len(error.faults))
            return
        if (config.database, config.server) != (self.config.database, self.config.server):
            log.warning("database and server change with the next start")
        await self.aggregator.reconfigure(config)
        self.config = config
        log.info("%s has changed and is in force", self.config.file)

    def _reload_on_next_tick(self) -> None:
        self._file = None

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _end(server: Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when a file does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _notify(state: str) -> None:
    """Tells systemd (sd_notify(3)); nothing to do where there is none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())
