"""OPML: what people's readers write is read; what attacks is refused; a bad row costs only itself."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import opml
from aggregator.errors import ParseError


def rows(body: str) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(row.url, row.title, row.tags) for row in opml.read(f"<opml><body>{body}</body></opml>".encode()).rows]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('<outline xmlUrl="http://a.example/" text="t" title="T"/>', [("http://a.example/", "T", ())]),
        ('<outline XMLURL="http://a.example/" TEXT="t"/>', [("http://a.example/", "t", ())]),
        ('<outline xmlUrl=" http://a.example/ " text=""/>', [("http://a.example/", None, ())]),
        ('<outline xmlUrl="http://a.example/?a=1&b=2" text="A & B"/>', [("http://a.example/?a=1&b=2", "A & B", ())]),
        ('<outline xmlUrl="http://a.example/" text="&nbsp;&eacute;&lt;b&gt;"/>', [("http://a.example/", "é<b>", ())]),
        ('<outline text="X"><outline text="Y"><outline xmlUrl="http://a.example/"/></outline></outline>',
         [("http://a.example/", None, ("X", "Y"))]),
        ('<outline text="X"/><outline xmlUrl="http://a.example/"/>', [("http://a.example/", None, ())]),
        ('<outline text="X"><outline xmlUrl="http://a.example/"/></outline><outline text="Y"><outline '
         'xmlUrl="http://a.example/"/></outline>', [("http://a.example/", None, ("X", "Y"))]),
        ('<outline text="Feed" xmlUrl="http://a.example/"><outline xmlUrl="http://b.example/"/></outline>',
         [("http://a.example/", "Feed", ()), ("http://b.example/", None, ())]),
        ('<outline xmlUrl="http://a.example/" text="&#27;[31m red&#x202e;"/>', []),
    ],
)  # fmt: skip
def test_what_readers_write_is_read(body: str, found: list[tuple[str, str | None, tuple[str, ...]]]) -> None:
    if "&#27;" in body:  # a character that XML 1.0 forbids even as a reference
        with pytest.raises(ParseError, match="line 1"):
            rows(body)
    else:
        assert rows(body) == found


def test_encodings_and_what_stands_before_the_declaration() -> None:
    text = '<?xml version="1.0" encoding="{}"?><opml><outline xmlUrl="http://a.example/" text="é"/></opml>'
    for name in ("utf-8", "iso-8859-1", "utf-16", "windows-1252"):
        assert opml.read(text.format(name).encode(name)).rows[0].title == "é"
    assert opml.read(b"\xef\xbb\xbf\n " + text.format("utf-8").encode()).rows[0].title == "é"


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


@pytest.mark.parametrize(
    "document",
    [
        BOMB + ']><opml><outline text="&j;"/></opml>',
        '<!DOCTYPE opml SYSTEM "http://evil.example/x.dtd"><opml/>',
        '<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml><outline text="&x;"/></opml>',
        "<opml>" + "<outline text='a'>" * 200_000,
        "<opml>" + "<outline>" * 101 + "</outline>" * 101 + "</opml>",
        "",
        "no xml",
        "<html/>",
        '<?xml version="1.0" encoding="no-such"?><opml/>',
    ],
    ids=range(9),
)
def test_what_attacks_or_is_none_is_refused_at_once(document: str) -> None:
    before = time.process_time()
    with pytest.raises(ParseError):
        opml.read(document.encode())
    assert time.process_time() - before < 5


def test_bad_rows_are_named_with_their_line() -> None:
    found = opml.read(
        b'<opml><body>\n<outline type="rss" text="A"/>\n<outline type="link" text="L" url="x"/>\n'
        b'<outline xmlUrl="/relative" text="R"/>\n<outline xmlUrl="http://a.example/x y"/>\n'
        b'<outline xmlUrl="http://[::1/" text="port"/>\n<outline xmlUrl="http://ok.example/"/>\n</body></opml>'
    )
    assert [row.url for row in found.rows] == ["http://ok.example/"]
    assert [(bad.line, bad.what) for bad in found.bad] == [
        (2, "A"), (3, "L"), (4, "R"), (5, "http://a.example/x y"), (6, "port"),
    ]  # fmt: skip


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for document in (data, b"<opml>" + data + b"</opml>", b'<opml><outline xmlUrl="' + data + b'"/></opml>'):
        with contextlib.suppress(ParseError):
            assert opml.read(document) is not None
