"""The running daemon, seen by a subscriber."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from aggregator.config import Listen, loads
from aggregator.daemon import Daemon, ticks
from aggregator.errors import AggregatorError, ConfigError
from aggregator.server import bind
from tests.conftest import Web, config_for, rss
from tests.test_site import post


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_commit_is_published_at_once_and_not_with_the_next_tick(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "TICK", 3600.0)
    document = rss(post(1, 1))

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(1)  # the first tick is over when this comes
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(document)))
        handler.end_headers()
        handler.wfile.write(document)

    web.pages["/f"] = slow
    port = free_port()
    config_for(tmp_path, web.url("/f"))
    file = tmp_path / "feeds.yaml"
    file.write_text(file.read_text().replace("listen: false", f"listen: '127.0.0.1:{port}'"))
    config = loads(file.read_text(), file)

    def body() -> bytes:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/feed.atom", timeout=5) as answer,
        ):
            return bytes(answer.read())
        return b""

    async def run() -> bytes:
        daemon = Daemon(config, lambda polls: None)
        running = asyncio.create_task(daemon.run(force=True))
        last = b""
        for _ in range(600):
            last = await asyncio.to_thread(body)
            if b"press.example/1</id>" in last:
                break
            await asyncio.sleep(0.05)
        daemon.stop()
        await running
        return last

    assert b"press.example/1</id>" in asyncio.run(run())


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        with pytest.raises(AggregatorError, match=r"can't listen on 127\.0\.0\.1:\d+: address already in use"):
            bind(Listen("127.0.0.1", int(sock.getsockname()[1])))


@pytest.mark.parametrize(
    ("settings", "feed", "own"),
    [
        ("", "http://127.0.0.1:8080/feed.atom", True),
        ("", "http://localhost:8080/anything", True),
        ("", "http://127.0.0.1:8081/feed.atom", False),
        ("server: {listen: ':9000'}", "http://127.0.0.1:9000/feed.rss", True),
        ("server: {listen: false}\noutput: {base_url: 'https://p.example/planet'}", "https://p.example/planet/feed.json", True),
        ("server: {listen: false}\noutput: {base_url: 'https://p.example/planet'}", "http://P.example/planet/atom.xml", True),
        ("server: {listen: false}\noutput: {base_url: 'https://p.example/planet/'}", "https://p.example/planet/tags/x.rss", True),
        ("server: {listen: false}\noutput: {base_url: 'https://p.example/planet/'}", "https://p.example/blog/feed.rss", False),
        ("server: {listen: false}\noutput: {base_url: 'https://p.example/'}", "https://p.example/blog/feed.rss", False),
        ("server: {public_url: 'https://q.example/'}", "https://q.example/archive/7.atom", True),
    ],
)  # fmt: skip
def test_no_subscription_to_our_own_output(settings: str, feed: str, own: bool) -> None:
    text = f"{settings}\nfeeds:\n  - http://x.example/ok\n  - url: {feed}\n"
    if not own:
        assert len(loads(text).feeds) == 2
        return
    with pytest.raises(ConfigError, match=r"feeds\.yaml:\d+: feeds\[1\]\.url: is this program's own output"):
        loads(text)


def test_two_hundred_clients_at_once(web: Web, tmp_path: Path) -> None:
    """None is refused or cut short; how fast it is, bench/publish.py measures."""
    from aggregator.site import Site
    from tests.conftest import NOW, Served
    from tests.stories import channel, story
    from tests.test_site import put

    site = Site(tmp_path)
    put(site, channel(*(story(n) for n in range(50))), NOW)
    served = Served(site)
    wanted = site.documents["feed.atom"].body
    wrong: list[object] = []

    def client() -> None:
        try:
            for _ in range(3):
                reply = served.ask("/feed.atom")
                if (reply.status, reply.body) != (200, wanted):
                    wrong.append(reply.status)
        except OSError as error:
            wrong.append(error)

    clients = [threading.Thread(target=client) for _ in range(200)]
    for thread in clients:
        thread.start()
    deadline = time.monotonic() + 60
    for thread in clients:
        thread.join(max(0.1, deadline - time.monotonic()))
    served.close()
    assert wrong == []
