"""The rules of RSS 2.0, of its modules and of the W3C feed validator for our RSS documents."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from aggregator.publish import FORMATS, Channel
from tests.conftest import NOW
from tests.stories import HARD, SITE, channel, story

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
                  r"\d\d:\d\d:\d\d \+0000")  # fmt: skip
ITEM = {
    "title", "link", "guid", "pubDate", "description", "category", "enclosure", "source", ENCODED, f"{DC}creator",
    f"{DC}language", f"{ATOM}link", "{http://search.yahoo.com/mrss/}thumbnail",
}  # fmt: skip
CHANNEL = {"title", "link", "description", "language", "lastBuildDate", "generator", "item", f"{ATOM}link"}

CHANNELS = {
    "hard": channel(),
    "empty": Channel("Nothing yet", SITE, "feed", ()),
    "tag": channel(story(1), story(2), path="tags/press"),
    "hub": channel(story(1), hub="https://hub.example/"),
}


def document(of: Channel) -> ET.Element:
    rss = ET.fromstring(FORMATS["rss"](of, NOW))
    assert (rss.tag, rss.get("version")) == ("rss", "2.0")
    found = rss.find("channel")
    assert found is not None
    return found


@pytest.mark.parametrize("name", CHANNELS)
def test_rss_2(name: str) -> None:
    head = document(CHANNELS[name])
    for child in ("title", "link", "description", "lastBuildDate", "generator"):
        assert len(head.findall(child)) == 1
        assert head.findtext(child)
    assert {child.tag for child in head} <= CHANNEL
    assert [link.get("href") for link in head.findall(f"{ATOM}link") if link.get("rel") == "self"] == [
        CHANNELS[name].address("rss")
    ], "MissingAtomSelfLink"
    guids = [item.findtext("guid") for item in head.findall("item")]
    assert guids == [story.uid for story in CHANNELS[name].stories]
    assert len(set(guids)) == len(guids)
    for item in head.findall("item"):
        assert {child.tag for child in item} <= ITEM
        for child in ("title", "link", "guid", "pubDate", "description", "source", f"{DC}creator"):
            assert len(item.findall(child)) == 1, child
        for child in (ENCODED, "enclosure", f"{DC}language"):
            assert len(item.findall(child)) <= 1, child  # DuplicateEnclosure
        tags = [child.tag for child in item]
        if ENCODED in tags:
            assert tags.index("description") < tags.index(ENCODED), "NeedDescriptionBeforeContent"
        guid, source = item.find("guid"), item.find("source")
        assert guid is not None
        assert source is not None
        assert guid.get("isPermaLink") == "false"
        assert re.match(r"https?://[^/]+/", source.get("url", ""))
        assert source.text


@pytest.mark.parametrize("name", CHANNELS)
def test_dates_name_the_right_day_in_english(name: str) -> None:
    for element in document(CHANNELS[name]).iter():
        if element.tag in ("pubDate", "lastBuildDate"):
            text = element.text or ""
            assert DATE.fullmatch(text), "ProblematicalRFC822Date"
            date = parsedate_to_datetime(text)
            assert date.strftime("%a") == text[:3], "IncorrectDOW"
            assert date <= NOW, "ImplausibleDate"


def test_html_and_text_are_each_what_the_format_says() -> None:
    items = document(channel()).findall("item")
    assert items[0].findtext("title") == HARD[0].title
    assert html.unescape(items[0].findtext("description") or "") == HARD[0].summary
    assert "<b>" not in (items[0].findtext("description") or ""), "a description is HTML"
    assert items[5].findtext(ENCODED) == HARD[5].content_html
    assert items[7].findtext("description") == ""
    assert [category.text for category in items[2].findall("category")] == list(HARD[2].categories)


def test_markup_like_text_is_escaped_by_number() -> None:
    # Readers that unescape titles twice, and the validator's CharacterData warning, ask for it.
    source = FORMATS["rss"](channel(story(1, title="a < b & c", feed_title="R&D", categories=("Q&A",))), NOW).decode()
    assert "<title>a &#x3C; b &#x26; c</title>" in source
    assert ">R&#x26;D</source>" in source
    assert "<category>Q&#x26;A</category>" in source


def test_enclosures_have_all_three_attributes() -> None:
    items = document(channel(HARD[9], story(20, enclosures=HARD[9].enclosures[2:]))).findall("item")
    found = [enclosure.attrib for item in items for enclosure in item.findall("enclosure")]
    assert found == [
        {"url": "https://press.example/a.mp3?x=1&y=2", "length": "12345", "type": "audio/mpeg"},
        {"url": "https://press.example/c", "length": "0", "type": "application/octet-stream"},
    ]


def test_language_is_one_that_exists() -> None:
    head = document(channel(story(1, language="de")))
    assert head.findtext("language") == "de"
    mixed = document(channel())
    assert mixed.find("language") is None
    assert {item.findtext(f"{DC}language") for item in mixed.findall("item")} == {"en", "he", None}


def test_the_build_date_is_the_last_change_and_never_now() -> None:
    at = datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert b"<lastBuildDate>Sat, 29 Feb 2020 23:59:59 +0000</lastBuildDate>" in FORMATS["rss"](channel(), at)


def test_a_hub_is_named() -> None:
    hubs = [a.get("href") for a in document(CHANNELS["hub"]).findall(f"{ATOM}link") if a.get("rel") == "hub"]
    assert hubs == ["https://hub.example/"]
