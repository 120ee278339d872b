"""search, examples, backup, prune and healthcheck, as the commands a person types; polls through the real executable."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.cli import main
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run as run_program

FLOOD = "<p>The flood warning system of the lower delta was tested on Monday; every siren answered within a minute.</p>"


@pytest.fixture(scope="module")
def site() -> Iterator[Web]:
    """Two feeds, one of them with an entry of 2020."""
    web = Web()
    web.pages["/a"] = Answer(
        rss(
            Post("Sirens \x1b[31mtested\x1b[0m", FLOOD, "http://a.example/1", date=_days_ago(1)),
            Post("An old tale", "<p>Of a harbour.</p>", "http://a.example/2", date="Mon, 06 Jan 2020 08:00:00 GMT"),
        )
    )
    web.pages["/b"] = Answer(rss(Post("Delta: flood sirens work", FLOOD, "http://b.example/1", date=_days_ago(0))))
    yield web
    web.close()


@pytest.fixture(scope="module")
def polled(site: Web, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where they have been polled."""
    folder = tmp_path_factory.mktemp("polled")
    config_for(folder, site.url("/a"), site.url("/b"))
    assert run_program("poll", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def folder(polled: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return shutil.copytree(polled, tmp_path / "mine")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in this process; to start Python each time would take most of the tests' time."""
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(main, arguments)
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def _days_ago(days: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - days * 86400 - 60))


def keep(folder: Path, duration: str) -> None:
    text = (folder / "feeds.yaml").read_text()
    (folder / "feeds.yaml").write_text(f"retention: {{keep: {duration}}}\n{text}")


def changed(site: Web) -> None:
    """Gives the document another body, so that it is looked at again."""
    page = site.pages["/a"]
    assert isinstance(page, Answer)
    site.pages["/a"] = Answer(page.body + b"<!-- changed -->")


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(folder / "aggregator.db")) as db:
        return db.execute(query).fetchall()


def test_search_shows_stories_copies_and_nothing_dangerous(folder: Path) -> None:
    shown = run("search", "flood", "siren*", cwd=folder)
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    assert len(json.loads(run("search", "--json", "flood", cwd=folder).stdout)) == 1
    both = json.loads(run("search", "--json", "--copies", "flood", cwd=folder).stdout)
    assert sorted(row["leads"] for row in both) == [0, 1]
    assert {"story_id", "article_id", "title", "url", "feed", "published_at", "copies", "snippet"} <= set(both[0])
    assert json.loads(run("search", "flood", "NOT", "siren*", "--json", cwd=folder).stdout) == []
    assert json.loads(run("search", "--json", "nowhere", cwd=folder).stdout) == []
    assert "Nothing was found" in run("search", "nowhere", cwd=folder).stdout


@pytest.mark.parametrize("query", ['"', "()", "-", ""])
def test_a_search_for_nothing_is_one_line(folder: Path, query: str) -> None:
    done = run("search", "--", query, cwd=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_examples_are_listed_answered_and_printed(folder: Path) -> None:
    listed = json.loads(run("examples", "--json", cwd=folder).stdout)
    assert len(listed) >= 20
    [row] = json.loads(run("examples", "latest_copies", "--json", cwd=folder).stdout)
    assert row["lag"].endswith(("later", "earlier"))
    assert "copy_feed" in run("examples", "latest_copies", cwd=folder).stdout
    every = run("examples", "--sql", cwd=folder).stdout
    with contextlib.closing(sqlite3.connect(folder / "aggregator.db")) as db:
        db.executescript(every)
    assert run("examples", "no_such", cwd=folder).returncode == 2


def test_backup_while_it_is_written_and_the_way_back(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "aggregator.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE feeds SET title = 'half done'")
        done = run("backup", "copy.db", cwd=folder)
        writer.execute("ROLLBACK")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("backup", "copy.db", cwd=folder).returncode == 0  # tomorrow's replaces today's
    (folder / "aggregator.db").write_bytes(b"broken" * 3000)
    for name in ("aggregator.db-wal", "aggregator.db-shm"):
        (folder / name).unlink()
    refused = run_program("poll", cwd=folder)
    assert refused.returncode == 1
    assert "put a backup in its place" in refused.stderr
    (folder / "copy.db").replace(folder / "aggregator.db")
    assert run_program("poll", "--force", cwd=folder).returncode == 0
    assert run("healthcheck", "--deep", cwd=folder).returncode == 0
    assert rows(folder, "SELECT count(*) FROM articles") == [(3,)]


@pytest.mark.parametrize("target", ["feeds.yaml", "aggregator.db", "missing/copy.db"])
def test_backup_overwrites_nothing_that_is_no_backup(folder: Path, target: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and "-shm" not in path.name}
    done = run("backup", target, cwd=folder)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and "-shm" not in path.name}
    assert after == before


def test_prune_says_does_and_it_stays_done(site: Web, folder: Path) -> None:
    assert "kept forever" in run("prune", cwd=folder).stdout
    keep(folder, "365d")
    said = json.loads(run("prune", "--dry-run", "--json", cwd=folder).stdout)
    assert (said["stories"], said["articles"], said["dry_run"]) == (1, 1, True)
    assert rows(folder, "SELECT count(*) FROM articles") == [(3,)]
    assert "An old tale" in (folder / "public" / "feed.json").read_text()
    assert "1 stories (1 articles)" in run("prune", cwd=folder).stdout
    assert "An old tale" not in (folder / "public" / "feed.json").read_text()
    changed(site)
    assert run_program("poll", "--force", cwd=folder).returncode == 0
    assert rows(folder, "SELECT count(*) FROM articles") == [(2,)]
    assert rows(folder, "SELECT count(*) FROM fetches WHERE bytes > 0") == [(4,)]
    assert "0 stories (0 articles)" in run("prune", cwd=folder).stdout


def test_a_pruned_entry_stays_away_when_more_is_kept_again(site: Web, folder: Path) -> None:
    keep(folder, "365d")
    assert run("prune", cwd=folder).returncode == 0
    config_for(folder, site.url("/a"), site.url("/b"))  # kept forever again
    changed(site)
    assert run_program("poll", "--force", cwd=folder).returncode == 0
    assert rows(folder, "SELECT count(*) FROM articles") == [(2,)]
    assert rows(folder, "SELECT count(*) FROM fetches WHERE bytes > 0") == [(4,)]


def test_the_daemon_prunes_by_itself(folder: Path) -> None:
    keep(folder, "365d")
    with subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run"], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as daemon:
        deadline = time.monotonic() + 20
        while rows(folder, "SELECT count(*) FROM articles") != [(2,)] and time.monotonic() < deadline:
            time.sleep(0.1)
        beside = run("prune", cwd=folder)
        daemon.terminate()
        _, log = daemon.communicate(timeout=30)
    assert rows(folder, "SELECT count(*) FROM articles") == [(2,)]
    assert "pruned 1 stories" in log
    assert (beside.returncode, len(beside.stderr.splitlines())) == (1, 1)
    assert "in use by another aggregator" in beside.stderr


def test_healthcheck_tells_well_from_ill(folder: Path) -> None:
    well = run("healthcheck", cwd=folder)
    assert (well.returncode, well.stderr) == (0, "")
    with contextlib.closing(sqlite3.connect(folder / "aggregator.db")) as db:
        db.execute("UPDATE feeds SET next_poll_at = '2026-01-01 00:00:00Z'")
        db.commit()
    (folder / "public" / "feed.atom").unlink()
    ill = run("healthcheck", "--json", cwd=folder)
    assert ill.returncode == 1
    assert [check["name"] for check in json.loads(ill.stdout) if not check["fine"]] == ["polls", "output"]


def test_healthcheck_finds_a_damaged_page(folder: Path) -> None:
    path = folder / "aggregator.db"
    path.write_bytes(path.read_bytes()[:-8192] + b"\xff" * 8192)
    done = run("healthcheck", "--deep", cwd=folder)
    assert done.returncode == 1
    assert "backup" in done.stdout + done.stderr


def test_without_a_database_all_say_so_in_a_line(tmp_path: Path) -> None:
    config_for(tmp_path, "http://127.0.0.1:1/")
    for command in (("search", "x"), ("examples",), ("backup", "b.db"), ("prune",), ("healthcheck",)):
        done = run(*command, cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), command
        assert "aggregator poll" in done.stderr
