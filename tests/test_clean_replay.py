"""What is stored is cleaned again when the rules are others: newer ones, one's own, a feed's wishes, what was learned."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from aggregator import clean
from aggregator.app import Aggregator
from aggregator.config import Config
from aggregator.engine import Here
from aggregator.replay import Replay
from tests.conftest import NOW, Answer, Post, Web, config_for, rss

PROSE = "Engineers found cracks in eleven of the forty caissons last spring, and closed the {} basin at once."
NAMES = "northern southern eastern western old new upper lower".split()
FOOTER = "Sent to you by the harbour office, Quay 7."
OWN = "republishers:\n  - {id: harbour-footer, pattern: 'Sent to you by', example: 'Sent to you by Jo'}\n"


def posts(first: int, last: int) -> list[Post]:
    return [
        Post(f"Basin {n}", f"<p>{PROSE.format(NAMES[n])}</p><p class='box'>{FOOTER}</p>", f"https://press.example/{n}")
        for n in range(first, last)
    ]


def work(config: Config, poll: bool = False) -> Replay:
    """A poll, or a replay."""

    async def run() -> Replay:
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            if poll:
                await aggregator.poll(await aggregator.due(force=True))
                return Replay(0, 0, 0, 0, ())
            return await aggregator.replay()

    return asyncio.run(run())


def stored(config: Config) -> dict[str, tuple[bool, str, int]]:
    """Title -> whether the text has the footer, what was removed, by which rules."""
    with contextlib.closing(sqlite3.connect(config.database)) as db:
        rows = db.execute(
            "SELECT title, content_text, removed_text, rules FROM articles JOIN _sources ON article_id = id"
        )
        return {title: (FOOTER in text, removed, rules) for title, text, removed, rules in rows}


@pytest.fixture
def polled(web: Web, tmp_path: Path) -> Config:
    """A database with two articles that end with a footer nobody knows."""
    web.pages["/feed"] = Answer(rss(*posts(0, 2)))
    config = config_for(tmp_path, web.url("/feed"))
    work(config, poll=True)
    assert set(stored(config).values()) == {(True, "", clean.VERSION)}
    return config


def test_a_footer_that_a_newer_rule_knows_goes_and_comes_back_without_the_rule(
    polled: Config, web: Web, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(OWN)
    with_rule = config_for(tmp_path, web.url("/feed"), more="defaults: {rules: mine.yaml}\n")
    assert work(with_rule).cleaned == 2
    assert {(has, removed) for has, removed, _ in stored(with_rule).values()} == {(False, FOOTER)}
    assert work(with_rule).cleaned == 0
    assert work(config_for(tmp_path, web.url("/feed"))).cleaned == 2
    assert set(stored(polled).values()) == {(True, "", clean.VERSION)}


def test_what_an_older_version_cleaned_is_cleaned_again(polled: Config) -> None:
    before = stored(polled)
    with contextlib.closing(sqlite3.connect(polled.database)) as db, db:
        db.execute("UPDATE _sources SET rules = ?", (clean.VERSION - 1,))
        db.execute("UPDATE articles SET content_html = 'old', language = NULL")
    work(polled)
    assert stored(polled) == before
    with contextlib.closing(sqlite3.connect(polled.database)) as db:
        rows = set(db.execute("SELECT content_html = 'old', language FROM articles"))
    assert rows == {(0, "en")}


def test_a_selector_acts_on_what_is_stored(polled: Config, web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, f"{{url: '{web.url('/feed')}', remove: [p.box]}}")
    assert work(config).cleaned == 2
    assert {(has, removed) for has, removed, _ in stored(config).values()} == {(False, FOOTER)}
    assert work(polled).cleaned == 2
    assert set(stored(polled).values()) == {(True, "", clean.VERSION)}


def test_what_was_learned_later_goes_from_older_articles_and_comes_back_when_learning_is_off(
    polled: Config, web: Web, tmp_path: Path
) -> None:
    web.pages["/feed"] = Answer(rss(*posts(2, 8)))
    work(polled, poll=True)
    assert {title for title, (has, _, _) in stored(polled).items() if has} == {"Basin 0", "Basin 1"}
    assert work(polled).cleaned == 2
    assert {(has, removed) for has, removed, _ in stored(polled).values()} == {(False, FOOTER)}
    assert work(polled).cleaned == 0
    off = config_for(tmp_path, f"{{url: '{web.url('/feed')}', learn: false}}")
    assert work(off).cleaned == 8
    assert {(has, removed) for has, removed, _ in stored(off).values()} == {(True, "")}


def test_the_articles_of_a_feed_that_is_no_longer_asked_for_are_cleaned_by_the_shipped_rules(
    polled: Config, web: Web, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(OWN)
    work(config_for(tmp_path, web.url("/feed"), more="defaults: {rules: mine.yaml}\n"))
    without = config_for(tmp_path, web.url("/other"), more="defaults: {rules: mine.yaml}\n")
    assert work(without).cleaned == 2
    assert set(stored(without).values()) == {(True, "", clean.VERSION)}
