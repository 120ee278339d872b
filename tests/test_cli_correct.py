"""split, merge, pin, dupes, replay and explain through the real executable."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from aggregator.store import open_writer
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run
from tests.test_dedupe import BEES, MOLE, OWN


def html(title: str) -> str:
    return "".join(f"<p>{part}</p>" for part in OWN[title].split("\n\n"))


@pytest.fixture
def polled(web: Web, tmp_path: Path) -> Path:
    """A folder with three articles: 1 and its copy 2, and 3."""
    edited = html(MOLE).replace("voted on Monday", "decided")
    web.pages["/a"] = Answer(rss(Post(MOLE, html(MOLE), "http://a.example/1"), title="A"))
    web.pages["/b"] = Answer(
        rss(Post("Mole to be mended", edited, "http://b.example/2", date="Mon, 23 Nov 2026 09:00:00 GMT"), title="B")
    )
    web.pages["/c"] = Answer(rss(Post(BEES, html(BEES), "http://c.example/3"), title="C"))
    config_for(tmp_path, *(web.url(path) for path in ("/a", "/b", "/c")))
    for path in ("/a", "/b", "/c"):
        assert run("poll", "--force", web.url(path), cwd=tmp_path).returncode == 0
    return tmp_path


def copies(folder: Path) -> list[tuple[int, int]]:
    with sqlite3.connect(folder / "aggregator.db") as db:
        return db.execute("SELECT copy_article_id, kept_article_id FROM duplicates ORDER BY 1").fetchall()


def test_judge_and_take_back(polled: Path) -> None:
    assert copies(polled) == [(2, 1)]
    shown = json.loads(run("dupes", "--json", cwd=polled).stdout)
    assert [(row["copy_title"], row["kept_title"]) for row in shown] == [("Mole to be mended", MOLE)]
    assert "alone" in run("split", "2", cwd=polled).stdout
    assert copies(polled) == []
    assert "A person said that it is no copy" in run("explain", "2", cwd=polled).stdout
    assert "0 texts cleaned" in run("replay", cwd=polled).stdout
    assert copies(polled) == []
    assert run("split", "--undo", "2", cwd=polled).returncode == 0
    assert copies(polled) == [(2, 1)]
    assert run("pin", "http://b.example/2", cwd=polled).returncode == 0
    assert copies(polled) == [(1, 2)]
    assert run("pin", "--undo", "2", cwd=polled).returncode == 0
    assert run("merge", "1", "3", cwd=polled).returncode == 0
    assert len(copies(polled)) == 2
    assert run("merge", "--undo", "3", "1", cwd=polled).returncode == 0
    assert copies(polled) == [(2, 1)]
    again = run("merge", "--undo", "3", "1", cwd=polled)
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
    assert run("split", "no such", cwd=polled).returncode == 1


def test_explain_shows_the_difference_and_why_not(polled: Path) -> None:
    told = run("explain", "2", cwd=polled).stdout
    assert "changed: “voted on Monday” became “decided”" in told
    assert "leads because" in told
    found = json.loads(run("explain", "--json", "3", "1", cwd=polled).stdout)
    assert found["comparison"]["kind"] == "alone"
    assert found["comparison"]["reason"].startswith("not a copy")


def test_a_dry_run_says_what_would_change_and_changes_nothing(polled: Path) -> None:
    done = run("replay", "--dry-run", "--threshold", "1", cwd=polled)
    assert "2 “Mole to be mended” (B) would part from 1" in done.stdout
    assert "3 articles: 2 stories would become 3" in done.stdout
    assert copies(polled) == [(2, 1)]
    assert json.loads(run("replay", "--dry-run", "--json", cwd=polled).stdout)["changes"] == []
    assert run("replay", "--threshold", "1", cwd=polled).returncode == 2


def test_a_correction_beside_a_running_daemon_waits_for_it(polled: Path) -> None:
    with open_writer(polled / "aggregator.db"):
        done = run("split", "2", cwd=polled)
        assert (done.returncode, "next tick" in done.stdout) == (0, True)
    with sqlite3.connect(polled / "aggregator.db") as db:
        assert db.execute("SELECT kind, article_id, undo FROM _requests").fetchall() == [("apart", 2, 0)]
