"""The whole river, against a real HTTP server."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.app import Aggregator, Poll, commits
from aggregator.config import Config, loads
from aggregator.digest import Digest, Job
from aggregator.engine import Here
from aggregator.errors import ParseError
from aggregator.store import Outcome
from tests.conftest import NOW, Answer, Post, Web, config_for, rows, rss

RELEASE = (
    "<p>The harbour board agreed on Monday to rebuild the northern mole before the winter storms arrive. Work begins in "
    "March and will take two summers, the board said after its meeting in the old customs house.</p><p>Engineers found "
    "cracks in eleven of the forty caissons last spring. “We would rather close one basin now than all of them later,” "
    "said the chair, Marit Oldenhove, who thanked the pilots for their patience.</p>"
)
FOOTER = "<p>/Public Release. This material from the originating organization/author(s) may be edited. View in full here.</p>"


def polled(config: Config, hours: int = 0) -> list[Poll]:
    async def work() -> list[Poll]:
        async with Aggregator(config, Here(), lambda: NOW + timedelta(hours=hours)) as aggregator:
            polls = await aggregator.poll(await aggregator.due(force=True))
            await aggregator.publish()
            assert aggregator.site.faults == []
            return polls

    return asyncio.run(work())


def test_a_republished_release_is_one_story_led_by_its_origin(web: Web, tmp_path: Path) -> None:
    web.pages["/news"] = Answer(
        rss(Post("Board to mend mole", f"<p>Board</p>{RELEASE}{FOOTER}", "http://news.example/1"))
    )
    web.pages["/board"] = Answer(rss(Post("Northern mole to be rebuilt", RELEASE, "http://board.example/9")))
    config = config_for(
        tmp_path, f"{{url: {web.url('/news')}, role: republisher}}", f"{{url: {web.url('/board')}, role: origin}}"
    )
    polls = polled(config)
    assert [poll.error for poll in polls] == [None, None]
    assert rows(config, "SELECT title, copies FROM stories") == [("Northern mole to be rebuilt", 2)]
    [(removed, reason)] = rows(config, "SELECT removed_text, reason FROM duplicates")
    assert str(removed).startswith("/Public Release")
    assert "%" in str(reason)
    assert "Public Release" not in str(rows(config, "SELECT content_text FROM articles"))


def test_articles_that_share_only_a_footer_stay_apart(web: Web, tmp_path: Path) -> None:
    other = "<p>Beekeepers counted more swarms than in any year before, and blame the mild spring for their sleepless May.</p>"
    footer = FOOTER.replace("/Public Release. This material from", "Please note that all of this comes to you from") * 2
    web.pages["/a"] = Answer(
        rss(Post("Mole", RELEASE + footer, "http://a.example/1"), Post("Bees", other + footer, "http://a.example/2"))
    )
    config = config_for(tmp_path, web.url("/a"))
    polled(config)
    assert rows(config, "SELECT count(*), max(copies) FROM stories") == [(2, 1)]


class Seats(Here):
    """Knows whose documents it has read that are not done with."""

    def __init__(self) -> None:
        self.taken: set[object] = set()

    async def run(self, job: Job) -> Digest | ParseError:
        task = asyncio.current_task()
        assert task is not None
        self.taken.add(task)
        task.add_done_callback(self.taken.discard)
        return await super().run(job)


def test_a_document_keeps_its_place_in_the_engine_until_it_is_stored(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        web.pages[f"/{number}"] = Answer(rss(Post(f"Title {number}", RELEASE, f"http://a.example/{number}")))
    commit = Aggregator._commit

    async def work() -> None:
        stored, engine = asyncio.Event(), Seats()

        async def late(self: Aggregator, outcomes: Sequence[Outcome]) -> list[Poll]:
            await stored.wait()
            return await commit(self, outcomes)

        monkeypatch.setattr(Aggregator, "_commit", late)
        async with Aggregator(config_for(tmp_path, *map(web.url, web.pages)), engine, lambda: NOW) as aggregator:
            polling = asyncio.create_task(aggregator.poll(await aggregator.due(force=True)))
            while len(engine.taken) < 5:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            assert len(engine.taken) == 5, "workers would run ahead of the writer, and fill the memory"
            stored.set()
            assert len(await polling) == 5
            assert engine.taken == set()

    asyncio.run(asyncio.wait_for(work(), 30))


class Slowly(Here):
    """As a pool of workers: what is read at the same time is ready one after the other."""

    def __init__(self) -> None:
        self.jobs = 0

    async def run(self, job: Job) -> Digest | ParseError:
        self.jobs += 1
        self.reading += 1
        await asyncio.sleep(self.jobs * 0.03)
        self.reading -= 1
        return await super().run(job)


def test_documents_that_are_read_at_the_same_time_share_a_transaction(web: Web, tmp_path: Path) -> None:
    for number in range(8):
        web.pages[f"/{number}"] = Answer(rss(Post(f"Number {number}", link=f"http://x.example/{number}")))
    config = config_for(tmp_path, *(web.url(f"/{number}") for number in range(8)))

    async def work() -> list[int]:
        batches: list[int] = []
        async with Aggregator(config, Slowly(), lambda: NOW) as aggregator:
            commit = aggregator.writer.commit
            aggregator.writer.commit = lambda outcomes: batches.append(len(outcomes)) or commit(outcomes)  # type: ignore[func-returns-value, method-assign]
            await aggregator.poll(await aggregator.due(force=True))
        return batches

    batches = asyncio.run(work())
    assert sum(batches) == 8
    assert len(batches) <= 4, "each by itself would be eight"


class Crowded(Here):
    """As a pool with room for two documents: the next ones begin when those are stored."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(2)

    async def run(self, job: Job) -> Digest | ParseError:
        await self.room.acquire()
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: self.room.release())
        return await super().run(job)


def test_a_transaction_does_not_wait_for_documents_that_wait_for_it(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_GATHER", 1.0)  # once would be seen
    for number in range(8):
        web.pages[f"/{number}"] = Answer(rss(Post(f"Number {number}", link=f"http://x.example/{number}")))
    config = config_for(tmp_path, *(web.url(f"/{number}") for number in range(8)))

    async def work() -> int:
        async with Aggregator(config, Crowded(), lambda: NOW) as aggregator:
            async with asyncio.timeout(10):
                polls = await aggregator.poll(await aggregator.due(force=True))
        return sum(poll.new for poll in polls)

    assert asyncio.run(work()) == 8


def test_the_second_poll_is_conditional_and_changes_nothing(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")), headers={"ETag": 'W/"odd one"'})
    config = config_for(tmp_path, web.url("/f"))
    assert [(poll.status, poll.new) for poll in polled(config)] == [(200, 1)]
    before = (tmp_path / "public/feed.atom").read_bytes()
    assert [(poll.status, poll.new) for poll in polled(config, 1)] == [(304, 0)]
    assert web.seen[1].headers["if-none-match"] == 'W/"odd one"'
    assert (tmp_path / "public/feed.atom").read_bytes() == before


def test_ids_that_change_at_every_fetch_double_nothing(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, web.url("/f"))
    for hour in range(3):
        web.pages["/f"] = Answer(rss(Post("One", RELEASE, "http://x.example/1", guid=f"id-{hour}")))
        polled(config, hour)
    assert rows(config, "SELECT guid, title FROM articles") == [("id-0", "One")]


def test_one_bad_feed_costs_no_neighbour(web: Web, tmp_path: Path) -> None:
    web.pages["/good"] = Answer(rss(Post("Good", link="http://x.example/1")))
    web.pages["/page"] = Answer(b"<!doctype html><html><head><link rel=alternate type=application/rss+xml href=/good>")
    config = config_for(tmp_path, web.url("/good"), web.url("/page"), web.url("/missing"))
    polls = {poll.url: poll for poll in polled(config)}
    assert polls[web.url("/good")].new == 1
    assert web.url("/good") in str(polls[web.url("/page")].error)
    assert str(polls[web.url("/missing")].error).startswith("HTTP 404")
    assert rows(config, "SELECT failures FROM feeds ORDER BY id") == [(0,), (1,), (1,)]


def test_validators_are_not_kept_of_a_document_that_is_no_feed(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(b"not a feed", headers={"ETag": '"x"'})
    config = config_for(tmp_path, web.url("/f"))
    polled(config)
    assert rows(config, "SELECT etag FROM feeds") == [(None,)]


def test_a_late_origin_takes_the_lead_and_the_id_stays(web: Web, tmp_path: Path) -> None:
    web.pages["/news"] = Answer(
        rss(Post("Copy", RELEASE + FOOTER, "http://news.example/1", guid="http://news.example/1"))
    )
    web.pages["/board"] = Answer(rss())
    config = config_for(tmp_path, web.url("/news"), f"{{url: {web.url('/board')}, role: origin}}")
    polled(config)
    before = rows(config, "SELECT uid FROM stories")
    web.pages["/board"] = Answer(rss(Post("Origin", RELEASE, "http://board.example/9")))
    polled(config, 1)
    assert rows(config, "SELECT uid FROM stories") == before == [("http://news.example/1",)]
    assert rows(config, "SELECT title, url, copies FROM stories") == [("Origin", "http://board.example/9", 2)]


def test_the_network_being_down_is_nobodys_fault(tmp_path: Path) -> None:
    config = config_for(tmp_path, "http://127.0.0.1:1/a", "http://127.0.0.1:1/b")
    polls = polled(config)
    assert all(poll.unreachable for poll in polls)
    assert rows(config, "SELECT max(failures) FROM feeds") == [(0,)]


@pytest.mark.parametrize("threshold", [0.75, 1.0])
def test_the_threshold_is_the_operators(web: Web, tmp_path: Path, threshold: float) -> None:
    web.pages["/a"] = Answer(rss(Post("A", RELEASE, "http://a.example/1")))
    web.pages["/b"] = Answer(
        rss(Post("B", RELEASE.replace("cracks in eleven", "many cracks in"), "http://b.example/1"))
    )
    config = config_for(tmp_path, web.url("/a"), web.url("/b"))
    config = dataclasses.replace(config, dedupe=dataclasses.replace(config.dedupe, threshold=threshold))
    polled(config)
    assert rows(config, "SELECT count(*) FROM stories") == [(1 if threshold < 1 else 2,)]


LETTER = "You read a letter from the mole; hear all of them read aloud at the quay, every day but Monday."


def letters(count: int, start: int = 0) -> list[Post]:
    words = (
        "amber basin cargo depot eddy ferry grain hull inlet jetty keel lock mast north oar pier quay rope sail tide"
    )
    say = words.split()

    def line(n: int, k: int) -> str:
        seen = f"{say[(n + k) % 20]} and {say[(n * 3 + k * 7) % 20]} were seen near {say[n % 20]} {n}{k}"
        return f"<p>{seen}, said the {say[(n * k) % 20]} master of the day.</p>"

    texts = ["".join(line(n, k) for k in range(5)) for n in range(count)]
    return [Post(f"Letter {say[n % 20]} {n}", f"{text}<p>{LETTER}</p>", f"http://l.example/{n}")
            for n, text in enumerate(texts) if n >= start]  # fmt: skip


@pytest.mark.parametrize("learn", [True, False])
def test_a_feed_s_own_furniture_is_learned_by_counting(web: Web, tmp_path: Path, learn: bool) -> None:
    config = config_for(tmp_path, f"{{url: {web.url('/l')}, learn: {str(learn).lower()}}}")
    web.pages["/l"] = Answer(rss(*letters(4)))
    polled(config)
    query = (
        "SELECT count(*), sum(content_text LIKE '%read aloud%'), sum(removed LIKE '%earned%') "
        "FROM articles JOIN _sources ON article_id = id"
    )
    assert rows(config, query) == [(4, 4, 0)]
    web.pages["/l"] = Answer(rss(*letters(9)))
    polled(config, 1)
    assert rows(config, query) == [(9, 4, 5) if learn else (9, 9, 0)]
    assert rows(config, "SELECT count(*) FROM _edges") == [(9,)]
    assert rows(config, "SELECT max(copies) FROM stories") == [(1,)]


def test_what_the_operator_s_selectors_find_is_removed_and_said(web: Web, tmp_path: Path) -> None:
    post = Post("A", f'{RELEASE}<div class="share">Tell a friend</div>', "http://a.example/1")
    web.pages["/f"] = Answer(rss(post))
    polled(config_for(tmp_path, f"{{url: {web.url('/f')}, remove: [div.share]}}"))
    config = config_for(tmp_path, f"{{url: {web.url('/f')}, remove: [div.share]}}")
    assert rows(config, "SELECT removed_text, content_text LIKE '%friend%' FROM articles") == [("Tell a friend", 0)]


PAGE = f"""<!doctype html><html><head><title>Mole</title></head><body><nav><a href="/">Home</a><a href="/b">Boats</a></nav>
<article><h1>Board to mend mole</h1>{RELEASE}<p>The pilots, who have asked for this since the storm of three winters ago,
will be led through the southern basin by two new lights until then.</p><p>See <a href="/plan">the plan</a>.</p></article>
<footer>© 2026 Harbour. Follow us on all channels.</footer></body></html>"""


def full_text(web: Web, tmp_path: Path) -> Config:
    post = Post("Board to mend mole", "<p>The harbour board agreed on Monday to rebuild it.</p>", web.url("/story"))
    web.pages["/f"] = Answer(rss(post))
    return config_for(tmp_path, f"{{url: {web.url('/f')}, full_text: true}}")


def test_the_full_text_is_fetched_once_and_cleaned(web: Web, tmp_path: Path) -> None:
    config = full_text(web, tmp_path)
    web.pages["/story"] = Answer(PAGE.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
    polled(config)
    [(text, html, summary)] = rows(config, "SELECT content_text, content_html, summary FROM articles")
    assert "two new lights" in str(text)
    assert "Follow us" not in str(text)
    assert f'<a href="{web.url("/plan")}">the plan</a>' in str(html)
    assert summary == "The harbour board agreed on Monday to rebuild it."
    polled(config, 1)
    assert [seen.path for seen in web.seen].count("/story") == 1


@pytest.mark.parametrize(
    ("robots", "page", "said"),
    [
        (Answer(b"User-agent: *\nDisallow: /story"), Answer(PAGE.encode()), "robots.txt does not allow it"),
        (Answer(b"", 503), Answer(PAGE.encode()), "robots.txt does not allow it"),
        (Answer(b"", 404), Answer(b"gone", 410), "HTTP 410"),
        (Answer(b"", 404), Answer(b"%PDF", headers={"Content-Type": "application/pdf"}), "is no web page"),
        (Answer(b"", 404), Answer(b"<p>Please log in.", headers={"Content-Type": "text/html"}), "full text of"),
        (
            Answer(b"", 404),
            Answer(b"<html><body><p>" + b"Accept all cookies. " * 90),
            "full text of",
        ),
    ],
    ids=["robots", "robots-down", "gone", "pdf", "login", "cookies"],
)
def test_without_full_text_the_summary_stays_and_the_reason_is_kept(
    web: Web, tmp_path: Path, robots: Answer, page: Answer, said: str
) -> None:
    config = full_text(web, tmp_path)
    web.pages["/robots.txt"], web.pages["/story"] = robots, page
    polled(config)
    assert rows(config, "SELECT content_text FROM articles") == [("The harbour board agreed on Monday to rebuild it.",)]
    assert said in str(rows(config, "SELECT flaws FROM _feed_state"))
    assert rows(config, "SELECT failures FROM feeds") == [(0,)]
    if said.startswith("robots"):
        assert "/story" not in [seen.path for seen in web.seen]


def test_a_page_on_a_private_address_is_not_fetched(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("A", "<p>Short.</p>", "http://127.0.0.2:9/x")))
    config = config_for(tmp_path, f"{{url: {web.url('/f')}, full_text: true}}")
    polled(config)
    assert "127.0.0.2" in str(rows(config, "SELECT flaws FROM _feed_state"))
    assert rows(config, "SELECT content_text FROM articles") == [("Short.",)]


class Spoiled(Here):
    """Gives one feed's articles a number of words that no file can hold."""

    async def run(self, job: Job) -> Digest | ParseError:
        made = await super().run(job)
        assert isinstance(made, Digest)
        if not job.response.url.endswith("/b"):
            return made
        items = (i._replace(article=i.article._replace(word_count=2**70)) for i in made.items)
        return dataclasses.replace(made, items=tuple(items))


def test_a_poll_that_cant_be_stored_costs_its_neighbours_nothing(web: Web, tmp_path: Path) -> None:
    for name in "abc":
        web.pages[f"/{name}"] = Answer(rss(Post(f"Title of {name}", RELEASE, f"http://{name}.example/1")))
    config = config_for(tmp_path, *(web.url(f"/{name}") for name in "abc"))

    async def work() -> list[Poll]:
        async with Aggregator(config, Spoiled(), lambda: NOW) as aggregator:
            return await aggregator.poll(await aggregator.due(force=True))

    polls = {poll.url[-1]: poll for poll in asyncio.run(work())}
    assert [(polls[name].new, bool(polls[name].error)) for name in "abc"] == [(1, False), (0, True), (1, False)]
    assert "could not be stored" in str(polls["b"].error)
    assert sorted(rows(config, "SELECT title FROM articles")) == [("Title of a",), ("Title of c",)]
    found = (
        "SELECT title FROM articles WHERE id IN (SELECT rowid FROM articles_fts WHERE articles_fts MATCH 'caissons')"
    )
    assert sorted(rows(config, found)) == [("Title of a",), ("Title of c",)]
    assert rows(config, "SELECT count(*) FROM _batch") == [(0,)]


def test_a_changed_rule_does_not_wait_for_the_document_to_change(web: Web, tmp_path: Path) -> None:
    post = Post("One", "<p>Text of one that stays.</p><div class='x'>Odd words of ours.</div>", "http://x.example/1")
    web.pages["/f"] = Answer(rss(post), headers={"ETag": '"1"', "Last-Modified": "Mon, 23 Nov 2026 08:00:00 GMT"})
    config = config_for(tmp_path, web.url("/f"))
    file = tmp_path / "feeds.yaml"
    changed = file.read_text().replace(f"- {web.url('/f')}", f"- url: {web.url('/f')}\n    remove: ['div.x']")

    async def text(config: Config) -> str:
        async with Aggregator(config, Here()) as aggregator:
            await aggregator.poll(await aggregator.due(force=True))
            row = aggregator.store.connection.execute("SELECT content_text FROM articles").fetchone()
            return str(row[0])

    assert "Odd words" in asyncio.run(text(config))
    assert asyncio.run(text(loads(changed, file))) == "Text of one that stays."
    assert asyncio.run(text(loads(changed, file))) == "Text of one that stays."
    assert [seen.headers.get("if-none-match") for seen in web.seen] == [None, None, '"1"']
