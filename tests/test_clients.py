"""Seven independent parsers read our documents; they must agree with us, and so with each other.

`pytest -m clients` runs it: npm packages are installed into a temporary folder; newsboat is Debian's. What can't be
had is skipped with its reason.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import feedparser
import pytest

from aggregator.iri import uri
from aggregator.model import Response, Story
from aggregator.parse import parse
from aggregator.publish import FORMATS, Channel
from aggregator.publish.channel import published, rfc3339, updated
from aggregator.publish.markup import legal
from aggregator.site import Site
from tests.conftest import DATA, NOW, Served
from tests.stories import HARD, channel, story
from tests.test_site import put

pytestmark = pytest.mark.clients

PACKAGES = ("rss-parser", "@rowanmanning/feed-parser", "feedparser", "@extractus/feed-extractor")
CHANNELS = {"hard": channel(), "plain": channel(*(story(n) for n in range(50)))}

Row = tuple[str, str, str, str]  # id, title, link, date


def row(identifier: object, title: object, link: object, date: object) -> Row:
    """White space in titles is nobody's promise."""
    return str(identifier), " ".join(str(title).split()), str(link), str(date)


def wanted(of: Channel) -> list[Row]:
    return [row(legal(s.uid), legal(s.title), uri(s.url), rfc3339(published(s))) for s in of.stories]


def peculiar(parser: str, item: Row) -> Row:
    """What a parser does to every feed, whoever wrote it."""
    identifier, title, link, date = item
    if parser == "feedparser":  # the one of npm takes out of titles what looks like tags
        title = " ".join(re.sub(r"</?\w+>", "", title).split())
    if parser == "@extractus/feed-extractor":  # writes addresses anew: "+" for a space, no fragment
        link = link.partition("#")[0].replace("%20", "+")
    return identifier, title, link, date


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the npm packages."""
    folder = tmp_path_factory.mktemp("node")
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed: four parsers were NOT asked")
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(
        [npm, "install", "--silent", *PACKAGES], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"npm could not install {PACKAGES}: four parsers were NOT asked: {done.stderr[-300:]}")
    shutil.copy(DATA / "clients/read.mjs", folder)
    return folder


def by_node(parser: str, node: Path, document: bytes, kind: str, address: str) -> list[list[str]]:
    file = node / f"feed.{kind}"
    file.write_bytes(document)
    done = subprocess.run(
        ["node", "read.mjs", parser, str(file), address], cwd=node, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return cast(list[list[str]], json.loads(done.stdout))


@pytest.mark.parametrize("kind", ["atom", "rss"])
@pytest.mark.parametrize("parser", PACKAGES)
@pytest.mark.parametrize("name", CHANNELS)
def test_npm(node: Path, parser: str, kind: str, name: str) -> None:
    of = CHANNELS[name]
    found = by_node(parser, node, FORMATS[kind](of, NOW), kind, of.address(kind))
    expected = [peculiar(parser, item) for item in wanted(of)]
    if parser == "@extractus/feed-extractor" and kind == "atom":  # calls atom:updated the date of publication
        expected = [(*a[:3], rfc3339(updated(s))[:19] + "Z") for a, s in zip(expected, of.stories, strict=True)]
    assert [row(*item[:4]) for item in found] == expected


@pytest.mark.parametrize("kind", ["atom", "rss"])
@pytest.mark.parametrize("name", CHANNELS)
def test_feedparser(kind: str, name: str) -> None:
    of = CHANNELS[name]
    data = feedparser.parse(FORMATS[kind](of, NOW), sanitize_html=False)
    assert not data.bozo
    found = [
        row(e.id, e.title, e.link, f"{datetime(*e.published_parsed[:6]):%Y-%m-%dT%H:%M:%SZ}") for e in data.entries
    ]
    assert found == wanted(of)
    for entry, own in zip(data.entries, of.stories, strict=True):
        assert [e.href for e in entry.get("enclosures", [])] == _enclosures(own, kind)
        body = entry.content[0].value if "content" in entry else ""
        assert " ".join(body.replace(" />", ">").split()) == " ".join(legal(own.content_html).split())


def _enclosures(own: Story, kind: str) -> list[str]:
    return [enclosure.url for enclosure in own.enclosures][: 1 if kind == "rss" else None]


@pytest.mark.parametrize("kind", ["atom", "rss", "json"])
@pytest.mark.parametrize("name", CHANNELS)
def test_another_aggregator_of_this_kind(kind: str, name: str) -> None:
    of = CHANNELS[name]
    feed = parse(Response("http://x.example/", 200, (), FORMATS[kind](of, NOW)))
    assert feed.flaws == ()
    found = [row(e.guid, e.title.value, e.url, f"{e.published:%Y-%m-%dT%H:%M:%SZ}") for e in feed.entries]
    if kind == "rss":  # where titles may be HTML; entities in them are resolved
        assert found == [row(a, html.unescape(b), c, d) for a, b, c, d in wanted(of)]
    else:
        assert found == wanted(of)
    if kind != "json":
        assert [entry.source.title for entry in feed.entries if entry.source] == [s.feed_title for s in of.stories]


def newsboat(folder: Path, address: str) -> list[tuple[str, str, str, int]]:
    """One reload by newsboat; all articles that it ever saw: guid, title, url, date."""
    binary = shutil.which("newsboat")
    if binary is None:
        pytest.skip("newsboat is not installed (apt-get install newsboat): it was NOT asked")
    folder.mkdir(exist_ok=True)
    (folder / "urls").write_text(address + "\n")
    (folder / "config").write_text("")
    arguments = [binary, f"-u{folder}/urls", f"-c{folder}/cache.db", f"-C{folder}/config", "-x", "reload"]
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, env={"HOME": str(folder), "TERM": "dumb"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with sqlite3.connect(folder / "cache.db") as db:
        return db.execute("SELECT guid, title, url, pubDate FROM rss_item ORDER BY pubDate DESC, id").fetchall()


@pytest.mark.parametrize("kind", ["atom", "rss"])
@pytest.mark.parametrize("name", CHANNELS)
def test_newsboat(tmp_path: Path, serve: Callable[..., Served], kind: str, name: str) -> None:
    site = Site(tmp_path / "site")
    put(site, CHANNELS[name], NOW)
    served = serve(site)
    articles = newsboat(tmp_path / "newsboat", f"http://127.0.0.1:{served.port}/feed.{kind}")
    found = [
        row(guid, title, url, f"{datetime.fromtimestamp(date, UTC):%Y-%m-%dT%H:%M:%SZ}")
        for guid, title, url, date in articles
    ]
    assert sorted(found) == sorted(wanted(CHANNELS[name]))


def test_newsboat_asks_for_what_is_new_and_shows_nothing_twice(tmp_path: Path, serve: Callable[..., Served]) -> None:
    site = Site(tmp_path / "site")
    put(site, channel(*(story(n) for n in range(1, 40))), NOW)
    served = serve(site)
    address = f"http://127.0.0.1:{served.port}/feed.atom"
    assert len(newsboat(tmp_path / "newsboat", address)) == 39
    put(site, channel(*(story(n) for n in range(0, 39))), NOW)
    articles = newsboat(tmp_path / "newsboat", address)
    assert len(articles) == 40
    assert len(newsboat(tmp_path / "newsboat", address)) == 40


def test_all_hard_stories_are_asked() -> None:
    assert len(HARD) == 15
