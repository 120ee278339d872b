"""When to look again: pure, in virtual time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator import schedule
from aggregator.model import Response, Subscription
from aggregator.parse import parse
from aggregator.schedule import Signals, Wishes, next_poll, spread
from aggregator.schedule.ages import Ages
from aggregator.schedule.moves import HELD, Move, is_lasting, target
from aggregator.schedule.network import Network
from tests.conftest import NOW

DATA = Path(__file__).parent / "data" / "schedule"
EVEN = Subscription("http://example.org/feed", jitter=0.0)  # every 30 minutes sharp
DAY = timedelta(hours=24)

times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
dice = st.floats(0, 1, exclude_max=True)
spans = st.none() | st.timedeltas(timedelta(0), timedelta(days=40_000))


def cases(file: str) -> list[Any]:
    loaded = yaml.safe_load((DATA / file).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in loaded]


def after(**signals: Any) -> datetime:
    return next_poll(EVEN, Signals(**signals), NOW, 0.0)


@pytest.mark.parametrize("case", cases("wishes.yaml"))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_a_feed_asks_for(case: dict[str, str], encoding: str) -> None:
    document = (
        f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:syn="http://purl.org/rss/1.0/modules/syndication/">'
        f"<channel><title>t</title>{case.get('head', '')}<item><title>x</title>{case.get('item', '')}</item>"
        f"{case.get('tail', '')}</channel></rss>"
    )
    body = document.encode(encoding)
    feed = parse(Response("http://example.org/feed", 200, (), body))
    asked = schedule.wishes(body)
    assert Wishes.from_text(asked.to_text()) == asked
    now, expected = (datetime.fromisoformat(case[key]).replace(tzinfo=UTC) for key in ("polled", "next"))
    assert next_poll(EVEN, Signals(ttl=feed.ttl, wishes=asked), now, 0.0) == expected


@pytest.mark.parametrize("case", cases("headers.yaml"))
@pytest.mark.parametrize("status", [200, 304])
def test_what_a_server_asks_for(case: dict[str, Any], status: int) -> None:
    fields = {"Date": "Mon, 23 Nov 2026 12:00:00 GMT", **case["fields"]}
    response = Response("http://x/", status, tuple((name.lower(), value) for name, value in fields.items()), b"")
    signals = Signals(fresh_for=schedule.fresh_for(response, NOW))
    assert next_poll(EVEN, signals, NOW, 0.0) - NOW == timedelta(minutes=case["minutes"])


@pytest.mark.parametrize("case", cases("retry_after.yaml"))
def test_retry_after(case: dict[str, Any]) -> None:
    seconds = schedule.retry_after(case["value"], NOW)
    wait = None if seconds is None else timedelta(seconds=seconds)
    assert after(failures=1, retry_after=wait) - NOW == timedelta(minutes=case["minutes"])


@given(st.text(), st.text(), st.text(), st.text())
@example("max-age=" + "9" * 30, "9" * 30, "Fri, 31 Dec 9999 23:59:59 -2359", "9" * 30)
@example("", "-1", "Mon, 01 Jan 0001 00:00:00 +2359", "")
def test_no_header_is_an_exception(control: str, age: str, date: str, retry: str) -> None:
    fields = (("cache-control", control), ("age", age), ("expires", date), ("date", date))
    fresh = schedule.fresh_for(Response("http://x/", 200, fields, b""), NOW)
    assert fresh is None or fresh > timedelta(0)
    for value in (retry, date):
        seconds = schedule.retry_after(value, NOW)
        assert seconds is None or 0 < seconds <= 86400


@settings(deadline=None)  # a machine can be busy with something else
@given(st.binary(max_size=3000))
@example(b"<channel><skipHours>" * 3000)
@example(b"<sy:updatePeriod>daily</sy:updatePeriod><sy:updateBase>0001-01-01T00:00+23:00</sy:updateBase>")
@example(b"<sy:updatePeriod>daily</sy:updatePeriod><sy:updateBase>9999-12-31T23:59-23:00</sy:updateBase>")
def test_no_document_is_an_exception(body: bytes) -> None:
    asked = schedule.wishes(body)
    assert next_poll(EVEN, Signals(wishes=asked), NOW, 0.5) > NOW


hours_of_a_day, days_of_a_week = st.sets(st.integers(0, 23)), st.sets(st.integers(0, 6))


@given(times, dice, st.integers(0, 100_000), spans, spans, spans, hours_of_a_day, days_of_a_week, st.booleans())
def test_never_sooner_than_the_interval_never_later_than_a_day(
    now: datetime,
    thrown: float,
    failures: int,
    retry: timedelta | None,
    fresh: timedelta | None,
    ttl: timedelta | None,
    hours: set[int],
    days: set[int],
    pushed: bool,
) -> None:
    wanted = Wishes(frozenset(hours), frozenset(days))
    signals = Signals(failures, retry, fresh, ttl, wanted, pushed=pushed)
    for subscription in (EVEN, dataclasses.replace(EVEN, jitter=0.2), dataclasses.replace(EVEN, interval=7 * DAY)):
        wait = next_poll(subscription, signals, now, thrown) - now
        assert subscription.interval <= wait <= max(DAY, subscription.interval * (1 + subscription.jitter))


def test_jitter_is_upward_only() -> None:
    subscription = dataclasses.replace(EVEN, jitter=0.2)
    assert next_poll(subscription, Signals(), NOW, 0.0) == NOW + timedelta(minutes=30)
    assert next_poll(subscription, Signals(), NOW, 0.999) > NOW + timedelta(minutes=35.9)


def test_failures_double_the_wait_up_to_a_day() -> None:
    minutes = [(after(failures=n) - NOW).total_seconds() / 60 for n in (0, 1, 2, 3, 4, 5, 6, 7, 10_000)]
    assert minutes == [30, 60, 120, 240, 480, 960, 1440, 1440, 1440]


def test_a_feed_that_is_pushed_is_polled_once_a_day() -> None:
    assert after(pushed=True) - NOW == DAY
    assert after(pushed=True, failures=1) - NOW == timedelta(hours=1), "a hub can't help a feed that fails"


# --- adaptive -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "silent", "expected"),
    [(60, 60, 15), (60, 480, 120), (24 * 60, 60, 360), (1, 1, 10), (60 * 24 * 9, 60, 24 * 60)],
)
def test_adaptive_follows_the_feeds_own_rhythm(every: float, silent: float, expected: float) -> None:
    dates = [NOW - timedelta(minutes=silent + every * n) for n in range(30)]
    learned = schedule.rhythm(dates, NOW)
    subscription = dataclasses.replace(EVEN, adaptive=True)
    assert next_poll(subscription, Signals(rhythm=learned), NOW, 0.0) - NOW == timedelta(minutes=expected)
    assert next_poll(EVEN, Signals(rhythm=learned), NOW, 0.0) - NOW == timedelta(minutes=30), "only who asks for it"


def test_adaptive_with_too_little_to_learn_from_keeps_the_interval() -> None:
    assert schedule.rhythm([], NOW) is None
    assert schedule.rhythm([NOW] * 50, NOW) is None
    assert schedule.rhythm([NOW + DAY * n for n in range(9)], NOW) is None, "dates in the future teach nothing"
    assert next_poll(dataclasses.replace(EVEN, adaptive=True), Signals(), NOW, 0.0) - NOW == timedelta(minutes=30)


# --- moves ----------------------------------------------------------------------------------------------------------

A, B, S = "http://x/a", "http://x/b", "https://x/a"


@pytest.mark.parametrize(
    ("asked", "redirects", "expected"),
    [
        (A, [], None),
        (A, [(301, B)], B),
        (A, [(308, B), (301, S)], S),
        (A, [(302, B)], None),
        (A, [(303, B)], None),
        (A, [(307, B)], None),
        (A, [(301, B), (302, S)], B),
        (A, [(302, B), (301, S)], None),
        (S, [(301, B)], None),
        (S, [(301, "https://y/"), (301, B)], "https://y/"),
        (A, [(301, B), (301, A)], None),
    ],
)
def test_where_permanent_redirects_lead(asked: str, redirects: Sequence[tuple[int, str]], expected: str | None) -> None:
    assert target(asked, redirects) == expected


def test_a_move_is_believed_when_it_has_held() -> None:
    move = Move()
    for _ in range(HELD):
        assert not move.held
        move = move.then(A, [(301, B)])
    assert move.held
    assert move.then(A, []) == Move(), "a poll that was not redirected ends it"
    assert move.then(A, [(301, S)]) == Move(S, 1), "another address begins anew"
    assert is_lasting([(301, B)])
    assert not is_lasting([(301, B), (302, A)])


# --- outage ---------------------------------------------------------------------------------------------------------


def test_two_feeds_that_fall_silent_with_nobody_answering_are_an_outage() -> None:
    network, down = Network(), []
    for feed, failures in ((1, 0), (2, 5), (3, 0)):  # the second one failed before, so it proves nothing
        network.unreached(feed, failures, NOW + timedelta(minutes=feed))
        down.append(network.down)
    assert network.since(NOW + timedelta(minutes=10)) == timedelta(minutes=9)
    network.answered()
    assert [*down, network.down] == [False, False, True, False]


def test_in_an_outage_feeds_are_tried_soon_then_less_and_less_often() -> None:
    waits = [
        (after(network_down=True, outage=timedelta(minutes=n)) - NOW).total_seconds() / 60 for n in (0, 1, 5, 20, 600)
    ]
    assert waits == [2, 2, 5, 20, 30]


def test_a_hosts_feeds_start_in_turns() -> None:
    assert spread([("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)], 2) == [1, 2, 3, 5]


def test_age_is_judged_by_a_clock_that_stood_by_its_word_for_an_hour() -> None:
    ages = Ages(NOW, 100.0)
    assert ages.now(NOW + timedelta(hours=23), 110.0) == NOW + timedelta(hours=23)  # a night off is no jump
    start = NOW + timedelta(hours=23)
    ahead = start + timedelta(days=400)
    assert ages.now(ahead, 120.0) == start + timedelta(seconds=10)
    assert ages.now(ahead + timedelta(seconds=3590), 3710.0) == start + timedelta(seconds=3600)
    assert ages.now(start + timedelta(seconds=3600), 3720.0) == start + timedelta(seconds=3600)  # put right in time
    assert ages.now(ahead, 3730.0) < ahead  # its hour begins anew
    believed = ahead + timedelta(hours=1)
    assert ages.now(believed, 7330.0) == believed
    assert ages.now(start, 7340.0) == start  # back at once: nothing is lost by that


def test_without_a_record_the_clock_is_believed() -> None:
    assert Ages().now(NOW, 5.0) == NOW
