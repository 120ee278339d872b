"""Each file in data/parse is a case: what is expected, as JSON, a line of dashes, and the document as it came.

Only what a case names is compared. Texts that begin with "~" need only be found inside, ids that end in ":" or "#"
only begin so (a digest follows).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.errors import ParseError
from aggregator.model import Entry, Feed, Response
from aggregator.parse import Seen, changes, dates, parse
from aggregator.parse.entry import CUT, LONGEST
from aggregator.parse.scan import scan
from tests.conftest import DATA

CASES = sorted((DATA / "parse").glob("*.case"))
URL = "http://feed.example/dir/feed"


def load(path: Path) -> tuple[dict[str, Any], Response]:
    expected, _, body = path.read_bytes().partition(b"\n----\n")
    case: dict[str, Any] = json.loads(expected)
    headers = (("content-type", case["content_type"]),) if "content_type" in case else ()
    return case, Response(case.get("url", URL), 200, headers, body)


def shown(entry: Entry) -> dict[str, Any]:
    """An entry in the words of the cases."""
    source = entry.source
    return {
        "guid": entry.guid,
        "url": entry.url,
        "author": entry.author,
        "published": entry.published and entry.published.isoformat(),
        "updated": entry.updated and entry.updated.isoformat(),
        "categories": list(entry.categories),
        "enclosures": [[e.url, e.type, e.length] for e in entry.enclosures],
        "language": entry.language,
        "source": source and [source.title, source.url, source.home_page_url],
        "via": list(entry.via),
        **{name: getattr(entry, name).value for name in ("title", "summary", "content")},
        **{f"{name}_html": getattr(entry, name).html for name in ("title", "summary", "content")},
        **{f"{name}_base": getattr(entry, name).base for name in ("title", "summary", "content")},
    }


def alike(expected: object, found: object) -> bool:
    if isinstance(expected, str) and isinstance(found, str):
        if expected.startswith("~"):
            return expected[1:] in found
        if expected.endswith((":", "#")):
            return found.startswith(expected)
    return expected == found


def differences(case: dict[str, Any], feed: Feed) -> list[str]:
    wrong = []
    heads: dict[str, Any] = {name: getattr(feed, name) for name in ("title", "home_page_url", "guid", "language")}
    heads["ttl"] = feed.ttl and feed.ttl.total_seconds()
    wrong += [f"feed.{k}: {heads[k]!r}, not {v!r}" for k, v in case.get("feed", {}).items() if not alike(v, heads[k])]
    found = [shown(entry) for entry in feed.entries]
    if "entries" in case:
        if len(found) != len(case["entries"]):
            wrong.append(f"{len(found)} entries, not {len(case['entries'])}: {[e['guid'] for e in found]}")
        for number, (expected, entry) in enumerate(zip(case["entries"], found, strict=False)):
            wrong += [
                f"entries[{number}].{k}: {entry[k]!r}, not {v!r}" for k, v in expected.items() if not alike(v, entry[k])
            ]
    if "flaws" in case and (
        len(feed.flaws) != len(case["flaws"])
        or any(word not in flaw for word, flaw in zip(case["flaws"], feed.flaws, strict=True))
    ):
        wrong.append(f"flaws: {feed.flaws}, not {case['flaws']}")
    if feed.complete != case.get("complete", True):
        wrong.append(f"complete: {feed.complete}")
    return wrong


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case, response = load(path)
    if "error" in case:
        with pytest.raises(ParseError) as raised:
            parse(response)
        assert case["error"] in str(raised.value)
        return
    assert differences(case, parse(response)) == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_read_again_brings_nothing_new_and_forgets_nothing(path: Path) -> None:
    case, response = load(path)
    if "error" in case:
        return
    first = changes(response)
    again = changes(response, first.sources)
    assert (again.guids, again.sources) == (first.guids, first.sources)
    assert again.feed.flaws == first.feed.flaws
    if first.sources:
        assert again.feed.entries == ()


def changed(body: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, bit in edits:
        start = at % (len(body) + 1)
        body = body[:start] + bit + body[start + length :]
    return body


BITS = st.sampled_from(
    [b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!--", b"<!DOCTYPE", b"</item>", b"<item>", b"<entry", b"\x00", b"\xff",
     b"\xed\xa0\x80", b"&#xD800;", b'"', b"<?xml", b"</channel>", b"xmlns:a='b'", b"<x:y z:w=1>", b"{", b"\xfe\xff"]
)  # fmt: skip
EDITS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 40), BITS | st.binary(max_size=6)), max_size=4)


@given(path=st.sampled_from(CASES), edits=EDITS)
@settings(max_examples=400, deadline=None)
def test_no_bytes_raise_anything_but_a_parse_error(path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    _, response = load(path)
    response = dataclasses.replace(response, body=changed(response.body, edits))
    with contextlib.suppress(ParseError):
        first = changes(response)
        again = changes(response, first.sources)
        assert (again.guids, again.feed.flaws) == (first.guids, first.feed.flaws)
        assert all(entry.guid for entry in first.feed.entries)
        assert len({entry.guid for entry in first.feed.entries}) == len(first.feed.entries)


def items(*middle: bytes) -> bytes:
    whole = [f"<item><guid isPermaLink='false'>{n}</guid><title>T{n}</title><description><![CDATA[<p>{n}]]></description></item>"
             for n in range(4)]  # fmt: skip
    entries = [*(text.encode() for text in whole[:2]), *middle, *(text.encode() for text in whole[2:])]
    return b"<rss version='2.0'><channel><title>T</title>\n" + b"\n".join(entries) + b"\n</channel></rss>"


@given(edits=EDITS.filter(bool))
@example(edits=[(30, 0, b"<![CDATA[")])
@example(edits=[(60, 0, b"<!--")])
@settings(max_examples=300, deadline=None)
def test_damage_in_an_entry_stays_there(edits: list[tuple[int, int, bytes]]) -> None:
    victim = (
        b"<item><guid isPermaLink='false'>victim</guid><title>V</title><description>text of it</description></item>"
    )
    # What is meant as markup of the channel, or as bytes of another charset, is not damage of an entry.
    harmless = (b"item", b"entry", b"channel", b"</rss", b"\xed", b"\xff", b"\xfe", b"\x00", b"<?xml", b"<!DOCTYPE")
    damaged = b"<item>" + changed(victim[6:-7], [e for e in edits if not any(h in e[2] for h in harmless)]) + b"</item>"
    before = {entry.guid: entry for entry in parse(Response(URL, 200, (), items())).entries}
    after = {entry.guid: entry for entry in parse(Response(URL, 200, (), items(damaged))).entries}
    assert {guid: after.get(guid) for guid in before} == before


# A small language of documents, to write sequences of versions in.
HEADS = st.fixed_dictionaries(
    {
        "root": st.sampled_from(["", " xml:lang='de'", " xml:base='http://b.example/x/'", " xmlns:dc='urn:other'"]),
        "author": st.sampled_from(["", "<author><name>Ann</name></author>", "<author><name>Bo</name></author>"]),
        "title": st.sampled_from(["<title>T</title>", "<title>U</title>", "<updated>2026-11-23T00:00:00Z</updated>"]),
    }
)
ENTRY = st.sampled_from(
    ["", "<b/>", "<title>a</title>", "<title>b &amp; c</title><link href='rel'/>",
     "<title type='html'>&lt;b&gt;x</title><link href='/y'/>",
     "<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>Z</dc:creator><title>z</title>", "<updated>gestern</updated>",
     "<author><name>Own</name></author><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>t</p></div></content>",
     "<content xml:base='c/' type='html'>&lt;a href='q'&gt;</content>", "<o:x xmlns:o='urn:o'>1</o:x><title>o</title>",
     "<title><x><summary>s</summary></x></title>", "<title type='xhtml'><title>t</title></title>",
     "<p:x xmlns:p='urn:o'>1</p:x><title>p</title>", "<content:encoded xmlns:content='urn:odd'>c</content:encoded>",
     "<encoded xmlns='urn:odd'>short</encoded>", "<title>unclosed", "<category term='k'/><category term='k'/>"]
)  # fmt: skip
VERSIONS = st.lists(
    st.tuples(HEADS, st.lists(st.tuples(st.integers(1, 6), ENTRY), max_size=6), st.sampled_from(["utf-8", "utf-16"])),
    min_size=2,
    max_size=6,
)


def test_slices_are_exactly_the_entries() -> None:
    entries = [
        b"<entry/>",
        b"<entry a='>' b=\"/>\"/>",
        b"<entry></entry>",
        b"<entry><b/></entry >",
        b"<entry>/></entry>",
    ]
    data = b"<feed><entry/>" + b"\n".join(entries) + b"</feed>"
    found = [data[piece.start : piece.end] for piece in scan(data).slices]
    assert found == [b"<entry/>", *entries]


def document(head: dict[str, str], entries: list[tuple[int, str]], charset: str) -> Response:
    body = "".join(f"<entry><id>urn:{number}</id>{inner}</entry>\n" for number, inner in entries)
    text = f"<feed xmlns='http://www.w3.org/2005/Atom'{head['root']}>{head['title']}{body}{head['author']}</feed>"
    return Response(URL, 200, (), text.encode(charset))


PLAIN = {"root": "", "author": "", "title": "<title>T</title>"}
ODD = "<content:encoded xmlns:content='urn:odd'>c</content:encoded>"


@given(versions=VERSIONS)
@example(
    versions=[(PLAIN, [(1, ODD)], "utf-8"), (PLAIN, [(1, ODD), (2, "<encoded xmlns='urn:odd'>s</encoded>")], "utf-8")]
)
@settings(max_examples=300, deadline=None)
def test_reading_what_is_new_gives_what_reading_all_gives(
    versions: list[tuple[dict[str, str], list[tuple[int, str]], str]],
) -> None:
    known: dict[bytes, Entry] = {}  # what a reader of changes has by now, by the hash of the source
    sources: Mapping[bytes, Seen] = {}
    for version in versions:
        response = document(*version)
        whole = changes(response)
        some = changes(response, sources)
        assert some.guids == whole.guids
        assert dataclasses.replace(some.feed, entries=()) == dataclasses.replace(whole.feed, entries=())
        assert some.sources == whole.sources
        new = {entry.guid: entry for entry in some.feed.entries}
        known = {
            mark: new[seen.guid] if mark not in sources or seen.guid in new else known[mark]
            for mark, seen in some.sources.items()
        }
        if some.sources:
            assert sorted(known.values(), key=repr) == sorted(whole.feed.entries, key=repr)
        else:
            assert some.feed.entries == whole.feed.entries
        sources = some.sources


def texts(form: str, *parts: str) -> list[tuple[str, str]]:
    """Entries with these contents, read back: content and flaws."""
    if form == "json":
        items = [{"id": str(n), "content_html": part} for n, part in enumerate(parts)]
        body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})
    else:
        items_ = (f"<item><guid>{n}</guid><description>{escape(p)}</description></item>" for n, p in enumerate(parts))
        body = f"<rss version='2.0'><channel>{''.join(items_)}</channel></rss>"
    feed = parse(Response(URL, 200, (), body.encode()))
    return [(e.content.value or e.summary.value, " ".join(feed.flaws)) for e in feed.entries]


@pytest.mark.parametrize("form", ["rss", "json"])
def test_a_text_longer_than_two_books_is_cut_marked_and_told(form: str) -> None:
    [(long, flaws), (short, _)] = texts(form, "word " * (LONGEST // 5 + 100), "short")
    assert (len(long), long.endswith(CUT), short) == (LONGEST + len(CUT), True, "short")
    assert "its end is left out" in flaws
    [(same, flaws)] = texts(form, "x" * LONGEST)
    assert (len(same), flaws) == (LONGEST, "")
    # A picture inside the text is shown to nobody, and must not cost the text behind it.
    [(text, flaws)] = texts(form, f"<p>a<img src='data:image/png;base64,{'A' * LONGEST}'>b")
    assert (text, flaws) == ("<p>a<img src='data:,'>b", "")


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_a_date_in_the_exact_form_is_the_one_that_is_written_carelessly(dice: random.Random) -> None:
    """What is read at a glance in the one case is read by looking at each word in the other."""
    year, day, hour, second = (
        dice.choice((0, 1, 1970, 2026, 9999)),
        dice.randint(0, 32),
        dice.randint(0, 25),
        dice.randint(0, 61),
    )
    month = dice.choice("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
    weekday = dice.choice(("", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "))
    zone = dice.choice(("GMT", "+0000", "-0330", "+0545", "+1459", "+1500", "-0060"))
    for text in (
        f"{weekday}{day:02} {month} {year:04} {hour:02}:30:{second:02} {zone}",
        f"{year:04}-{dice.randint(0, 13):02}-{day:02}T{hour:02}:30:{second:02}{zone[:3]}:{zone[3:]}".replace(
            "GMT:", "Z"
        ),
    ):
        assert dates.from_text(text) == dates.from_text(text.lower())
