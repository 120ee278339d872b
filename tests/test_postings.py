"""The stored fingerprints: nothing is lost on the way from memory to the table, whatever happens to the process."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.app import Aggregator, writer
from aggregator.engine import Here
from aggregator.store import Postings, Store, Stored, bitmap, open_writer, postings, schema, waiting
from aggregator.store.waiting import Waiting
from tests.conftest import NOW, Answer, Post, Web, config_for, rss

Pair = tuple[int, int]  # hash, article


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with open_writer(tmp_path / "x.db") as connection:
        yield connection


def moved(db: sqlite3.Connection) -> list[Pair]:
    return [tuple(row) for row in db.execute("SELECT hash, article_id FROM _fingerprints ORDER BY hash, article_id")]


def indexed(db: sqlite3.Connection) -> list[Pair]:
    """All that the index has by the file."""
    rows = db.execute("SELECT article_id, hashes FROM _waiting")
    return sorted({*moved(db), *((value, row[0]) for row in rows for value in postings._unpacked(row[1]))})


def found(stored: Stored, hashes: list[int]) -> set[Pair]:
    """What a look-up gives, each pair once."""
    pairs = [(value, article) for value, articles in stored.look_up(hashes).items() for article in articles]
    assert len(pairs) == len(set(pairs))
    return set(pairs)


@pytest.mark.parametrize("portions", [256, 4])
def test_new_hashes_wait_and_all_arrive(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, portions: int) -> None:
    monkeypatch.setattr(postings, "_WAIT", 1500)
    monkeypatch.setattr(waiting, "_PORTIONS", portions)
    dice, keeper, stored, steps = random.Random(3), Postings(db), [], []
    for article in range(1, 400):
        new = [dice.randrange(2**62) for _ in range(40)]
        keeper.insert([(article, new)])
        stored += [(value, article) for value in new]
        before = len(moved(db))
        keeper.settle()
        assert len(stored) - len(moved(db)) <= 1500, "no more waits, whatever has come"
        steps.append(len(moved(db)) - before)
        for reader in (keeper, Stored(db), Postings(db)):
            assert found(reader, new[:5]) == {(value, article) for value in new[:5]}
        assert every(Postings(db)._waiting) == every(keeper._waiting), "whoever opens the file next has the same to do"
    assert indexed(db) == sorted(stored)
    assert 0 < max(steps) < (100 if portions == 256 else 1500), "they go on a few at a time, as they come"
    (rows,) = db.execute("SELECT count(*) FROM _waiting").fetchone()
    assert 1500 / 40 <= rows < 4.5 * 1500 / 40, "what has gone on is not kept for long"


def test_whoever_opens_the_file_next_goes_on_where_the_last_one_was(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_WAIT", 500)
    dice, stored = random.Random(4), []
    for article in range(1, 300):
        keeper = Postings(db)  # a process that ends after each article
        new = [dice.randrange(2**62) for _ in range(20)]
        keeper.insert([(article, new)])
        stored += [(value, article) for value in new]
        keeper.settle()
    assert indexed(db) == sorted(stored)
    assert found(Postings(db), [value for value, _ in stored]) == set(stored)
    assert len(moved(db)) > len(stored) / 2
    (rows,) = db.execute("SELECT count(*) FROM _waiting").fetchone()
    assert rows < 4.5 * 500 / 20


def test_numbers_that_are_given_again_lose_nothing(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_WAIT", 60)
    dice, keeper = random.Random(5), Postings(db)
    now: dict[int, list[int]] = {}
    for turn in range(300):
        article = 1 + turn % 7 + turn // 10  # the newest are removed, and come again with other texts
        if article in now:
            keeper.remove(article, now.pop(article))
        now[article] = [dice.randrange(2**62) for _ in range(10)]
        keeper.insert([(article, now[article])])
        keeper.settle()
        if turn % 5 == 0:
            keeper.forget()
        pairs = {(value, number) for number, hashes in now.items() for value in hashes}
        assert found(keeper, [value for value, _ in pairs]) == pairs
    assert set(indexed(db)) == pairs


def undone(store: Store, hashes: list[int]) -> None:
    """Does something to the index, in part and then as a whole, and takes it back."""
    keeper = store._postings
    with contextlib.suppress(LookupError), store.transaction():
        keeper.clear()
        keeper.insert([(9, hashes)])
        with contextlib.suppress(KeyError), store.part():
            keeper.insert([(8, hashes)])
            raise KeyError
        assert found(keeper, hashes) == {(value, 9) for value in hashes}
        raise LookupError


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["insert", "add", "remove", "move", "restart", "learn", "undo", "sweep"]),
            st.integers(1, 4),
            st.lists(st.integers(0, 5).map(lambda n: n * 2**59), unique=True),
        ),
        max_size=30,
    )
)
@settings(max_examples=100, deadline=None)
def test_it_is_a_set_of_hashes_of_articles(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, list[int]]]
) -> None:
    model: dict[int, set[int]] = {}
    with open_writer(tmp_path_factory.mktemp("db") / "x.db") as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "_WAIT", 0)
        patch.setattr(bitmap, "_LEAST", 3)
        store = Store(db)
        keeper = store._postings
        for what, article, hashes in steps:
            if what in ("insert", "add") and article not in model:
                (keeper.add(article, hashes) if what == "add" else keeper.insert([(article, hashes)]))
                model[article] = set(hashes)
            elif what == "remove":
                keeper.remove(article, sorted(model.pop(article, ())))
            elif what == "move":
                keeper.settle()
            elif what == "restart":
                keeper.forget()
            elif what == "learn":
                keeper.learn(2)
            elif what == "undo":
                undone(store, hashes)
            elif what == "sweep":
                keeper.sweep(article, 100)
                keeper.sweep(article, 100)
                model = {number: values for number, values in model.items() if number >= article}
            pairs = {(value, number) for number, values in model.items() for value in values}
            assert set(indexed(db)) == pairs
            for reader in (keeper, Stored(db)):
                assert found(reader, hashes) == {pair for pair in pairs if pair[0] in hashes}


def test_what_comes_in_one_transaction_does_not_fill_the_memory(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_WAIT", 100)
    keeper = Postings(db)
    for article in range(1, 20):
        keeper.insert([(article, range(article * 1000, article * 1000 + 50))])
    assert len(keeper._waiting) == 250
    assert len(moved(db)) == 14 * 50
    assert found(keeper, [1000, 19_049]) == {(1000, 1), (19_049, 19)}


def test_more_wait_where_the_index_is_large(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_WAIT", 100)
    monkeypatch.setattr(postings, "_LARGE", 1000)
    monkeypatch.setattr(postings, "_SAMPLE", 4)
    dice, most = random.Random(7), set()
    keeper = Postings(db)
    for article in range(1, 800):
        keeper.insert([(article, [dice.randrange(2**62) for _ in range(10)])])
        keeper.settle()
        most.add(len(keeper._waiting))
        assert len(keeper._waiting) <= keeper._most
    other = Postings(db)
    assert other.look_up([1]) == {}
    assert keeper._most == other._most
    assert 4 * 180 > max(most) > 180, "twice as many for four times as large an index"


def test_the_places_taken_next_are_not_so_full_that_looking_up_takes_long() -> None:
    dice, table, hand = random.Random(8), Waiting(), 0
    for article in range(1, 2000):
        table.add(article, [dice.randrange(2**62) for _ in range(40)])
        while len(table) > 7000:
            _, hand = table.take(hand)
    longest = max(len(run) for run in bytes(map(bool, table._hashes)).split(b"\0"))
    assert len(table._hashes) < 17_000
    assert longest < 300


def test_what_is_read_again_finds_room_at_once(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits longest stands side by side: put into a table that grows, it took minutes of a large file's start."""
    monkeypatch.setattr(postings, "_WAIT", 6000)
    monkeypatch.setattr(waiting, "_LEAST", 8)
    dice, keeper = random.Random(9), Postings(db)
    for article in range(1, 700):
        keeper.insert([(article, [dice.randrange(2**62) for _ in range(40)])])
        keeper.settle()
    assert keeper._hand > 0
    sizes: list[int] = []
    put = Waiting._put

    def watched(table: Waiting, pairs: Iterable[Pair]) -> None:
        put(table, pairs)
        sizes.append(len(table._hashes))

    monkeypatch.setattr(Waiting, "_put", watched)
    assert len(Postings(db)._waiting) == len(keeper._waiting)
    assert len(sizes) > 100
    assert max(sizes) - min(sizes) < 100


def test_the_bitmap_knows_what_an_older_process_left(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_WAIT", 0)
    dice = random.Random(10)
    hashes = [dice.randrange(2**62) for _ in range(950)]
    Postings(db).insert([(1, hashes)])
    first, keeper = Postings(db), Postings(db)
    first.look_up([1])
    first.settle()
    assert moved(db) == sorted((value, 1) for value in hashes)
    others = [dice.randrange(2**62) for _ in range(1000)]
    for left in range(950, -1, -95):
        assert found(keeper, hashes) == {(value, 1) for value in hashes}
        assert found(keeper, others) == set()
        assert (len(keeper._bitmap.among(others)) < 10) == (left == 0)
        assert keeper.learn(95) == min(left, 95)


def test_a_daemon_reads_the_index_between_the_polls_after_its_start(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "_WAIT", 0)
    monkeypatch.setattr(writer, "LEARNED_AT_ONCE", 10)
    web.pages["/a"] = Answer(rss(Post("One", f"<p>{' '.join(map(str, range(200)))}</p>", "http://a.example/1")))
    config = config_for(tmp_path, web.url("/a"))

    async def work() -> list[int]:
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            await aggregator.poll(await aggregator.due(force=True))
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            known = []
            for _ in range(30):
                await aggregator.upkeep()
                known.append(aggregator.writer.store._postings._bitmap.upto)
            return known

    known = asyncio.run(work())
    assert known == sorted(known)
    assert known[0] < known[1] < known[-1] == 2**62


def test_a_full_bitmap_is_made_anew(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmap, "_LEAST", 10)
    monkeypatch.setattr(postings, "_WAIT", 0)
    monkeypatch.setattr(postings, "_SAMPLE", 1)
    dice, keeper, all_of_them = random.Random(11), Postings(db), []
    for article in range(1, 200):
        hashes = [dice.randrange(2**62) for _ in range(40)]
        keeper.insert([(article, hashes)])
        keeper.settle()
        all_of_them += hashes
        keeper.learn(1000)
    assert found(keeper, all_of_them) == {*moved(db)}
    while keeper.learn(1000):
        pass
    assert found(keeper, all_of_them) == {*moved(db)}
    assert len(keeper._bitmap.among(dice.randrange(2**62) for _ in range(1000))) < 500


def test_a_move_that_fails_loses_nothing(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_WAIT", 3)
    keeper, hashes = Postings(db), [n * 2**60 for n in range(4)]
    keeper.insert([(1, hashes)])
    db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON _moving BEGIN SELECT raise(ABORT, 'full'); END")
    with pytest.raises(sqlite3.IntegrityError, match="full"):
        keeper.settle()
    assert not db.in_transaction
    assert (moved(db), found(keeper, hashes)) == ([], {(value, 1) for value in hashes})
    db.execute("DROP TRIGGER full")
    keeper.settle()
    assert (moved(db), found(keeper, hashes)) == ([(0, 1)], {(value, 1) for value in hashes})


def test_a_hash_is_kept_for_so_many_articles_only(db: sqlite3.Connection) -> None:
    keeper = Postings(db)
    for article in range(1, 40):
        if article < 20:
            keeper.insert([(article, postings.wanted((7, 1000 + article), keeper.look_up((7,))))])
        else:
            keeper.add(article, (7, 1000 + article))
    assert keeper.look_up((7, 1039)) == {7: list(range(1, postings.MOST + 1)), 1039: [39]}


def test_what_is_older_than_the_window_leaves_both_places(db: sqlite3.Connection) -> None:
    keeper = Postings(db)
    for article in range(1, 11):
        hashes = range(article * 100, article * 100 + 9)
        (keeper.add(article, hashes) if article % 2 else keeper.insert([(article, hashes)]))
    gone = [keeper.sweep(6, 20) for _ in range(4)]
    assert (sum(gone), gone[0]) == (45, 18 + 21)  # all that wait, and some of the table
    assert {article for _, article in indexed(db)} == {6, 7, 8, 9, 10}
    assert found(keeper, [200, 600]) == {(600, 6)}
    keeper.clear()
    assert (indexed(db), found(keeper, [600])) == ([], set())


def test_a_file_of_before_has_all_its_hashes_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "USER_VERSION", 5)
        patch.setattr(schema.migrate, "__defaults__", (schema.STEPS[:5],))
        with open_writer(tmp_path / "x.db") as db:
            db.execute("INSERT INTO _fingerprints VALUES (1, 1), (2, 1)")
            db.execute("INSERT INTO _fresh VALUES (2, 1), (2, 2), (3, 2)")
    with open_writer(tmp_path / "x.db") as db:
        assert moved(db) == [(1, 1), (2, 1), (2, 2), (3, 2)]
        assert found(Postings(db), [2]) == {(2, 1), (2, 2)}


# The table in memory.


def every(table: Waiting) -> list[Pair]:
    """All that is in it."""
    return sorted(waiting._pairs(table._hashes, table._articles))


def portions(table: Waiting) -> list[list[Pair]]:
    """All that is in it, as it goes on."""
    taken, hand = [], 0
    while True:
        pairs, hand = table.take(hand)
        taken.append(pairs)
        if not hand:
            return taken


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "add", "add", "remove", "take"]),
            st.integers(1, 3),
            st.sets(st.sampled_from([n * 2**54 + m for n in (0, 1, 2, 254, 255) for m in (0, 1, 2**48, 2**54 - 1)])),
        ),
        max_size=25,
    )
)
@settings(max_examples=200, deadline=None)
def test_in_memory_it_is_a_set_of_pairs_also_where_all_want_the_same_place(
    steps: list[tuple[str, int, set[int]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "_LEAST", 8)
        table, model, hand = Waiting(), set[Pair](), 0
        for what, article, hashes in steps:
            pairs = {(value, article) for value in hashes}
            if what == "add":
                table.add(article, [value for value, _ in sorted(pairs - model)])
                model |= pairs
            elif what == "remove":
                table.remove(article, hashes)
                model -= pairs
            else:
                taken, end = table.take(hand)
                assert taken == sorted(taken)
                assert {*taken} <= model
                assert {pair for pair in model if hand <= pair[0] < (end or 2**62)} <= {*taken}
                model -= {*taken}
                hand = end
            assert len(table) == len(model)
            assert every(table) == sorted(model)
            asked = hashes | {5}
            assert sorted(table.find(asked)) == sorted(pair for pair in model if pair[0] in asked)


def test_a_round_takes_all_in_portions_as_large_as_each_other() -> None:
    dice, table = random.Random(6), Waiting()
    values = [dice.randrange(2**62) for _ in range(40_000)]
    for article in range(100):
        table.add(article + 1, values[article * 400 : article * 400 + 400])
    taken = portions(table)
    assert [value for pairs in taken for value, _ in pairs] == sorted(values)
    assert max(map(len, taken)) < 4 * len(values) / len(taken)
    assert (len(table), every(table)) == (0, [])


def test_what_was_removed_takes_no_room_for_good() -> None:
    table = Waiting()
    for turn in range(2000):
        values = [(turn * 97 + n) * 0x9E3779B97F4A7C15 % 2**62 for n in range(50)]
        table.add(1, values)
        table.remove(1, values)
    assert len(table._hashes) < 20_000
