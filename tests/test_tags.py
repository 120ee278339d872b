"""Tags by rules: given as articles come, to what is stored when the rules change, and shown wherever tags are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.app import Aggregator, writer
from aggregator.config import Config, load, loads
from aggregator.engine import Here
from aggregator.errors import ConfigError
from aggregator.filters import Filter, Subject, tagged
from aggregator.store import open_writer, schema, views
from tests.conftest import NOW, Answer, Post, Web, config_for, rss
from tests.test_cli import run

RULES = """tags:
  - {name: security, include: ["title:\\\\bCVE-\\\\d{4}", "category:^security$"], exclude: [harmless]}
  - {name: port, include: harbour}
"""
POSTS = (
    Post("CVE-2026-1 in a crane", "<p>Whoever has the key can move it.</p>", "https://press.example/1"),
    Post("CVE-2026-2 explained", "<p>It is harmless, says the harbour master.</p>", "https://press.example/2"),
    Post("A fair", "<p>There will be music on the green.</p>", "https://press.example/3"),
)


def tags(config: Config) -> dict[str, list[tuple[str, str]]]:
    """What the view says: title -> [(tag, given by)]."""
    with contextlib.closing(sqlite3.connect(config.database)) as db:
        found: dict[str, list[tuple[str, str]]] = {title: [] for (title,) in db.execute("SELECT title FROM articles")}
        for title, *row in db.execute(
            "SELECT title, tag, given_by FROM tags JOIN articles ON articles.id = article_id ORDER BY tag, given_by"
        ):
            found[title].append((row[0], row[1]))
    return found


def passes(config: Config, poll: bool = True, ticks: int = 1) -> None:
    async def work() -> None:
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            if poll:
                await aggregator.poll(await aggregator.due(force=True))
            for _ in range(ticks):
                await aggregator.upkeep()
            await aggregator.publish()
            assert aggregator.faults == []

    asyncio.run(work())


def titles(config: Config, path: str) -> list[str]:
    document = json.loads((config.output.directory / path).read_text())
    return sorted(item["title"] for item in document["items"])


def test_an_article_gets_the_tags_whose_rules_it_passes() -> None:
    rules = {"a": Filter(["flood"]), "b": Filter(["flood"], ["river"]), "slow": Filter([r"(x|xx)+$"], time_limit=0.01)}
    assert tagged(rules, Subject("Flood", "The sea.")) == ("a", "b")
    assert tagged(rules, Subject("Flood", "The river.")) == ("a",)
    assert tagged(rules, Subject("x" * 60 + "!")) == ()  # a filter lets through what it can't judge; a tag needs a yes


def test_tags_show_in_files_and_the_database(web: Web, tmp_path: Path) -> None:
    web.pages["/feed"] = Answer(rss(*POSTS))
    output = "output:\n  feeds:\n    - {name: both, tags: [security, press], feeds: [Elsewhere]}\n"
    file = tmp_path / "feeds.yaml"
    config_for(tmp_path, f"{{url: {web.url('/feed')}, tags: [press]}}", more=RULES + output)
    config = load(file, {})
    passes(config)
    assert tags(config) == {
        "CVE-2026-1 in a crane": [("press", "feed"), ("security", "rule")],
        "CVE-2026-2 explained": [("port", "rule"), ("press", "feed")],
        "A fair": [("press", "feed")],
    }
    assert titles(config, "tags/security.json") == ["CVE-2026-1 in a crane"]
    assert titles(config, "tags/port.json") == ["CVE-2026-2 explained"]
    assert len(titles(config, "tags/press.json")) == 3
    assert titles(config, "feeds/both.json") == []  # its feed is another


def test_changed_rules_hold_for_what_is_stored(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "TAGGED_AT_ONCE", 2)
    web.pages["/feed"] = Answer(rss(*POSTS))
    config = config_for(tmp_path, web.url("/feed"))
    passes(config)
    assert set(map(len, tags(config).values())) == {0}
    config = config_for(tmp_path, web.url("/feed"), more=RULES)
    passes(config, poll=False, ticks=0)
    assert sum(map(len, tags(config).values())) < 2  # the newest two were judged
    passes(config, poll=False)
    assert tags(config)["CVE-2026-1 in a crane"] == [("security", "rule")]
    assert titles(config, "tags/port.json") == ["CVE-2026-2 explained"]
    passes(config_for(tmp_path, web.url("/feed")), poll=False, ticks=2)
    assert set(map(len, tags(config).values())) == {0}
    assert not (config.output.directory / "tags/port.json").exists()


def test_after_a_replay_all_are_judged_again(web: Web, tmp_path: Path) -> None:
    web.pages["/feed"] = Answer(rss(*POSTS))
    config = config_for(tmp_path, web.url("/feed"), more=RULES)
    passes(config)

    async def work() -> None:
        async with Aggregator(config, Here(), lambda: NOW) as aggregator:
            # As if other rules of cleaning had found the word in it.
            aggregator.store.connection.execute("UPDATE articles SET content_text = 'harbour' WHERE title = 'A fair'")
            await aggregator.replay()
            await aggregator.upkeep()

    asyncio.run(work())
    assert tags(config)["A fair"] == [("port", "rule")]


def test_a_changed_article_is_judged_again(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, web.url("/feed"), more=RULES)
    for html, expected in (("<p>By the harbour.</p>", [("port", "rule")]), ("<p>By the sea.</p>", [])):
        web.pages["/feed"] = Answer(rss(Post("Walk", html, "https://press.example/walk")))
        passes(config)
        assert tags(config) == {"Walk": expected}


def test_a_pattern_that_never_ends_is_said_and_tags_nothing(web: Web, tmp_path: Path) -> None:
    web.pages["/feed"] = Answer(rss(Post("a" * 60 + "!", link="https://press.example/1")))
    config = config_for(tmp_path, web.url("/feed"), more='tags: [{name: slow, include: "(a|aa)+$"}]\n')

    async def work() -> list[str]:
        async with Aggregator(config, Here(), lambda: NOW + timedelta(hours=1)) as aggregator:
            await aggregator.poll(await aggregator.due(force=True))
            return aggregator.faults

    assert any("tag 'slow': the pattern '(a|aa)+$' took longer" in fault for fault in asyncio.run(work()))
    assert list(tags(config).values()) == [[]]


def test_a_rule_without_a_pattern_is_a_fault() -> None:
    with pytest.raises(ConfigError, match=r"feeds\.yaml:1: tags\[0\]: has no include"):
        loads("tags: [{name: a}]\n")
    with pytest.raises(ConfigError, match="is no regular expression"):
        loads('tags: [{name: a, include: "("}]\n')


def test_the_command_says_which_rule_gave_a_tag(web: Web, tmp_path: Path) -> None:
    web.pages["/feed"] = Answer(rss(*POSTS))
    config_for(tmp_path, web.url("/feed"), more=RULES)
    said = run("test", "--show", "filter", web.url("/feed"), cwd=tmp_path)
    assert said.returncode == 0
    assert r"security: include 'title:\\bCVE-\\d{4}' is found in it" in said.stdout
    assert "not security: exclude 'harmless' is found in it" in said.stdout
    assert "no tag    A fair" in said.stdout


def test_a_file_without_tags_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "aggregator.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "USER_VERSION", 1)
        patch.setattr(schema.migrate, "__defaults__", (schema.STEPS[:1],))
        patch.delitem(views.VIEWS, "tags")
        with open_writer(path) as db:
            db.execute("INSERT INTO feeds (url, configured_url, title, next_poll_at) VALUES ('u', 'u', 'Old', '2026')")
    with open_writer(path) as db:
        assert db.execute("SELECT title FROM feeds").fetchone()[0] == "Old"
        assert db.execute("SELECT count(*) FROM tags").fetchone()[0] == 0
    assert path.with_name("aggregator.db.v1.backup").exists()
