"""The database: who may open it, what is refused, migrations, retention, the WAL, searching."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from aggregator.clean import Site
from aggregator.config import Dedupe
from aggregator.digest import Item, digest_entry
from aggregator.errors import StoreError
from aggregator.model import Entry, Subscription, Text
from aggregator.packing import packed
from aggregator.store import (
    Read,
    Store,
    checks,
    copy,
    metadata,
    open_reader,
    open_writer,
    schema,
    to_match,
    unspaced,
    wal,
)
from aggregator.store import examples as shipped
from aggregator.store.times import from_text, to_text
from aggregator.stories import Editor
from tests.conftest import NOW

FEED = Subscription("https://a.example/feed", title="A")


def item(name: str, text: str = "", title: str = "", at: datetime | None = NOW) -> Item:
    url = f"https://a.example/{name}"
    entry = Entry(url, url, Text(title or f"Title of {name}"), content=Text(f"<p>{text or name}</p>"), published=at)
    return Item(digest_entry(entry, Site(FEED.url)), name.encode(), packed(entry))


def put(store: Store, *items: Item, now: datetime = NOW, feed: int = 1) -> list[int]:
    """Stores items as a poll would."""
    editor = Editor(store, Dedupe(), {1: FEED})
    with store.batch():
        taken = editor.take(feed, store.retention.wanted(feed, items, None), (), now)
    return [saved.article for saved in taken]


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_writer(path) as connection:
        made = Store(connection)
        with made.transaction():
            made.feeds.sync([FEED], NOW)
        yield made


def made(path: Path) -> None:
    with open_writer(path) as connection:
        store = Store(connection)
        with store.transaction():
            store.feeds.sync([FEED], NOW)
        put(store, item("one", "Water rises in the harbour.", "Flood"))


# --- opening ---------------------------------------------------------------------------------------------------------


def test_one_writer_many_readers(path: Path) -> None:
    with open_writer(path), open_reader(path) as reader:
        assert reader.execute("SELECT count(*) FROM articles").fetchone()[0] == 0
        with pytest.raises(StoreError, match="in use by another aggregator"), open_writer(path):
            pass
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM articles")


def test_a_second_opening_writes_nothing(path: Path) -> None:
    made(path)
    before = path.read_bytes()
    with open_writer(path):
        assert Path(f"{path}-wal").stat().st_size == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(b"no database at all " * 100), "is damaged or no SQLite file"),
        (lambda p: p.write_bytes(p.read_bytes()[:20_000]), "is damaged or no SQLite file"),
        (lambda p: p.write_bytes(p.read_bytes()[:8192] + b"\xff" * 4096 + p.read_bytes()[12288:]), "is damaged"),
        (lambda p: _sql(p, "PRAGMA user_version = 99"), "newer aggregator (schema 99"),
        (lambda p: _sql(p, "PRAGMA application_id = 7"), "another program"),
    ],
    ids=["text", "cut off", "a page overwritten", "newer", "foreign"],
)
def test_a_file_that_is_not_for_us_is_refused_and_left_alone(
    path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    made(path)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught, open_writer(path):
        pass
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    if "damaged" in message:
        assert "backup" in str(caught.value)
        assert ".recover" in str(caught.value)


def _sql(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


def test_another_programs_database_without_an_application_id_is_refused(path: Path) -> None:
    _sql(path, "CREATE TABLE theirs (x)")
    for door in (open_writer, open_reader):
        with pytest.raises(StoreError, match="another program"), door(path):
            pass


def test_a_missing_file_says_what_makes_one(path: Path) -> None:
    with pytest.raises(StoreError, match="aggregator poll"), open_reader(path):
        pass
    assert not path.exists()


def test_an_old_sqlite_is_one_clear_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreError, match=r"SQLite 3\.37 or newer is needed"), open_writer(path):
        pass


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "what?.db", "a#b.db", "ä.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    made(tmp_path / name)
    with open_reader(tmp_path / name) as reader:
        assert len(Read(reader).latest(5)) == 1
    assert [p.name for p in tmp_path.glob("*.db")] == [name]


def test_after_a_clean_end_the_log_is_empty_and_still_there(path: Path) -> None:
    made(path)
    assert Path(f"{path}-wal").stat().st_size == 0
    assert Path(f"{path}-shm").exists()


# --- migrations ------------------------------------------------------------------------------------------------------


RELEASED = len(schema.STEPS)  # the version this program has


def coloured(db: Database) -> None:
    db.execute("ALTER TABLE feeds ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'")
    db.execute("UPDATE feeds SET colour = 'blue'")


def broken(db: Database) -> None:
    coloured(db)
    raise sqlite3.OperationalError("disk is full")


def orphaning(db: Database) -> None:
    db.execute("DELETE FROM feeds")


def upgrade(monkeypatch: pytest.MonkeyPatch, *steps: schema.Step) -> None:
    """Makes this program one that knows more versions."""
    every = (*schema.STEPS, *steps)
    monkeypatch.setattr(schema, "USER_VERSION", len(every))
    monkeypatch.setattr(schema.migrate, "__defaults__", (every,))


def test_a_migration_keeps_the_data_and_leaves_a_copy_of_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path)
    with monkeypatch.context() as patch:
        upgrade(patch, coloured)
        with pytest.raises(StoreError, match="older aggregator"), open_reader(path):
            pass
        for _ in range(2):
            with open_writer(path) as db:
                assert db.execute("SELECT title, colour FROM feeds").fetchall()[0][:] == ("A", "blue")
                assert db.execute("PRAGMA user_version").fetchone()[0] == RELEASED + 1
                assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1
                assert Read(db).search(to_match("harbour"), 5)[0]["title"] == "Flood"
    with pytest.raises(StoreError, match="newer aggregator"), open_reader(path):
        pass
    with open_writer(path.with_name(f"aggregator.db.v{RELEASED}.backup")) as old:
        assert len(Read(old).latest(5)) == 1


@pytest.mark.parametrize("step", [broken, orphaning])
def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch, step: schema.Step) -> None:
    made(path)
    with monkeypatch.context() as patch:
        upgrade(patch, coloured, step)
        with pytest.raises(StoreError), open_writer(path):
            pass
        with contextlib.closing(sqlite3.connect(path)) as db:  # the first of the two stays, the second is undone
            assert db.execute("PRAGMA user_version").fetchone() == (RELEASED + 1,)
            assert db.execute("SELECT colour FROM feeds").fetchall() == [("blue",)]
            taken = [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
            assert taken == [*(each.__name__ for each in schema.STEPS), "coloured"]
        upgrade(patch, coloured)
        with open_writer(path) as db:
            assert len(Read(db).latest(5)) == 1


def test_no_migration_without_room_for_the_copy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path)
    upgrade(monkeypatch, coloured)
    path.with_name(f"aggregator.db.v{RELEASED}.backup").mkdir()
    with pytest.raises(StoreError, match=r"can't write .*v\d\.backup"), open_writer(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (RELEASED,)


def test_a_file_killed_in_its_first_moments_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema.migrate, "__defaults__", ((broken,),))
        with pytest.raises(StoreError), open_writer(path):
            pass
    made(path)
    with open_reader(path) as db:
        assert len(Read(db).latest(5)) == 1


# --- batches ---------------------------------------------------------------------------------------------------------


def words(store: Store, word: str) -> list[int]:
    found = store.connection.execute("SELECT rowid FROM articles_fts WHERE articles_fts MATCH ? ORDER BY 1", (word,))
    return [row[0] for row in found]


def sound(store: Store) -> bool:
    store.connection.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
    return True


def test_in_a_batch_what_is_new_may_change_again_or_go(store: Store) -> None:
    [one] = put(store, item("one", "Water rises in the harbour."))
    editor = Editor(store, Dedupe(), {1: FEED})
    with store.batch():
        document = [item("one", "Water falls."), item("two", "Bees swarm."), item("three", "Trams halt.")]
        _, two, three = (saved.article for saved in editor.take(1, document, (), NOW))
        editor.take(1, [item("two", "Bees sleep.")], (), NOW)
        store.connection.execute("PRAGMA defer_foreign_keys = ON")
        store.connection.execute("DELETE FROM articles WHERE id = ?", (three,))
        store.connection.execute("DELETE FROM stories WHERE lead_article_id = ?", (three,))
        assert words(store, "falls") == [one]  # what was there before is indexed at once
        assert words(store, "sleep") == []
    assert sound(store)
    assert [words(store, word) for word in ("harbour", "falls", "swarm", "sleep", "halt")] == [[], [one], [], [two], []]


def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    spoiled = item("two", "Bees swarm.")
    spoiled = spoiled._replace(article=spoiled.article._replace(word_count=2**70))
    with pytest.raises(OverflowError):
        put(store, item("one", "Water rises in the harbour."), spoiled)
    assert words(store, "harbour") == []
    assert store.connection.execute("SELECT count(*) FROM _batch").fetchone()[0] == 0
    put(store, item("one", "Water rises in the harbour."))
    assert len(words(store, "harbour")) == 1


def test_outside_a_batch_each_change_is_indexed_at_once(store: Store) -> None:
    [one] = put(store, item("one", "Water rises in the harbour."))
    store.connection.execute("UPDATE articles SET content_text = 'Bees swarm.' WHERE id = ?", (one,))
    assert (words(store, "harbour"), words(store, "swarm")) == ([], [one])
    assert sound(store)


# --- retention -------------------------------------------------------------------------------------------------------


def aged(days: int) -> datetime:
    return NOW - timedelta(days=days)


def test_a_pruned_story_is_gone_wholly_and_does_not_come_back(store: Store) -> None:
    old, young = item("old", at=aged(40)), item("young", at=aged(2))
    put(store, old, young, now=aged(1))
    with store.transaction():
        assert store.retention.prune(aged(30), NOW) == (1, 1)
        assert store.retention.prune(aged(30), NOW) == (0, 0)
    again = item("old", at=aged(40), text="edited since")
    other_id = again._replace(article=again.article._replace(guid="id-17", published=None, fingerprint=()), hash=b"x")
    assert put(store, old, again, other_id) == []
    assert [row["title"] for row in Read(store.connection).latest(9)] == ["Title of young"]
    assert Read(store.connection).search('"old"', 9) == []
    for table in ("_sources", "_waiting", "_fingerprints", "_verdicts"):
        (orphans,) = store.connection.execute(
            f"SELECT count(*) FROM {table} WHERE article_id NOT IN (SELECT id FROM articles)"
        ).fetchone()
        assert orphans == 0
    assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_story_stays_while_one_of_its_articles_is_young(store: Store) -> None:
    text = "The board agreed on Monday to rebuild the northern mole before the winter storms arrive in the harbour."
    put(store, item("origin", text, at=aged(40)))
    with store.transaction():
        store.feeds.sync([FEED, Subscription("https://b.example/feed")], NOW)
    put(store, item("copy", text, at=aged(3)), feed=2)
    assert store.connection.execute("SELECT copies FROM stories").fetchall()[0][0] == 2
    with store.transaction():
        assert store.retention.prune(aged(30), NOW) == (0, 0)


def test_what_would_be_pruned_at_once_is_not_stored(store: Store) -> None:
    items = [item("old", at=aged(40)), item("young", at=aged(2)), item("dateless", at=None)]
    kept = store.retention.wanted(1, items, aged(30))
    assert [each.article.title for each in kept] == ["Title of young", "Title of dateless"]
    put(store, items[0])
    assert len(store.retention.wanted(1, items, aged(30))) == 3  # a stored one may still be revised


def test_polls_are_pruned_but_not_a_feeds_last(store: Store) -> None:
    def poll(feed: int, days: int) -> None:
        store.connection.execute(
            "INSERT INTO fetches (feed_id, fetched_at, bytes, duration_ms, new_articles, changed_articles) "
            "VALUES (?, ?, 0, 0, 0, 0)",
            (feed, to_text(aged(days))),
        )

    with store.transaction():
        store.feeds.sync([FEED, Subscription("https://b.example/feed")], NOW)
        for days in (90, 60, 40, 10, 1):
            poll(1, days)
        poll(2, 80)
        poll(2, 50)
    assert store.retention.expired(None, aged(30)).polls == 4
    with store.transaction():
        assert store.retention.prune_polls(aged(30)) == 4
    left = store.connection.execute("SELECT feed_id, count(*) FROM fetches GROUP BY feed_id").fetchall()
    assert [tuple(row) for row in left] == [(1, 2), (2, 1)]


def test_the_file_shrinks_in_small_steps(store: Store, path: Path) -> None:
    text = "word " * 3000
    put(store, *(item(f"n{number}", text + str(number), at=aged(40)) for number in range(200)), now=aged(39))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    while True:
        with store.transaction():
            if store.retention.prune(aged(30), NOW) == (0, 0):
                break
    steps = []
    while step := store.retention.shrink():
        steps.append(step)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert max(steps) <= 500
    assert len(steps) > 1
    assert path.stat().st_size < before / 2


# --- reading while it is written -------------------------------------------------------------------------------------


def test_the_log_stays_small_with_a_reader_that_reopens_at_once(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "SMALL", 2**20)
    monkeypatch.setattr(wal, "LARGE", 2 * 2**20)
    reader = textwrap.dedent("""
        import sqlite3, sys
        handles = [sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None) for _ in range(2)]
        print("ready", flush=True)
        turn = 0
        while True:  # one transaction begins before the other ends
            handles[turn % 2].execute("BEGIN")
            handles[turn % 2].execute("SELECT count(*), max(length(content_text)) FROM articles").fetchone()
            if turn:
                handles[(turn + 1) % 2].execute("COMMIT")
            turn += 1
    """)
    with subprocess.Popen([sys.executable, "-c", reader, str(path)], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            largest = 0
            for number in range(60):
                put(store, item(f"n{number}", f"{number} " * 20_000))
                largest = max(largest, Path(f"{path}-wal").stat().st_size)
        finally:
            other.kill()
    assert largest < 8 * 2**20


def test_a_copy_made_while_it_is_written_is_whole(store: Store, path: Path, tmp_path: Path) -> None:
    put(store, item("one"))
    target = tmp_path / "copy.db"
    with store.transaction():
        store.connection.execute("UPDATE feeds SET title = 'not committed'")
        with open_reader(path) as reader:
            copy(reader, target)
    with contextlib.closing(sqlite3.connect(target)) as made:
        assert made.execute("SELECT title FROM feeds").fetchall() == [("A",)]
        assert made.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert made.execute("PRAGMA user_version").fetchone() == (schema.USER_VERSION,)
        assert made.execute("PRAGMA journal_mode").fetchone() == ("delete",)  # readable in any folder
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_who_may_not_write_in_the_folder_can_read(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    path = tmp_path / "aggregator.db"
    made(path)
    assert _as_nobody(path) == 1
    with open_writer(path) as connection:
        store = Store(connection)
        put(store, item("two"))
        assert _as_nobody(path) == 2  # while the daemon runs, with the log not empty
    assert _as_nobody(path) == 2


def _as_nobody(path: Path) -> int:
    """The number of articles, asked by a user who owns nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0)) as db:
                os.write(writing, str(db.execute("SELECT count(*) FROM articles").fetchone()[0]).encode())
            code = 0
        except BaseException as error:  # noqa: BLE001
            os.write(writing, repr(error).encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    assert answer.isdigit(), answer
    return int(answer)


# --- searching -------------------------------------------------------------------------------------------------------


def found(store: Store, words: str, **more: bool) -> list[str]:
    return [row["title"] for row in Read(store.connection).search(to_match(words), 20, **more)]


def test_a_word_in_the_title_counts_more_than_in_the_text(store: Store) -> None:
    put(
        store,
        item("a", "The harbour, the harbour and again the harbour; the harbour lies deep. " * 3, "Long night"),
        item(
            "b", "Nothing to see for those who came by boat on this long and quiet night. " * 3, "The harbour is quiet"
        ),
    )
    assert found(store, "harbour") == ["The harbour is quiet", "Long night"]


@pytest.mark.parametrize(
    ("text", "query"),
    [("Łódź and Kraków", "krakow"), ("Übergänge in Zürich", "zurich"), ("crème brûlée", "CREME"), ("Hà Nội", "ha noi"),
     ("naïve façade", "façade naive"), ("Ελλάδα", "ελλάδα"), ("Ёлка", "ёлка")],
)  # fmt: skip
def test_accents_and_capitals_make_no_difference(store: Store, text: str, query: str) -> None:
    put(store, item("a", text, "One"), item("b", "something else", "Two"))
    assert found(store, query) == ["One"]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("flood warning", {"A", "B"}),
        ('"flood warning"', {"A"}),
        ("warn*", {"A", "B", "C"}),
        ("flood OR storm", {"A", "B", "C"}),
        ("warning NOT flood", {"C"}),
        ("warning -flood", {"C"}),
        ("title:A", {"A"}),
        ("flood-warning", {"A"}),
        ("NOT flood", {"A", "B"}),
        ("flood AND", {"A", "B"}),
        ("flood & warning", {"A", "B"}),
        ("warning; DROP", set()),
        ('"', set()),
    ],
)
def test_queries_as_people_type_them(store: Store, query: str, titles: set[str]) -> None:
    put(store, item("1", "A flood warning was given.", "A"), item("2", "Warning of a flood.", "B"),
        item("3", "A storm warning.", "C"))  # fmt: skip
    assert set(found(store, query) if to_match(query) else ()) == titles


@given(st.text(alphabet=st.sampled_from("ab\"*-:()^+{}.,\\/ \0\n'ANDORT") | st.characters(), max_size=40))
def test_no_query_is_a_syntax_error(text: str) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5(title, content_text)")
        if match := to_match(text.encode("utf-8", "ignore").decode()):
            db.execute("SELECT * FROM t WHERE t MATCH ?", (match,)).fetchall()


@pytest.mark.parametrize("query", ["北京", "洪水 北京", '"北京"', "警報"])
def test_scripts_without_spaces_are_searched_by_letters(store: Store, query: str) -> None:
    put(store, item("a", "昨日、北京で洪水警報が出された。", "大雨"), item("b", "東京は晴れ。", "天気"))
    rows = Read(store.connection).search_letters(unspaced(query), 5)
    assert [row["title"] for row in rows] == ["大雨"]
    assert unspaced("plain words, žluťoučký") == ()


def test_a_search_shows_each_story_once_unless_copies_are_asked_for(store: Store) -> None:
    text = "The board agreed on Monday to rebuild the northern mole before the winter storms arrive in the harbour."
    with store.transaction():
        store.feeds.sync([FEED, Subscription("https://b.example/feed")], NOW)
    put(store, item("origin", text))
    put(store, item("copy", text), feed=2)
    assert len(found(store, "mole")) == 1
    assert len(found(store, "mole", copies=True)) == 2


# --- what ships ------------------------------------------------------------------------------------------------------


def test_all_of_examples_sql_is_read() -> None:
    found = shipped.load()
    assert len(found) >= 20
    assert len(found) == shipped.text("examples.sql").count(";\n")
    assert len({example.name for example in found}) == len(found)


def test_the_shipped_metadata_is_up_to_date() -> None:
    assert shipped.text("metadata.yaml") == metadata(), (
        "aggregator examples --metadata > aggregator/store/sql/metadata.yaml"
    )


@pytest.mark.parametrize("example", shipped.load(), ids=lambda example: example.name)
def test_no_shipped_query_reads_all_articles(store: Store, example: shipped.Example) -> None:
    plan = [row["detail"] for row in store.connection.execute(f"EXPLAIN QUERY PLAN {example.sql}")]
    scans = [step for step in plan if step.startswith(("SCAN articles", "SCAN copy", "SCAN lead", "SCAN _"))]
    assert [step for step in scans if "VIRTUAL TABLE" not in step] == []


def test_feed_health_in_a_word(store: Store) -> None:
    now = datetime.now(UTC)
    names = ["fine", "failing", "gone", "disabled", "new", "silent", "mostly copies"]
    with store.transaction():
        store.feeds.sync([FEED, *(Subscription(f"https://{n}.example/") for n in range(len(names) - 1))], now)
        for number, name in enumerate(names, 1):
            state = name if name in ("gone", "disabled") else "active"
            polled = None if name == "new" else to_text(now)
            store.connection.execute(
                "UPDATE feeds SET title = ?, state = ?, failures = ?, last_fetched_at = ? WHERE id = ?",
                (name, state, name == "failing", polled, number),
            )
    texts = [f"The {word} of the harbour was counted again on Monday by the board of pilots and boatmen, {word} by {word}."
             for word in "cranes ropes boats lamps gulls crates sheds rails doors nets pumps".split()]  # fmt: skip
    daily = [item(f"a{n}", text, at=now - timedelta(days=20 - n)) for n, text in enumerate(texts)]
    put(store, *daily, now=now - timedelta(days=1), feed=1)
    old = [each._replace(article=each.article._replace(content_text=f"{n} old"), hash=b"o%d" % n)
           for n, each in enumerate(daily)]  # fmt: skip
    put(store, *old[:5], now=now - timedelta(days=30), feed=6)
    put(store, *daily, now=now, feed=7)
    rows = store.connection.execute("SELECT title, health, articles, copies FROM feed_health").fetchall()
    assert {row["title"]: row["health"] for row in rows} == {name: name for name in names}
    assert [row["copies"] for row in rows if row["title"] == "mostly copies"] == [len(daily)]


def test_the_checks_find_what_breaks_the_laws(store: Store, path: Path) -> None:
    put(store, item("one"))
    assert [check for check in checks(store.connection, path, NOW, deep=True) if not check.fine] == []
    with store.transaction():
        store.connection.execute("UPDATE stories SET copies = 7")
        store.connection.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
    messages = [check.message for check in checks(store.connection, path, NOW, deep=True) if not check.fine]
    assert len(messages) == 2
    late = checks(store.connection, path, NOW + timedelta(hours=5))
    assert [check.name for check in late if not check.fine] == ["polls"]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_times_sort_and_come_back(time: datetime) -> None:
    time = time.replace(microsecond=0)
    assert from_text(to_text(time)) == time
    assert (to_text(time) < to_text(NOW)) == (time < NOW)
