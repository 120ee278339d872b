"""The recipes of docs/analysts.md that need heavy programs: `pip install -e '.[dev,analyst]'`, `pytest -m analyst`."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.store import open_writer

pytestmark = pytest.mark.analyst
PAGE = (Path(__file__).parent.parent / "docs" / "analysts.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_writer(tmp_path / "aggregator.db") as db:
        db.executescript("""
            INSERT INTO feeds (id, url, configured_url, title, next_poll_at)
            VALUES (1, 'http://a.example/', 'http://a.example/', 'A', '2026-01-01 00:00:00Z');
            BEGIN; PRAGMA defer_foreign_keys = ON;
            INSERT INTO articles (id, feed_id, story_id, guid, url, title, summary, content_html, content_text,
                removed_text, categories, enclosures, word_count, similarity, published_at, updated_at, first_seen_at)
            VALUES (1, 1, 1, 'x', 'http://a.example/1', 'One', '', '', 'Some words', '', '[]', '[]', 2, 1.0,
                '2026-02-03 04:05:06Z', '2026-02-03 04:05:06Z', '2026-02-03 04:05:06Z');
            INSERT INTO stories (id, uid, title, url, lead_article_id, published_at, updated_at, first_seen_at)
            VALUES (1, 'x:1', 'One', 'http://a.example/1', 1, '2026-02-03 04:05:06Z', '2026-02-03 04:05:06Z',
                '2026-02-03 04:05:06Z');
            COMMIT;
        """)
    return tmp_path


def test_pandas(folder: Path) -> None:
    pytest.importorskip("pandas")
    [recipe] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    script = recipe + "assert str(articles.published_at.dt.tz) == 'UTC'\nassert articles.word_count.sum() == 2\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2026-02-03" in done.stdout


def test_duckdb(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    [recipe] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    install, load, *queries = (part.strip() for part in recipe.split(";"))
    with contextlib.closing(duckdb.connect()) as db:
        try:
            db.execute(f"{install}; {load}")
        except duckdb.Error as error:
            pytest.skip(f"its sqlite extension can't be had here: {str(error)[:80]}")
        for query in filter(None, queries):
            db.execute(query.replace("'aggregator.db'", f"'{folder}/aggregator.db'"))
        assert db.execute("SELECT title, health FROM news.feed_health").fetchall() == [("A", "new")]
        assert db.execute("SELECT title FROM news.latest").fetchall() == [("One",)]
