"""The wall clock: set back, set ahead, or asleep with the machine. Nobody is silenced for it, and nobody is stormed."""

from __future__ import annotations

import asyncio
import datetime as real
import time
from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import apscheduler.schedulers.base
import pytest

from aggregator.app import Aggregator, writer
from aggregator.daemon import Daemon, ticks
from aggregator.engine import Here
from tests.awkward import Awkward, says
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_polling import Days

FEED = rss(Post("One", link="http://x.example/1"))
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)


class Wall(real.datetime):
    """The machine's clock, off by as much as the test says."""

    off = timedelta()

    @classmethod
    def now(cls, tz: real.tzinfo | None = None) -> Wall:
        there = real.datetime.now(tz) + cls.off
        return cls.fromtimestamp(there.timestamp(), tz)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> type[Wall]:
    """What daemon and scheduler go by."""
    monkeypatch.setattr(Wall, "off", timedelta())
    for module in (apscheduler.schedulers.base, ticks):
        monkeypatch.setattr(module, "datetime", Wall)
    monkeypatch.setattr(ticks, "TICK", 0.2)
    return Wall


@pytest.mark.parametrize(
    "jump", [-5 * YEAR, 5 * YEAR, *(pytest.param(j, marks=pytest.mark.soak) for j in (-HOUR, -DAY, HOUR, DAY))], ids=str
)
def test_a_running_daemon_goes_on_and_says_why(
    wall: type[Wall], web: Web, tmp_path: Path, jump: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    web.pages["/f"] = Answer(FEED)
    config = config_for(tmp_path, web.url("/f"), more="defaults: {interval: 1s, min_interval: 1s, jitter: 0}\n")

    async def polled(more: int) -> None:
        wanted = len(web.seen) + more
        async with asyncio.timeout(10):
            while len(web.seen) < wanted:
                await asyncio.sleep(0.02)

    async def work() -> int:
        daemon = Daemon(config, clock=lambda: Wall.now(UTC), engine=Here())
        running = asyncio.create_task(daemon.run())
        await polled(2)
        wall.off = jump
        await polled(2)
        before = len(web.seen)
        wall.off = timedelta()
        await polled(2)
        daemon.stop()
        await running
        return len(web.seen) - before

    assert asyncio.run(work()) == 2
    said = [message for message in caplog.messages if message.startswith("the clock")]
    assert len(said) == 2, caplog.messages


@pytest.fixture
def days(site: Awkward, tmp_path: Path) -> Days:
    """Ten feeds, every 30 minutes."""
    site.plays["*"] = says(FEED, "200 OK", 'ETag: "1"')
    return Days(config_for(tmp_path, *(site.url(f"/{n}") for n in range(10))))


@pytest.mark.parametrize("jump", [HOUR, DAY, 5 * YEAR, -HOUR, -DAY, -5 * YEAR], ids=str)
def test_a_jump_and_the_way_back_cost_each_feed_two_polls_at_most(site: Awkward, days: Days, jump: timedelta) -> None:
    days.run(HOUR, timedelta(minutes=1))
    before = len(site.asked)
    days.run(timedelta(minutes=10), timedelta(minutes=1), jump)
    days.run(timedelta(minutes=10), timedelta(minutes=1), -jump)
    assert len(site.asked) - before <= 20
    days.run(HOUR, timedelta(minutes=1))
    assert {site.targets[before:].count(f"/{n}") for n in range(10)} <= {2, 3, 4}
    assert days.rows("SELECT count(*) FROM articles") == [(10,)]
    assert days.rows("SELECT max(next_poll_at) FROM feeds")[0][0] < f"{days.now + HOUR:%Y-%m-%d %H:%M:%SZ}"


def test_a_clock_years_ahead_takes_nothing_away(site: Awkward, tmp_path: Path) -> None:
    """What is too old to keep by a clock that is wrong is kept, and what comes meanwhile is stored."""
    days = Days(config_for(tmp_path, site.url("/f"), more="retention: {keep: 30d}\n"))
    date = format_datetime(days.now, usegmt=True)
    first, second = (Post(name, f"<p>{name} of all.</p>", f"http://x.example/{name}", date=date) for name in ("a", "b"))
    site.plays["/f"] = says(rss(first))
    days.run(HOUR, timedelta(minutes=1))
    site.plays["/f"] = says(rss(first, second))
    days.now += 5 * YEAR
    days.run(HOUR, timedelta(minutes=10))
    days.now -= 5 * YEAR
    assert days.rows("SELECT title FROM articles ORDER BY title") == [("a",), ("b",)]


def test_a_clock_that_stays_ahead_is_believed_after_an_hour(
    site: Awkward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = [0.0]
    monkeypatch.setattr(writer, "time", SimpleNamespace(monotonic=lambda: steady[0]))
    days = Days(config_for(tmp_path, site.url("/f"), more="retention: {keep: 30d}\n"))
    site.plays["/f"] = says(FEED)
    days.poll()

    async def work() -> list[int]:
        found = []
        async with Aggregator(days.config, Here(), lambda: days.now) as aggregator:
            days.now += YEAR
            for _ in range(8):  # ten minutes each
                found.append((await aggregator.upkeep()).stories)
                days.now += HOUR / 6
                steady[0] += 600
        return found

    assert asyncio.run(work()) == [0, 0, 0, 0, 0, 0, 1, 0]


def test_a_host_that_wanted_rest_is_asked_again_after_the_clock_was_set_back(site: Awkward, days: Days) -> None:
    async def work() -> None:
        async with Aggregator(days.config, Here(), lambda: days.now) as aggregator:
            days.now += 5 * YEAR
            site.plays["*"] = says(b"", "429 Too Many Requests", "Retry-After: 600")
            await aggregator.poll(await aggregator.due(force=True, only=[site.url("/1")]))
            days.now -= 5 * YEAR
            site.plays["*"] = says(FEED)
            polls = await aggregator.poll(await aggregator.due(force=True))
            assert [poll.error for poll in polls if poll.error] == []

    asyncio.run(work())


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_summer_time_comes_and_goes_unnoticed(
    site: Awkward, tmp_path: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.plays["*"] = says(FEED)
    days = Days(config_for(tmp_path, site.url(), more="defaults: {jitter: 0}\n"))
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for start in ("2026-03-08T00:00", "2026-03-28T18:00", "2026-10-24T18:00", "2026-11-01T00:00"):
            days.now = real.datetime.fromisoformat(f"{start}+00:00")
            assert days.run(12 * HOUR, timedelta(minutes=5)) == 24
    finally:
        monkeypatch.undo()
        time.tzset()
