"""The commands through the real executable: their output, their exit codes, and the daemon from start to SIGTERM."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from aggregator.model import Response
from aggregator.parse import parse
from tests.conftest import Answer, Post, Web, config_for, rss


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aggregator", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_demo_shows_a_pair_as_one_story_and_a_second_run_finds_nothing_new(tmp_path: Path) -> None:
    first = run("demo", "--once", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "64 new articles" in first.stdout
    folder = tmp_path / "aggregator-demo"
    with contextlib.closing(sqlite3.connect(folder / "aggregator.db")) as db:
        [(title, lead, copies, removed, copy)] = db.execute(
            "SELECT kept_title, kept_feed, stories.copies, removed_text, copy_article_id FROM duplicates "
            "JOIN stories ON stories.id = story_id WHERE copy_title LIKE '%Pledges Faster Flood Warnings%'"
        ).fetchall()
        assert (lead, copies) == ("Northwater Alliance", 2)
        assert removed.startswith("/Public Release")
        assert db.execute("SELECT count(*) FROM stories").fetchone() == (58,)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    told = run("explain", "-c", "aggregator-demo/feeds.yaml", str(copy), cwd=tmp_path).stdout
    assert "It is a copy of article" in told
    assert title in told
    documents = [
        parse(Response("http://x/", 200, (), (folder / "public" / f"feed.{kind}").read_bytes()))
        for kind in ("atom", "rss", "json")
    ]
    lists = [[(entry.guid, entry.title.value) for entry in feed.entries] for feed in documents]
    assert lists[0] == lists[1] == lists[2]
    assert len(lists[0]) == 58
    assert all(feed.flaws == () for feed in documents)
    for _ in range(4):  # where another program has taken a port meanwhile, the demo begins anew
        second = run("demo", "--once", cwd=tmp_path)
        if "64 new articles" not in second.stdout:
            break
    assert second.stdout.count("not modified") == 8
    assert "0 new articles, 0 changed" in second.stdout


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("feeds: [", "feeds.yaml:1: not YAML"),
        ("fetch:\n  timeut: 3m\n", "feeds.yaml:2: fetch.timeut: unknown key; did you mean 'timeout'?"),
        ("output:\n  items: many\n", "feeds.yaml:2: output.items: must be a whole number"),
        ("feeds:\n  - http://x.example\n  - HTTP://X.example:80/\n", "feeds.yaml:3: feeds[1].url: is the same feed as in line 2"),
        ("server: {listen: 8080}\n", "feeds.yaml:1: server.listen: must be host:port"),
        ("feeds:\n  - ftp://x.example/\n", "feeds.yaml:2: feeds[0].url: must be an address that starts with http"),
    ],
)  # fmt: skip
def test_a_broken_file_is_one_line_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "feeds.yaml").write_text(text)
    done = run("check", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(fault)
    assert len(done.stderr.splitlines()) == 1


def test_the_shipped_file_is_right() -> None:
    done = run("check", cwd=Path(__file__).parent.parent)
    assert (done.returncode, done.stderr) == (0, "")


def test_poll_status_stories_and_json(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("A \x1b[31mred\x1b[0m title", link="http://x.example/1")))
    config_for(tmp_path, web.url("/f"))
    assert run("stories", cwd=tmp_path).stderr.startswith("aggregator: there is no database")
    assert run("poll", cwd=tmp_path).returncode == 0
    assert "No feed is due" in run("poll", cwd=tmp_path).stdout
    assert json.loads(run("status", "--json", cwd=tmp_path).stdout)[0]["articles"] == 1
    shown = run("stories", cwd=tmp_path).stdout
    assert "title" in shown
    assert "\x1b" not in shown
    assert "up to date" in run("publish", cwd=tmp_path).stdout
    missing = run("explain", "http://nowhere.example/", cwd=tmp_path)
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)


def test_poll_fails_only_when_every_feed_failed(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(tmp_path, web.url("/f"), web.url("/missing"))
    assert run("poll", cwd=tmp_path).returncode == 0
    assert run("poll", "--force", web.url("/missing"), cwd=tmp_path).returncode == 1
    assert run("poll", "no such feed", cwd=tmp_path).returncode == 2


def test_a_foreign_or_damaged_database_is_refused_and_left_alone(web: Web, tmp_path: Path) -> None:
    config_for(tmp_path, web.url("/f"))
    database = tmp_path / "aggregator.db"
    database.write_bytes(b"garbage" * 1000)
    done = run("poll", cwd=tmp_path)
    assert done.returncode == 1
    assert "was not touched" in done.stderr
    assert database.read_bytes() == b"garbage" * 1000
    database.unlink()
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA user_version = 99")
    assert "newer aggregator" in run("poll", cwd=tmp_path).stderr


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    text = (folder / "feeds.yaml").read_text().replace("listen: false", f"listen: '127.0.0.1:{port}'")
    (folder / "feeds.yaml").write_text(text)
    return subprocess.Popen([sys.executable, "-m", "aggregator", "run"], cwd=folder, stderr=subprocess.PIPE, text=True)


def fetched(address: str) -> tuple[int, bytes, str]:
    with urllib.request.urlopen(address, timeout=5) as response:
        return response.status, response.read(), response.headers["ETag"] or ""


def wait_for(port: int, text: bytes) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if text in fetched(f"http://127.0.0.1:{port}/feed.atom")[1]:
                return
        time.sleep(0.1)
    pytest.fail(f"{text!r} was not published in 30 s")


def free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_the_daemon_publishes_serves_reloads_and_ends_on_sigterm(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("First light", link="http://x.example/1")))
    web.pages["/g"] = Answer(rss(Post("Second wind", link="http://x.example/2")))
    config_for(tmp_path, web.url("/f"))
    port = free_port()
    daemon = start(tmp_path, port)
    try:
        wait_for(port, b"First light")
        etag = fetched(f"http://127.0.0.1:{port}/feed.rss")[2]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/feed.rss", headers={"If-None-Match": etag})
        with pytest.raises(urllib.error.HTTPError, match="304"):
            urllib.request.urlopen(request, timeout=5)
        assert fetched(f"http://127.0.0.1:{port}/healthz")[1] == b"ok\n"
        assert "in use by another" in run("publish", cwd=tmp_path).stderr
        file = tmp_path / "feeds.yaml"
        file.write_text(file.read_text() + f"  - {web.url('/g')}\n")
        wait_for(port, b"Second wind")
        file.write_text("feeds: [")
        time.sleep(1.5)
        assert fetched(f"http://127.0.0.1:{port}/feed.atom")[0] == 200
    finally:
        daemon.send_signal(signal.SIGTERM)
        before = time.monotonic()
        _, errors = daemon.communicate(timeout=20)
    assert daemon.returncode == 0
    assert time.monotonic() - before < 10
    assert "the last good one stays in force" in errors
    assert "Traceback" not in errors


def test_kill_9_in_a_poll_loses_and_doubles_nothing(web: Web, tmp_path: Path) -> None:
    posts = [Post(f"Post {n}", f"<p>Text number {n}.</p>", f"http://x.example/{n}") for n in range(200)]
    for number in range(4):
        web.pages[f"/{number}"] = Answer(rss(*posts[number * 50 : number * 50 + 50]))
    config_for(tmp_path, *(web.url(f"/{number}") for number in range(4)))
    for delay in (0.9, 1.1, 1.3, 1.5):
        process = subprocess.Popen([sys.executable, "-m", "aggregator", "poll", "--force"], cwd=tmp_path,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(delay)
        process.kill()
        process.wait()
    assert run("poll", "--force", cwd=tmp_path).returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "aggregator.db")) as db:
        assert db.execute("SELECT count(*), count(DISTINCT guid) FROM articles").fetchone() == (200, 200)
        assert db.execute("SELECT count(*) FROM articles WHERE story_id IS NULL").fetchone() == (0,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
