"""The editor over a real database: who joins, who leads, what a replay does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.clean import Site
from aggregator.config import Dedupe
from aggregator.corrections import Corrector
from aggregator.digest import Item, digest_entry
from aggregator.model import Entry, Subscription, Text
from aggregator.packing import packed
from aggregator.replay import replay
from aggregator.store import Read, Store, Stored, StoreIndex, open_writer
from aggregator.stories import Editor
from tests.conftest import NOW
from tests.data.dedupe import corpus
from tests.test_dedupe import BEES, MOLE, OWN, filler
from tests.test_postings import indexed


class Desk:
    """A database with feeds a, b, c …, and an editor."""

    store: Store
    now = NOW

    def open(self, store: Store, settings: Dedupe, **feeds: Subscription) -> Desk:
        self.store = store
        chosen = {name: feeds.get(name, Subscription(f"https://{name}.example/feed")) for name in "abcdefgh"}
        with store.transaction():
            store.feeds.sync(tuple(replace(s, url=f"https://{n}.example/feed") for n, s in chosen.items()), NOW)
            store.connection.execute("UPDATE feeds SET home_page_url = replace(configured_url, '/feed', '')")
        rows = store.connection.execute("SELECT id, configured_url FROM feeds").fetchall()
        self.ids = {row[1][8]: row[0] for row in rows}
        self.editor = Editor(store, settings, {self.ids[n]: s for n, s in chosen.items()})
        return self

    def put(self, feed: str, title: str, text: str, guid: str | None = None) -> int:
        """An article that comes a minute later; its number."""
        self.now += timedelta(minutes=1)
        url = f"https://{feed}.example/{guid or title.replace(' ', '-')}"
        html = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
        entry = Entry(guid or url, url, Text(title, False), content=Text(html), published=self.now)
        article = digest_entry(entry, Site(f"https://{feed}.example/feed", f"https://{feed}.example"))
        with self.store.transaction():
            [saved] = self.editor.take(
                self.ids[feed], [Item(article, repr(entry).encode(), packed(entry))], (), self.now
            )
        return saved.article

    def stories(self) -> list[list[int]]:
        """The members of each story, the lead first."""
        rows = self.store.connection.execute("SELECT id, lead_article_id FROM stories ORDER BY id").fetchall()
        members = {row[0]: self.store.stories.articles(row[0]) for row in rows}
        return sorted([row[1], *(m for m in members[row[0]] if m != row[1])] for row in rows)

    def uids(self) -> set[str]:
        return {row[0] for row in self.store.connection.execute("SELECT uid FROM stories")}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_writer(tmp_path / "x.db") as connection:
        yield Desk().open(Store(connection), Dedupe())


FULL = OWN[MOLE]
FIRST = FULL.split("\n\n")[0]


def test_two_parts_of_a_text_meet_when_the_origin_comes(tmp_path: Path) -> None:
    tail = FULL.split("\n\n", 1)[1]
    with open_writer(tmp_path / "x.db") as connection:
        desk = Desk().open(Store(connection), Dedupe(), c=Subscription("", role="origin"))
        a, b = desk.put("a", MOLE, FIRST), desk.put("b", MOLE, tail)
        assert desk.stories() == [[a], [b]]
        before = desk.uids()
        c = desk.put("c", MOLE, FULL)
        assert desk.stories() == [[c, a, b]]
        assert len(desk.uids() & before) == 1


def test_a_revision_of_the_same_entry_is_no_new_article(desk: Desk) -> None:
    a = desk.put("a", MOLE, FULL, "1")
    assert desk.put("a", f"CORRECTION: {MOLE}", FULL.replace("46", "48"), "1") == a
    assert desk.stories() == [[a]]


def test_a_copy_that_becomes_another_text_parts_and_one_that_becomes_a_copy_joins(desk: Desk) -> None:
    a, b = desk.put("a", MOLE, FULL, "1"), desk.put("b", MOLE, FULL, "2")
    assert desk.stories() == [[a, b]]
    desk.put("b", BEES, OWN[BEES], "2")
    assert desk.stories() == [[a], [b]]
    desk.put("b", "Mole again", FULL, "2")
    assert desk.stories() == [[a, b]]


def test_a_correction_in_another_feed_is_a_copy(desk: Desk) -> None:
    a = desk.put("a", MOLE, FULL)
    b = desk.put("b", f"CORRECTION: {MOLE}", FULL.replace("46 million", "48 million"))
    assert desk.stories() == [[a, b]]


@pytest.mark.parametrize("key", ["scope", "tags", "dedupe"])
def test_the_operators_limits(tmp_path: Path, key: str) -> None:
    settings = {"scope": Dedupe(scope="feed"), "tags": Dedupe(scope="tag"), "dedupe": Dedupe()}[key]
    feeds = {
        "a": Subscription("", tags=("x",)),
        "b": Subscription("", tags=("y",), dedupe=key != "dedupe"),
        "c": Subscription("", tags=("x",)),
    }
    with open_writer(tmp_path / "x.db") as connection:
        desk = Desk().open(Store(connection), settings, **feeds)
        a, b, c = (desk.put(feed, MOLE, FULL) for feed in "abc")
        assert desk.stories() == ([[a], [b], [c]] if key == "scope" else [[a, c], [b]])


def test_the_window_ends_and_what_is_older_leaves_the_index(desk: Desk) -> None:
    a = desk.put("a", MOLE, FULL)
    desk.now += timedelta(days=31)
    b = desk.put("b", MOLE, FULL)
    assert desk.stories() == [[a], [b]]
    connection = desk.store.connection
    before = sum(article == b for _, article in indexed(connection))
    assert sum(desk.store.sweep(desk.now - timedelta(days=30), 5) for _ in range(40)) == before
    assert [sum(having == article for _, having in indexed(connection)) for article in (a, b)] == [0, before]


def test_joins_that_rested_on_boilerplate_are_looked_at_again(desk: Desk) -> None:
    wire = filler(9, 20)
    news = [f"{filler(200 + i, 4)}\n\n{wire}" for i in range(8)]
    # The second has little but the wire's standing text: it looks like the first one, cut.
    title = filler(100, 1)
    a, b = desk.put("a", title, news[0]), desk.put("b", f"{title} The Post", f"{filler(300, 3)}\n\n{wire}")
    assert desk.stories() == [[a, b]]
    others = []
    for i, feed in enumerate("cdefgh", 1):
        others.append(desk.put(feed, filler(100 + i, 1), news[i]))
        together = [a, b] in desk.stories()
        # The last of them finds the words in six stories: a's and b's, and five others.
        assert together is (len(others) < 6), len(others)
    assert desk.stories() == [[a], [b], *([other] for other in others)]
    assert desk.store.connection.execute("SELECT count(*) FROM _boilerplate").fetchone()[0] > 5
    verdict = desk.store.stories.verdict_on(b)
    assert verdict is not None
    assert verdict.kind == "alone"


def test_a_join_that_is_older_than_two_days_stays(desk: Desk) -> None:
    wire = filler(9, 20)
    a = desk.put("a", filler(100, 1), f"{filler(200, 4)}\n\n{wire}")
    b = desk.put("b", f"{filler(100, 1)} The Post", f"{filler(300, 3)}\n\n{wire}")
    desk.now += timedelta(hours=49)
    for i, feed in enumerate("cdefgh", 1):
        desk.put(feed, filler(100 + i, 1), f"{filler(200 + i, 4)}\n\n{wire}")
    assert [a, b] in desk.stories()


def test_a_replay_finds_what_polling_found_and_says_what_would_change(desk: Desk, tmp_path: Path) -> None:
    for item in corpus.build(5, 60):
        desk.put("abcdefgh"[sum(item.feed.encode()) % 8], item.title, item.text, item.url)
    before, uids = desk.stories(), desk.uids()
    shown = desk.store.connection.execute("SELECT uid, updated_at FROM stories ORDER BY uid").fetchall()
    with desk.store.transaction():
        done = replay(desk.store, desk.editor.settings, desk.editor.feeds, desk.now)
    assert (desk.stories(), desk.uids(), done.changes) == (before, uids, ())
    after = desk.store.connection.execute("SELECT uid, updated_at FROM stories ORDER BY uid").fetchall()
    assert [tuple(row) for row in after] == [tuple(row) for row in shown]
    with desk.store.transaction():
        done = replay(desk.store, Dedupe(threshold=1.0), desk.editor.feeds, desk.now)
    assert "parts" in {change.kind for change in done.changes}
    assert "joins" not in {change.kind for change in done.changes}
    assert done.stories_after > done.stories_before
    assert desk.uids() >= uids
    assert desk.store.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_feed_that_is_mostly_later_does_not_lead_when_it_is_first_once(desk: Desk) -> None:
    texts = [(filler(i, 1), filler(i + 500, 9)) for i in range(12)]
    for title, text in texts[:-1]:
        desk.put("a", title, text)
        desk.put("b", title, text)
    copy, origin = desk.put("b", *texts[-1]), desk.put("a", *texts[-1])
    assert [origin, copy] in desk.stories()
    row = Read(desk.store.connection).story(desk.store.stories.story_of(copy) or 0)
    assert row is not None
    assert "seldom" in row["lead_reason"]


class Unlisted(dict[int, Subscription]):
    """Feeds that can be looked up, and not gone through."""

    def _refuse(self, *_: object) -> NoReturn:
        pytest.fail("all feeds of the configuration are gone through for one article")

    __iter__ = keys = values = items = _refuse


def test_what_an_article_costs_does_not_grow_with_the_feeds(desk: Desk) -> None:
    desk.editor = replace(desk.editor, feeds=Unlisted(desk.editor.feeds))
    a, b = desk.put("a", MOLE, FULL), desk.put("b", MOLE, FULL)
    assert desk.stories() == [[a, b]]
    assert desk.put("a", MOLE, f"{FULL} {filler(3, 4)}", guid=MOLE.replace(" ", "-")) == a
    Corrector(desk.editor).split(b, desk.now)
    assert desk.stories() == [[a], [b]]


def facts(store: Store) -> list[tuple[object, ...]]:
    """All that was decided, and the order of it."""
    queries = (
        "SELECT id, feed_id, story_id, guid, url, title, similarity, published_at, updated_at, first_seen_at FROM articles",
        "SELECT id, uid, title, url, lead_article_id, published_at, updated_at, first_seen_at, copies FROM stories",
        "SELECT article_id, against_id, kind, reason, similarity, other, shared FROM _verdicts ORDER BY 1",
        "SELECT article_id, hash, entry FROM _sources ORDER BY 1",
        "SELECT * FROM _fingerprints",
        "SELECT * FROM _waiting",
        "SELECT * FROM _boilerplate",
        "SELECT * FROM _entries ORDER BY 1",
        "SELECT rowid, title FROM articles_fts ORDER BY 1",
    )
    return [tuple(row) for query in queries for row in store.connection.execute(query)]


def test_what_a_feeds_own_boilerplate_leaves_is_looked_up_also_where_few_hashes_are_left(desk: Desk) -> None:
    article, connection = desk.put("a", MOLE, FULL), desk.store.connection
    common = [value for value, _ in indexed(connection)[:2]]
    own, index = range(1, 8), StoreIndex(Stored(connection))
    hashes = [99, *own, *common]
    assert list(index.postings(hashes)) == []
    desk.store.stories.learn(own, desk.ids["b"], NOW)
    assert {posting.article for posting in index.postings(hashes)} == {article}
    desk.store.stories.learn(common, 0, NOW)
    assert list(index.postings(hashes)) == [], "what is boilerplate everywhere tells nothing"


@pytest.mark.parametrize("seed", [11, 12])
def test_a_document_taken_at_once_gives_what_its_items_give_one_by_one(seed: int, tmp_path: Path) -> None:
    """Copies of one another in one document, the same guid twice, an id that another feed has: the order decides."""
    items = corpus.build(seed, 80)
    made = []
    for number, one in enumerate(items):
        entry = Entry(f"urn:x:{number % 70}", one.url, Text(one.title, False), content=Text(one.html), published=NOW)
        article = digest_entry(entry, Site("https://a.example/feed"))
        made.append(Item(article, repr(entry).encode(), packed(entry)))
    documents = [made[0:30], made[25:50], made[50:51], [], made[51:]]
    found = []
    for size in (1000, 1):
        with open_writer(tmp_path / f"{size}.db") as connection:
            desk = Desk().open(Store(connection), Dedupe())
            with desk.store.batch():
                for number, document in enumerate(documents):
                    for start in range(0, len(document), size):
                        some = document[start : start + size]
                        desk.editor.take(desk.ids["abcde"[number]], some, {i.article.guid for i in document}, NOW)
            connection.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
            found.append(facts(desk.store))
    assert found[0] == found[1]
    assert len({row[2] for row in found[0] if len(row) == 10}) < 75


NOTES = filler(77, 5)
TITLES = {"one": ("a", "One for the road"), "evil": ("a", "Evil under sun"), "won": ("b", "Won at last")}


@pytest.mark.parametrize("order", list(itertools.permutations(TITLES)), ids="-".join)
def test_a_text_that_one_feed_has_under_several_titles_joins_nobody(desk: Desk, order: tuple[str, ...]) -> None:
    """Which of them would the third be a copy of? In whatever order they come."""
    numbers = {}
    for name in order:
        feed, title = TITLES[name]
        numbers[name] = desk.put(feed, title, f"{NOTES} Really." if name == "evil" else NOTES)
    assert desk.stories() == [[1], [2], [3]]
    with desk.store.transaction():
        Corrector(desk.editor).carry_out("together", numbers["one"], numbers["evil"], False, desk.now)
    assert len(desk.stories()) == 2
    with desk.store.transaction():
        assert Corrector(desk.editor).carry_out("together", numbers["one"], numbers["evil"], True, desk.now)
    assert desk.stories() == [[1], [2], [3]]
    with desk.store.transaction():
        assert replay(desk.store, desk.editor.settings, desk.editor.feeds, desk.now).changes == ()


def test_a_copy_under_a_like_title_stays_when_its_text_comes_again_under_another(desk: Desk) -> None:
    a, b = desk.put("a", MOLE, FULL), desk.put("b", f"{MOLE} | The Post", f"By our own hand. {FULL}")
    c = desk.put("a", "The week in pictures", FULL)
    assert desk.stories() == [[a, b], [c]]


ENDS = ("", " Really.", " Indeed so.", " No way.")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(ENDS)), min_size=4, max_size=6))
@settings(max_examples=25, deadline=None)
@example([("c", " Really."), ("a", ""), ("b", " No way."), ("b", ""), ("a", " Indeed so.")])
def test_standing_notes_of_several_feeds_come_to_rest(came: list[tuple[str, str]]) -> None:
    """Each has a title of its own; what is placed again because of one must not raise doubts about the others for ever."""
    with TemporaryDirectory() as folder, open_writer(Path(folder) / "x.db") as connection:
        desk = Desk().open(Store(connection), Dedupe())
        for (feed, end), title in zip(
            came, ("One road", "Evil sun", "Won it", "Six brides", "Purple rain", "Tea"), strict=False
        ):
            desk.put(feed, title, NOTES + end)
        stories = desk.stories()
        assert sorted(article for story in stories for article in story) == list(range(1, len(came) + 1))
        assert connection.execute("SELECT count(*) FROM stories").fetchone()[0] == len(stories)
