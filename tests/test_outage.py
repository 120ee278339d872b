"""Nobody can be reached: no name is found, or no packet goes out. It is said once, and over within seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiodns
import pytest

from aggregator.config import loads
from aggregator.daemon import Daemon, ticks
from aggregator.daemon import daemon as daemon_room
from aggregator.engine import Here
from aggregator.fetch.connect import Names
from tests.conftest import Answer, Post, Web, config_for, rss

SOAK = (("names", False), ("packets", True))


@pytest.mark.parametrize(
    ("kind", "at_boot"),
    [("names", True), ("packets", False), *(pytest.param(*more, marks=pytest.mark.soak) for more in SOAK)],
)
def test_the_daemon_is_back_within_seconds(
    web: Web,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    at_boot: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "aggregator")
    monkeypatch.setattr(daemon_room, "PROBE", 1.0)
    monkeypatch.setattr(ticks, "TICK", 0.2)
    down = at_boot
    asked = []

    async def lookup(self: Names, host: str) -> list[str]:
        asked.append(host)
        if down and kind == "names":
            raise aiodns.error.DNSError(11, "Could not contact DNS servers")
        return ["127.0.0.9" if down else "127.0.0.1"]  # nobody listens there

    async def fresh(self: Names, host: str) -> list[str]:  # nothing is kept from before
        found = await real(self, host)
        if not isinstance(found, list):
            raise found
        return found

    real = Names._fresh
    monkeypatch.setattr(Names, "_ask", lookup)
    monkeypatch.setattr(Names, "addresses", fresh)
    feeds = [f"http://host{n}.example:{web.port}/{n}" for n in range(6)]
    for number in range(6):
        web.pages[f"/{number}"] = Answer(rss(Post(f"Post {number}", link=f"http://x.example/{number}")))
    config_for(tmp_path, *feeds, more="defaults: {interval: 30m, jitter: 0}\n")
    file = tmp_path / "feeds.yaml"
    config = loads(file.read_text().replace('["127.0.0.1"]', '["127.0.0.0/8"]'), file)

    async def until(done: int, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while len(web.seen) < done:
                await asyncio.sleep(0.05)

    async def work() -> tuple[int, int]:
        nonlocal down
        daemon = Daemon(config, engine=Here())
        running = asyncio.create_task(daemon.run())
        if not at_boot:
            await until(6)
            await asyncio.sleep(0.5)
            down = True
            daemon._start(await daemon.aggregator.due(force=True))
        async with asyncio.timeout(10):
            while not daemon.journal.down:
                await asyncio.sleep(0.05)
        before = len(asked)
        await asyncio.sleep(2)
        tries = len(asked) - before
        down = False
        await until(6 if at_boot else 12)
        await asyncio.sleep(0.5)
        failing = daemon.aggregator.store.connection.execute(
            "SELECT count(*) FROM feeds WHERE failures > 0"
        ).fetchone()[0]
        daemon.stop()
        await running
        return tries, failing

    tries, failing = asyncio.run(work())
    assert failing == 0, "no feed is blamed"
    assert tries <= 6, "one feed at a time is tried, not all"
    assert sum("no feed can be reached" in message for message in caplog.messages) == 1
    assert sum(message == "the network is back" for message in caplog.messages) == 1
