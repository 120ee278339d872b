"""Cleaning rules of an operator's own: what they do, what is wrong with them, and that a worker gets them."""

from __future__ import annotations

import asyncio
import pickle
import textwrap
from pathlib import Path

import pytest

from aggregator.clean import Site, clean, rules
from aggregator.clean.rules import own
from aggregator.config import load
from aggregator.digest import Digest, Job, digest, entry_hash
from aggregator.engine import Workers
from aggregator.errors import ConfigError
from aggregator.model import Article, Entry, OwnRules, Response, Subscription, Text
from tests.conftest import DATA

FILE = DATA / "config" / "own-rules.yaml"
PROSE = "<p>Engineers found cracks in eleven of the forty caissons last spring, and closed the basin at once.</p>" * 3
FOOTER = "<p>Sent to you by the harbour office.</p>"


@pytest.fixture(scope="module")
def mine() -> OwnRules:
    return own.read(FILE, rules.names())


def cleaned(html: str, mine: OwnRules | None) -> Article:
    site = Site("https://site.example/feed", rules=rules.ready(mine))
    return clean(Entry("g", "https://site.example/a", content=Text(html)), site)


@pytest.mark.parametrize(
    ("html", "shipped", "with_own"),
    [
        (PROSE + FOOTER, "harbour office", ""),
        (PROSE + "<div class='harbour-box-top'><p>Tides of today</p></div>", "Tides of today", ""),
        (PROSE + "<p>Done. Sent to you by the harbour office.</p>", "harbour office", ""),
        ("<p><a href='https://x.example/?harbour_a=1&b=2'>x</a></p>", "?harbour_a=1", "https://x.example/?b=2"),
        ("<p><a href='https://x.example/?utm_source=1&b=2'>x</a></p>", "https://x.example/?b=2", "utm_source=1"),
        ("<p><a href='https://x.example/?ticket=1&fbclid=2'>x</a></p>", "?ticket=1\"", "?ticket=1&amp;fbclid=2"),
        ("<p>x<img src='https://count.example/1.gif'></p>", "count.example", "<p>x</p>"),
        ("<p>x<img src='https://pixel.wp.com/1.gif'></p>", "<p>x</p>", "pixel.wp.com"),
        ("<p><a href='https://go.example/out?to=https://x.example/'>x</a></p>", "go.example", '"https://x.example/"'),
        ("<iframe src='https://camera.example/e/7'></iframe>", "camera.example/e/7", "https://camera.example/7"),
        (PROSE + "<p>All rights reserved.</p>", "caissons", "All rights reserved"),
    ],
)  # fmt: skip
def test_own_rules_come_before_the_shipped_ones_or_switch_them_off(
    html: str, shipped: str, with_own: str, mine: OwnRules
) -> None:
    without, found = cleaned(html, None).content_html, cleaned(html, mine).content_html
    assert without != found
    assert shipped in without
    assert with_own in found


def test_what_an_own_rule_removed_is_told(mine: OwnRules) -> None:
    assert [removal.rule for removal in cleaned(PROSE + FOOTER, mine).removed] == ["harbour-footer"]


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("- a", 1, "must be a mapping of republishers"),
        ("classes: {}", 1, "classes: must be a list"),
        ("clases: []", 1, "clases: unknown key; did you mean 'classes'?"),
        ("parameters: [[a]]", 1, "parameters[0]: must be a single word"),
        ("off:\n  - no-such-rule", 2, "off[0]: is no shipped rule"),
        ("off:\n  - photo-credits", 2, "off[0]: is no shipped rule; did you mean 'photo-credit'?"),
        ("classes: [x]", 1, "classes[0]: must be a mapping"),
        ("classes:\n  - id: x\n    name: y", 3, "classes[0].name: unknown key; did you mean 'names'?"),
        ("classes:\n  - id: x", 2, "classes[0]: has no names"),
        ("classes:\n  - id: x\n    names: '(a)'", 3, "classes[0].names: may hold no groups; write (?:…)"),
        ("classes:\n  - id:\n    names: a", 2, "classes[0].id: is empty"),
        ("classes:\n  - id: [x]\n    names: a", 2, "classes[0].id: must be a single value"),
        ("embeds:\n  - title: x\n    address: '('", 3, "embeds[0].address: is no regular expression: "),
        ("republishers:\n  - {id: x, pattern: a, example: b}", 2, "republishers[0].pattern: does not match its example"),
        ("republishers:\n  - {id: x, pattern: a, example: a, decoy: ab}", 2, "republishers[0].pattern: matches its decoy"),
        ("republishers:\n  - {id: x, pattern: a, example: a, position: side}", 2,
         "republishers[0].position: must be top or bottom or any, not 'side'"),
        ("republishers:\n  - {id: x, pattern: a, example: a, tail: maybe}", 2,
         "republishers[0].tail: must be true or false, not 'maybe'"),
        ("republishers:\n  - {id: x, pattern: a, example: a, longest: long}", 2,
         "republishers[0].longest: must be a number of characters, not 'long'"),
        ("republishers:\n  - {id: x, pattern: a, example: a, begins: a}", 2,
         "republishers[0].begins: must be a list of beginnings"),
        ("republishers:\n  - {id: x, pattern: a, example: a, needs: a}", 2, "republishers[0].needs: must be a list of texts"),
        ("republishers:\n  - {id: x, pattern: .*A, example: xA, needs: [A]}", 2,
         "republishers[0].needs: is not in its example"),
        ("hosts: [", 1, "not YAML"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_file_and_line(text: str, line: int, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        own.read(file, rules.names())
    assert [str(found) for found in caught.value.faults if str(found).startswith(f"{file}:{line}: {fault}")]


def config(folder: Path, feeds: str, mine: str = "parameters: [harbour_*]") -> Path:
    (folder / "mine.yaml").write_text(mine, encoding="utf-8")
    (folder / "feeds.yaml").write_text(textwrap.dedent(feeds), encoding="utf-8")
    return folder / "feeds.yaml"


FEEDS = """\
    defaults: {rules: mine.yaml}
    feeds:
      - https://a.example/feed
      - {url: https://b.example/feed, rules: null}
    """


def test_feeds_yaml_names_the_file_for_all_feeds_or_for_some(tmp_path: Path) -> None:
    found = load(config(tmp_path, FEEDS), {})
    first, second = found.feeds
    assert first.rules is not None
    assert first.rules.data == '{"parameters": ["harbour_*"]}'
    assert second.rules is None
    assert found.files == {tmp_path / "feeds.yaml", tmp_path / "mine.yaml"}


def test_a_fault_in_the_file_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, FEEDS, "parameters:\n  - []"), {})
    faults = list(map(str, caught.value.faults))
    assert f"{tmp_path / 'mine.yaml'}:2: parameters[0]: must be a single word" in faults
    assert any("feeds.yaml:1: defaults.rules: the rules in mine.yaml have faults" in fault for fault in faults)
    (tmp_path / "mine.yaml").unlink()
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "feeds.yaml", {})


def test_comments_change_nothing_and_rules_change_the_entry_s_hash(tmp_path: Path) -> None:
    def hash_with(text: str) -> bytes:
        feed = load(config(tmp_path, FEEDS, text), {}).feeds[0]
        return entry_hash(Entry("g"), feed)

    assert hash_with("parameters: [a]") == hash_with("# a comment\nparameters:\n- a\n")
    assert hash_with("parameters: [a]") != hash_with("parameters: [b]")
    assert entry_hash(Entry("g"), Subscription("https://a.example/feed")) != hash_with("parameters: [b]")


def test_workers_have_the_rules_with_the_job(mine: OwnRules) -> None:
    item = f"<item><guid>1</guid><description><![CDATA[{PROSE}{FOOTER}]]></description></item>"
    body = f"<rss version='2.0'><channel><title>x</title>{item}</channel></rss>".encode()
    response = Response("https://site.example/feed", 200, (("content-type", "application/rss+xml"),), body)
    job = Job(response, Subscription("https://site.example/feed", rules=mine))
    assert pickle.loads(pickle.dumps(job)) == job

    async def work() -> object:
        async with Workers(count=1) as workers:
            return await workers.run(job)

    for found in (digest(job), asyncio.run(work())):
        assert isinstance(found, Digest)
        assert [removal.rule for removal in found.items[0].article.removed] == ["harbour-footer"]
