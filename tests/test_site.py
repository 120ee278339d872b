"""What stands in the output directory and what the server holds, from a real database filled over real HTTP."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from aggregator import publish
from aggregator.app import Aggregator, Poll
from aggregator.config import Config
from aggregator.engine import Here
from aggregator.publish import FORMATS, Channel
from aggregator.server import Documents
from aggregator.site import Site
from tests.conftest import NOW, Answer, Post, Web, config_for, rows, rss
from tests.stories import channel, story

A = "{http://www.w3.org/2005/Atom}"


def put(site: Site, of: Channel, at: datetime, links: str | None = None) -> None:
    """Publishes a channel as `Site.publish` does, without a database."""
    for kind, render in FORMATS.items():
        site._put(f"{of.path}.{kind}", lambda render=render: render(of, at), at, False, links)  # type: ignore[misc]
    assert site.faults == []


def post(number: int, hours_ago: float | None = None, **more: str) -> Post:
    """A post with a text of its own."""
    date = None if hours_ago is None else format_datetime(NOW - timedelta(hours=hours_ago), usegmt=True)
    words = " ".join(f"{word}{number}" for word in ("harbour", "mole", "caisson", "pilot", "storm", "basin", "chair"))
    html = more.pop("html", f"<p>About {words}, and nothing else at all.</p>")
    return Post(more.pop("title", f"Post {number}"), html, f"https://press.example/{number}", date=date, **more)


def published(config: Config, hours: float = 0, site: Site | None = None) -> Site:
    """One pass of polling and publishing, as after a restart unless `site` is given."""

    async def work() -> Site:
        async with Aggregator(config, Here(), lambda: NOW + timedelta(hours=hours)) as aggregator:
            aggregator.site = site or aggregator.site
            await aggregator.poll(await aggregator.due(force=True))
            await aggregator.publish()
            return aggregator.site

    return asyncio.run(work())


def ids(path: Path) -> list[str]:
    return [entry.findtext(f"{A}id", "") for entry in ET.parse(path).getroot().iter(f"{A}entry")]


def link(path: Path, rel: str) -> str | None:
    found = [a.get("href") for a in ET.parse(path).getroot().findall(f"{A}link") if a.get("rel") == rel]
    return found[0] if found else None


def walk(public: Path) -> list[list[str]]:
    """The ids in feed.atom and in each archive document before it."""
    found, path = [], "feed.atom"
    while True:
        found.append(ids(public / path))
        before = link(public / path, "prev-archive")
        if before is None:
            return found
        path = before.removeprefix("http://127.0.0.1:8080/")


def test_every_story_is_found_by_walking_the_archive(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, web.url("/f"), more="output: {items: 4}\n")
    public = tmp_path / "public"
    frozen: dict[str, bytes] = {}
    for day in range(12):
        posts = [post(n, 300 - n) for n in range(day * 3 + 1)][-6:]
        web.pages["/f"] = Answer(rss(*posts))
        published(config, day)
        documents = walk(public)
        everything = {str(row[0]) for row in rows(config, "SELECT uid FROM stories")}
        assert {uid for document in documents for uid in document} == everything
        assert len(documents[0]) == min(4, len(everything))
        for path, body in frozen.items():
            assert (public / path).read_bytes() == body, "an archive document never changes"
        archive = public / "archive"
        frozen = {f"archive/{f.name}": f.read_bytes() for f in archive.iterdir()} if archive.exists() else {}
    pages = len(documents) - 1
    assert pages >= 6
    assert link(public / "feed.atom", "prev-archive") == f"http://127.0.0.1:8080/archive/{pages}.atom"
    assert link(public / "archive/1.atom", "prev-archive") is None
    assert link(public / "archive/1.atom", "current") == "http://127.0.0.1:8080/feed.atom"
    # The same walk in JSON.
    found, path = set(), "feed.json"
    while path:
        data = json.loads((public / path).read_bytes())
        found |= {item["id"] for item in data["items"]}
        path = data.get("next_url", "").removeprefix("http://127.0.0.1:8080/")
    assert found == everything


def test_pages_are_served_from_their_files(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(9))))
    config = config_for(tmp_path, web.url("/f"), more="output: {items: 3}\n")
    site = published(config)
    found = site.find("archive/1.atom")
    assert found is not None
    assert found.body == (tmp_path / "public/archive/1.atom").read_bytes() == gzip.decompress(found.compressed)
    assert found.changed == NOW
    assert site.find("archive/9.atom") is None


def test_an_edited_story_comes_again_in_a_later_page(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, web.url("/f"), more="output: {items: 2}\n")
    web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(6))))
    published(config)
    assert "https://press.example/5" in ids(tmp_path / "public/archive/1.atom")
    edited = post(5, 6, html="<p>Quite another text now, with words that were not there before the edit.</p>")
    web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(5)), edited))
    published(config, 1)
    documents = walk(tmp_path / "public")
    first = next(number for number, document in enumerate(documents) if "https://press.example/5" in document)
    newest = tmp_path / f"public/archive/{len(documents) - first}.atom"
    assert "Quite another text" in newest.read_text()
    assert "Quite another" not in (tmp_path / "public/archive/1.atom").read_text()


def test_pages_lost_or_moved_are_written_again(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(9))))
    config = config_for(tmp_path, web.url("/f"), more="output: {items: 3}\n")
    published(config)
    page = tmp_path / "public/archive/1.atom"
    before = page.read_bytes()
    page.unlink()
    published(config, 1)
    assert page.read_bytes() == before
    moved = dataclasses.replace(config.output, base_url=type(config.output.base_url)("https://planet.example/all"))
    published(dataclasses.replace(config, output=moved), 2)
    assert link(page, "self") == "https://planet.example/all/archive/1.atom"


def test_nothing_changed_means_the_same_bytes_also_after_a_restart(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(5))))
    config = config_for(tmp_path, web.url("/f"), more="output: {items: 3}\n")
    site = published(config)
    public = tmp_path / "public"
    before = {file: (file.read_bytes(), file.stat().st_mtime) for file in public.rglob("*") if file.is_file()}
    assert len(before) == 2 * (3 + 1 + 1 + 1 + 2)  # feed.*, index, opml, css, one page in two formats; each with .gz
    for hour, same in ((1, site), (2, None)):
        again = published(config, hour, same)
        assert (again.news, again.faults) == ([], [])
        assert {f: (f.read_bytes(), f.stat().st_mtime) for f in public.rglob("*") if f.is_file()} == before
        etags = {path: document.etag for path, document in again.documents.items()}
        assert etags == {path: document.etag for path, document in site.documents.items()}
    root = ET.parse(public / "feed.atom").getroot()
    assert root.findtext(f"{A}updated") == "2026-11-23T12:00:00Z"
    for file in public.rglob("*.gz"):
        assert gzip.decompress(file.read_bytes()) == file.with_suffix("").read_bytes()


def test_a_document_that_can_not_be_read_back_leaves_the_last_good_one(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.pages["/f"] = Answer(rss(post(1, 1)))
    config = config_for(tmp_path, web.url("/f"))
    site = published(config)
    good = (tmp_path / "public/feed.rss").read_bytes()
    broken = {**FORMATS, "rss": lambda channel, changed: FORMATS["rss"](channel, changed).replace(b"Post 2", b"<Post")}
    monkeypatch.setattr(publish, "FORMATS", broken)
    web.pages["/f"] = Answer(rss(post(1, 1), post(2, 2)))
    for same in (site, None):  # also when the last good one is known from its file alone
        site = published(config, 1, same)
        assert (tmp_path / "public/feed.rss").read_bytes() == good
        found = site.find("feed.rss")
        assert found is not None
        assert found.body == good
        assert len(site.faults) == 1
        assert "feed.rss can't be read back" in site.faults[0]
    assert "Post 2" in (tmp_path / "public/feed.atom").read_text()
    monkeypatch.undo()
    site = published(config, 2, site)
    assert site.faults == []
    assert "Post 2" in (tmp_path / "public/feed.rss").read_text()


def test_a_disk_that_can_not_be_written_is_a_fault_and_no_new_date(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(post(1, 1)))
    config = config_for(tmp_path, web.url("/f"))
    (tmp_path / "public").mkdir()
    (tmp_path / "public/feed.atom").mkdir()  # in the way
    site = published(config)
    assert ["can't write" in fault for fault in site.faults] == [True]
    (tmp_path / "public/feed.atom").rmdir()
    assert published(config, 5, site).faults == []
    assert ET.parse(tmp_path / "public/feed.atom").getroot().findtext(f"{A}updated") == "2026-11-23T12:00:00Z"


def test_before_a_feed_has_answered_nothing_is_published_and_what_is_there_stays(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(status=500)
    config = config_for(tmp_path, web.url("/f"))
    served = Documents(published(config), None)
    assert not (tmp_path / "public").exists()
    early = served.answer("GET", "feed.atom", Headers())
    assert (early.status_code, early.headers["retry-after"]) == (503, "10")
    assert served.answer("GET", "feeds/other.atom", Headers()).status_code == 404
    web.pages["/f"] = Answer(rss(post(1, 1)))
    served = Documents(published(config, 1), None)
    assert served.answer("GET", "feed.atom", Headers()).status_code == 200
    for file in tmp_path.glob("aggregator.db*"):
        file.unlink()  # lost; the next one knows nothing yet
    web.pages["/f"] = Answer(status=500)
    served = Documents(published(config, 2), None)
    assert b"Post 1" in served.answer("GET", "feed.atom", Headers()).body
    assert "Post 1" in (tmp_path / "public/feed.rss").read_text()


def test_without_feeds_there_is_an_empty_one(tmp_path: Path) -> None:
    published(config_for(tmp_path))
    assert ids(tmp_path / "public/feed.atom") == []


def test_outputs_that_are_not_asked_for_any_more_go(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(post(1, 1)))
    feed = f"{{url: {web.url('/f')}, tags: [press, two words]}}"
    site = published(config_for(tmp_path, feed, more="output: {feeds: [{name: mine, include: [harbour]}]}\n"))
    public = tmp_path / "public"
    assert sorted(path for path in site.documents if path.endswith(".atom")) == [
        "feed.atom", "feeds/mine.atom", "tags/press.atom", "tags/two-words-2f9459.atom",
    ]  # fmt: skip
    assert ids(public / "feeds/mine.atom") == ["https://press.example/1"]
    site = published(config_for(tmp_path, web.url("/f")), 1, site)
    assert [path for path in site.documents if "/" in path] == []
    assert [file for file in public.rglob("*/*") if file.is_file()] == []


def test_outputs_filter_by_tags_feeds_and_patterns(web: Web, tmp_path: Path) -> None:
    web.pages["/a"] = Answer(rss(post(1, 1), post(2, 2, title="Weather report")))
    web.pages["/b"] = Answer(rss(post(3, 3), post(4, 4, title="Weather again")))
    outputs = (
        "{name: a, tags: [one]}, {name: b, feeds: [Bee]}, {name: c, feeds: ['"
        + web.url("/a")
        + "'], exclude: [weather]},"
        "{name: d, include: ['^weather']}, {name: e, tags: [one, two], include: [post], exclude: [harbour3]},"
        "{name: f, tags: [none]}"
    )
    config = config_for(
        tmp_path,
        f"{{url: {web.url('/a')}, tags: [one]}}",
        f"{{url: {web.url('/b')}, tags: [two], title: Bee}}",
        more=f"output: {{feeds: [{outputs}]}}\n",
    )
    published(config)
    found = {name: [uid[-1] for uid in ids(tmp_path / f"public/feeds/{name}.atom")] for name in "abcdef"}
    assert found == {"a": ["1", "2"], "b": ["3", "4"], "c": ["1"], "d": ["2", "4"], "e": ["1"], "f": []}


PLANET = """<feed xmlns="http://www.w3.org/2005/Atom"><title>The planet</title><id>tag:planet.example,2026:all</id>
<updated>2026-11-23T10:00:00Z</updated><link href="http://planet.example/"/>
<entry><id>tag:ada.example,2026:1</id><title>From Ada</title><updated>2026-11-23T09:00:00Z</updated>
<link href="http://ada.example/1"/><content type="html">&lt;p&gt;What Ada wrote of engines.&lt;/p&gt;</content>
<source><id>tag:ada.example,2026:feed</id><title>Ada&#x7f;'s &lt;notes&gt;</title>
<link rel="self" href="http://ada.example/feed"/><link rel="alternate" href="http://ada.example/"/></source></entry>
<entry><id>tag:bob.example,2026:1</id><title>From Bob</title><updated>2026-11-23T08:00:00Z</updated>
<link href="http://bob.example/1"/><content type="html">&lt;p&gt;Bob has other things to say.&lt;/p&gt;</content>
<source><title>Bob</title><link rel="self" href="javascript:alert(1)"/></source></entry>
<entry><id>tag:planet.example,2026:2</id><title>Its own</title><updated>2026-11-23T07:00:00Z</updated>
<link href="http://planet.example/2"/><content type="html">&lt;p&gt;The planet was upgraded last night.&lt;/p&gt;</content>
</entry></feed>"""


def test_the_origin_shows_and_not_the_planet(web: Web, tmp_path: Path) -> None:
    web.pages["/planet"] = Answer(PLANET.encode())
    config = config_for(tmp_path, web.url("/planet"))
    published(config)
    root = ET.parse(tmp_path / "public/feed.atom").getroot()
    sources = [entry.find(f"{A}source") for entry in root.iter(f"{A}entry")]
    shown = [(s.findtext(f"{A}id"), s.findtext(f"{A}title"), [a.get("href") for a in s.findall(f"{A}link")])
             for s in sources if s is not None]  # fmt: skip
    assert shown == [
        ("tag:ada.example,2026:feed", "Ada's <notes>", ["http://ada.example/feed", "http://ada.example/"]),
        (web.url("/planet"), "Bob", [web.url("/planet")]),
        ("tag:planet.example,2026:all", "The planet", [web.url("/planet"), "http://planet.example/"]),
    ]
    items = json.loads((tmp_path / "public/feed.json").read_bytes())["items"]
    assert [item["_source"]["title"] for item in items] == ["Ada's <notes>", "Bob", "The planet"]
    channel = ET.parse(tmp_path / "public/feed.rss").getroot()
    assert next((s.text, s.get("url")) for s in channel.iter("source")) == ("Ada's <notes>", "http://ada.example/feed")


def test_stories_of_the_same_second_are_told_apart_and_stay_so(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(*(post(n, 1) for n in range(5))))
    config = config_for(tmp_path, web.url("/f"))
    published(config)

    def updates() -> dict[str, str]:
        root = ET.parse(tmp_path / "public/feed.atom").getroot()
        return {e.findtext(f"{A}id", ""): e.findtext(f"{A}updated", "") for e in root.iter(f"{A}entry")}

    before = updates()
    assert len(set(before.values())) == 5
    assert {text[:19] for text in before.values()} == {"2026-11-23T11:00:00"}
    html = "<p>Now this one says something else, at length, about gardens.</p>"
    web.pages["/f"] = Answer(rss(*(post(n, 1) for n in range(4)), post(4, 1, html=html)))
    published(config, 3)
    after = updates()
    assert after.pop("https://press.example/4") == "2026-11-23T15:00:00.000005Z"
    assert after == {uid: text for uid, text in before.items() if uid in after}


def test_a_feed_added_later_does_not_flood(web: Web, tmp_path: Path) -> None:
    web.pages["/old"] = Answer(rss(*(post(n, n + 1) for n in range(30))))
    web.pages["/new"] = Answer(rss(*(post(n, None if n % 2 else (n - 90) / 10) for n in range(100, 140))))
    web.pages["/past"] = Answer(rss(*(post(n, 5000 + n) for n in range(200, 240))))
    first = config_for(tmp_path, web.url("/old"), more="output: {items: 40}\n")
    published(first)
    assert len(ids(tmp_path / "public/feed.atom")) == 30
    config = config_for(tmp_path, web.url("/old"), web.url("/new"), web.url("/past"), more="output: {items: 40}\n")
    published(config)
    shown = ids(tmp_path / "public/feed.atom")
    numbers = [int(uid.rpartition("/")[2]) for uid in shown]
    assert len(shown) == 40
    assert sum(100 <= number < 140 for number in numbers) == 10
    assert [number for number in numbers if number >= 200] == []
    assert rows(config, "SELECT count(*) FROM stories") == [(110,)]
    assert len({uid for document in walk(tmp_path / "public") for uid in document}) == 110
    # What the feed brings from now on is news.
    web.pages["/new"] = Answer(rss(*(post(n, 0) for n in range(300, 312))))
    published(config, 1)
    newest = [int(uid.rpartition("/")[2]) for uid in ids(tmp_path / "public/feed.atom")[:12]]
    assert sorted(newest) == list(range(300, 312))


def test_all_feeds_of_a_first_start_are_shown_in_full(web: Web, tmp_path: Path) -> None:
    web.pages["/a"] = Answer(rss(*(post(n, n + 1) for n in range(20))))
    web.pages["/b"] = Answer(rss(*(post(n, n + 1) for n in range(20, 40))))
    published(config_for(tmp_path, web.url("/a"), web.url("/b")))
    assert len(ids(tmp_path / "public/feed.atom")) == 40


def test_our_own_output_is_no_feed_of_ours(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(post(1, 1)))
    config = config_for(tmp_path, web.url("/f"))
    site = published(config)
    for kind in FORMATS:
        # Somewhere else, so that the configuration can't tell.
        web.pages[f"/mirror.{kind}"] = Answer(site.documents[f"feed.{kind}"].body)
    mirrors = config_for(tmp_path, *(web.url(f"/mirror.{kind}") for kind in FORMATS))

    async def work() -> list[Poll]:
        async with Aggregator(mirrors, Here(), lambda: NOW) as aggregator:
            return await aggregator.poll(await aggregator.due(force=True))

    assert ["our own output" in str(poll.error) for poll in asyncio.run(work())] == [True] * 3
    assert rows(config, "SELECT count(*) FROM stories") == [(1,)]


def test_another_planet_is_not_taken_for_us() -> None:
    body = FORMATS["atom"](channel(story(1)), NOW)
    assert publish.own.claims(body, "https://planet.example/feeds/")
    assert not publish.own.claims(body, "https://another.example/")
    quoted = channel(story(1, content_html='<link rel="self" href="https://us.example/feed.atom">'), path="tags/x")
    for render in FORMATS.values():
        assert not publish.own.claims(render(quoted, NOW), "https://us.example/")
