"""The daemon as systemd, a container and an operator see it: starts, refusals, reloads, signals, a full disk, the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from aggregator.app import Aggregator
from aggregator.daemon import Daemon
from aggregator.engine import Here
from aggregator.health import MEMORY, STUCK, Health
from tests.conftest import NOW, Answer, Post, Web, config_for, rss
from tests.test_cli import free_port, run


class Running:
    """A daemon in a process of its own; its log is read as it comes."""

    def __init__(self, folder: Path, *options: str, environ: dict[str, str] | None = None) -> None:
        self.port = free_port()
        file = folder / "feeds.yaml"
        file.write_text(file.read_text().replace("listen: false", f"listen: '127.0.0.1:{self.port}'"))
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aggregator", "run", *options],
            cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environ or {})},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait(self, found: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if found():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"{what}: not seen; the log is {self.lines}")

    def said(self, text: str) -> bool:
        return any(text in line for line in list(self.lines))

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> None:
        self.wait(lambda: self.ask("/readyz")[0] == 200, "ready")

    def end(self) -> float:
        """SIGTERM; gives the seconds it took."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        took = time.monotonic() - before
        self._reader.join(5)
        return took

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextlib.contextmanager
def running(folder: Path, *options: str, environ: dict[str, str] | None = None) -> Iterator[Running]:
    daemon = Running(folder, *options, environ=environ)
    try:
        yield daemon
    finally:
        daemon.close()


def test_sigterm_ends_it_while_twenty_feeds_hang(web: Web, tmp_path: Path) -> None:
    release = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        release.wait(60)

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not release.wait(0.05):
                handler.wfile.write(b" ")
                handler.wfile.flush()

    for number in range(20):
        web.pages[f"/{number}"] = trickle if number % 2 else hang
    web.pages["/good"] = Answer(rss(Post("One", link="http://x.example/1")))
    urls = [web.url(f"/{number}") for number in range(20)]
    config_for(tmp_path, *urls, web.url("/good"), more="defaults: {interval: 1h}\n")
    file = tmp_path / "feeds.yaml"
    file.write_text(file.read_text().replace("timeout: 5s", "timeout: 60s, per_host: 50"))
    with running(tmp_path) as daemon:
        daemon.wait(lambda: len(web.seen) >= 21, "all feeds asked for")
        daemon.wait(lambda: "One" in daemon.ask("/feed.atom")[1], "the good feed beside those that hang")
        took = daemon.end()
        release.set()
        assert daemon.process.returncode == 0
        assert took < 20, "it waits for none of them, which take 60; left alone it takes a fifth of a second"
        assert daemon.lines[-1].endswith("stopping")
        assert not daemon.said("Traceback")
    with contextlib.closing(sqlite3.connect(tmp_path / "aggregator.db")) as db:
        assert db.execute("SELECT count(*) FROM feeds WHERE failures > 0").fetchone() == (0,)


def test_a_second_one_is_refused_and_kill_9_makes_room(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(tmp_path, web.url("/f"))
    with running(tmp_path) as daemon:
        daemon.ready()
        for command in ("run", "poll", "publish"):
            done = run(command, cwd=tmp_path)
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
            assert "is in use by another aggregator; only one may write" in done.stderr
        daemon.process.kill()
        daemon.process.wait()
        assert run("poll", cwd=tmp_path).returncode == 0


def test_a_port_in_use_is_one_line(web: Web, tmp_path: Path) -> None:
    config_for(tmp_path, "http://x.example/f")
    file = tmp_path / "feeds.yaml"
    file.write_text(file.read_text().replace("listen: false", f"listen: 127.0.0.1:{web.port}"))
    done = run("run", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "address already in use" in done.stderr
    assert "server.listen" in done.stderr


def test_a_folder_that_can_not_be_written_is_one_line(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config_for(tmp_path, web.url("/f"), more="database: file/aggregator.db\n")
    for command in ("run", "poll"):
        done = run(command, cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "can't write in" in done.stderr


def test_an_output_folder_that_can_not_be_written_stops_only_the_files(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    (tmp_path / "public").write_text("in the way")
    config_for(tmp_path, web.url("/f"))
    with running(tmp_path) as daemon:
        daemon.wait(lambda: daemon.said("can't write"), "the fault in the log")
        daemon.wait(lambda: daemon.ask("/readyz")[0] == 503, "not ready")
        assert "can't write" in daemon.ask("/readyz")[1]
        assert daemon.ask("/healthz") == (200, "ok\n")
        daemon.wait(lambda: daemon.said("1 new"), "the poll")
        assert daemon.end() < 2
        with contextlib.closing(sqlite3.connect(tmp_path / "aggregator.db")) as db:
            assert db.execute("SELECT count(*) FROM articles").fetchone() == (1,)


def test_a_full_disk_is_said_and_everything_comes_when_it_is_over(web: Web, tmp_path: Path) -> None:
    posts = [Post(f"Post {n}", "<p>" + f"word{n} " * 2000 + "</p>", f"http://x.example/{n}") for n in range(40)]
    web.pages["/f"] = Answer(rss(*posts), headers={"ETag": '"1"'})
    config = config_for(tmp_path, web.url("/f"))

    async def scene() -> tuple[list[str | None], list[str], int]:
        async with Aggregator(config, Here()) as aggregator:
            pages = aggregator.store.connection.execute("PRAGMA page_count").fetchone()[0]
            aggregator.store.connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own "disk is full"
            from aggregator.app import commits

            wait, commits.AFTER_FAULT = commits.AFTER_FAULT, 0.01
            try:
                full = await aggregator.poll(await aggregator.due(force=True))
            finally:
                commits.AFTER_FAULT = wait
            faults = list(aggregator.faults)
            aggregator.store.connection.execute("PRAGMA max_page_count = 1000000")
            again = await aggregator.poll(await aggregator.due(force=True))
            return [poll.error for poll in full], faults, again[0].new

    errors, faults, new = asyncio.run(scene())
    assert "full" in str(errors[0])
    assert "full" in faults[0]
    assert new == 40  # its validators were not kept without its articles


def test_a_changed_file_is_in_force_and_a_bad_one_is_not(web: Web, tmp_path: Path) -> None:
    for path in "abc":
        web.pages[f"/{path}"] = Answer(rss(Post(f"Post {path}", link=f"http://x.example/{path}")))
    config_for(tmp_path, web.url("/a"), web.url("/b"))
    file = tmp_path / "feeds.yaml"
    with running(tmp_path, "--log-format", "json") as daemon:
        daemon.ready()
        daemon.wait(lambda: len(web.seen) == 2, "the first polls")
        daemon.wait(lambda: "Post b" in daemon.ask("/feed.atom")[1], "published")
        good = file.read_text()
        # One feed more, one less, one changed: in one step, as `aggregator add` writes it.
        beside = tmp_path / "new.yaml"
        beside.write_text(good.replace(f"  - {web.url('/b')}\n", f"  - {web.url('/c')}\n") + "    # end\n")
        beside.replace(file)
        daemon.wait(lambda: daemon.said("is in force"), "the change")
        daemon.wait(lambda: "Post c" in daemon.ask("/feed.atom")[1], "the new feed")
        # The first two are polled side by side, so either may come first.
        assert sorted(seen.path for seen in web.seen) == ["/a", "/b", "/c"]
        good = file.read_text()
        file.write_text(good.replace("timeout: 5s", "timeut: 5s"))
        daemon.wait(lambda: "config_faults 1.0" in daemon.ask("/metrics")[1], "the fault in /metrics")
        status, text = daemon.ask("/readyz")
        assert (status, "timeut: unknown key; did you mean 'timeout'?" in text) == (200, True)
        told = run("status", cwd=tmp_path)
        assert (told.returncode, "did you mean 'timeout'?" in told.stderr, "of them failing" in told.stdout) == (
            2,
            True,
            False,
        )
        assert daemon.ask("/feed.atom")[0] == 200
        file.write_text(good)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait(lambda: daemon.ask("/readyz")[1] == "ready\n", "the fault is over")
        assert daemon.end() < 10
    assert sorted(seen.path for seen in web.seen) == ["/a", "/b", "/c"]
    events = [json.loads(line) for line in daemon.lines]
    assert {event["level"] for event in events} == {"info", "error"}
    polls = [event for event in events if event.get("event") == "poll"]
    assert [(poll["feed"], poll["http_status"], poll["new"]) for poll in polls[:1]] in (
        [(web.url("/a"), 200, 1)], [(web.url("/b"), 200, 1)],
    )  # fmt: skip


def test_an_end_in_the_middle_of_a_change_is_an_end(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick that puts a changed file in force must not hide from its caller that all is over."""
    config = config_for(tmp_path, web.url("/a"))

    async def work() -> bool:
        daemon = Daemon(config, engine=Here())
        async with daemon.opened():
            reached = asyncio.Event()

            async def hang() -> bool:
                reached.set()
                await asyncio.sleep(60)
                return False

            monkeypatch.setattr(daemon.aggregator, "follow", hang)
            change = asyncio.create_task(daemon.reload())
            await reached.wait()
            daemon.stop()
            change.cancel()
            await asyncio.wait([change])
            return change.cancelled()

    assert asyncio.run(work())


def test_a_changed_file_of_cleaning_rules_is_in_force_and_a_bad_one_is_not(web: Web, tmp_path: Path) -> None:
    text = "<p>The northern mole is rebuilt before the winter storms arrive.</p><p>Sent to you by the harbour.</p>"
    web.pages["/a"] = Answer(rss(Post("Mole", text, "http://x.example/1")))
    rules = tmp_path / "rules.yaml"
    rules.write_text("parameters: [harbour_*]\n")
    config_for(tmp_path, web.url("/a"), more="defaults: {rules: rules.yaml}\n")
    with running(tmp_path) as daemon:
        daemon.ready()
        daemon.wait(lambda: "Sent to you" in daemon.ask("/feed.json")[1], "published")
        rules.write_text("republishers:\n  - {id: mine, pattern: Sent to you, example: Sent}\n")
        daemon.wait(lambda: daemon.said("rules.yaml:2: republishers[0].pattern: does not match"), "the fault")
        rules.write_text("republishers:\n  - {id: mine, pattern: Sent to you, example: Sent to you}\n")
        daemon.wait(lambda: daemon.said("is in force"), "the mended file")


def test_a_file_that_an_editor_has_only_begun_to_write_is_not_taken(web: Web, tmp_path: Path) -> None:
    web.pages["/a"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(tmp_path, web.url("/a"))
    file = tmp_path / "feeds.yaml"
    with running(tmp_path) as daemon:
        daemon.ready()
        text = file.read_text()
        for _ in range(3):
            with file.open("w") as opened:  # empties it
                time.sleep(0.1)
                opened.write(text)
            time.sleep(0.15)
        time.sleep(1)
        assert not daemon.said(": 0 feeds")
        file.unlink()
        daemon.wait(lambda: daemon.said("no such file"), "the file is gone")
        assert daemon.ask("/readyz")[0] == 200
        file.write_text(text)
        daemon.wait(lambda: daemon.ask("/readyz")[1] == "ready\n", "the file is back")


def test_systemd_hears_ready_watchdog_and_stopping(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(tmp_path, web.url("/f"))
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(30)
        with running(tmp_path, environ={"NOTIFY_SOCKET": address}) as daemon:
            heard: list[str] = []
            while not any("WATCHDOG=1" in text and "READY" not in text for text in heard):
                heard.append(sock.recv(4096).decode())
            daemon.end()
            sock.settimeout(1)
            with contextlib.suppress(TimeoutError):
                while True:
                    heard.append(sock.recv(4096).decode())
    assert [text for text in heard if "READY=1" in text] == ["READY=1\nWATCHDOG=1"]
    assert any(text.startswith("STATUS=1 feeds, 0 failing") for text in heard)
    assert heard[-1] == "STOPPING=1"


def test_a_reload_of_a_thousand_feeds_polls_only_what_is_new(web: Web, tmp_path: Path) -> None:
    web.pages["/new"] = Answer(rss(Post("New", link="http://x.example/new")))
    feeds = [f"http://127.0.0.1:1/{number}" for number in range(1000)]
    config = config_for(tmp_path, *feeds)

    async def scene() -> tuple[int, dict[str, str], dict[str, str]]:
        daemon = Daemon(config, clock=lambda: NOW)
        async with daemon.opened():
            connection = daemon.aggregator.store.connection
            connection.execute("UPDATE feeds SET next_poll_at = '2026-11-23 12:30:00Z', etag = 'x', failures = 3")
            before = {row["url"]: tuple(row) for row in connection.execute("SELECT * FROM feeds")}
            config_for(tmp_path, *feeds[1:], web.url("/new"))
            assert await daemon.reload()
            for task in list(daemon._tasks):
                await task
            await daemon.tick()
            after = {row["url"]: tuple(row) for row in connection.execute("SELECT * FROM feeds")}
            same = sum(after[url] == before[url] for url in before)
            states = {row["url"]: row["state"] for row in connection.execute("SELECT url, state FROM feeds")}
            return same, states, {row["title"]: "" for row in connection.execute("SELECT title FROM articles")}

    same, states, articles = asyncio.run(scene())
    assert same == 999  # validators, failures and times of all that stay are as they were
    assert (states[feeds[0]], len(states)) == ("disabled", 1001)
    assert articles == {"New": ""}
    assert [seen.path for seen in web.seen] == ["/new"]


def test_health_is_a_matter_of_ticks_and_of_faults_that_last() -> None:
    health = Health()
    assert health.alive(0) is None
    assert health.report(0) == (503, "not ready\nthe first look at what is due is not over\n")
    health.tick(10, ["disk is full"])
    assert health.report(11) == (503, "not ready\ndisk is full\n")
    health.tick(10 + MEMORY)
    assert health.report(11 + MEMORY) == (200, "ready\n")
    health.config_faults = ("feeds.yaml:3: fetch.timeut: unknown key",)
    assert health.report(11 + MEMORY)[0] == 200
    assert health.alive(10 + MEMORY + STUCK) is None
    assert "no tick for" in (health.alive(11 + MEMORY + STUCK) or "")
    assert health.report(11 + MEMORY + STUCK)[0] == 503
    health.stopping = True
    assert health.report(12)[0] == 503
