"""From document to items: what is known is neither read nor cleaned again, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import clean
from aggregator.app import Aggregator, Poll
from aggregator.clean import Site
from aggregator.clean.steps import Stepwise
from aggregator.config import Config
from aggregator.digest import Digest, Job, digest
from aggregator.engine import Here
from aggregator.model import Article, Entry, Response, Subscription
from aggregator.parse import plain, reader
from aggregator.parse.scan import scan
from tests.conftest import NOW, Answer, Post, Web, config_for, rss

FEED = Subscription("http://x.example/f")


def posts(*numbers: int) -> list[Post]:
    return [Post(f"Title {n}", f"<p>Text {n}.</p>", f"http://x.example/{n}", f"id-{n}") for n in numbers]


def job(body: bytes, before: Digest | None = None, subscription: Subscription = FEED) -> Job:
    hashes = frozenset(item.hash for item in before.items) if before else frozenset()
    return Job(Response(FEED.url, 200, (), body), subscription, hashes, before.sources if before else {})


def digested(job: Job) -> Digest:
    result = digest(job)
    assert isinstance(result, Digest)
    return result


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The documents of which entries are read, cut down to what is new in them."""
    seen: list[bytes] = []

    def spied(real: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def spy(data: bytes) -> Any:
            seen.append(data)
            return real(data)

        return spy

    for name in ("read", "scan_and_read"):
        monkeypatch.setattr(plain, name, spied(getattr(plain, name)))
    return seen


def test_only_new_and_changed_entries_are_read(read: list[bytes]) -> None:
    first = digested(job(rss(*posts(1, 2, 3))))
    changed = dataclasses.replace(posts(2)[0], html="<p>Text 2, corrected.</p>")
    second = digested(job(rss(*posts(4), changed, *posts(1, 3)), first))
    assert [item.article.guid for item in second.items] == ["id-4", "id-2"]
    assert second.guids == {"id-1", "id-2", "id-3", "id-4"}
    assert (b"Text 1" in read[1], b"Text 3" in read[1]) == (False, False)
    assert set(second.sources.values()) >= set(first.sources.values())


def test_another_wish_of_the_operator_makes_all_entries_new(read: list[bytes]) -> None:
    body = rss(*posts(1, 2))
    first = digested(job(body))
    assert len(digested(job(body, first)).items) == 0
    other = dataclasses.replace(FEED, remove=("div.share",))
    assert len(digested(job(body, first, other)).items) == 2


def test_filtered_entries_are_known_too(read: list[bytes]) -> None:
    body, picky = rss(*posts(1, 2)), dataclasses.replace(FEED, exclude=("title 2",))
    first = digested(job(body, None, picky))
    assert ([item.article.guid for item in first.items], first.filtered) == (["id-1"], 1)
    second = digested(job(body.replace(b"A feed", b"B feed"), first, picky))
    assert (second.items, second.filtered) == ((), 0)
    assert b"Title 2" not in read[1]


def test_an_entry_that_could_not_be_cleaned_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stepwise = clean.stepwise

    def fails(entry: Entry, site: Site) -> Stepwise[Article]:
        yield
        if entry.guid == "id-1":
            raise ZeroDivisionError(entry.guid)
        return (yield from stepwise(entry, site))

    with monkeypatch.context() as patch:
        patch.setattr("aggregator.clean.stepwise", fails)
        first = digested(job(rss(*posts(0, 1, 2))))
    assert [item.article.guid for item in first.items] == ["id-0", "id-2"], "its neighbours are there"
    assert [seen.guid for seen in first.sources.values()] == ["id-0", "id-2"]
    assert "entry 2 could not be cleaned: ZeroDivisionError" in first.flaws[0]
    again = digested(job(rss(*posts(0, 1, 2)), first))
    assert [item.article.guid for item in again.items] == ["id-1"]


def polled(config: Config, hours: int = 0) -> Poll:
    """One poll by a program that starts for it and ends after it."""

    async def work() -> Poll:
        async with Aggregator(config, Here(), lambda: NOW + timedelta(hours=hours)) as aggregator:
            [poll] = await aggregator.poll(await aggregator.due(force=True))
            return poll

    return asyncio.run(work())


def one(config: Config, query: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(config.database)) as db:
        row: tuple[Any, ...] = db.execute(query).fetchone()
        return row


def test_what_is_known_outlives_a_restart(web: Web, tmp_path: Path, read: list[bytes]) -> None:
    config = config_for(tmp_path, web.url("/f"))
    web.pages["/f"] = Answer(rss(*posts(1, 2)))
    assert polled(config).new == 2
    web.pages["/f"] = Answer(rss(*posts(3, 1, 2), title="Renamed"))
    assert (polled(config, 1).new, b"Text 1" in read[-1]) == (1, False)
    assert one(config, "SELECT count(*), count(DISTINCT guid) FROM articles") == (3, 3)


def test_entries_that_go_and_come_back_are_the_same(web: Web, tmp_path: Path, read: list[bytes]) -> None:
    config = config_for(tmp_path, web.url("/f"))
    for hours, numbers in enumerate([(1, 2), (2,), (1, 2), (2, 1)]):
        web.pages["/f"] = Answer(rss(*posts(*numbers)))
        poll = polled(config, hours)
        assert (poll.new, poll.changed) == (2 if hours == 0 else 0, 0)
    assert one(config, "SELECT count(*) FROM articles") == (2,)
    assert (b"Text 1" in read[2], b"Text 1" in read[3]) == (True, False)


def test_ids_that_change_beside_known_entries_double_nothing(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, web.url("/f"))
    for hours in range(3):
        fickle = dataclasses.replace(posts(9)[0], guid=f"now-{hours}")
        web.pages["/f"] = Answer(rss(*posts(1), fickle))
        polled(config, hours)
    assert one(config, "SELECT count(*) FROM articles") == (2,)


def test_a_document_that_breaks_off_is_asked_for_again(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, web.url("/f"))
    whole = rss(*posts(1, 2))
    web.pages["/f"] = Answer(whole[: whole.index(b"Text 2")], headers={"ETag": '"v1"', "Last-Modified": "x"})
    assert polled(config).new == 1
    assert one(config, "SELECT etag, last_modified FROM feeds") == (None, None)
    web.pages["/f"] = Answer(whole, headers={"ETag": '"v1"'})
    assert polled(config, 1).new == 1
    assert one(config, "SELECT etag FROM feeds") == ('"v1"',)


def test_very_many_new_entries_come_in_portions(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.parse.xml._MOST_AT_ONCE", 3)
    config = config_for(tmp_path, web.url("/f"))
    web.pages["/f"] = Answer(rss(*posts(*range(8))), headers={"ETag": '"v1"'})
    assert [polled(config, hours).new for hours in range(4)] == [3, 3, 2, 0]
    assert [seen.headers.get("if-none-match") for seen in web.seen] == [None, None, None, '"v1"']


def test_a_portion_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.parse.xml._MOST_BYTES_AT_ONCE", 10)
    first = digested(job(rss(*posts(1, 2))))
    second = digested(job(rss(*posts(1, 2)), first))
    assert [[item.article.guid for item in each.items] for each in (first, second)] == [["id-1"], ["id-2"]]
    assert (first.feed.complete, second.feed.complete) == (False, True)


def stumble(monkeypatch: pytest.MonkeyPatch, over: bytes) -> None:
    """Makes feedparser, which is asked for every entry, raise on documents with these bytes."""
    real = reader.read

    def picky(data: bytes, base: str) -> Any:
        if over in data:
            raise ZeroDivisionError("odd")
        return real(data, base)

    monkeypatch.setattr(reader, "read", picky)
    monkeypatch.setattr(plain, "read", lambda data: plain.Read())
    monkeypatch.setattr(plain, "scan_and_read", lambda data: (scan(data), plain.Read()))


def test_an_entry_that_feedparser_can_not_read_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stumble(monkeypatch, b"Title 3")
    first = digested(job(rss(*posts(1, 2))))
    second = digested(job(rss(*posts(1, 3, 4, 2, 5)), first))
    assert {item.article.guid for item in second.items} >= {"id-4", "id-5"}
    assert second.guids == {"id-1", "id-2", "id-4", "id-5"}
    assert any("ZeroDivisionError" in flaw for flaw in second.flaws)


def in_portions(*documents: bytes) -> list[Digest]:
    found: list[Digest] = []
    for document in documents:
        found.append(digested(job(document, found[-1] if found else None)))
    return found


def test_a_portion_with_one_id_twice_is_got_past_and_nothing_of_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.parse.xml._MOST_AT_ONCE", 3)
    other, third = (dataclasses.replace(posts(1)[0], title=title) for title in ("Other", "Third"))
    body = rss(posts(1)[0], other, *posts(2, 3, 4), third, *posts(5))
    found = in_portions(body, body, body, body)
    titles = [[item.article.title for item in each.items] for each in found]
    assert titles == [["Title 1", "Other", "Title 2"], ["Title 3", "Title 4", "Third"], ["Title 5"], []]
    assert [each.feed.complete for each in found] == [False, False, True, True]
    ids = [item.article.guid for each in found for item in each.items]
    assert (len(set(ids)), found[-1].guids) == (7, frozenset(ids))


def test_a_large_document_with_the_same_entry_many_times_has_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.parse.xml._MOST_AT_ONCE", 3)
    body = rss(*posts(1, 1, 1, 1, 2, 1, 3, 4))
    assert [[item.article.guid for item in each.items] for each in in_portions(body, body)] == (
        [["id-1", "id-2", "id-3"], ["id-4"]]
    )


def test_what_can_not_be_read_in_a_large_document_is_got_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.parse.xml._MOST_AT_ONCE", 3)
    stumble(monkeypatch, b"Title 2")
    body = rss(*posts(1, 2, 3, 4, 5))
    assert [[item.article.guid for item in each.items] for each in in_portions(body, body, body)] == (
        [["id-1", "id-3"], ["id-4", "id-5"], []]
    )


def test_a_large_document_that_is_damaged_is_read_as_far_as_one_poll_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.parse.xml._MOST_AT_ONCE", 3)
    [found] = in_portions(rss(*posts(1, 2, 3, 4, 5)).replace(b"Text 2", b"<b>Text 2"))
    assert [item.article.guid for item in found.items] == ["id-1", "id-2", "id-3"]
    assert "has 5 entries; 3 were read" in found.flaws
