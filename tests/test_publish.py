"""Laws of the writers: whatever stories hold, what comes out of a parser is what went in."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import publish
from aggregator.iri import names, uri
from aggregator.model import Copy, Enclosure, Story
from aggregator.publish import FORMATS, delta
from aggregator.publish.channel import author, image, language
from aggregator.publish.markup import encode, legal
from tests.conftest import NOW
from tests.stories import HARD, channel, story

A = "{http://www.w3.org/2005/Atom}"

# All of Unicode, half pairs and controls included, and often what markup is made of.
texts = st.text(st.one_of(st.characters(), st.sampled_from("<>&;'\"]#\r\n\t\x00\ud800\udfff\ufffe\x85 ")), max_size=60)
dates = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))
stories = st.builds(
    lambda title, summary, html, name, tags, language, updated, size: story(
        1, title=title, summary=summary, content_html=html, author=name, categories=tuple(tags), language=language,
        updated=updated, enclosures=(Enclosure("http://x.example/ä", None, size),),
        copies=(Copy(title, "http://y.example/", summary, NOW),), feed_title=name,
    ),
    texts, texts, texts, texts, st.lists(texts, max_size=3), st.one_of(st.none(), texts), dates, st.integers(0, 2**60),
)  # fmt: skip


@given(stories)
@settings(max_examples=150, deadline=None)
def test_any_story_comes_out_of_every_format_as_it_went_in(given: Story) -> None:
    of = channel(given)
    for kind, render in FORMATS.items():
        assert publish.fault(of, kind, render(of, NOW)) is None
    entry = ET.fromstring(FORMATS["atom"](of, NOW)).find(f"{A}entry")
    assert entry is not None
    assert entry.findtext(f"{A}content", "") == legal(given.content_html)
    assert entry.findtext(f"{A}summary", "") == legal(given.summary)
    item = json.loads(FORMATS["json"](of, NOW))["items"][0]
    assert item["content_html"] == legal(given.content_html)
    assert item.get("tags", []) == [legal(tag) for tag in given.categories]


@given(texts)
def test_what_is_taken_out_is_what_xml_forbids(text: str) -> None:
    kept = "".join(c for c in text if re.match("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", c))
    assert legal(text) == kept
    assert encode(text) == kept.encode()


@given(
    st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True), st.sampled_from(list(FORMATS))
)
@settings(deadline=None)
def test_a_delta_holds_what_is_new_in_its_order(before: list[int], after: list[int], kind: str) -> None:
    def document(numbers: list[int]) -> bytes:
        return FORMATS[kind](publish.Channel("x", "http://x.example/", "feed", tuple(map(story, numbers))), NOW)

    cut = delta.without(kind, document(after), frozenset(delta.entries(kind, document(before))))
    fresh = [number for number in after if number not in before]
    assert delta.entries(kind, cut) == delta.entries(kind, document(fresh))
    assert delta.without(kind, document(after), ()) == document(after) or kind == "json"


@given(st.text(max_size=80))
def test_a_uri_is_ascii_and_stays_as_it_is(text: str) -> None:
    address = uri(f"http://x.example/{text}")
    assert address.isascii()
    assert not re.search(r"[\s<>\"{}|\\^`\[\]]", address)
    assert uri(address) == address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://bücher.example:8080/é?q=ü#ß", "http://xn--bcher-kva.example:8080/%C3%A9?q=%C3%BC#%C3%9F"),
        ("http://x.example/a%20b?c=%26", "http://x.example/a%20b?c=%26"),
        ("http://[::1]:80/é", "http://[::1]:80/%C3%A9"),
        ("http://x.example/a|b", "http://x.example/a%7Cb"),
    ],
)
def test_uri(address: str, expected: str) -> None:
    assert uri(address) == expected


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("http://x.example/1", True), ("https://x.example/?p=1&q=%C3%A9#f", True), ("tag:x.example,2026-01-02:a/b", True),
        ("tag:me@x.example,2026:1", True), ("urn:isbn:0451450523", True),
        ("urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6", True), ("http://127.0.0.1:8080/a", True),
        ("http://x.example", False), ("http://X.example/", False), ("HTTP://x.example/", False), ("/relative", False),
        ("http://x.example:80/", False), ("https://x.example:443/a", False), ("http://x.example/a b", False),
        ("http://x.example/é", False), ("http://x.example/%7Euser", False), ("http://x.example/a/../b", False),
        ("urn:uuid:123", False), ("tag:x.example:1", False), ("", False), ("12345", False), ("javascript:x", False),
        ("http://x.example/" + "a" * 1000, False),
    ],
)  # fmt: skip
def test_what_may_be_an_id_as_it_is(text: str, good: bool) -> None:
    assert names(text) is good


def test_equal_channels_give_equal_bytes_and_digests() -> None:
    for render in FORMATS.values():
        assert render(channel(), NOW) == render(channel(), NOW)
    assert channel().digest(1) == channel().digest(1)
    assert channel().digest(1) != channel().digest(2)
    assert channel(story(1)).digest(1) != channel(story(1), hub="http://hub.example/").digest(1)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_document_that_lost_something_is_found_out(kind: str) -> None:
    of = channel(*HARD[:6])
    document = FORMATS[kind](of, NOW)
    assert publish.fault(of, kind, document) is None
    for old, new in (
        (b"press.example/3", b"press.example/4"),
        (b"Emoji", b"Emojy"),
        (b"22:00", b"23:00"),
        (b"</", b"<"),
        (b'"', b""),
    ):
        harmed = document.replace(old, new)
        assert harmed == document or publish.fault(of, kind, harmed) is not None, (old, new)
    assert publish.fault(channel(*HARD[:5]), kind, document) is not None
    assert publish.fault(channel(*HARD[:7]), kind, document) is not None
    assert publish.fault(channel(story(1), story(1)), kind, FORMATS[kind](channel(story(1), story(1)), NOW)) is not None


def test_authors_languages_and_pictures() -> None:
    assert author(story(1, author="Bob <bob@x.example>")) == "Bob"
    assert author(story(1, author="bob@x.example (Bob), Eve")) == "(Bob), Eve"
    assert author(story(1, author="bob@x.example")) == author(story(1, author=None)) == "Press office"
    tags = ("en", "de-AT", "zh-Hant", "grc", "english", "us", "x", None)
    assert [language(story(1, language=tag)) for tag in tags] == [
        "en",
        "de-AT",
        "zh-Hant",
        "grc",
        None,
        None,
        None,
        None,
    ]
    html = '<p><img src="data:x"><img alt="a" src="https://x.example/1.png?a&amp;b" width="640"></p>'
    assert image(story(1, content_html=html)) == "https://x.example/1.png?a&b"
    sound = Enclosure("https://x.example/a.mp3", "audio/mpeg")
    picture = Enclosure("https://x.example/a.jpg", "image/jpeg")
    assert image(story(1, content_html=html, enclosures=(sound, picture))) == "https://x.example/a.jpg"
    assert image(story(1)) is None


def test_opml_lists_the_sources() -> None:
    outlines = [publish.Outline("A & B", "http://x.example/?a=1&b=2", None, ("press", "two words"))]
    root = ET.fromstring(publish.opml.render("Planet <1>", outlines))
    assert (root.tag, root.get("version"), root.findtext("head/title")) == ("opml", "2.0", "Planet <1>")
    [outline] = root.iter("outline")
    assert outline.attrib == {
        "type": "rss", "text": "A & B", "title": "A & B", "xmlUrl": "http://x.example/?a=1&b=2", "category": "press,two words",
    }  # fmt: skip


def test_no_address_is_relative_and_none_is_unsafe() -> None:
    for kind in ("atom", "rss"):
        for element in ET.fromstring(FORMATS[kind](channel(), NOW)).iter():
            for name in ("href", "url"):
                if (address := element.get(name)) is not None:
                    assert urlsplit(address).scheme in ("http", "https")
