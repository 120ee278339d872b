"""Polls that brought nothing are stored together as they would be stored one by one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.model import Feed, Subscription
from aggregator.schedule import Wishes
from aggregator.schedule.moves import Move
from aggregator.store import Due, Outcome, Store, open_writer
from tests.conftest import NOW

FEEDS = 8
# As a header field is decoded; a NUL is none by then (fetch.lenient).
fields = st.none() | st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=9)
waits = st.none() | st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))


@st.composite
def quiet(draw: st.DrawFn, feed: int) -> Outcome:
    """A poll of a feed that went well."""
    url = f"http://{feed}.example/"
    wishes = draw(st.sampled_from([Wishes(), Wishes(skip_hours=frozenset({3})), Wishes(period=timedelta(hours=2))]))
    return Outcome(
        Due(feed, url, url, f"{feed}.example", 3, None, None, None, None, wishes=wishes),
        NOW,
        NOW + timedelta(minutes=draw(st.integers(1, 99))),
        draw(st.sampled_from([200, 226, 304])),
        etag=draw(fields),
        last_modified=draw(fields),
        bytes=draw(st.integers(0, 10**9)),
        seconds=draw(st.floats(0, 99)),
        validators_url=draw(st.sampled_from([url, f"{url}elsewhere"])),
        move=draw(st.sampled_from([Move(), Move("http://new.example/", 2)])),
        not_before=draw(waits),
    )


batches = st.tuples(*(quiet(feed) for feed in range(1, FEEDS + 1)))


@contextlib.contextmanager
def filled(file: Path) -> Iterator[Store]:
    """A database with feeds that have failed, one of which is gone."""
    with open_writer(file) as db:
        store = Store(db)
        store.feeds.sync([Subscription(f"http://{n}.example/") for n in range(1, FEEDS + 1)], NOW)
        db.execute("UPDATE feeds SET failures = 3, last_error = 'HTTP 500', state = iif(id = 2, 'gone', state)")
        yield store


def rows(store: Store) -> list[list[tuple[object, ...]]]:
    tables = ("feeds", "_polling", "fetches")
    return [[tuple(row) for row in store.connection.execute(f"SELECT * FROM {table} ORDER BY 1")] for table in tables]


@settings(max_examples=25, deadline=None)
@given(batches, batches)
def test_together_is_as_one_by_one(first: tuple[Outcome, ...], second: tuple[Outcome, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        one, many = (opened.enter_context(filled(Path(folder) / name)) for name in ("one.db", "many.db"))
        for batch in (first, second):
            assert all(outcome.is_quiet for outcome in batch)
            for outcome in batch:
                one.feeds.record(outcome, 0, 0)
            many.feeds.record_quiet(batch)
            assert rows(many) == rows(one)
        assert len(rows(many)[2]) == 2 * FEEDS


def test_what_the_schedule_knows_is_written_only_when_it_is_new(tmp_path: Path) -> None:
    with filled(tmp_path / "x.db") as store:

        def write(hour: int, not_before: datetime | None) -> int:
            now = NOW + timedelta(hours=hour)
            due = Due(1, "http://1.example/", "http://1.example/", "1.example", 0, None, None, None, None)
            before = store.connection.total_changes
            store.feeds.record_quiet([Outcome(due, now, now + timedelta(hours=1), 304, not_before=not_before)])
            return store.connection.total_changes - before

        assert [write(n, NOW + timedelta(hours=n)) for n in range(3)] == [3, 2, 2]
        assert write(3, NOW + timedelta(hours=9)) == 3


def test_what_is_not_quiet() -> None:
    due = Due(1, "http://1.example/", "http://1.example/", "1.example", 0, None, None, None, None)
    poll = Outcome(due, NOW, NOW, 304)
    assert poll.is_quiet
    assert not replace(poll, error="HTTP 500").is_quiet
    assert not replace(poll, url="http://new.example/").is_quiet
    assert not replace(poll, feed=Feed("http://1.example/")).is_quiet
