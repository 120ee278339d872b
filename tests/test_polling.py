"""Polls from end to end in virtual time, judged by the log of the server and by what is stored."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import schedule
from aggregator.app import Aggregator, Poll
from aggregator.config import Config
from aggregator.daemon import Daemon
from aggregator.engine import Here
from tests.awkward import Awkward, awkward_site, reset, says
from tests.conftest import NOW, Post, config_for, rss

FEED = rss(Post("One", link="http://x.example/1"))
HOUR = timedelta(hours=1)
HTML = b"<!doctype html><html><head><title>Log in</title></head><body>Please log in</body></html>"


class Days:
    """An aggregator whose clock the test sets."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.now = NOW

    def poll(self, *names: str, force: bool = True) -> list[Poll]:
        """One pass, by default over all feeds."""

        async def work() -> list[Poll]:
            async with Aggregator(self.config, Here(), lambda: self.now) as aggregator:
                return await aggregator.poll(await aggregator.due(force, names or None))

        return asyncio.run(work())

    def run(self, span: timedelta, step: timedelta, jump: timedelta = timedelta(0)) -> int:
        """The daemon's ticks for a while, in one go; halfway the clock jumps. Gives the number of polls."""

        async def work() -> int:
            count, steps = 0, round(span / step)
            async with Aggregator(self.config, Here(), lambda: self.now) as aggregator:
                for number in range(steps):
                    count += len(await aggregator.poll(await aggregator.due()))
                    await aggregator.upkeep()
                    self.now += step + (jump if number == steps // 2 else timedelta(0))
            return count

        return asyncio.run(work())

    def rows(self, query: str) -> list[Any]:
        connection = sqlite3.connect(self.config.database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def one(self, column: str) -> Any:
        """A column of the first feed."""
        return self.rows(f"SELECT {column} FROM feeds LEFT JOIN _polling ON feed_id = id ORDER BY id")[0][0]

    @property
    def next(self) -> timedelta:
        """How long until the first feed is polled again."""
        return datetime.fromisoformat(self.one("next_poll_at")) - self.now


@pytest.fixture
def days(site: Awkward, tmp_path: Path) -> Days:
    """One feed, /feed, every 30 minutes sharp."""
    site.plays["/feed"] = says(FEED, "200 OK", 'ETag: "1"')
    return Days(config_for(tmp_path, site.url(), more="defaults: {jitter: 0}\n"))


# --- one GET a poll -------------------------------------------------------------------------------------------------


def test_a_day_is_as_many_polls_as_intervals_and_each_is_one_get(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = [says(FEED, "200 OK", 'ETag: "1"'), says(b"", "304 Not Modified")]
    assert days.run(24 * HOUR, timedelta(minutes=1)) == 48
    assert site.targets == ["/feed"] * 48
    assert site.fields("If-None-Match") == [None] + [b'"1"'] * 47


def test_a_missed_night_is_one_poll(site: Awkward, days: Days) -> None:
    days.poll()
    days.now += 20 * HOUR
    assert days.run(HOUR / 2, timedelta(minutes=1)) == 1
    assert len(site.asked) == 2


def test_a_restart_polls_nothing_that_is_not_due(site: Awkward, days: Days) -> None:
    days.poll()
    for _ in range(3):
        assert days.poll(force=False) == []
    assert len(site.asked) == 1


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(hours=-3), timedelta(minutes=-29)])
@pytest.mark.parametrize("restart", [True, False])
def test_a_clock_that_jumps_back_silences_nobody(site: Awkward, days: Days, jump: timedelta, restart: bool) -> None:
    minute = timedelta(minutes=1)
    if restart:
        days.run(32 * minute, minute)
        days.now += jump
        days.run(32 * minute, minute)
    else:
        days.run(64 * minute, minute, jump)
    assert len(site.asked) in (3, 4), "two before, and within half an hour one more"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(FEED), "2026-11-23 12:20:00Z"),
        (says(FEED, "200 OK", "Cache-Control: max-age=3600"), "2026-11-23 13:00:00Z"),
        (says(b"", "503 Busy", "Retry-After: 60"), "2026-11-24 12:00:00Z"),
    ],
    ids=["at once", "but the server's wish counts", "and so does the back-off"],
)
def test_an_interval_that_is_made_shorter_counts(
    site: Awkward, days: Days, tmp_path: Path, answer: bytes, expected: str
) -> None:
    site.plays["/feed"] = answer
    days.config = config_for(tmp_path, f"{{url: {site.url()}, interval: 12h, jitter: 0}}")
    days.poll()
    days.config = config_for(tmp_path, f"{{url: {site.url()}, interval: 20m, jitter: 0}}")
    days.poll(force=False)
    assert days.one("next_poll_at") == expected


def test_polls_of_one_feed_never_overlap(site: Awkward, days: Days) -> None:
    def slow(ask: Any, connection: Any) -> None:
        time.sleep(0.3)
        connection.sendall(says(FEED))

    site.plays["/feed"] = slow

    async def work() -> None:
        async with Aggregator(days.config, Here(), lambda: days.now) as aggregator:
            first = asyncio.create_task(aggregator.poll(await aggregator.due(force=True)))
            await asyncio.sleep(0.1)
            assert await aggregator.due(force=True) == []
            await first
            assert len(await aggregator.due(force=True)) == 1

    asyncio.run(work())
    assert len(site.asked) == 1


# --- validators -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        says(FEED, "200 OK", 'ETag: "2"', "Content-Length: 9999"),
        says(gzip.compress(FEED)[:-9], "200 OK", 'ETag: "2"', "Content-Encoding: gzip"),
        says(b"\x1b\x2a\x00\xf8\x25\x00\x62\x98\x86\x10 0123456789", "200 OK", 'ETag: "2"', "Content-Encoding: br"),
        says(HTML, "200 OK", 'ETag: "2"'),
        says(b"", "200 OK", 'ETag: "2"'),
        says(b"", "204 No Content", 'ETag: "2"'),
        says(FEED, "206 Partial Content", 'ETag: "2"'),
        says(FEED, "500 Oops", 'ETag: "2"'),
        reset(b'HTTP/1.1 200 OK\r\nETag: "2"\r\n\r\n' + FEED),
    ],
    ids=["short", "gzip", "brotli", "page", "empty", "204", "206", "500", "reset"],
)
def test_validators_of_what_was_not_taken_in_whole_are_not_kept(site: Awkward, days: Days, failure: Any) -> None:
    days.poll()
    site.plays["/feed"] = failure
    [poll] = days.poll()
    assert poll.error
    assert (days.one("etag"), days.one("failures")) == ('"1"', 1)
    assert days.one("last_error") == poll.error
    days.poll()
    assert site.fields("If-None-Match") == [None, b'"1"', b'"1"']


def test_a_304_may_freshen_validators_but_not_with_those_of_a_document_that_never_came(
    site: Awkward, days: Days
) -> None:
    site.plays["/feed"] = [
        says(FEED, "200 OK", 'ETag: "1"', "Last-Modified: a"),
        says(b"", "304 Not Modified", 'ETag: W/"1"', "Last-Modified: b"),
        says(b"", "304 Not Modified", 'ETag: "other"', "Last-Modified: c"),
        says(b"", "304 Not Modified"),
    ]
    kept = []
    for _ in range(4):
        days.poll()
        kept.append((days.one("etag"), days.one("last_modified")))
    assert kept == [('"1"', "a"), ('W/"1"', "b"), ('W/"1"', "b"), ('W/"1"', "b")]


def test_a_document_without_validators_ends_the_old_ones(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = [says(FEED, "200 OK", 'ETag: "1"'), says(FEED), says(FEED)]
    for _ in range(3):
        days.poll()
    assert site.fields("If-None-Match") == [None, b'"1"', None]


def test_another_address_begins_without_validators(site: Awkward, days: Days, tmp_path: Path) -> None:
    days.poll()
    site.plays["/new"] = says(FEED, "200 OK", 'ETag: "n"')
    days.config = config_for(tmp_path, site.url("/new"))
    days.poll()
    assert site.targets == ["/feed", "/new"]
    assert site.fields("If-None-Match") == [None, None]


def test_the_validators_of_a_redirects_target_go_to_the_target(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = says(b"", "302 Found", "Location: /real")
    site.plays["/real"] = [says(FEED, "200 OK", 'ETag: "r"'), says(b"", "304 Not Modified")]
    days.poll()
    [poll] = days.poll()
    assert poll.not_modified
    assert site.targets == ["/feed", "/real"] * 2
    assert site.fields("If-None-Match") == [None, None, None, b'"r"']


def test_a_server_that_knows_no_conditions_costs_no_parsing(site: Awkward, days: Days) -> None:
    days.poll()
    jobs = []

    class Counting(Here):
        async def run(self, job: Any) -> Any:
            jobs.append(job)
            return await super().run(job)

    async def work() -> None:
        async with Aggregator(days.config, Counting(), lambda: days.now) as aggregator:
            await aggregator.poll(await aggregator.due(force=True))

    asyncio.run(work())
    assert jobs == []
    assert len(site.asked) == 2


def test_226_brings_only_what_is_new(site: Awkward, days: Days) -> None:
    newer = rss(Post("Two", "<p>Quite another matter.</p>", "http://x.example/2"))
    site.plays["/feed"] = [
        says(FEED, "200 OK", 'ETag: "1"'),
        says(newer, "226 IM Used", 'ETag: "2"', "IM: feed"),
        says(b"", "304 Not Modified"),
    ]
    assert [days.poll()[0].new for _ in range(3)] == [1, 1, 0]
    assert site.fields("A-IM") == [None, b"feed", b"feed"]
    assert site.fields("If-None-Match") == [None, b'"1"', b'"2"']
    assert days.rows("SELECT title FROM articles ORDER BY id") == [("One",), ("Two",)]


# --- moves ----------------------------------------------------------------------------------------------------------


def moved(site: Awkward, status: str = "301 Moved Permanently") -> None:
    site.plays["/feed"] = says(b"", status, "Location: /new")
    site.plays["/new"] = says(FEED, "200 OK", 'ETag: "n"')


@pytest.mark.parametrize("status", ["301 Moved Permanently", "308 Permanent Redirect"])
def test_a_permanent_redirect_is_remembered_when_it_has_held(site: Awkward, days: Days, status: str) -> None:
    moved(site, status)
    addresses = []
    for _ in range(4):
        days.poll()
        addresses.append(days.one("url"))
    assert addresses == [site.url()] * 2 + [site.url("/new")] * 2
    assert site.targets == ["/feed", "/new"] * 3 + ["/new"]
    assert site.fields("If-None-Match")[-1] == b'"n"'
    assert days.one("configured_url") == site.url()
    assert days.rows("SELECT count(*) FROM articles") == [(1,)]


@pytest.mark.parametrize("status", ["302 Found", "303 See Other", "307 Temporary Redirect"])
def test_a_temporary_redirect_is_never_remembered(site: Awkward, days: Days, status: str) -> None:
    moved(site, status)
    for _ in range(6):
        days.poll()
    assert days.one("url") == site.url()


def test_a_detour_is_not_remembered(site: Awkward, days: Days) -> None:
    for _ in range(3):
        moved(site)
        days.poll()
        days.poll()
        site.plays["/feed"] = says(FEED)
        days.poll()
    assert days.one("url") == site.url()


def test_a_move_to_a_login_page_or_in_a_circle_is_not_remembered(site: Awkward, days: Days) -> None:
    moved(site)
    for page in (says(HTML), says(b"", "301 Moved", "Location: /feed"), says(b"", "404 Not Found")):
        site.plays["/new"] = page
        for _ in range(5):
            assert days.poll()[0].error
    assert days.one("url") == site.url()


@pytest.mark.parametrize("failure", [says(b"", "410 Gone"), says(b"", "404 Not Found"), says(HTML), reset(b"")])
def test_a_move_that_turns_out_wrong_is_taken_back(site: Awkward, days: Days, failure: Any) -> None:
    moved(site)
    for _ in range(3):
        days.poll()
    assert days.one("url") == site.url("/new")
    site.plays["/feed"] = says(FEED)
    site.plays["/new"] = says(b"", "503 Busy")
    days.poll()
    assert days.one("url") == site.url("/new"), "a busy server says nothing about its address"
    site.plays["/new"] = failure
    assert f"{site.url()} is asked again" in str(days.poll()[0].error)
    assert (days.one("url"), days.one("state")) == (site.url(), "active")
    assert days.poll()[0].error is None


def test_two_feeds_that_end_at_one_address_stay_two(site: Awkward, tmp_path: Path) -> None:
    moved(site)
    days = Days(config_for(tmp_path, site.url(), site.url("/new")))
    for _ in range(4):
        days.poll()
    assert days.rows("SELECT url, failures FROM feeds") == [(site.url(), 0), (site.url("/new"), 0)]


# --- failures -------------------------------------------------------------------------------------------------------


def test_gone_is_gone_until_a_person_asks(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = says(b"", "410 Gone")
    days.poll()
    assert days.one("state") == "gone"
    assert days.poll() == []
    assert days.run(48 * HOUR, HOUR) == 0
    assert len(site.asked) == 1
    site.plays["/feed"] = says(FEED)
    assert [poll.new for poll in days.poll(site.url())] == [1]
    assert days.one("state") == "active"


def test_gone_behind_a_detour_is_not_gone(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = says(b"", "302 Found", "Location: /new")
    site.plays["/new"] = says(b"", "410 Gone")
    days.poll()
    assert days.one("state") == "active"


def test_a_disabled_feed_is_not_asked(site: Awkward, tmp_path: Path) -> None:
    days = Days(config_for(tmp_path, f"{{url: {site.url()}, enabled: false}}"))
    assert days.poll() == []
    assert days.poll(site.url()) == []
    assert site.asked == []


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "500 Oops", "503 Busy", "429 Too Many"])
def test_failures_back_off_and_one_success_ends_that(site: Awkward, days: Days, status: str) -> None:
    site.plays["/feed"] = says(b"", status)
    waits = []
    for _ in range(7):
        days.poll()
        waits.append(days.next / HOUR)
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    site.plays["/feed"] = says(FEED)
    days.poll()
    assert (days.next / HOUR, days.one("failures")) == (0.5, 0)


def test_retry_after_is_kept_to(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = says(b"", "503 Busy", "Retry-After: 18000")
    days.poll()
    assert days.run(5 * HOUR, timedelta(minutes=5)) == 0
    assert days.run(HOUR / 2, timedelta(minutes=5)) == 1


def test_a_429_is_meant_for_all_feeds_of_its_host(site: Awkward, tmp_path: Path) -> None:
    site.plays["*"] = says(b"", "429 Too Many Requests", "Retry-After: 7200")
    with awkward_site() as other:
        other.plays["*"] = says(FEED)
        urls = [*(site.url(f"/{n}") for n in range(9)), other.url()]
        days = Days(config_for(tmp_path, *urls, more="defaults: {jitter: 0}\n"))
        polls = {poll.url: poll for poll in days.poll()}
    assert len(site.asked) <= 2, "two were under way when the host said stop"
    assert polls[other.url()].error is None
    rested = [poll for poll in polls.values() if poll.excused]
    assert len(rested) == 9 - len(site.asked)
    assert all("wants rest until 14:00:00 UTC" in str(poll.error) for poll in rested)
    assert days.rows("SELECT max(failures), count(DISTINCT next_poll_at) FROM feeds WHERE url LIKE '%/7'") == [(0, 1)]
    assert {row[0] for row in days.rows("SELECT next_poll_at FROM feeds WHERE failures = 0 AND url NOT LIKE '%feed'")} == {
        "2026-11-23 14:00:00Z"
    }  # fmt: skip


def test_a_web_page_names_the_feed_that_is_meant(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = says(
        b'<!doctype html><html><head><link rel="alternate" type="application/atom+xml" href="/atom"></head></html>'
    )
    assert site.url("/atom") in str(days.poll()[0].error)


def test_secrets_reach_neither_database_nor_error(site: Awkward, tmp_path: Path) -> None:
    site.plays["/feed"] = [says(b"", "302 Found", "Location: /x"), says(b"", "401 No")]
    site.plays["/x"] = says(b"", "403 Forbidden")
    url = site.url(login="me:hush%2Dhush@")
    days = Days(config_for(tmp_path, f"{{url: '{url}', headers: {{X-Key: quiet-please}}}}"))
    polls = [*days.poll(), *days.poll()]
    assert site.fields("X-Key") == [b"quiet-please"] * 3
    assert all(site.fields("Authorization"))
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("aggregator.db*"))
    for secret in ("hush", "quiet-please", "bWU6"):
        assert secret not in repr(polls)
        assert secret.encode() not in stored


def test_a_fault_of_ours_in_one_feed_costs_no_other(
    site: Awkward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wishes(body: bytes) -> Any:
        if b"Two" in body:
            raise ZeroDivisionError("a fault of ours")
        return schedule.Wishes()

    monkeypatch.setattr(schedule, "wishes", wishes)
    site.plays = {"/1": says(FEED), "/2": says(FEED.replace(b"One", b"Two")), "/3": says(FEED)}
    days = Days(config_for(tmp_path, *(site.url(f"/{n}") for n in (1, 2, 3))))
    assert sorted(str(poll.error) for poll in days.poll()) == [
        "None", "None", "ZeroDivisionError: a fault of ours (this should not happen)"
    ]  # fmt: skip


# --- outages --------------------------------------------------------------------------------------------------------


def test_an_outage_that_shows_feed_by_feed_blames_none_in_the_end(tmp_path: Path) -> None:
    urls = [f"http://127.0.0.1:1/{n}" for n in range(3)]
    days = Days(config_for(tmp_path, *urls, more="defaults: {jitter: 0}\n"))

    async def work() -> list[bool]:
        async with Aggregator(days.config, Here(), lambda: days.now) as aggregator:
            down = []
            for url in urls:  # each in a group of its own, as in a daemon that has run for a while
                await aggregator.poll(await aggregator.due(True, [url]))
                down.append(aggregator.network.down)
                days.now += timedelta(minutes=1)
            return down

    assert asyncio.run(work()) == [False, True, True]
    assert days.rows("SELECT failures FROM feeds") == [(0,)] * 3
    assert days.rows("SELECT max(next_poll_at) FROM feeds") <= [("2026-11-23 12:05:00Z",)]


def test_an_outage_is_said_once_and_its_end_too(
    site: Awkward, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.plays["*"] = reset(b"")
    config = config_for(tmp_path, *(site.url(f"/{n}") for n in range(4)))
    caplog.set_level("INFO", "aggregator")

    async def work() -> None:
        daemon = Daemon(config)
        async with Aggregator(config, Here(), lambda: NOW) as daemon.aggregator:
            for answer in (reset(b""), reset(b""), says(b"", "304 Not Modified"), says(FEED)):
                site.plays["*"] = answer
                await daemon._poll(await daemon.aggregator.due(force=True))

    asyncio.run(work())
    said = [record.getMessage() for record in caplog.records if "feed can be reached" in record.getMessage()]
    assert len(said) == 1
    assert [message for message in caplog.messages if message == "the network is back"] == ["the network is back"]
    assert sum("127.0.0.1: " in message for message in caplog.messages) == 4 + len(said), "and no line for each feed"


def test_feeds_that_fail_while_others_answer_are_to_blame(site: Awkward, tmp_path: Path) -> None:
    site.plays["/feed"] = says(FEED)
    days = Days(config_for(tmp_path, "http://127.0.0.1:1/a", "http://127.0.0.1:1/b", site.url()))
    days.poll()
    assert days.rows("SELECT failures FROM feeds ORDER BY id") == [(1,), (1,), (0,)]


# --- many -----------------------------------------------------------------------------------------------------------


def test_two_hundred_dead_names_beside_ten_good_ones(site: Awkward, tmp_path: Path) -> None:
    site.plays["*"] = site.counted(says(FEED))
    dead = [f"http://dead{n}.invalid/feed" for n in range(200)]
    days = Days(config_for(tmp_path, *dead, *(site.url(f"/{n}") for n in range(10))))
    start = time.monotonic()
    polls = days.poll()
    assert time.monotonic() - start < 20
    assert sorted(poll.url for poll in polls if poll.error is None) == sorted(site.url(f"/{n}") for n in range(10))
    assert site.most_at_once == 2
    errors = [str(poll.error) for poll in polls if poll.error]
    assert len(errors) == 200
    assert all("can't find the host dead" in error for error in errors)


@pytest.mark.parametrize("adaptive", [False, True])
def test_adaptive_learns_from_the_dates_of_the_articles(site: Awkward, tmp_path: Path, adaptive: bool) -> None:
    dates = [NOW - timedelta(hours=8 * n) for n in range(9)]
    posts = [
        Post(f"{n}", link=f"http://x.example/{n}", date=f"{d:%a, %d %b %Y %H:%M:%S} GMT") for n, d in enumerate(dates)
    ]
    site.plays["/feed"] = says(rss(*posts))
    days = Days(config_for(tmp_path, f"{{url: {site.url()}, jitter: 0, adaptive: {str(adaptive).lower()}}}"))
    for _ in range(2):
        days.poll()
        assert days.next == (2 * HOUR if adaptive else HOUR / 2)


def test_what_a_feed_asks_for_holds_after_a_304(site: Awkward, days: Days) -> None:
    wishes = b"<ttl>60</ttl><skipHours><hour>13</hour><hour>14</hour></skipHours><item>"
    site.plays["/feed"] = [says(FEED.replace(b"<item>", wishes), "200 OK", 'ETag: "1"'), says(b"", "304 Not Modified")]
    for _ in range(2):
        days.poll()
        assert 3 * HOUR <= days.next <= 3 * HOUR + timedelta(minutes=5)
    assert days.poll(force=False) == []


def test_max_age_on_a_304_counts(site: Awkward, days: Days) -> None:
    site.plays["/feed"] = [
        says(FEED, "200 OK", 'ETag: "1"'),
        says(b"", "304 Not Modified", "Cache-Control: max-age=10800", "Age: 3600"),
    ]
    days.poll()
    assert days.next == HOUR / 2
    days.poll()
    assert days.next == 2 * HOUR
