"""A replay: the stored history under today's rules, and the one text that fingerprints are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator import dedupe
from aggregator.clean import Decision, Site
from aggregator.config import Dedupe
from aggregator.digest import Item, digest_entry
from aggregator.model import Entry, Text
from aggregator.packing import packed
from aggregator.replay import Replay, replay
from aggregator.store import Store, open_writer, probe
from aggregator.store.hashes import text_hash
from tests.conftest import NOW
from tests.test_dedupe import BEES, MOLE, OWN, filler
from tests.test_postings import indexed
from tests.test_stories import Desk

STRIP = "This release was put together by the joint news desk of the six northern harbours for its partners."


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_writer(tmp_path / "x.db") as connection:
        yield Desk().open(Store(connection), Dedupe())


def item(title: str, text: str, faint: str = "", guid: str = "") -> Item:
    """An entry; `faint` is a block of it that its feed repeats too often to tell copies by."""
    html = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    url = f"https://a.example/{guid or title.replace(' ', '-')}"
    entry = Entry(url, url, Text(title, False), content=Text(html), published=NOW)
    site = Site("https://a.example/feed")
    article = digest_entry(entry, site)
    if faint:
        ways = (digest_entry(entry, replace(site, learned=Decision(faint=frozenset([m])))) for m in article.edges)
        article = next(way for way in ways if way.faint == (faint,))
    return Item(article, repr((entry, faint)).encode(), packed(entry))


def take(desk: Desk, feed: str, *items: Item) -> list[int]:
    with desk.store.batch():
        return [saved.article for saved in desk.editor.take(desk.ids[feed], items, (), desk.now)]


def again(desk: Desk) -> Replay:
    with desk.store.batch():
        return replay(desk.store, desk.editor.settings, desk.editor.feeds, desk.now)


def found_by(item: Item) -> set[int]:
    """All that an article stands in the index with."""
    return {*item.article.fingerprint, text_hash(item.article.content_text)}


def postings(desk: Desk) -> list[tuple[int, int]]:
    return indexed(desk.store.connection)


def orphans(desk: Desk) -> int:
    known = {row[0] for row in desk.store.connection.execute("SELECT id FROM articles")}
    return sum(article not in known for _, article in postings(desk))


TEXT = f"{STRIP}\n\n{OWN[MOLE]}"


def test_a_block_that_is_passed_over_is_so_for_everybody(desk: Desk) -> None:
    made = item(MOLE, TEXT, STRIP)
    assert made.article.fingerprint != dedupe.hashes(made.article.content_text, MOLE)
    [number] = take(desk, "a", made)
    assert probe(desk.store.connection, number).fingerprint == made.article.fingerprint
    before = postings(desk)
    assert {row[0] for row in before} == found_by(made)
    assert again(desk).changes == ()
    assert postings(desk) == before


def test_what_is_revised_or_pruned_leaves_nothing_in_the_index(desk: Desk) -> None:
    [number] = take(desk, "a", item(MOLE, TEXT, STRIP, "1"))
    other = item(BEES, f"{STRIP}\n\n{OWN[BEES]}", STRIP, "1")
    assert take(desk, "a", other) == [number]
    assert {row[0] for row in postings(desk)} == found_by(other)
    with desk.store.transaction():
        assert desk.store.retention.prune(desk.now.replace(year=desk.now.year + 1), desk.now) == (1, 1)
    assert (postings(desk), orphans(desk)) == ([], 0)


def test_the_same_text_of_which_less_is_passed_over_stands_in_the_index_as_it_is_now(desk: Desk) -> None:
    take(desk, "a", item(MOLE, TEXT, STRIP, "1"))
    now = item(MOLE, TEXT, guid="1")
    [number] = take(desk, "a", now)
    assert {row[0] for row in postings(desk)} == found_by(now)
    assert probe(desk.store.connection, number).fingerprint == now.article.fingerprint


def test_newer_rules_clean_the_stored_entries_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    footer = "/Public Release. This material comes from the originating organization and may be edited."
    db = desk.store.connection
    kept, late = item(MOLE, OWN[MOLE]), item(BEES, f"{OWN[BEES]}\n\n{footer}")
    take(desk, "a", kept, late)
    clean_text = db.execute("SELECT content_text FROM articles WHERE id = 2").fetchone()[0]
    assert footer not in clean_text
    # As if an older version had not known the footer.
    old = dedupe.hashes(f"{clean_text}\n\n{footer}", BEES)
    db.execute("UPDATE articles SET content_text = content_text || ? WHERE id = 2", (f"\n\n{footer}",))
    db.execute("UPDATE _sources SET rules = 0 WHERE article_id = 2")
    db.executemany("INSERT OR IGNORE INTO _fingerprints VALUES (?, 2)", [(value,) for value in old])
    done = again(desk)
    assert (done.cleaned, done.changes) == (1, ())
    assert db.execute("SELECT content_text FROM articles WHERE id = 2").fetchone()[0] == clean_text
    assert db.execute("SELECT min(rules) > 0 FROM _sources").fetchone()[0] == 1
    assert {row[0] for row in postings(desk) if row[1] == 2} == found_by(late)
    assert db.execute("SELECT count(*) FROM articles_fts WHERE articles_fts MATCH 'originating'").fetchone()[0] == 0
    assert again(desk).cleaned == 0


def test_what_a_feed_repeats_stays_out_when_it_is_cleaned_again(desk: Desk) -> None:
    db = desk.store.connection
    for i in range(12):
        take(desk, "a", item(f"Report {i} of {filler(i, 1)}", f"{filler(i + 50, 8)}\n\n{STRIP}"))
    learned = desk.store.feeds.recall(desk.ids["a"]).habits().decided()
    assert learned.cut
    db.execute("UPDATE _sources SET rules = 0")
    assert again(desk).cleaned == 12
    texts = [row[0] for row in db.execute("SELECT content_text FROM articles")]
    assert not [text for text in texts if STRIP in text]
    assert [row[0] for row in db.execute("SELECT removed_text FROM articles")] == [STRIP] * 12
