"""No statement of a poll, of publishing or of upkeep reads the whole of a table that grows with what is stored."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.app import Aggregator
from aggregator.engine import Here
from aggregator.store import open_writer
from tests.conftest import NOW, Answer, Post, Web, config_for, rss
from tests.data.dedupe import corpus
from tests.data.dedupe.evaluate import digested, placed

_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b")
_GROWING = re.compile(
    r"(?:SCAN|MATERIALIZE) (articles|stories|fetches|_fingerprints|_sources|_edges|_verdicts|_leads|"
    r"_boilerplate|_entries|_archive|_tags|_tombstones)\b(?!_)"
)
# What ends at the first row, or goes by an index of what waits only.
_SHORT = re.compile(r" LIMIT \?$|EXISTS \(SELECT \? FROM stories\)|_entries_waiting")


class Statements:
    """What every connection executes: one statement of each shape."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_shape: dict[str, str] = {}
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect

        def traced(*values: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*values, **options)
            connection.set_trace_callback(self.see)
            return connection

        monkeypatch.setattr(sqlite3, "connect", traced)

    def see(self, sql: str) -> None:
        self.by_shape.setdefault(_LITERAL.sub("?", sql), sql)

    def flaws(self, file: Path) -> list[str]:
        """The statements that read a whole table, and which."""
        connection, found = sqlite3.connect(file), []
        for shape, sql in list(self.by_shape.items()):
            if not sql.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
                continue
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall():
                if _GROWING.match(row[3]) and not _SHORT.search(row[3] + shape):
                    found.append(f"{row[3]}: {shape[:300]}")
        connection.close()
        return sorted(found)


def test_placing_articles_reads_no_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = corpus.build(5, 400)
    ready, file = digested(items), tmp_path / "x.db"
    with open_writer(file):
        pass  # what making and migrating the file reads is no matter
    statements = Statements(monkeypatch)
    placed(items, ready, file)
    assert len(statements.by_shape) > 50
    # What the corpus itself asks for, to score.
    assert [flaw for flaw in statements.flaws(file) if "lead_article_id = articles.id" not in flaw] == []


def test_polling_publishing_and_upkeep_read_no_whole_table(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(tmp_path, f"{{url: {web.url('/a')}}}", f"{{url: {web.url('/b')}}}")
    with open_writer(config.database):
        pass

    async def work() -> None:
        for hour in range(3):
            for path in ("/a", "/b"):
                posts = [
                    Post(f"Post {n}", f"<p>Word for word {n} of it.</p>", f"http://{path[1]}.example/{n}")
                    for n in range(hour + 3)
                ]
                web.pages[path] = Answer(rss(*posts))
            async with Aggregator(config, Here(), lambda hour=hour: NOW + timedelta(hours=hour)) as aggregator:  # type: ignore[misc]
                await aggregator.poll(await aggregator.due(force=True))
                await aggregator.publish()
                await aggregator.upkeep()

    statements = Statements(monkeypatch)
    asyncio.run(work())
    assert len(statements.by_shape) > 80
    assert statements.flaws(config.database) == []
