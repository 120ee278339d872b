"""Filters: on five places, with a reason for each decision, and no pattern that can hold a poll up."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from aggregator.digest import Job, digest
from aggregator.errors import ParseError
from aggregator.filters import Decision, Filter, Subject, fault, split
from aggregator.model import Response, Subscription
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run

ARTICLE = Subject(
    "Flood warning", "The river rises.\nSponsored link", "Ann Bot", ("Weather", "News"), "http://x.example/a?b"
)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("flood", True), ("FLOOD", True), ("river", True), ("^The", False), ("(?m)^The", True), ("weather", False),
        ("title:flood", True), ("title:river", False), ("text:^the river", True), ("text:flood", False),
        ("author:bot$", True), ("category:^news$", True), ("category: weather", True), ("category:flood", False),
        ("link:[?]b", True), ("link:river", False), ("author:^$", False), ("other:flood", False), ("(?<!un)flood", True),
    ],
)  # fmt: skip
def test_where_a_pattern_is_searched(pattern: str, found: bool) -> None:
    assert Filter(include=[pattern]).decide(ARTICLE).passes is found
    assert Filter(exclude=[pattern]).decide(ARTICLE).passes is not found


def test_the_reason_names_the_pattern() -> None:
    assert Filter().decide(ARTICLE) == Decision(True, "let through: no filter")
    assert "exclude 'author:bot'" in Filter(["flood"], ["author:bot"]).decide(ARTICLE).reason
    assert "include 'flood'" in Filter(["x", "flood"], ["y"]).decide(ARTICLE).reason
    assert Filter(["x"]).decide(ARTICLE) == Decision(False, "left out: no include is found in it")


@pytest.mark.parametrize("pattern", ["(", "title:[", "*", "(?P<a>x)(?P<a>y", "a{2,1}"])
def test_what_is_no_regular_expression_is_said(pattern: str) -> None:
    assert (fault(pattern) or "").startswith("is no regular expression")
    assert fault("title:(?i)x") is None
    assert split("titles:x") == (None, "titles:x")


EVIL = r"(a|aa)+$"


def test_a_pattern_that_never_ends_decides_nothing_and_is_said() -> None:
    subject, before = Subject("a" * 60 + "!"), time.monotonic()
    sieve = Filter(exclude=[EVIL], time_limit=0.05)
    assert all(sieve.decide(subject).passes for _ in range(200))
    assert time.monotonic() - before < 5  # three strikes, then it is left out
    assert "took longer than 0.05 s on 3 articles" in sieve.flaws[0]
    assert Filter(include=[EVIL], time_limit=0.05).decide(subject).passes
    assert not Filter(include=[EVIL, "x"], exclude=["!"], time_limit=0.05).decide(subject).passes


def test_a_document_is_read_in_spite_of_an_evil_pattern() -> None:
    posts = [Post("a" * 60 + f"! {n}", link=f"http://x.example/{n}") for n in range(50)]
    response = Response("http://x.example/", 200, (), rss(*posts))
    found = digest(Job(response, Subscription("http://x.example/", exclude=(EVIL,))))
    assert not isinstance(found, ParseError)
    assert len(found.items) == 50
    assert any("took longer" in flaw for flaw in found.flaws)


def test_a_decision_is_explained(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(
        rss(Post("A flood", link="http://x.example/1"), Post("A storm", link="http://x.example/2"))
    )
    config_for(tmp_path, web.url("/f"), more="defaults: {exclude: ['title:storm']}\n")
    shown = run("test", web.url("/f"), "--show", "filter", cwd=tmp_path)
    assert shown.returncode == 0
    assert "stored    A flood" in shown.stdout
    assert "left out  A storm\n  because: exclude 'title:storm' is found in it" in shown.stdout
    rows = json.loads(run("test", web.url("/f"), "--json", cwd=tmp_path).stdout)["filter"]
    assert [row["passes"] for row in rows] == [True, False]


def test_places_of_a_real_entry() -> None:
    body = (
        b'<rss version="2.0"><channel><title>t</title><item><title>One</title><link>http://x.example/1</link>'
        b"<author>ann@x.example (Ann)</author><category>Sport</category><description>d</description></item>"
        b"<item><title>Two</title><link>http://x.example/2</link><category>News</category></item></channel></rss>"
    )
    for exclude in ("category:sport", "author:ann", "link:/1$", "title:^one"):
        found = digest(
            Job(Response("http://x.example/", 200, (), body), Subscription("http://x.example/", exclude=(exclude,)))
        )
        assert not isinstance(found, ParseError)
        assert ([item.article.title for item in found.items], found.filtered) == (["Two"], 1)
