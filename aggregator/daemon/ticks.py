"""One tick a second, whatever becomes of the wall clock. The only door of apscheduler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

log = logging.getLogger("aggregator")

TICK = 1.0  # seconds
_JUMP = 60.0  # seconds; by less a clock is put right without a word


@contextlib.asynccontextmanager
async def ticking(tick: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> AsyncIterator[None]:
    """Calls `tick` every second, one after the other; one that is cancelled once `stopping` is set has no word for it."""

    async def work() -> None:
        try:
            await tick()
        except asyncio.CancelledError:  # apscheduler would log it
            if not stopping.is_set():
                raise

    # One job, not one per feed: what is due is a question to the database.
    scheduler = AsyncIOScheduler(timezone=UTC)
    job = scheduler.add_job(
        work, _Soon(), max_instances=1, coalesce=True, misfire_grace_time=None, next_run_time=datetime.now(UTC)
    )
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # that a tick takes a second and more is no news
    scheduler.start()
    watching = asyncio.create_task(_watch_clock(job))
    try:
        yield
    finally:
        watching.cancel()
        scheduler.shutdown(wait=False)
        await asyncio.gather(watching, return_exceptions=True)


async def _watch_clock(job: Job) -> None:
    """Says when the wall clock was set, and keeps the ticks coming.

    apscheduler waits until the wall clock shows the time of the next run: of one that was set back by a day it would
    wait for a day.
    """
    loop = asyncio.get_running_loop()
    wall, steady = datetime.now(UTC), loop.time()
    while True:
        await asyncio.sleep(TICK)
        ahead = (datetime.now(UTC) - wall).total_seconds() - (loop.time() - steady)
        wall, steady = datetime.now(UTC), loop.time()
        if ahead < -TICK:
            job.reschedule(_Soon())
        if abs(ahead) >= _JUMP:
            how = "went ahead by {} (it was set, or the machine slept)" if ahead > 0 else "was set back by {}"
            log.warning(
                "the clock %s; feeds are polled by the new time", how.format(timedelta(seconds=round(abs(ahead))))
            )


class _Soon(BaseTrigger):  # type: ignore[misc]
    """A tick from now, whenever that is: apscheduler's own interval counts all ticks of a month asleep, one by one."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + timedelta(seconds=TICK)
