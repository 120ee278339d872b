"""WebSub as a subscriber: a hub played by the test, our own server, real HTTP between them."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import hmac
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aggregator.app import Aggregator
from aggregator.config import Config, Listen, loads
from aggregator.engine import Here
from aggregator.model import Response
from aggregator.server import Server, application, bind, with_callback
from aggregator.websub import discover, is_genuine
from tests.awkward import Awkward, says
from tests.conftest import NOW, Post, rss

ONE, TWO = Post("One", link="http://x.example/1"), Post("Two", "<p>Quite another matter.</p>", "http://x.example/2")


@pytest.mark.parametrize(
    ("link", "body", "found"),
    [
        ('<http://hub/>; rel="hub", <http://t/>; rel="self"', b"<rss/>", ("http://hub/", "http://t/")),
        ("</hub>; rel=hub", b"<rss/>", ("http://x/hub", "http://x/feed")),
        ('<http://hub/>; title="a, b"; REL="next HUB"', b"<rss/>", ("http://hub/", "http://x/feed")),
        (None, b"<feed><link rel='hub' href='http://hub/?a=1&amp;b=2'/><link href='/t' rel=\"self\"/></feed>",
         ("http://hub/?a=1&b=2", "http://x/t")),
        (None, b'<rss><channel><atom:link rel="hub" href="http://hub/"/><atom:link rel="self" href="http://t/"/>',
         ("http://hub/", "http://t/")),
        (None, '<feed><link rel="hub" href="http://hub/"/></feed>'.encode("utf-16"), ("http://hub/", "http://x/feed")),
        (None, b'{"feed_url": "http://t/", "hubs": [{"type": "WebSub", "url": "http://hub/"}]}', ("http://hub/", "http://t/")),
        (None, b'<feed><entry><link rel="hub" href="http://hub/"/></entry></feed>', None),
        (None, b'<feed><link rel="self" href="http://t/"/></feed>', None),
        ("<ftp://hub/>; rel=hub", b"", None),
        (None, b'{"hubs": "none", "feed_url": 3}', None),
        (None, b"{" * 100_000, None),
    ],
)  # fmt: skip
def test_discovery(link: str | None, body: bytes, found: tuple[str, str] | None) -> None:
    assert discover(Response("http://x/feed", 200, (("link", link),) if link else (), body)) == found


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_signatures(method: str) -> None:
    made = hmac.new(b"key", b"body", getattr(hashlib, method)).hexdigest()
    assert is_genuine("key", b"body", f"{method}={made}")
    assert is_genuine("key", b"body", f"{method.upper()}={made.upper()}")
    for wrong in (
        None,
        "",
        made,
        f"md5={made}",
        f"{method}=",
        f"{method}={made[:-1]}",
        f"{method}=é",
        f"{method}={made}0",
    ):
        assert not is_genuine("key", b"body", wrong)
    assert not is_genuine("other", b"body", f"{method}={made}")
    assert not is_genuine("key", b"body!", f"{method}={made}")


class Play:
    """An aggregator with its server, and the hub's side of the conversation."""

    def __init__(self, aggregator: Aggregator, site: Awkward, port: int) -> None:
        self.aggregator = aggregator
        self.site = site
        self.port = port

    async def poll(self) -> None:
        await self.aggregator.poll(await self.aggregator.due(force=True))

    async def asked(self, now: datetime = NOW) -> list[dict[str, str]]:
        """What the hub is asked at a tick, form by form."""
        before = len(self.site.asked)
        self.aggregator.websub.tick(now)
        if self.aggregator.websub._asking is not None:
            await self.aggregator.websub._asking
        forms = [parse_qs(ask.body.decode()) for ask in self.site.asked[before:]]
        return [{name: values[0] for name, values in form.items()} for form in forms]

    async def say(self, method: str, target: str, body: bytes = b"", *fields: str) -> tuple[int, bytes]:
        """One request of the hub to our server."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: news.example",
            "Connection: close",
            f"Content-Length: {len(body)}",
        ]
        writer.write("\r\n".join([*lines, *fields, "", ""]).encode() + body)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return int(answer.split(b" ")[1]), answer.partition(b"\r\n\r\n")[2]

    async def verify(self, form: dict[str, str], **changes: str) -> tuple[int, bytes]:
        query = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": "abc%3Cdef",
            "hub.lease_seconds": "86400",
        } | {f"hub.{name}": value for name, value in changes.items()}
        pairs = "&".join(f"{name}={value}" for name, value in query.items())
        return await self.say("GET", f"{urlsplit(form['hub.callback']).path}?{pairs}")

    async def push(self, form: dict[str, str], body: bytes, secret: str | None = None) -> int:
        made = hmac.new((secret or form["hub.secret"]).encode(), body, hashlib.sha256).hexdigest()
        path = urlsplit(form["hub.callback"]).path
        return (
            await self.say("POST", path, body, f"X-Hub-Signature: sha256={made}", "Content-Type: application/rss+xml")
        )[0]

    def rows(self, query: str) -> list[Any]:
        connection = sqlite3.connect(self.aggregator.config.database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def feed(site: Awkward, *posts: Post) -> bytes:
    links = f'<link rel="hub" href="{site.url("/hub")}"/><link rel="self" href="{site.url("/topic")}"/>'
    return rss(*posts).replace(b"<item>", links.replace("<link", "<atom:link").encode() + b"<item>", 1)


def config(folder: Path, site: Awkward, public: str | None = "https://news.example/agg") -> Config:
    text = (
        f"server: {{listen: '127.0.0.1:0', public_url: {public or 'null'}, auth: 'a:b'}}\n"
        f'fetch: {{allow_private: ["127.0.0.1"]}}\ndefaults: {{jitter: 0}}\nfeeds: [{site.url()}]\n'
    )
    return loads(text, folder / "feeds.yaml")


@asynccontextmanager
async def playing(config: Config, site: Awkward) -> AsyncIterator[Play]:
    async with Aggregator(config, Here(), lambda: NOW) as aggregator:
        sock = bind(Listen("127.0.0.1", 0))
        server = Server(
            with_callback(
                application(aggregator.site, config.server.auth, lambda: True), aggregator.websub, lambda: NOW
            )
        )
        serving = asyncio.create_task(server.serve([sock]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield Play(aggregator, site, sock.getsockname()[1])
        finally:
            server.should_exit = True
            await serving
            sock.close()


def test_from_discovery_to_a_push(site: Awkward, tmp_path: Path) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "202 Accepted")}

    async def work() -> None:
        async with playing(config(tmp_path, site), site) as play:
            await play.poll()
            [form] = await play.asked()
            assert (form["hub.mode"], form["hub.topic"]) == ("subscribe", site.url("/topic"))
            assert form["hub.callback"].startswith("https://news.example/agg/websub/")
            assert len(form["hub.secret"]) > 30
            form["hub.callback"] = form["hub.callback"].replace("/agg", "")  # as the reverse proxy does
            assert await play.asked(NOW + timedelta(minutes=5)) == [], "asked once"
            assert await play.verify(form) == (200, b"abc<def")
            assert await play.push(form, rss(TWO)) == 202
            assert play.rows("SELECT title FROM articles ORDER BY id") == [("One",), ("Two",)]
            assert play.rows("SELECT next_poll_at, etag FROM feeds") == [("2026-11-24 12:00:00Z", None)]
            await play.poll()
            assert play.rows("SELECT next_poll_at FROM feeds") == [("2026-11-24 12:00:00Z",)], "polled rarely"
            [again] = await play.asked(NOW + timedelta(hours=2))
            assert again["hub.secret"] == form["hub.secret"], "renewed before the lease of a day ends"

    asyncio.run(work())


def test_what_is_not_genuine_is_not_heard(site: Awkward, tmp_path: Path) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "202 Accepted")}

    async def work() -> None:
        async with playing(config(tmp_path, site, "https://news.example/"), site) as play:
            await play.poll()
            [form] = await play.asked()
            assert (await play.verify(form, topic="http://other/"))[0] == 404
            assert (await play.verify(form, mode="unsubscribe"))[0] == 404
            assert (await play.verify(form, challenge=""))[0] == 404
            unknown = form | {"hub.callback": "https://news.example/websub/guess"}
            assert (await play.verify(unknown))[0] == 404
            assert await play.push(unknown, rss(TWO)) == 404
            assert await play.push(form, rss(TWO), "wrong secret") == 202, "and the liar is not told"
            assert await play.push(form, b"not a feed") == 202
            assert (await play.say("POST", urlsplit(form["hub.callback"]).path, rss(TWO)))[0] == 202
            assert play.rows("SELECT title FROM articles") == [("One",)]
            assert (await play.say("GET", "/feed.atom"))[0] == 401, "the rest has its password still"

    asyncio.run(work())


def test_a_hub_that_refuses_is_left_alone(site: Awkward, tmp_path: Path) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "202 Accepted")}

    async def work() -> None:
        async with playing(config(tmp_path, site, "https://news.example/"), site) as play:
            await play.poll()
            [form] = await play.asked()
            assert (await play.verify(form, mode="denied", reason="no%1B%5B31m"))[0] == 200
            assert await play.asked(NOW + timedelta(days=9)) == []
            assert len(await play.asked(NOW + timedelta(days=11))) == 1

    asyncio.run(work())


def test_a_hub_that_fails_is_asked_again_in_an_hour(site: Awkward, tmp_path: Path) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "500 Oops")}

    async def work() -> None:
        async with playing(config(tmp_path, site), site) as play:
            await play.poll()
            for hours, times in ((0, 1), (0.9, 0), (1.1, 1)):
                assert len(await play.asked(NOW + timedelta(hours=hours))) == times
            assert play.rows("SELECT next_poll_at FROM feeds") == [("2026-11-23 12:30:00Z",)]

    asyncio.run(work())


def test_a_hub_that_misses_something_is_no_longer_relied_on(site: Awkward, tmp_path: Path) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "202 Accepted")}

    async def work() -> None:
        async with playing(config(tmp_path, site, "https://news.example/"), site) as play:
            await play.poll()
            [form] = await play.asked()
            await play.verify(form)
            await play.push(form, rss(ONE))
            site.plays["/feed"] = says(feed(site, TWO, ONE))
            await play.poll()
            await play.poll()
            assert play.rows("SELECT next_poll_at FROM feeds") == [("2026-11-23 12:30:00Z",)]

    asyncio.run(work())


def test_a_feed_that_is_taken_out_ends_its_subscription(site: Awkward, tmp_path: Path) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "202 Accepted")}

    async def work() -> None:
        wanted = config(tmp_path, site, "https://news.example/")
        async with playing(wanted, site) as play:
            await play.poll()
            [form] = await play.asked()
            await play.verify(form)
            await play.aggregator.reconfigure(dataclasses.replace(wanted, feeds=()))
            assert await play.push(form, rss(TWO)) == 410
            [end] = await play.asked(NOW + timedelta(hours=2))
            assert end == form | {"hub.mode": "unsubscribe"}
            assert (await play.verify(end))[0] == 200
            assert play.rows("SELECT count(*) FROM _websub") == [(0,)]

    asyncio.run(work())


@pytest.mark.parametrize("public", [None, "https://news.example/"])
def test_only_who_has_a_public_address_subscribes(site: Awkward, tmp_path: Path, public: str | None) -> None:
    site.plays = {"/feed": says(feed(site, ONE)), "/hub": says(b"", "202 Accepted")}

    async def work() -> None:
        async with playing(config(tmp_path, site, public), site) as play:
            await play.poll()
            assert len(await play.asked()) == (0 if public is None else 1)

    asyncio.run(work())
