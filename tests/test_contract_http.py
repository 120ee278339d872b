"""The rules of RFC 9110, 9111 and 3229 for what we serve, asked over a real connection."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import feedparser
import pytest

from aggregator.publish import TYPES
from aggregator.server import content_coding
from aggregator.site import Site
from tests.conftest import NOW, Reply, Served
from tests.stories import channel, story
from tests.test_site import put

Start = Callable[..., Served]
DATE = format_datetime(NOW, usegmt=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that change nothing."""
    site = Site(tmp_path_factory.mktemp("site"))
    put(site, channel(story(1), story(2)), NOW)
    server = Served(site)
    yield server
    server.close()


@pytest.fixture
def fresh(tmp_path: Path, serve: Start) -> Served:
    site = Site(tmp_path)
    put(site, channel(story(1), story(2)), NOW)
    return serve(site)


def gz(served: Served, *headers: tuple[str, str]) -> Reply:
    return served.ask("/feed.atom", "GET", ("Accept-Encoding", "gzip"), *headers)


@pytest.mark.parametrize("kind", ["atom", "rss", "json"])
def test_a_document_has_all_its_headers(served: Served, kind: str) -> None:
    reply = served.ask(f"/feed.{kind}")
    assert reply.status == 200
    assert reply.headers["content-type"] == TYPES[kind]
    assert "charset=utf-8" in reply.headers["content-type"]
    assert reply.headers["content-length"] == str(len(reply.body))
    assert re.fullmatch(r'"[0-9a-f]+"', reply.headers["etag"])
    assert reply.headers["last-modified"] == DATE
    assert reply.headers["vary"].split(", ")[0] == "Accept-Encoding"
    assert "max-age=0" in reply.headers["cache-control"]
    assert "content-encoding" not in reply.headers
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert parsedate_to_datetime(reply.headers["date"])


def test_a_browser_gets_a_type_that_it_shows(served: Served) -> None:
    browser = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    for kind in ("atom", "rss"):
        reply = served.ask(f"/feed.{kind}", "GET", browser)
        assert reply.headers["content-type"] == "application/xml; charset=utf-8"
        assert reply.headers["vary"] == "Accept-Encoding, Accept"
        assert b'<?xml-stylesheet type="text/css" href="feed.css"?>' in reply.body
        for reader in ("*/*", "application/atom+xml, application/rss+xml;q=0.9", "application/xml, text/xml"):
            assert served.ask(f"/feed.{kind}", "GET", ("Accept", reader)).headers["content-type"] == TYPES[kind]
    assert served.ask("/feed.json", "GET", browser).headers["content-type"] == TYPES["json"]


def test_each_encoding_has_a_strong_etag_of_its_own(served: Served) -> None:
    plain, zipped = served.ask("/feed.atom"), gz(served)
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.headers["content-length"] == str(len(zipped.body))
    assert plain.headers["etag"] != zipped.headers["etag"]
    assert not plain.headers["etag"].startswith("W/")


@pytest.mark.parametrize(
    ("value", "coding"),
    [
        (None, "identity"), ("", "identity"), ("gzip", "gzip"), ("GZIP", "gzip"), ("x-gzip", "gzip"), ("*", "gzip"),
        ("gzip;q=0", "identity"), ("gzip; q=0.000", "identity"), ("gzip;q=0, *", "identity"), ("br", "identity"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"), ("gzip;q=0.001", "gzip"), ("identity", "identity"),
        ("identity, gzip;q=0.5", "identity"), ("identity;q=0.5, gzip", "gzip"), ("identity;q=0", "gzip"),
        ("*;q=0", None), ("identity;q=0, gzip;q=0", None), ("*;q=0, gzip", "gzip"), ("*;q=0, identity", "identity"),
        ("gzip;q=nonsense", "gzip"), (",, gzip ,", "gzip"), ("br;q=1, gzip;q=0.8, *;q=0.1", "gzip"),
    ],
)  # fmt: skip
def test_accept_encoding(served: Served, value: str | None, coding: str | None) -> None:
    assert content_coding(value) == coding
    reply = served.ask("/feed.atom", "GET", *([] if value is None else [("Accept-Encoding", value)]))
    if coding is None:
        assert reply.status == 406
    else:
        assert reply.headers.get("content-encoding", "identity") == coding


def test_if_none_match(served: Served) -> None:
    etag, zipped = served.ask("/feed.atom").headers["etag"], gz(served).headers["etag"]
    same = [etag, f"W/{etag}", zipped, "*", f'"other", {etag}', f'W/"x,y" , W/{zipped}, "z"']
    assert [served.ask("/feed.atom", "GET", ("If-None-Match", value)).status for value in same] == [304] * len(same)
    other = ['"other"', etag.strip('"'), f'W/{etag[:-2]}"', "", '"*"', '""']
    assert [served.ask("/feed.atom", "GET", ("If-None-Match", value)).status for value in other] == [200] * len(other)
    two_lines = served.ask("/feed.atom", "GET", ("If-None-Match", '"a"'), ("If-None-Match", etag))
    assert two_lines.status == 304


def test_a_304_has_the_headers_that_matter_and_no_body(served: Served) -> None:
    full = gz(served)
    reply = gz(served, ("If-None-Match", full.headers["etag"]))
    assert (reply.status, reply.body) == (304, b"")
    for name in ("etag", "vary", "cache-control", "last-modified"):
        assert reply.headers[name] == full.headers[name]
    assert "content-encoding" not in reply.headers
    assert "content-type" not in reply.headers


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (DATE, 304),
        (format_datetime(NOW + timedelta(days=1), usegmt=True), 304),
        (format_datetime(NOW - timedelta(seconds=1), usegmt=True), 200),
        ("Monday, 23-Nov-26 12:00:00 GMT", 304),
        ("Mon Nov 23 12:00:00 2026", 304),
        ("yesterday", 200),
        ("", 200),
        ("0", 200),
    ],
)
def test_if_modified_since(served: Served, value: str, status: int) -> None:
    assert served.ask("/feed.atom", "GET", ("If-Modified-Since", value)).status == status


def test_if_none_match_goes_before_if_modified_since(served: Served) -> None:
    etag = served.ask("/feed.atom").headers["etag"]
    stale = ("If-Modified-Since", format_datetime(NOW - timedelta(days=9), usegmt=True))
    fresh = ("If-Modified-Since", DATE)
    assert served.ask("/feed.atom", "GET", ("If-None-Match", '"old"'), fresh).status == 200
    assert served.ask("/feed.atom", "GET", ("If-None-Match", etag), stale).status == 304


def test_head_is_get_without_the_body(served: Served) -> None:
    for headers in ([], [("Accept-Encoding", "gzip")]):
        get, head = served.ask("/feed.json", "GET", *headers), served.ask("/feed.json", "HEAD", *headers)
        assert (head.status, head.body) == (200, b"")
        for reply in (get, head):
            reply.headers.pop("date")
        assert head.headers == get.headers
    etag = served.ask("/feed.json").headers["etag"]
    assert served.ask("/feed.json", "HEAD", ("If-None-Match", etag)).status == 304


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_other_methods_are_told_which_are_allowed(served: Served, method: str) -> None:
    reply = served.ask("/feed.atom", method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert served.ask("/healthz", method).status == 405


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/feed.atom/", "/../feeds.yaml", "/%2e%2e/feeds.yaml", "/..%2f..%2fetc/passwd", "/archive/1.atom",
     "/archive/../feed.css", "/archive/0.atom", "/archive/99999999999999999999.atom", "/archive/1.rss", "/feed.atom%00",
     "/.feed.atom.x", "/tags/", "/%ff%fe", "/feed.atom.gz"],
)  # fmt: skip
def test_what_is_not_there_is_a_clean_404(served: Served, path: str) -> None:
    (served.site.directory / "feeds.yaml").write_text("secret")
    (served.site.directory / "archive").mkdir(exist_ok=True)
    reply = served.ask(path)
    assert reply.status == 404
    assert reply.headers["content-type"].startswith("text/plain")
    assert b"secret" not in reply.body
    assert served.ask(path, "HEAD").body == b""


def test_a_path_may_be_written_in_other_ways(served: Served) -> None:
    assert served.ask("/feed%2Eatom").status == 200
    assert served.ask("/feed.atom?utm_source=x").status == 200


@pytest.mark.parametrize(
    ("alias", "path"),
    [("/atom.xml", "/feed.atom"), ("/feed.xml", "/feed.atom"), ("/rss.xml", "/feed.rss"), ("/feed", "/feed.atom"),
     ("/rss", "/feed.rss"), ("/opml.xml", "/feeds.opml")],
)  # fmt: skip
def test_aliases(served: Served, fresh: Served, alias: str, path: str) -> None:
    for method in ("GET", "HEAD"):
        reply = served.ask(alias, method)
        assert (reply.status, reply.headers["location"], reply.body) == (308, path, b"")
    fresh.site.prefix = "/planet/"
    assert fresh.ask(alias).headers["location"] == f"/planet{path}"


def test_a_range_is_answered_with_the_whole(served: Served) -> None:
    assert served.ask("/feed.atom", "GET", ("Range", "bytes=0-9")).status == 200


def test_two_changes_in_one_second_change_the_etag_twice(fresh: Served) -> None:
    etags = set()
    for number in range(3, 6):
        put(fresh.site, channel(story(1), story(number)), NOW)
        etags.add(fresh.ask("/feed.atom").headers["etag"])
    assert len(etags) == 3


@pytest.mark.parametrize("kind", ["atom", "rss", "json"])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_im_feed_brings_only_what_is_new(fresh: Served, kind: str, coding: str) -> None:
    accept = ("Accept-Encoding", coding)
    old = fresh.ask(f"/feed.{kind}", "GET", accept)
    put(fresh.site, channel(story(0), story(1), story(2, title="Edited")), NOW)
    asked = [accept, ("A-IM", "feed"), ("If-None-Match", old.headers["etag"])]
    reply = fresh.ask(f"/feed.{kind}", "GET", *asked)
    assert (reply.status, reply.headers["im"]) == (226, "feed")
    assert reply.headers["etag"] == fresh.ask(f"/feed.{kind}", "GET", accept).headers["etag"]
    assert "no-store" in reply.headers["cache-control"]
    assert reply.headers["content-type"] == TYPES[kind]
    body = gzip.decompress(reply.body) if coding == "gzip" else reply.body
    if kind == "json":
        titles = [item["title"] for item in json.loads(body)["items"]]
    else:
        titles = [entry.title for entry in feedparser.parse(body).entries]
    assert titles == ["Story 0", "Edited"]
    assert fresh.ask(f"/feed.{kind}", "HEAD", *asked).status == 226


def test_a_im_that_can_not_be_used_brings_all(fresh: Served) -> None:
    old = fresh.ask("/feed.atom").headers["etag"]
    assert fresh.ask("/feed.atom", "GET", ("A-IM", "feed"), ("If-None-Match", old)).status == 304
    put(fresh.site, channel(story(0), story(1), story(2)), NOW)
    for headers in (
        [("A-IM", "feed")],
        [("A-IM", "feed"), ("If-None-Match", '"never seen"')],
        [("A-IM", "vcdiff, gzip"), ("If-None-Match", old)],
        [("A-IM", "feed;q=0"), ("If-None-Match", old)],
        [("If-None-Match", old)],
    ):
        assert fresh.ask("/feed.atom", "GET", *headers).status == 200, headers
    assert fresh.ask("/feed.atom", "GET", ("A-IM", "vcdiff, feed"), ("If-None-Match", f'"x", W/{old}')).status == 226


def test_a_hub_stands_in_the_link_field(tmp_path: Path, serve: Start) -> None:
    site = Site(tmp_path)
    put(site, channel(story(1), hub="https://hub.example/"), NOW, links='<https://hub.example/>; rel="hub"')
    served = serve(site)
    assert served.ask("/feed.rss").headers["link"] == '<https://hub.example/>; rel="hub"'
    etag = served.ask("/feed.rss").headers["etag"]
    assert "link" in served.ask("/feed.rss", "GET", ("If-None-Match", etag)).headers


def test_a_password(tmp_path: Path, serve: Start) -> None:
    site = Site(tmp_path)
    put(site, channel(story(1)), NOW)
    served = serve(site, auth="reader:pässword")

    def status(path: str, *headers: tuple[str, str]) -> int:
        return served.ask(path, "GET", *headers).status

    def basic(text: str) -> tuple[str, str]:
        return ("Authorization", "Basic " + base64.b64encode(text.encode()).decode())

    for path in ("/feed.atom", "/", "/atom.xml", "/nothing", "/readyz"):
        reply = served.ask(path)
        assert (reply.status, reply.headers["www-authenticate"][:6]) == (401, "Basic ")
    assert status("/healthz") == 200
    assert status("/feed.atom", basic("reader:pässword")) == 200
    assert status("/nothing", basic("reader:pässword")) == 404
    for wrong in (
        basic("reader:"),
        basic("reader:passw"),
        ("Authorization", "Basic !!"),
        ("Authorization", "Bearer x"),
    ):
        assert status("/feed.atom", wrong) == 401
    assert "private" in served.ask("/feed.atom", "GET", basic("reader:pässword")).headers["cache-control"]


def test_health_and_readiness(tmp_path: Path, serve: Start) -> None:
    served = serve(Site(tmp_path), ready=False)
    assert (served.ask("/healthz").status, served.ask("/readyz").status) == (200, 503)
    assert serve(Site(tmp_path)).ask("/readyz").status == 200
