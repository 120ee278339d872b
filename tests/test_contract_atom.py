"""The rules of RFC 4287, RFC 5005 and the W3C feed validator for our Atom documents."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from aggregator.iri import names, uri
from aggregator.publish import FORMATS, Channel
from tests.conftest import NOW
from tests.stories import HARD, SITE, channel, story

A = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ONCE = ("id", "title", "updated", "generator", "subtitle", "logo", "icon", "rights")
KNOWN = {"http://www.w3.org/2005/Atom", "http://search.yahoo.com/mrss/", "http://purl.org/syndication/history/1.0"}

CHANNELS = {
    "hard": channel(),
    "empty": Channel("Nothing yet", SITE, "feed", ()),
    "tag": channel(story(1), story(2), path="tags/press"),
    "hub": channel(story(1), hub="https://hub.example/"),
    "chained": channel(story(1), previous=7),
    "archive": channel(*HARD, path="archive/7", previous=6),
}


def document(of: Channel) -> ET.Element:
    return ET.fromstring(FORMATS["atom"](of, NOW))


def links(element: ET.Element, rel: str) -> list[str]:
    return [link.get("href", "") for link in element.findall(f"{A}link") if link.get("rel", "alternate") == rel]


@pytest.mark.parametrize("name", CHANNELS)
def test_rfc_4287(name: str) -> None:
    of = CHANNELS[name]
    feed = document(of)
    assert feed.tag == f"{A}feed"
    for child in ("id", "title", "updated"):
        assert len(feed.findall(A + child)) == 1
    for child in ONCE:
        assert len(feed.findall(A + child)) <= 1
    seen_entry = False
    for child_element in feed:
        seen_entry |= child_element.tag == f"{A}entry"
        assert seen_entry == (child_element.tag == f"{A}entry"), "metadata after an entry"
    assert links(feed, "self") == [of.address("atom")]
    assert len(links(feed, "alternate")) == 1
    ids = [entry.findtext(f"{A}id") for entry in feed.findall(f"{A}entry")]
    assert ids == [story.uid for story in of.stories]
    for entry in feed.findall(f"{A}entry"):
        for child in ("id", "title", "updated", "published", "source"):
            assert len(entry.findall(A + child)) == 1, child
        assert len(entry.findall(f"{A}content")) <= 1
        assert len(entry.findall(f"{A}summary")) <= 1
        assert len(links(entry, "alternate")) == 1
        assert entry.findall(f"{A}content") or links(entry, "alternate")
        assert entry.findtext(f"{A}author/{A}name")
        assert (entry.findtext(f"{A}published") or "")[:19] <= (entry.findtext(f"{A}updated") or "")[:19]
        source = entry.find(f"{A}source")
        assert source is not None
        for child in ("id", "title", "updated"):
            assert source.findtext(A + child), child
        assert links(source, "self")


@pytest.mark.parametrize("name", CHANNELS)
def test_what_the_validator_warns_of(name: str) -> None:
    feed = document(CHANNELS[name])
    updates = [entry.findtext(f"{A}updated") for entry in feed.findall(f"{A}entry")]
    assert len(set(updates)) == len(updates), "DuplicateUpdated"
    for element in feed.iter():
        assert element.tag.partition("}")[0][1:] in KNOWN, "UndefinedElement"
        if element.tag in (f"{A}updated", f"{A}published"):
            assert DATE.fullmatch(element.text or "")
            assert datetime.fromisoformat(element.text or "") <= NOW.replace(microsecond=999_999), "ImplausibleDate"
        if element.tag == f"{A}id":
            assert names(element.text or ""), "InvalidFullLink, NonCanonicalURI"
        if (href := element.get("href")) is not None:
            assert href.isascii()
            assert not re.search(r"[\s<>\"{}|\\^`\[\]]", href), "InvalidUriChar"
            assert urlsplit(href).scheme in ("http", "https"), "RelativeSelf"
        if (kind := element.get("type")) is not None and element.tag == f"{A}link":
            assert re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind)
        if (length := element.get("length")) is not None:
            assert length.isdigit()
        if (language := element.get(LANG)) is not None:
            assert language in ("en", "he"), "InvalidLanguage"
        if element.tag == f"{A}name":
            assert "@" not in (element.text or ""), "ContainsEmail"
        if element.tag in (f"{A}title", f"{A}name", f"{A}summary", f"{A}id"):
            assert (element.text or "").strip(), "NotBlank"
        if element.tag == f"{A}category":
            assert element.get("term")


def test_the_language_stands_once_where_all_stories_share_it() -> None:
    feed = document(channel(story(1), story(2)))
    assert feed.get(LANG) == "en"
    assert [entry.get(LANG) for entry in feed.findall(f"{A}entry")] == [None, None]
    mixed = document(channel(story(1), story(2, language="de-AT"), story(3, language="us"), story(4, language=None)))
    assert mixed.get(LANG) is None
    assert [entry.get(LANG) for entry in mixed.findall(f"{A}entry")] == ["en", "de-AT", None, None]


def test_texts_come_out_as_they_went_in() -> None:
    entries = document(channel()).findall(f"{A}entry")
    title = {entry.findtext(f"{A}id"): entry.findtext(f"{A}title") for entry in entries}
    assert title["https://press.example/1"] == HARD[0].title
    assert title["https://press.example/2"] == HARD[1].title
    assert title["https://press.example/4"] == "bell null vt"
    assert title["https://press.example/5"] == "half  pair"
    assert entries[0].findtext(f"{A}summary") == HARD[0].summary
    content = entries[5].find(f"{A}content")
    assert content is not None
    assert (content.get("type"), content.text) == ("html", HARD[5].content_html)
    assert len(entries[6].findtext(f"{A}content") or "") > 1_000_000
    assert entries[13].findtext(f"{A}content") == "<pre>a\r\nb\tc</pre>"


def test_enclosures_copies_and_pictures() -> None:
    entries = document(channel()).findall(f"{A}entry")
    enclosures = [a.attrib for a in entries[9].findall(f"{A}link") if a.get("rel") == "enclosure"]
    assert enclosures[0] == {
        "rel": "enclosure", "href": "https://press.example/a.mp3?x=1&y=2", "type": "audio/mpeg", "length": "12345",
    }  # fmt: skip
    assert [sorted(found) for found in enclosures[1:]] == [["href", "rel", "type"], ["href", "rel"]]
    assert links(entries[11], "related") == [uri("https://news.example/ö"), "https://other.example/?a=1&b=2"]
    thumbnail = "{http://search.yahoo.com/mrss/}thumbnail"
    pictures = [element.get("url") for entry in entries for element in entry.findall(thumbnail)]
    assert pictures == ["https://press.example/b.jpg", "https://press.example/i.png?a=1&b=2"]


def test_a_source_without_an_id_of_its_own_is_named_by_its_address() -> None:
    sources = [entry.find(f"{A}source") for entry in document(channel()).findall(f"{A}entry")]
    assert [source.findtext(f"{A}id") for source in sources if source is not None][9:11] == [
        "https://press.example/feed",
        "https://press.example/feed.xml",
    ]


def test_rfc_5005() -> None:
    archive = document(CHANNELS["archive"])
    assert archive.find("{http://purl.org/syndication/history/1.0}archive") is not None
    assert links(archive, "self") == [f"{SITE}archive/7.atom"]
    assert links(archive, "current") == [f"{SITE}feed.atom"]
    assert links(archive, "prev-archive") == [f"{SITE}archive/6.atom"]
    feed = document(CHANNELS["chained"])
    assert feed.find("{http://purl.org/syndication/history/1.0}archive") is None
    assert links(feed, "prev-archive") == [f"{SITE}archive/7.atom"]
    assert links(feed, "current") == []
    # One feed, one id, whichever of its documents it stands in.
    assert archive.findtext(f"{A}id") == feed.findtext(f"{A}id") == f"{SITE}feed.atom"
    assert links(document(channel(story(1), path="archive/1")), "prev-archive") == []


def test_a_hub_is_named() -> None:
    assert links(document(CHANNELS["hub"]), "hub") == ["https://hub.example/"]
    assert links(document(CHANNELS["tag"]), "hub") == []


@pytest.mark.parametrize(
    ("path", "href"), [("feed", "feed.css"), ("tags/x", "../feed.css"), ("archive/1", "../feed.css")]
)
@pytest.mark.parametrize("kind", ["atom", "rss"])
def test_a_style_sheet_is_found_wherever_the_files_are_put(kind: str, path: str, href: str) -> None:
    head = FORMATS[kind](channel(story(1), path=path), NOW)[:300].decode()
    assert f'<?xml-stylesheet type="text/css" href="{href}"?>' in head
    assert head.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
