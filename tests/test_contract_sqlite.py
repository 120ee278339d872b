"""The database as somebody finds it who has never heard of this program: with the real sqlite3, sqlite-utils, datasette.

Nothing of the program is imported here but what makes the file.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import pytest

from aggregator.store import schema
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run

# The promise, column by column; more may come, none may go.
PROMISED = {
    "feeds": "id url configured_url title home_page_url role state last_fetched_at last_changed_at next_poll_at failures "
    "last_error etag last_modified",
    "articles": "id feed_id story_id guid url title author summary content_html content_text removed_text categories "
    "enclosures language word_count similarity published_at updated_at first_seen_at",
    "stories": "id uid title url lead_article_id published_at updated_at first_seen_at copies",
    "fetches": "id feed_id fetched_at http_status bytes duration_ms new_articles changed_articles error",
    "schema_docs": "name field description",
    "articles_fts": "title content_text",
    "latest": "story_id published_at copies feed title also_in url updated_at uid summary",
    "duplicates": "copy_feed lag kept_feed similarity words_added words_dropped kept_title copy_title reason hours_later "
    "story_id copy_article_id kept_article_id copy_url kept_url removed_text",
    "feed_health": "feed_id title health state http_status failures articles copies copied_share days_silent last_error url",
}
SQLITE3 = shutil.which("sqlite3")
EXAMPLES = Path(__file__).parent.parent / "aggregator" / "store" / "sql" / "examples.sql"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file made by the demo: eight feeds over real HTTP, with copies among them."""
    folder = tmp_path_factory.mktemp("found")
    made = run("demo", "--once", "--directory", "demo", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "demo" / "aggregator.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection


def column(db: sqlite3.Connection, query: str) -> list[object]:
    return [row[0] for row in db.execute(query)]


def tables(db: sqlite3.Connection, kind: str = "table") -> list[str]:
    """The promised tables or views."""
    return [
        str(name)
        for name in column(db, f"SELECT name FROM pragma_table_list WHERE type = '{kind}' AND schema = 'main'")
        if not str(name).startswith(("_", "sqlite_"))
    ]


def program(*arguments: str | Path, give: str | None = None) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments], input=give, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- trust -----------------------------------------------------------------------------------------------------------


def test_it_is_sound(db: sqlite3.Connection) -> None:
    assert column(db, "PRAGMA integrity_check") == ["ok"]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert column(db, "PRAGMA application_id") == [0x41676772]
    assert column(db, "PRAGMA user_version") == [schema.USER_VERSION]
    assert column(db, "PRAGMA journal_mode") == ["wal"]
    assert column(db, "PRAGMA auto_vacuum") == [2]
    assert column(db, "PRAGMA encoding") == ["UTF-8"]


def test_every_table_is_strict(db: sqlite3.Connection) -> None:
    loose = column(
        db, "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"
    )
    assert loose == []


def test_everything_promised_is_there(db: sqlite3.Connection) -> None:
    for name, columns in PROMISED.items():
        assert set(columns.split()) <= set(column(db, f"SELECT name FROM pragma_table_info('{name}')")), name


def test_every_table_view_and_column_is_documented_and_nothing_else(db: sqlite3.Connection) -> None:
    there = set()
    for name in [*tables(db), *tables(db, "view"), "articles_fts"]:
        there |= {
            (name, None),
            *((name, field) for field in column(db, f"SELECT name FROM pragma_table_info('{name}')")),
        }
    assert set(db.execute("SELECT name, field FROM schema_docs")) == there
    assert column(db, "SELECT count(*) FROM schema_docs WHERE length(description) < 5 OR description IS NULL") == [0]


def test_rows_have_plain_numbers_and_no_blobs(db: sqlite3.Connection) -> None:
    for name in tables(db):
        info = db.execute(f"SELECT name, type, pk FROM pragma_table_info('{name}')").fetchall()
        if name != "schema_docs":
            assert ("id", "INTEGER", 1) in info, name
        assert {kind for _, kind, _ in info} <= {"INTEGER", "TEXT", "REAL"}, name


def test_names_need_no_quotes(db: sqlite3.Connection) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as scratch:
        for name in [*tables(db), *tables(db, "view")]:
            names = ", ".join(str(field) for field in column(db, f"SELECT name FROM pragma_table_info('{name}')"))
            scratch.execute(f"CREATE TABLE {name} ({names})")
            scratch.execute(f"SELECT {names} FROM {name}")


def test_nothing_is_null_where_it_was_promised(db: sqlite3.Connection) -> None:
    for name in ("articles", "stories"):
        required = column(db, f"SELECT name FROM pragma_table_info('{name}') WHERE \"notnull\"")
        assert {"title", "url", "published_at", "updated_at", "first_seen_at"} <= set(required)
    for name in ("articles", "stories", "latest"):
        assert column(
            db, f"SELECT count(*) FROM {name} WHERE title IS NULL OR url IS NULL OR published_at IS NULL"
        ) == [0]
    assert column(db, "SELECT count(*) FROM articles WHERE story_id IS NULL OR title = '' OR url = ''") == [0]
    unsure = "kept_title, copy_title, kept_feed, copy_feed, lag, similarity, reason, words_added, words_dropped"
    for name in unsure.split(", "):
        assert column(db, f"SELECT count(*) FROM duplicates WHERE {name} IS NULL") == [0], name


def test_times_sort_and_compare_with_now(db: sqlite3.Connection) -> None:
    looked_at = 0
    for name in tables(db):
        for field in column(db, f"SELECT name FROM pragma_table_info('{name}') WHERE name LIKE '%\\_at' ESCAPE '\\'"):
            for time_of in column(db, f"SELECT {field} FROM {name} WHERE {field} IS NOT NULL"):
                looked_at += 1
                assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", str(time_of)), f"{name}.{field}: {time_of}"
    assert looked_at > 100
    assert column(db, "SELECT count(*) FROM articles WHERE datetime(published_at) IS NULL") == [0]
    assert column(db, "SELECT count(*) FROM articles WHERE first_seen_at > datetime('now', '+1 second')") == [0]
    assert column(db, "SELECT count(*) > 0 FROM articles WHERE first_seen_at > datetime('now', '-1 hour')") == [1]
    assert column(db, "SELECT count(*) FROM articles WHERE published_at > first_seen_at") == [0]


def test_json_is_json(db: sqlite3.Connection) -> None:
    for field in ("categories", "enclosures"):
        query = f"SELECT count(*) FROM articles WHERE NOT json_valid({field}) OR json_type({field}) <> 'array'"
        assert column(db, query) == [0]


def test_every_reference_has_an_index(db: sqlite3.Connection) -> None:
    checked = 0
    for name in column(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%REFERENCES%'"):
        for field in column(db, f"SELECT \"from\" FROM pragma_foreign_key_list('{name}')"):
            plan = db.execute(f"EXPLAIN QUERY PLAN SELECT 1 FROM {name} WHERE {field} = 1").fetchone()[3]
            assert plan.startswith("SEARCH"), f"{name}.{field}: {plan}"
            checked += 1
    assert checked >= 6


def test_stories_and_articles_agree(db: sqlite3.Connection) -> None:
    wrong = "SELECT count(*) FROM stories WHERE copies <> (SELECT count(*) FROM articles WHERE story_id = stories.id)"
    assert column(db, wrong) == [0]
    apart = "SELECT count(*) FROM stories JOIN articles AS a ON a.id = lead_article_id WHERE a.story_id <> stories.id"
    assert column(db, apart) == [0]
    assert column(db, "SELECT count(*) FROM stories WHERE uid NOT GLOB '*:*'") == [0]


def test_all_is_safe_to_show(db: sqlite3.Connection) -> None:
    for (html,) in db.execute("SELECT content_html FROM articles"):
        assert not re.search(r"<\s*(script|iframe|object|style|form)|\son\w+\s*=|javascript:", html, re.IGNORECASE)
        assert all(re.match(r"(https?|mailto):", link) for link in re.findall(r'(?:href|src)="([^"]*)"', html))
    for name in ("title", "summary", "content_text", "removed_text", "author", "url"):
        for text in column(db, f"SELECT {name} FROM articles WHERE {name} IS NOT NULL"):
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", str(text))


def test_passwords_stay_out(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(
        tmp_path,
        web.url("/f").replace("http://", "http://user:hush-a-secret@"),
        "{url: " + web.url("/none") + ", headers: {Authorization: 'Bearer hush-a-secret'}}",
    )
    assert run("poll", cwd=tmp_path).returncode == 0
    for file in tmp_path.glob("aggregator.db*"):
        assert b"hush-a-secret" not in file.read_bytes()
    assert (tmp_path / "aggregator.db").stat().st_mode & 0o002 == 0


# --- use: sqlite3 ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(SQLITE3 is None, reason="there is no sqlite3 program")
class TestSqlite3:
    def ask(self, path: Path, query: str, *options: str) -> str:
        assert SQLITE3 is not None
        return program(SQLITE3, "-readonly", *options, path, query)

    def test_all_examples_run_as_they_ship(self, path: Path) -> None:
        assert SQLITE3 is not None
        shown = program(SQLITE3, "-readonly", "-bail", "-box", path, give=EXAMPLES.read_text(encoding="utf-8"))
        assert "copy_feed" in shown

    def test_the_schema_explains_itself(self, path: Path) -> None:
        schema = self.ask(path, ".schema articles")
        assert "-- what cleaning took out" in schema

    def test_the_views_read_well_in_a_terminal(self, path: Path) -> None:
        copies = self.ask(path, "SELECT * FROM duplicates LIMIT 3", "-column", "-header").splitlines()
        assert copies[0].split()[:6] == ["copy_feed", "lag", "kept_feed", "similarity", "words_added", "words_dropped"]
        assert "later" in copies[2]
        latest = self.ask(path, "SELECT * FROM latest LIMIT 3", "-column", "-header").splitlines()
        assert latest[0].split()[:5] == ["story_id", "published_at", "copies", "feed", "title"]
        health = self.ask(path, "SELECT * FROM feed_health", "-column", "-header").splitlines()
        assert health[0].split()[:3] == ["feed_id", "title", "health"]
        assert all("fine" in line for line in health[2:])

    def test_a_dump_is_the_whole(self, path: Path, tmp_path: Path) -> None:
        assert SQLITE3 is not None
        again = tmp_path / "again.db"
        program(SQLITE3, again, give=self.ask(path, ".dump"))
        for query in ("SELECT count(*) FROM latest", "PRAGMA integrity_check"):
            assert self.ask(again, query) == self.ask(path, query)
        assert self.ask(again, "SELECT count(*) FROM articles_fts WHERE articles_fts MATCH 'flood'").strip() != "0"

    def test_a_spreadsheet_gets_its_csv(self, path: Path) -> None:
        lines = self.ask(path, "SELECT copy_feed, lag, kept_title FROM duplicates", "-csv", "-header").splitlines()
        assert lines[0] == "copy_feed,lag,kept_title"
        assert len(lines) == 1 + int(self.ask(path, "SELECT count(*) FROM duplicates"))


# --- use: sqlite-utils and datasette ---------------------------------------------------------------------------------


def test_sqlite_utils_finds_the_full_text_index(path: Path) -> None:
    tool = (sys.executable, "-m", "sqlite_utils")
    found = json.loads(program(*tool, "search", path, "articles", "flood", "-c", "title", "--limit", "1"))
    assert "flood" in found[0]["title"].casefold()
    assert {row["table"] for row in json.loads(program(*tool, "tables", path))} >= {"articles", "stories", "feeds"}
    assert "health" in json.loads(program(*tool, path, "SELECT * FROM feed_health"))[0]


@pytest.fixture(scope="module")
def metadata(path: Path) -> Path:
    file = path.with_name("metadata.yaml")
    file.write_text(run("examples", "--metadata", cwd=path.parent).stdout, encoding="utf-8")
    assert file.read_bytes() == EXAMPLES.with_name("metadata.yaml").read_bytes()
    return file


def datasette(path: Path, metadata: Path, *pages: str, immutable: bool = False) -> list[str]:
    """What pages of datasette show; one process for all of them, as starting it takes a second."""
    script = textwrap.dedent("""
        import asyncio, sys
        from datasette.app import Datasette
        from datasette.utils import parse_metadata
        async def main(file, metadata, immutable, *pages):
            which = {"immutables": [file]} if immutable == "-i" else {"files": [file]}
            site = Datasette(**{"files": [], **which}, metadata=parse_metadata(open(metadata).read()))
            for page in pages:
                answer = await site.client.get(page)
                print(answer.status_code, answer.text.replace("\\n", " "))
        asyncio.run(main(*sys.argv[1:]))
    """)
    shown = program(sys.executable, "-c", script, path, metadata, "-i" if immutable else "", *pages)
    return shown.splitlines()


def test_datasette_is_pleasant(path: Path, metadata: Path, db: sqlite3.Connection) -> None:
    names = column(db, "SELECT name FROM examples")
    home, articles, found, views, *canned = datasette(
        path, metadata, "/aggregator", "/aggregator/articles",
        "/aggregator/articles.json?_search=flood&_shape=array", "/aggregator/duplicates.json?_facet=copy_feed&_size=1",
        *(f"/aggregator/{name}.json?_shape=array" for name in names),
    )  # fmt: skip
    assert home.startswith("200")
    assert "Who republishes whom" in home
    assert "Start with latest" in home
    assert articles.startswith("200")
    assert "Every article of every feed" in articles
    assert 'type="search"' in articles  # the full-text index is recognised
    assert "flood" in found.casefold()
    facets = json.loads(views.removeprefix("200 "))["facet_results"]
    assert facets["copy_feed"]["results"][0]["count"] >= 1
    assert len(canned) == len(names) >= 20
    for name, answer in zip(names, canned, strict=True):
        assert answer.startswith("200 ["), f"{name}: {answer[:200]}"


def test_the_datasette_program_opens_it(path: Path, metadata: Path) -> None:
    page = f"/aggregator.json?sql={quote('select count(*) as n from latest')}&_shape=array"
    shown = program(sys.executable, "-m", "datasette", path, "-m", metadata, "--get", page)
    assert json.loads(shown)[0]["n"] > 50


# --- live ------------------------------------------------------------------------------------------------------------

_READER = textwrap.dedent("""
    import sqlite3, sys, time
    path, mode, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    kept = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0)
    for turn in range(count):
        if mode == "kept":
            kept.execute("SELECT * FROM latest LIMIT 20").fetchall()
        else:  # opened anew each time, also as somebody does who could write
            name = f"file:{path}?mode=ro" if mode == "ro" else f"file:{path}"
            db = sqlite3.connect(name, uri=True, timeout=0)
            db.execute("SELECT * FROM duplicates LIMIT 20").fetchall()
            db.execute("SELECT rowid FROM articles_fts WHERE articles_fts MATCH 'news' LIMIT 5").fetchall()
            db.close()
        time.sleep(0.01)
    print("fine")
""")


def test_a_thousand_reads_while_the_daemon_commits_are_all_answered(web: Web, tmp_path: Path) -> None:
    number = itertools.count()

    def news(handler: BaseHTTPRequestHandler) -> None:
        body = rss(*(Post(f"News {next(number)}", f"<p>Number {next(number)} of the news.</p>") for _ in range(2)))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    feeds = [web.url(f"/{n}") for n in range(12)]
    web.pages.update({f"/{n}": news for n in range(12)})
    config_for(tmp_path, *feeds, more="defaults: {interval: 1s, jitter: 0}\n")
    path = tmp_path / "aggregator.db"
    with subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"AGGREGATOR_FETCH__PER_HOST": "12"},
    ) as daemon:
        try:
            deadline = time.monotonic() + 30
            while not _polls(path) and time.monotonic() < deadline:
                time.sleep(0.1)
            before = _polls(path)
            readers = [
                subprocess.Popen([sys.executable, "-c", _READER, path, mode, "334"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for mode in ("kept", "rw", "rw")
            ]  # fmt: skip
            answers = [reader.communicate(timeout=60) for reader in readers]
            after = _polls(path)
            log = Path(f"{path}-wal").stat().st_size
        finally:
            daemon.terminate()
            daemon.communicate(timeout=30)
    assert [(said.strip(), wrong) for said, wrong in answers] == [("fine", "")] * 3
    assert after - before >= 12
    assert log < 32 * 2**20
    assert daemon.returncode == 0


def _polls(path: Path) -> int:
    if not path.exists():
        return 0
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path, timeout=0)) as db:
        return int(db.execute("SELECT count(*) FROM fetches").fetchone()[0])
    return 0
