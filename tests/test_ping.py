"""WebSub pings, judged from the hub's side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from aggregator.app import Aggregator
from aggregator.engine import Here
from aggregator.fetch import Client, Guard
from aggregator.ping import Pinger
from tests.conftest import NOW, Answer, Web, config_for, rss
from tests.test_site import post


class Hub:
    """Takes pings; `answers` are the statuses it gives, 204 when they are used up."""

    def __init__(self) -> None:
        self.pings: list[dict[str, list[str]]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
                hub.pings.append(parse_qs(body))
                hub.hold.wait(10)
                self.send_response(hub.answers.pop(0) if hub.answers else 204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    yield found
    found.hold.set()
    found.server.shutdown()
    found.server.server_close()


def pinging(test: Callable[[Pinger], Awaitable[None]], waits: tuple[float, ...] = (0.05, 0.05)) -> None:
    async def run() -> None:
        async with Client("test", Guard(("127.0.0.1",))) as client:
            pinger = Pinger(lambda: client, waits)
            await test(pinger)
            await pinger.close()

    asyncio.run(run())


def test_one_ping_tells_of_all_documents_of_a_change(hub: Hub) -> None:
    async def test(pinger: Pinger) -> None:
        pinger.tell(hub.url, ["http://p.example/feed.atom", "http://p.example/feed.rss"])

    pinging(test)
    assert hub.pings == [
        {"hub.mode": ["publish"], "hub.url": ["http://p.example/feed.atom", "http://p.example/feed.rss"]}
    ]


def test_a_failed_ping_is_tried_again_and_given_up_in_the_end(hub: Hub) -> None:
    async def test(pinger: Pinger) -> None:
        hub.answers = [500, 429]
        pinger.tell(hub.url, ["a"])
        await asyncio.sleep(0.5)
        assert len(hub.pings) == 3
        hub.answers = [500] * 9
        pinger.tell(hub.url, ["b"])
        await asyncio.sleep(0.5)
        assert [ping["hub.url"] for ping in hub.pings[3:]] == [["b"]] * 3

    pinging(test)


def test_a_change_while_waiting_goes_at_once_with_what_is_untold(hub: Hub) -> None:
    async def test(pinger: Pinger) -> None:
        hub.answers = [503]
        pinger.tell(hub.url, ["a"])
        await asyncio.sleep(0.2)
        pinger.tell(hub.url, ["b"])
        await asyncio.sleep(0.2)

    pinging(test, waits=(60.0,))
    assert [ping["hub.url"] for ping in hub.pings] == [["a"], ["a", "b"]]


def test_a_change_while_a_ping_is_under_way_is_told_afterwards(hub: Hub) -> None:
    async def test(pinger: Pinger) -> None:
        hub.hold.clear()
        pinger.tell(hub.url, ["a"])
        await asyncio.sleep(0.1)
        pinger.tell(hub.url, ["a", "b"])
        hub.hold.set()
        await asyncio.sleep(0.3)

    pinging(test)
    assert [ping["hub.url"] for ping in hub.pings] == [["a"], ["a", "b"]]


def test_a_hub_at_a_private_address_is_not_asked(hub: Hub) -> None:
    async def run() -> None:
        async with Client("test", Guard()) as client:
            pinger = Pinger(lambda: client, ())
            pinger.tell(hub.url, ["a"])
            await pinger.close()

    asyncio.run(run())
    assert hub.pings == []


def test_publishing_pings_once_for_a_change_when_the_bytes_are_live_and_waits_for_nobody(
    web: Web, hub: Hub, tmp_path: Path
) -> None:
    config = config_for(tmp_path, web.url("/f"), more=f"output: {{hub: '{hub.url}'}}\n")
    web.pages["/f"] = Answer(rss(post(1, 1)))
    hub.hold.clear()  # a hub that does not answer for now

    async def work() -> None:
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            for number in range(2):
                web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(number + 1))))
                await aggregator.poll(await aggregator.due(force=True))
                await asyncio.wait_for(aggregator.publish(), 5)
                await aggregator.publish()  # changes nothing
                assert f"/{number}</id>" in (tmp_path / "public/feed.atom").read_text()
                hub.hold.set()
                await asyncio.sleep(0.3)
                document = aggregator.site.documents["feed.rss"]
                site = "http://127.0.0.1:8080/"
                assert document.links == f'<{hub.url}>; rel="hub", <{site}feed.rss>; rel="self"'

    asyncio.run(work())
    topics = [f"http://127.0.0.1:8080/feed.{kind}" for kind in ("atom", "rss", "json")]
    assert hub.pings == [{"hub.mode": ["publish"], "hub.url": topics}] * 2
