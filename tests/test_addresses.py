"""No address of a private network is ever connected, however it is written and by whatever way we are led to it.

Behind every number stands the same real server here (the network is bent, not the client), so that a hit is a hit: with
the guard off, each of them is one.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aggregator import visit
from aggregator.config import Config
from aggregator.fetch import Client, Guard
from aggregator.fetch import connect as connect_room
from aggregator.fetch import guard as guard_room
from aggregator.fetch.connect import Names
from aggregator.model import Request, Subscription
from aggregator.pages import Pages
from tests.conftest import DATA, Answer, Web, config_for

TABLE: list[dict[str, Any]] = yaml.safe_load((DATA / "fetch/addresses.yaml").read_text(encoding="utf-8"))
PUBLIC = "93.184.216.34"
Way = Callable[[Client, Config, str], Awaitable[object]]


async def feed(client: Client, config: Config, url: str) -> object:
    return await client.get(Request(url, timeout=5))


async def redirect(client: Client, config: Config, url: str) -> object:
    return await client.get(Request(f"http://start.example/{TABLE_INDEX[url]}", timeout=5))


async def full_text(client: Client, config: Config, url: str) -> object:
    return await Pages(lambda: client, lambda: 5.0).get([url])


async def hub(client: Client, config: Config, url: str) -> object:
    return await client.post(url, (("hub.mode", "subscribe"), ("hub.topic", url)))


async def add(client: Client, config: Config, url: str) -> object:
    return await visit.visit(config, [Subscription(url)])


TABLE_INDEX: dict[str, int] = {}
WAYS: dict[str, Way] = {way.__name__: way for way in (feed, redirect, full_text, hub, add)}


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, web: Web) -> list[str]:
    """The numbers that were connected; whatever they are, it is `web` that answers."""
    found: list[str] = []
    answers = {row["url"].partition("//")[2].partition(":")[0]: row["at"] for row in TABLE if "at" in row}
    asked: defaultdict[str, int] = defaultdict(int)

    real = connect_room._connected

    async def connect(address: str, port: int) -> socket.socket:
        found.append(address)
        return await real("127.0.0.1", web.port)

    async def look_up(self: Names, host: str) -> list[str]:
        if host == "start.example":
            return [PUBLIC]
        turn = asked[host]
        asked[host] += 1
        return list(answers[host][min(turn, len(answers[host]) - 1)])

    monkeypatch.setattr(connect_room, "_connected", connect)
    monkeypatch.setattr(Names, "_ask", look_up)
    monkeypatch.setattr(connect_room, "_KEEP", -1.0)  # a name may change its mind at every look-up
    return found


def walk(way: Way, config: Config, web: Web) -> None:
    """Goes this way to each address of the table."""
    urls = [row["url"].replace("{port}", "80") for row in TABLE]
    for number, url in enumerate(urls):
        TABLE_INDEX[url] = number
        web.pages[f"/{number}"] = Answer(b"", 302, {"Location": url.encode().decode("latin-1")})

    async def work() -> None:
        async with Client("test", Guard()) as client:
            for url in urls:
                await way(client, config, url)

    asyncio.run(work())


@pytest.mark.parametrize("way", WAYS)
def test_no_private_address_is_hit(way: str, connected: list[str], web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, "http://x.example/")
    walk(WAYS[way], _closed(config), web)
    assert set(connected) <= {PUBLIC}
    if way == "redirect":
        assert connected.count(PUBLIC) >= len(TABLE), "each redirect was followed up to the guard"


@pytest.mark.parametrize("way", WAYS)
def test_without_the_guard_all_of_them_are_hit(
    way: str, connected: list[str], web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_room, "is_public", lambda ip: True)
    config = config_for(tmp_path, "http://x.example/")
    walk(WAYS[way], _closed(config), web)
    hits = [address for address in connected if address != PUBLIC]
    # The last three may be answered by their public number first; all others are hit by any way.
    assert len(hits) >= len(TABLE) - 3


def test_nothing_but_the_guarded_client_opens_connections() -> None:
    doors = {
        "socket",
        "ssl",
        "urllib.request",
        "http.client",
        "ftplib",
        "smtplib",
        "aiohttp",
        "requests",
        "httpx",
        "httpcore",
    }
    house = Path(visit.__file__).parent
    users = {
        (path.relative_to(house).parts[0].removesuffix(".py"), alias.name)
        for path in house.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
        if alias.name in doors
    }
    # `server` binds what listens, `systemd` speaks to a socket in the file system, `demo` finds a free port.
    assert {room for room, _ in users} - {"fetch"} <= {"server", "systemd", "demo"}


def _closed(config: Config) -> Config:
    return dataclasses.replace(config, fetch=dataclasses.replace(config.fetch, allow_private=()))
