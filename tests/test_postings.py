"""The stored fingerprints: nothing is lost on the way from the small table to the large one."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.store import open_writer, postings
from aggregator.store.postings import Postings


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with open_writer(tmp_path / "x.db") as connection:
        yield connection


def rows(db: sqlite3.Connection, table: str = "_postings") -> list[tuple[int, int]]:
    return [tuple(row) for row in db.execute(f"SELECT hash, article_id FROM {table} ORDER BY hash, article_id")]


def test_new_hashes_wait_in_a_small_table_and_all_arrive(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_WAITING", 1500)
    dice, keeper, stored, moved = random.Random(3), Postings(db), [], []
    for article in range(1, 400):
        new = [dice.randrange(2**62) for _ in range(40)]
        keeper.insert([(article, new)])
        stored += [(value, article) for value in new]
        before = len(rows(db, "_fingerprints"))
        keeper.settle()
        waiting = len(rows(db, "_fresh"))
        assert waiting <= 1500, "no more waits, whatever has come"
        assert len(rows(db, "_fingerprints")) == len(stored) - waiting
        moved.append(len(stored) - waiting - before)
        assert postings.look_up(db, new[:5]) == {value: [article] for value in new[:5]}
    assert rows(db) == sorted(stored)
    assert 0 < max(moved) < 100, "they go on a few at a time, as they come"


def test_what_comes_and_goes_past_the_keeper_is_noticed(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_WAITING", 1000)
    monkeypatch.setattr(postings, "_COUNTED", 5)
    dice, keeper = random.Random(4), Postings(db)
    keeper.settle()
    postings.add(db, 1, [dice.randrange(2**62) for _ in range(1200)])  # an article that has changed
    waits = []
    for _ in range(5):
        keeper.settle()
        waits.append(len(rows(db, "_fresh")))
    assert waits[:4] == [1200] * 4
    assert waits[4] <= 1000
    keeper.insert([(2, [dice.randrange(2**62) for _ in range(1200)])])
    postings.clear(db)  # or rolled back
    keeper.settle()
    assert rows(db) == []


def test_each_range_is_moved_in_its_turn(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_WAITING", 0)
    ends = [end for first in range(0, 2**62, postings._WIDTH) for end in (first, first + postings._WIDTH - 1)]
    assert ends[-1] == 2**62 - 1
    postings.insert(db, [(1, ends)])
    Postings(db).settle()
    assert (rows(db, "_fresh"), rows(db, "_fingerprints")) == ([], [(value, 1) for value in ends])


def test_whoever_comes_later_begins_where_most_wait(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_WAITING", 12)
    values = [3 * postings._WIDTH + n for n in range(10)] + [n * postings._WIDTH for n in range(3)]
    postings.insert(db, [(1, values)])
    Postings(db).settle()
    assert [value for value, _ in rows(db, "_fingerprints")] == values[:10]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "remove", "move"]),
            st.integers(1, 4),
            st.lists(st.integers(0, 5).map(lambda n: n * 2**59), unique=True),
        ),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_it_is_a_set_of_hashes_of_articles(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, list[int]]]
) -> None:
    model: set[tuple[int, int]] = set()
    with open_writer(tmp_path_factory.mktemp("db") / "x.db") as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "_WAITING", 0)
        for what, article, hashes in steps:
            pairs = {(value, article) for value in hashes}
            if what == "add":
                postings.add(db, article, [value for value, _ in pairs - model])
                model |= pairs
            elif what == "remove":
                postings.remove(db, article, hashes)
                model -= pairs
            else:
                Postings(db).settle()
            assert set(rows(db)) == model
            found = postings.look_up(db, hashes)
            assert {(value, each) for value, articles in found.items() for each in articles} == {
                (value, each) for value, each in model if value in hashes
            }
        assert len(rows(db)) == len(model)


def test_a_hash_is_kept_for_so_many_articles_only(db: sqlite3.Connection) -> None:
    for article in range(1, 40):
        if article == 20:
            db.execute("INSERT INTO _fingerprints SELECT * FROM _fresh")
            db.execute("DELETE FROM _fresh")
        postings.add(db, article, (7, 1000 + article))
    found = postings.look_up(db, (7, 1039))
    assert found == {7: list(range(1, postings.MOST + 1)), 1039: [39]}


def test_what_is_older_than_the_window_leaves_both_tables(db: sqlite3.Connection) -> None:
    postings.insert(db, [(article, range(article * 100, article * 100 + 9)) for article in range(1, 11)])
    db.execute("INSERT INTO _fingerprints SELECT * FROM _fresh WHERE article_id % 2")
    db.execute("DELETE FROM _fresh WHERE article_id % 2")
    gone = [postings.sweep(db, 6, 20) for _ in range(4)]
    assert (sum(gone), gone[0]) == (45, 18 + 21)  # all of the small table, and some of the large one
    assert {article for _, article in rows(db)} == {6, 7, 8, 9, 10}
    postings.clear(db)
    assert rows(db) == []
