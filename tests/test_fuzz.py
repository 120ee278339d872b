"""No bytes make parse, clean, match or render raise, or let through what must not pass. The long form: tests/soak/fuzz.py."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.clean import walk
from aggregator.clean.select import without
from aggregator.clean.steps import Stepwise
from aggregator.model import Response
from aggregator.parse import candidates
from aggregator.parse.stranger import what_is_it
from tests.soak.fuzz import TARGETS, document, drive, markup, mutated, seeds, tried

CORPUS = seeds()


@pytest.mark.parametrize("name", TARGETS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_damaged_documents_raise_nothing(name: str, seed: int) -> None:
    TARGETS[name](mutated(random.Random(seed), CORPUS))


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_no_bytes_raise_anything(name: str, data: bytes) -> None:
    TARGETS[name](data)


# What it has found, once and for all.


@pytest.mark.parametrize(
    "html", ["<![CDATAx[y", "<![x]]>", "<p class=x>a</p><![if", "<!--" * 20_000, "\udcf1<p class=x>"]
)
def test_markup_that_the_page_parser_rejects(html: str) -> None:
    assert isinstance(without(html, ("p.y",)), tuple)
    candidates(Response("http://x.example/", 200, (), b"<html>" + html.encode("utf-8", "replace")))


def test_many_comments_before_the_root_are_looked_at_once() -> None:
    assert what_is_it("<!-- a -- b -->" * 1000 + "<rss", page_only=True) is None
    assert what_is_it("<!-- a -->" * 1000 + "<html>", page_only=True) == "is a web page, not a feed"


# What it would find.


def test_a_cleaner_that_lets_everything_through_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\x50Title\n<p onclick='x()'>text</p><a href='javascript:alert(1)'>link</a><script>alert(1)</script>"
    assert tried(markup, data) is None

    def careless(html: str, place: walk.Place) -> Stepwise[tuple[walk.Cleaned, bool]]:
        yield
        return walk.Cleaned(html, html), True

    monkeypatch.setattr(walk, "_once", careless)
    assert "AssertionError" in (tried(markup, data) or "")


def test_a_writer_that_forgets_to_escape_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\x00<rss version='2.0'><channel><item><guid>1</guid><title>A &amp;amp; &amp;lt;b B</title></item></channel></rss>"
    assert tried(document, data) is None
    monkeypatch.setattr("aggregator.publish.FORMATS", {"rss": lambda channel, at: b"<rss><channel><item></rss>"})
    assert "can't be read back" in (tried(document, data) or "")


@pytest.mark.soak
def test_a_minute_of_it() -> None:
    # A random seed is for whoever asks for it by `python -m tests.soak.fuzz`, not for whoever changed a line.
    counts, wrong = drive(60, [*TARGETS], 2026)
    assert wrong == []
    assert sum(counts.values()) > 1000
