"""Plain entries and heads: what the quick reader makes of them is what feedparser makes of them, in every field."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from feedparser.api import SUPPORTED_VERSIONS, StrictFeedParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.errors import ParseError
from aggregator.model import Response
from aggregator.parse import Changes, changes, document, plain, words
from aggregator.parse.scan import Layout, scan
from tests.conftest import DATA, Post, rss

CASES = sorted((DATA / "parse").glob("*.case"))
# Feeds of your own: AGGREGATOR_FEEDS=folder pytest tests/test_plain.py
OWN = sorted(path for path in Path(os.environ.get("AGGREGATOR_FEEDS", "/nowhere")).rglob("*") if path.is_file())
NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "media": "http://search.yahoo.com/mrss/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "georss": "http://www.georss.org/georss",
    "atom": "http://www.w3.org/2005/Atom",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "thr": "http://purl.org/syndication/thread/1.0",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "x": "urn:x",
}


@contextmanager
def feedparser_alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "read", lambda data: plain.Read())
        patch.setattr(plain, "scan_and_read", lambda data: (scan(data), plain.Read()))
        yield


@contextmanager
def two_passes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_MOST_BYTES_AT_A_GLANCE", 0)
        yield


def read(body: bytes) -> Changes | str:
    try:
        return changes(Response("http://feed.example/dir/feed", 200, (), body))
    except ParseError as error:
        return str(error)


def assert_alike(body: bytes) -> None:
    quick = read(body)
    with feedparser_alone():
        slow = read(body)
    with two_passes():
        apart = read(body)
    assert quick == slow == apart


@pytest.mark.parametrize("path", [*CASES, *OWN], ids=lambda path: path.stem)
def test_real_documents_read_the_same(path: Path) -> None:
    body = path.read_bytes()
    assert_alike(body.partition(b"\n----\n")[2] if path in CASES else body)


def test_ordinary_entries_are_plain() -> None:
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    ordinary = (
        rss(Post("One", link="http://x.example/1", html="<p>Text</p>"), Post("Two")),
        f"<rss version='2.0'{declared}><channel><title>T</title><item><title>A</title><link>http://x.example/1</link>"
        "<guid isPermaLink='false'>1</guid><pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate><dc:creator>Ann</dc:creator>"
        "<category domain='d'>c</category><description>d</description><content:encoded><![CDATA[<p>e</p>]]></content:encoded>"
        "<enclosure url='http://x.example/a.mp3' type='audio/mpeg' length='9'/><source url='http://y.example/f'>Y</source>"
        "<slash:comments>0</slash:comments><comments>http://x.example/1#c</comments><thr:total>0</thr:total>"
        "<media:content url='http://x.example/a.jpg' medium='image'/></item></channel></rss>".encode(),
        b"<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='en_GB'><id>f</id><entry><id>1</id><title type='html'>A</title>"
        b"<link href='http://x.example/1'/><link rel='via' href='http://y.example/'/><updated>2026-11-23T08:00:00Z</updated>"
        b"<published>2026-11-23T08:00:00Z</published><author><name>Ann</name><uri>http://a.example/</uri></author>"
        b"<category term='c' label='C'/><summary>s</summary><content type='html'>&lt;p&gt;c&lt;/p&gt;</content></entry></feed>",
        f"<rdf:RDF xmlns='http://purl.org/rss/1.0/'{declared}><channel rdf:about='c'><title>T</title></channel><item rdf:about="
        "'1'><title>A</title><link>http://x.example/1</link><dc:date>2026-11-23</dc:date></item></rdf:RDF>".encode(),
    )
    for body in ordinary:
        body = body.partition(b"?>")[2] if body.startswith(b"<?xml") else body
        read = plain.read(body)
        items = read.items
        assert read.head is not None, body
        assert items
        assert None not in items, body
        assert_alike(body)


def test_ordinary_documents_do_without_feedparser() -> None:
    """Its loading is a sixth of a worker's start."""
    body = (
        b"<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom' xml:lang='en'><channel><title>T &amp;amp; U</title>"
        b"<link>http://x.example/</link><description>d</description><language>de</language><ttl>60</ttl><docs>http://d.example/"
        b"</docs><atom:link href='http://x.example/f' rel='self' type='application/rss+xml'/><image><url>http://x.example/i</url>"
        b"<title>I</title><link>http://x.example/</link></image><lastBuildDate>Mon, 23 Nov 2026 08:00:00 GMT</lastBuildDate>"
        b"<item><title>A</title><link>http://x.example/1</link></item></channel></rss>"
    )
    program = (
        "import sys; import aggregator.worker; from aggregator.digest import Job, digest; from aggregator.model import *\n"
        f"found = digest(Job(Response('http://x.example/f', 200, (), {body!r}), Subscription('http://x.example/f')))\n"
        "assert found.feed.title == 'T & U' and found.feed.language == 'de' and found.items, found\n"
        "sys.exit('feedparser' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_alike(body)


@pytest.mark.parametrize(
    "body",
    [
        b"<rss version='2.0'><channel><x:item xmlns:x='urn:x'><title>a</title></x:item><item><link/></item></channel></rss>",
        b"<rss version='2.0'><channel><item><item><title>a</title></item></item><item/></channel></rss>",
        b"<rss version='2.0'><channel><image><item><title>a</title></item></image> text <item/></channel></rss>",
        b"<rss version='2.0' xmlns:dc='http://search.yahoo.com/mrss/'><channel><item><title>a</title></item></channel></rss>",
        b"<items><item><title>a</title></item></items>",
    ],
)
def test_what_is_unusual_is_scanned_all_the_same(body: bytes) -> None:
    layout, found = plain.scan_and_read(body)
    assert (layout, found) == (scan(body), plain.read(body))
    assert None in found.items or not found.items
    assert_alike(body)


def test_known_entries_are_read_in_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a document that is too large for it read while it is scanned."""
    passes: list[bytes] = []
    real = plain.scan_and_read

    def spy(data: bytes) -> tuple[Layout, plain.Read]:
        passes.append(data)
        return real(data)

    monkeypatch.setattr(plain, "scan_and_read", spy)
    body = rss(Post("One", link="http://x.example/1"))
    first = changes(Response("http://feed.example/", 200, (), body))
    assert len(passes) == 1
    assert changes(Response("http://feed.example/", 200, (), body), first.sources).guids == first.guids
    assert len(passes) == 1
    with two_passes():
        assert changes(Response("http://feed.example/", 200, (), body)) == first
    assert len(passes) == 1


def test_the_words_are_those_of_feedparser() -> None:
    real = StrictFeedParser.namespaces
    assert {uri.lower(): prefix for uri, prefix in real.items() if uri} == words.NAMESPACES
    assert frozenset(real.values()) - {""} == words.PREFIXES
    names = [name.removeprefix("_start_").lower() for name in dir(StrictFeedParser) if name.startswith("_start_")]
    assert {"_".join(name.split("_")[n:]) for name in names for n in range(name.count("_") + 1)} <= words.MEANT
    assert words.FORMATS == {**SUPPORTED_VERSIONS, "": "unknown RSS"}


@given(st.text("<>/&;#ab1") | st.sampled_from(["a&amp;b", "<b>x</b>", "</x>", "&nope;", "<p>&eacute;"]))
def test_what_looks_like_html_is_what_feedparser_takes_for_it(text: str) -> None:
    assert words.looks_like_html(text) == StrictFeedParser.looks_like_html(text)


TEXTS = st.sampled_from(
    (
        "| |Words| some words\n|A &amp; B|A &amp;amp; B|&lt;b&gt;bold&lt;/b&gt;|5 &lt; 6|&amp;lt;b&amp;gt;|<b>nested</b>|café|"
        "cafÃ©|<![CDATA[<p>Text <a href='/x'>more</a></p>]]>|<![CDATA[a]]> and <![CDATA[b]]>|<!-- comment -->text|\u0093so\u0094|"
        "http://x.example/a?b=1&amp;c=2|http://x.example/?a&amp;lt;b|http:////x.example//a|/relative|../up|en|0|1:02:03|a, b|"
        "Mon, 23 Nov 2026 08:00:00 GMT|2026-11-23T08:00:00+01:00|yesterday|11/12/2026|Thursday, January 1 2026|"
        "ann@x.example (Ann)|Ann &lt;ann@x.example&gt;"
    ).split("|")
)
VALUES = st.sampled_from(
    "|x|http://x.example/a|true|false|TEXT/HTML|text|html|xhtml|alternate|self|enclosure|via|12|image/png|de".split("|")
)
NAMES = st.sampled_from(
    "title link guid description pubDate author category enclosure source comments content summary id published updated image "
    "language author/name author/email author/uri textInput item2 name url dc:creator dc:date dc:subject dc:title dc:language "
    "dc:description dcterms:modified content:encoded media:content media:thumbnail media:title media:description media:group "
    "itunes:author itunes:summary itunes:duration itunes:image itunes:keywords slash:comments feedburner:origLink georss:point "
    "atom:link atom:updated atom:author atom:summary atom:content x:any x:title x:post-id x:summary thr:total thr:in-reply-to "
    "Title PUBDATE".split()
)
LIKELY = {
    "enclosure": ["url", "type", "length"],
    "link": ["href", "rel", "type"],
    "atom:link": ["href", "rel", "type", "title"],
    "guid": ["isPermaLink"],
    "category": ["domain", "term", "label"],
    "source": ["url"],
    "media:content": ["url", "type", "medium"],
    "media:thumbnail": ["url"],
    "title": ["type"],
    "summary": ["type"],
    "content": ["type", "src"],
}


@st.composite
def elements(draw: st.DrawFn) -> str:
    """One element of an entry, likely or odd."""
    name = draw(NAMES)
    likely = LIKELY.get(name, [])
    chosen = draw(
        st.lists(st.sampled_from([*likely, *likely, *likely, "xml:lang", "lang", "odd"]), unique=True, max_size=3)
    )
    attributes = "".join(f' {key}="{draw(VALUES)}"' for key in chosen if likely or draw(st.integers(0, 5)) == 0)
    outer, _, inner = name.partition("/")
    text = draw(TEXTS)
    if inner:
        return (
            f"<{outer}{attributes}><{inner}>{text}</{inner}>{draw(st.sampled_from(['', '', '', ' ', 'x']))}</{outer}>"
        )
    return f"<{name}{attributes}>{text}</{name}>"


COMMON_HEADS = (
    "atom:link atom:link sy:updatePeriod dc:language dc:date dc:rights x:any x:any/x:more generator category".split()
)
RSS_HEADS = (
    "link description language ttl image/title image/link image/url image/width docs copyright managingEditor webMaster pubDate "
    "lastBuildDate cloud dc:creator items/rdf:Seq"
).split()
ATOM_HEADS = "title subtitle rights updated logo icon author/name author/email author/uri atom:link".split()
ODD_HEADS = (
    "title image image/other textInput id author dc:title dc:publisher itunes:author itunes:image itunes:owner/itunes:name "
    "x:title x:any/title guid url name"
).split()
HEAD_ATTRIBUTES = {
    "atom:link": ["href", "rel", "type"],
    "title": ["type"],
    "subtitle": ["type"],
    "generator": ["uri", "version"],
    "category": ["domain", "term"],
    "cloud": ["domain", "port"],
}


@st.composite
def heads(draw: st.DrawFn, atom: bool) -> str:
    """Some elements of a feed's head, most of them likely."""
    likely = [*COMMON_HEADS, *(ATOM_HEADS if atom else RSS_HEADS)]
    names = draw(st.lists(st.sampled_from(likely), max_size=6, unique=draw(st.integers(0, 5)) > 0))
    if draw(st.integers(0, 5)) == 0:
        names.insert(0, draw(st.sampled_from([*ODD_HEADS, *RSS_HEADS, *ATOM_HEADS])))
    return "".join(draw(head_element(name)) for name in draw(st.permutations(names)))


@st.composite
def head_element(draw: st.DrawFn, name: str) -> str:
    """One of them."""
    outer, _, inner = name.partition("/")
    attributes = HEAD_ATTRIBUTES.get(name, [])[: draw(st.integers(0 if name in ("title", "category") else 1, 3))]
    if draw(st.integers(0, 15)) == 0:
        attributes = [draw(st.sampled_from(["xml:lang", "odd", "href", "type"]))]
    written = "".join(f' {key}="{draw(VALUES)}"' for key in attributes)
    text = draw(TEXTS.filter(lambda text: "<b>" not in text))
    if inner:
        text = f"{draw(st.sampled_from(['', '', '', '', '', ' ', 'x']))}<{inner}>{text}</{inner}>"
    return f"<{outer}{written}>{text}</{outer}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A feed of a few entries, now and then with something odd around them."""
    names = dict(NAMESPACES)
    if draw(st.integers(0, 9)) == 0:
        names[draw(st.sampled_from(sorted(names)))] = draw(st.sampled_from([*NAMESPACES.values(), "urn:other"]))
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    declared += draw(
        st.sampled_from(
            ["", "", "", "", ' xml:lang="de"', ' xml:lang="en_GB"', ' lang="fr"', ' xml:base="http://b.example/"']
        )
    )
    kind = draw(st.sampled_from(["rss", "rss", "atom", "rdf", "plain rdf"]))
    head = draw(heads(kind == "atom")) + "".join(draw(st.lists(elements(), max_size=draw(st.sampled_from([0, 0, 2])))))
    more = draw(heads(kind == "atom")) if draw(st.integers(0, 9)) == 0 else ""
    more = (
        "" if "title" in more else more
    )  # feedparser takes a second title for the feed's where an entry stands before it
    version = draw(st.sampled_from([*["2.0"] * 6, "2.0.1", "0.91", ""]))
    title = draw(st.sampled_from([*["<title>T</title>"] * 5, ""]))
    entries = ["".join(draw(st.lists(elements(), max_size=7))) for _ in range(draw(st.integers(0, 3)))]
    mark = draw(st.sampled_from(["", "", "", "", ' rdf:about="http://x.example/1"', ' href="/x"', ' xml:lang="nl"']))
    match kind:
        case "rss":
            items = "".join(f"<item{mark}>{entry}</item>" for entry in entries)
            return f'<rss version="{version}"{declared}><channel>{title}{head}{items}{more}</channel></rss>'
        case "atom":
            items = "".join(f"<entry{mark}>{entry}</entry>" for entry in entries)
            return f'<feed xmlns="http://www.w3.org/2005/Atom"{declared}><id>f</id>{head}{items}{more}</feed>'
        case _:
            items = "".join(f"<item{mark}>{entry}</item>" for entry in entries)
            ours = ' xmlns="http://purl.org/rss/1.0/"' if kind == "rdf" else ""
            return f"<rdf:RDF{ours}{declared}><channel>{title}{head}</channel>{more}{items}</rdf:RDF>"


@settings(max_examples=int(os.environ.get("AGGREGATOR_EXAMPLES", "300")), deadline=None)
@given(documents())
@example('<rss version="2.0" xmlns:dc="http://search.yahoo.com/mrss/" xmlns:d="http://purl.org/dc/elements/1.1/"><channel><item>'
         "<d:creator>Ann</d:creator></item></channel></rss>")  # fmt: skip
def test_any_document_is_read_as_feedparser_reads_it(document: str) -> None:
    assert_alike(document.encode())
