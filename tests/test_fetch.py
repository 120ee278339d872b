"""Fetching, against a server that breaks every rule; what was sent is judged in bytes, from the server's side."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiodns
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.errors import FetchError
from aggregator.fetch import Client, Guard
from aggregator.fetch.address import parse
from aggregator.fetch.decode import Decoder
from aggregator.fetch.lenient import mend
from aggregator.model import Request, Response
from tests.awkward import Awkward, awkward_site, drip, reset, says

DATA = Path(__file__).parent / "data" / "fetch"
FEED = b"<?xml version='1.0'?><rss version='2.0'><channel><title>A feed</title></channel></rss>"
AGENT = "aggregator/1 (+https://example.org/about)"


def cases(file: str) -> list[Any]:
    loaded = yaml.safe_load((DATA / file).read_text(encoding="utf-8"))
    return [pytest.param(case, id=str(case["name"])) for case in loaded]


def get(
    request: Request | str,
    guard: Guard | None = None,
    proxy: str | None = None,
    lookup: Callable[[str], Awaitable[list[str]]] | None = None,
) -> Response | FetchError:
    request = Request(request, timeout=10) if isinstance(request, str) else request

    async def work() -> Response | FetchError:
        async with Client(AGENT, guard or Guard(("127.0.0.1", "::1")), proxy=proxy) as client:
            client.names.lookup = lookup or client.names.lookup
            return await client.get(request)

    return asyncio.run(work())


def good(answer: Response | FetchError) -> Response:
    assert isinstance(answer, Response), answer
    return answer


def bad(answer: Response | FetchError) -> FetchError:
    assert isinstance(answer, FetchError), answer
    return answer


# --- bodies ---------------------------------------------------------------------------------------------------------


def _raw(words: str) -> bytes:
    named = {
        "FEED": FEED,
        "LARGE": b"<" + bytes(2**20),
        "BOM": b"\xef\xbb\xbf",
        "ZEROS": bytes(512),
        "BROTLI": b"\x1b\x2a\x00\xf8\x25\x00\x62\x98\x86\x10",
    }
    makers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "rawdeflate": lambda data: zlib.compress(data, wbits=-15),
        "cut": lambda data: data[:-5],
        "wrong": lambda data: data[:-5] + b"\x00" + data[-4:],
    }
    parts = []
    for part in words.split(" + "):
        match = re.fullmatch(r"(\w+)\((.*)\)", part)
        parts.append(makers[match[1]](_raw(match[2])) if match else named.get(part, part.encode()))
    return b"".join(parts)


@pytest.mark.parametrize("case", cases("bodies.yaml"))
@pytest.mark.parametrize("framing", ["length", "chunks", "to the end"])
def test_bodies(site: Awkward, case: dict[str, Any], framing: str) -> None:
    raw = _raw(case["raw"])
    fields = case.get("fields", [])
    size = 7 if len(raw) < 10_000 else 7000
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(raw[i : i + size]), raw[i : i + size]) for i in range(0, len(raw), size))
    site.plays["/feed"] = {
        "length": says(raw, "200 OK", *fields),
        "chunks": says(chunks + b"0\r\n\r\n", "200 OK", *fields, "Transfer-Encoding: chunked"),
        "to the end": b"HTTP/1.0 200 OK\r\n" + "".join(f"{f}\r\n" for f in fields).encode() + b"\r\n" + raw,
    }[framing]
    answer = get(Request(site.url(), max_body=2**18))
    if "fails" in case:
        assert case["fails"] in str(bad(answer))
        assert not bad(answer).unreachable
    else:
        assert good(answer).body == _raw(case["gives"])
    assert len(site.asked) == 1


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50), st.sampled_from(["gzip", "deflate", ""]))
def test_how_a_body_is_cut_into_chunks_changes_nothing(parts: list[bytes], size: int, encoding: str) -> None:
    body = b"<" + b"".join(parts)
    raw = {"gzip": gzip.compress(body), "deflate": zlib.compress(body), "": body}[encoding]
    decoder = Decoder(encoding, 10_000)
    for i in range(0, len(raw), size):
        decoder.feed(raw[i : i + size])
    assert decoder.body() == body


@given(st.binary(max_size=400), st.data())
def test_a_shortened_gzip_is_never_a_shorter_body(body: bytes, data: st.DataObject) -> None:
    raw = gzip.compress(body)
    cut = data.draw(st.integers(2, len(raw) - 1))
    with pytest.raises(FetchError):
        _decoded(raw[:cut], "gzip")


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "gzip, deflate", "br", None]))
def test_any_bytes_give_a_body_or_a_fetch_error(raw: bytes, encoding: str | None) -> None:
    with contextlib.suppress(FetchError):
        assert len(_decoded(raw, encoding, 1000)) <= 1000


def _decoded(raw: bytes, encoding: str | None, cap: int = 10_000) -> bytes:
    decoder = Decoder(encoding, cap)
    decoder.feed(raw)
    return decoder.body()


# --- whole answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("answers.yaml"))
def test_answers(site: Awkward, case: dict[str, Any]) -> None:
    answer_bytes = case["says"].encode("latin-1")
    site.plays["/feed"] = lambda ask, connection: connection.sendall(answer_bytes)
    answer = get(Request(site.url(), timeout=5), Guard((f"127.0.0.1:{site.port}",)))
    if "fails" in case:
        assert case["fails"] in str(bad(answer))
        assert "\n" not in str(answer)
        assert len(str(answer)) < 250
    else:
        assert (good(answer).status, good(answer).body.decode()) == (case["status"], case["gives"])
    assert site.targets == ["/feed"], "one GET, whatever comes back"


@given(st.binary(max_size=300))
@example(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nD:e")
def test_a_mended_head_is_a_head_and_mending_it_again_changes_nothing(head: bytes) -> None:
    head = head.replace(b"\n\n", b"").replace(b"\n\r\n", b"")
    mended = mend(b"HTTP/1.1 200 OK\r\n" + head)
    assert mended.startswith(b"HTTP/1.1 200 OK\r\n")
    assert mended.endswith(b"\r\n\r\n")
    assert mend(mended[:-4]) == mended


def test_a_thousand_interim_answers_at_once(site: Awkward) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nX : y\r\n\r\n" * 1000
    site.plays["/feed"] = hints + says(FEED)
    assert good(get(site.url())).body == FEED


def test_a_head_that_comes_byte_by_byte(site: Awkward) -> None:
    def play(ask: Any, connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 6\r\n\r\n<feed>":
            connection.sendall(bytes([byte]))
            time.sleep(0.001)

    site.plays["/feed"] = play
    assert good(get(site.url())).body == b"<feed>"


def test_a_connection_that_is_reset(site: Awkward) -> None:
    site.plays["/feed"] = reset(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<feed>half")
    assert "incomplete" in str(bad(get(site.url())))
    site.plays["/feed"] = reset(b"")
    failure = bad(get(site.url()))
    assert "connection" in str(failure)
    assert failure.unreachable
    assert len(site.asked) == 2, "a request that was sent is never sent again"


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"],
    ],
    ids=["silence", "header", "1xx", "body"],
)
def test_dripping_ends_with_the_deadline(site: Awkward, pieces: list[bytes]) -> None:
    site.plays["/feed"] = drip(pieces, 0.05)
    start = time.monotonic()
    failure = bad(get(Request(site.url(), timeout=0.5)))
    assert time.monotonic() - start < 2
    assert str(failure) == "no complete answer within 0.5 s (fetch.timeout)"
    assert failure.unreachable == (b"200" not in b"".join(pieces) or pieces[-1] == b"X: y\r\n")


def test_the_deadline_is_for_all_redirects_together(site: Awkward) -> None:
    def slow(ask: Any, connection: socket.socket) -> None:
        time.sleep(0.3)
        connection.sendall(says(b"", "302 Found", f"Location: {ask.target}x"))

    site.plays["*"] = slow
    assert "fetch.timeout" in str(bad(get(Request(site.url(), timeout=0.5))))


def test_an_endless_header_ends(site: Awkward) -> None:
    site.plays["/feed"] = drip([b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 9000 + b"\r\n"], 0.001)
    assert "larger than 100 KiB" in str(bad(get(site.url())))


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_the_request(site: Awkward) -> None:
    site.plays["/feed"] = says(FEED)
    good(get(site.url()))
    [ask] = site.asked
    assert ask.line == b"GET /feed HTTP/1.1"
    assert dict(ask.fields) == {
        b"Host": f"127.0.0.1:{site.port}".encode(),
        b"User-Agent": AGENT.encode(),
        b"Accept": b"application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
        b"application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1",
        b"Accept-Encoding": b"gzip, deflate",
    }


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", "/"),
        ("?a=b", "/?a=b"),
        ("/?", "/?"),
        ("/a%2Fb%7Ec%41+d~e", "/a%2Fb%7Ec%41+d~e"),
        ("/f?sig=a%2bB%2B%2F=&x=a|b&y=[1]{2}^`;'(!)*,$@:", "/f?sig=a%2bB%2B%2F=&x=a|b&y=[1]{2}^`;'(!)*,$@:"),
        ("/%", "/%"),
        ("/a//b/./c/../d", "/a//b/./c/../d"),
        ("/café?q=ü €", "/caf%C3%A9?q=%C3%BC%20%E2%82%AC"),
        ("/feed#part", "/feed"),
        ("/feed?a#b?c", "/feed?a"),
    ],
)
def test_the_request_line_is_what_was_written(site: Awkward, written: str, sent: str) -> None:
    site.plays["*"] = says(FEED)
    good(get(site.url(written)))
    assert site.targets == [sent]


@pytest.mark.parametrize(
    "etag",
    [b'"plain"', b'W/"weak"', b"unquoted", b'"with "quotes" in"', b'""', b'"caf\xc3\xa9"', b'"caf\xe9"', b"W/unquoted",
     b'"a,b"', b'"sp ace"', b"'single'", b'"\x80\xff"', b'"-gzip"', b"*"],
)  # fmt: skip
def test_validators_go_back_byte_for_byte(site: Awkward, etag: bytes) -> None:
    modified = b"Mon, 23 Nov 2026  08:00:00 +0000 (odd)"
    site.plays["/feed"] = says(FEED, "200 OK", b"ETag: " + etag, b"Last-Modified: " + modified)
    first = good(get(site.url()))
    get(Request(site.url(), first.header("etag"), first.header("last-modified")))
    assert site.fields("If-None-Match") == [None, etag]
    assert site.fields("If-Modified-Since") == [None, modified]
    assert site.fields("A-IM") == [None, b"feed"]


def test_a_304_has_no_body_whatever_it_says(site: Awkward) -> None:
    site.plays["/feed"] = says(b"<html>unchanged</html>", "304 Not Modified", "Content-Length: 22")
    answer = good(get(Request(site.url(), '"x"')))
    assert (answer.status, answer.body) == (304, b"")


def test_validators_go_to_the_address_they_came_from(site: Awkward) -> None:
    site.plays = {"/old": says(b"", "302 Found", "Location: /new"), "/new": says(b"", "304 Not Modified")}
    request = Request(site.url("/old"), '"x"', validators_url=site.url("/new"))
    assert good(get(request)).status == 304
    assert site.fields("If-None-Match") == [None, b'"x"']
    assert "was not asked" in str(bad(get(Request(site.url("/old"), '"x"')))), "asked of /old, answered by /new"


def test_secrets_stay_with_their_site(site: Awkward) -> None:
    secrets = (("Authorization", "Basic c2VjcmV0"), ("X-Key", "secret"), ("user-agent", "mine"))
    with awkward_site() as other:
        back = f"Location: {site.url('/back')}"
        other.plays["/feed"] = says(b"", "302 Found", back)
        site.plays = {
            "/feed": says(b"", "302 Found", "Location: /here", "Set-Cookie: a=b"),
            "/here": says(b"", "307 Temporary Redirect", f"Location: {other.url()}"),
            "/back": says(FEED),
        }
        good(get(Request(site.url(), headers=secrets)))
        assert other.asked[0].field("Authorization") is None
        assert other.asked[0].field("X-Key") is None
        assert other.fields("User-Agent") == [AGENT.encode()]
        assert other.fields("Referer") == [None]
    assert site.fields("Authorization") == [b"Basic c2VjcmV0", b"Basic c2VjcmV0", None]
    assert site.fields("X-Key") == [b"secret", b"secret", None]
    assert site.fields("User-Agent") == [b"mine", b"mine", AGENT.encode()]


def test_a_login_in_the_address_is_sent_and_never_shown(site: Awkward) -> None:
    site.plays["/feed"] = [says(b"", "302 Found", "Location: /gone"), says(FEED)]
    site.plays["/gone"] = says(b"", "403 Forbidden")
    failure = bad(get(site.url(login="me%40home:s%3Acr%C3%A9t@")))
    assert site.fields("Authorization") == [b"Basic bWVAaG9tZTpzOmNyw6l0"] * 2
    response = good(get(site.url(login="me%40home:s%3Acr%C3%A9t@")))
    for shown in (repr(failure), str(failure), repr(failure.redirects), response.url, repr(response)):
        assert "s%3Acr" not in shown
        assert "home" not in shown


def test_cookies_live_for_one_poll(site: Awkward) -> None:
    site.plays["/feed"] = [says(b"", "302 Found", "Location: /feed", "Set-Cookie: seen=1; Path=/"), says(FEED)]
    assert good(get(site.url())).body == FEED
    good(get(site.url()))
    assert site.fields("Cookie") == [None, b"seen=1", None]


# --- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/new", "/new"),
        ("new?x=%2F|", "/dir/new?x=%2F|"),
        ("?page=2", "/dir/feed?page=2"),
        ("../up", "/up"),
        ("//127.0.0.1:{port}/new", "/new"),
        ("http://127.0.0.1:{port}", "/"),
        ("\\new", "/new"),
        ("/new#part", "/new"),
        ("/caf\xe9 x", "/caf%E9%20x"),
        ("/a\tb", "/a%09b"),
        ("/caf\xc3\xa9", "/caf%C3%A9"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_locations(site: Awkward, location: str, target: str, status: int) -> None:
    site.plays["*"] = says(FEED)
    site.plays["/dir/feed"] = says(b"", f"{status} X", f"Location: {location.format(port=site.port)}")
    answer = good(get(site.url("/dir/feed")))
    assert site.targets == ["/dir/feed", target]
    assert answer.redirects == ((status, site.url(target)),)
    assert answer.url == site.url(target)


def test_five_redirects_and_no_more(site: Awkward) -> None:
    for n in range(7):
        site.plays[f"/{n}"] = says(b"", "302 Found", f"Location: /{n + 1}")
    site.plays["/7"] = says(FEED)
    assert len(good(get(site.url("/2"))).redirects) == 5
    assert "more than 5 redirects" in str(bad(get(site.url("/0"))))


def test_a_circle_is_left_at_once(site: Awkward) -> None:
    site.plays["/feed"] = says(b"", "301 Moved", "Location: /b")
    site.plays["/b"] = says(b"", "301 Moved", "Location: /feed#x")
    assert "circle" in str(bad(get(site.url())))
    assert site.targets == ["/feed", "/b"]


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 451, 500, 503, 599])
def test_a_status_that_is_a_failure_is_a_value(site: Awkward, status: int) -> None:
    site.plays["/feed"] = says(b"words", f"{status} Because", "Retry-After: 120")
    failure = bad(get(site.url()))
    assert (str(failure), failure.status, failure.retry_after) == (f"HTTP {status} Because", status, 120)
    assert not failure.unreachable


def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        failure = bad(get(f"http://127.0.0.1:{closed.getsockname()[1]}/"))
    assert str(failure) == "no connection: connection refused"
    assert failure.unreachable


def test_no_such_name() -> None:
    async def lookup(host: str) -> list[str]:
        raise aiodns.error.DNSError(4, "Domain name not found")

    failure = bad(get("http://feeds.example/", lookup=lookup))
    assert str(failure) == "can't find the host feeds.example: domain name not found"
    assert failure.unreachable


def test_tls_to_a_server_that_speaks_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(says(b"no TLS here", "400 Bad Request"))
                connection.recv(10_000)

        thread = threading.Thread(target=speak)
        thread.start()
        failure = bad(get(f"https://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join()
    assert str(failure).startswith("TLS failed: ")
    assert not failure.unreachable


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://017700000001/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://127.1/", "127.0.0.1"),
        ("http://１２７.０.０.１/", "127.0.0.1"),
        ("http://%31%32%37.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1./", "127.0.0.1"),
        ("http://0/", "0.0.0.0"),
        ("http://[::1]/", "::1"),
        ("http://[::]/", "::"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
        ("http://[::127.0.0.1]/", "::127.0.0.1"),
        ("http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"),
        ("http://[64:ff9b:1::a00:1]/", "64:ff9b:1::a00:1"),
        ("http://[2002:7f00:1::]/", "2002:7f00:1::"),
        ("http://[2001:0:7f00:1::]/", "2001:0:7f00:1::"),
        ("http://[fe80::1%25eth0]/", "fe80::1%25eth0"),
        ("http://[fc00::1]/", "fc00::1"),
        ("http://[ff02::1]/", "ff02::1"),
        ("http://10.1.2.3/", "10.1.2.3"),
        ("http://100.64.0.1/", "100.64.0.1"),
        ("http://169.254.169.254/", "169.254.169.254"),
        ("http://224.0.0.1/", "224.0.0.1"),
        ("http://255.255.255.255/", "255.255.255.255"),
        ("http://localhost/", "localhost"),
        ("http://LOCALHOST./", "localhost"),
        ("http://x.localhost/", "x.localhost"),
        ("http://ⓛocalhost/", "localhost"),
    ],
)
def test_private_addresses_are_refused_however_they_are_written(written: str, host: str) -> None:
    failure = bad(get(written, Guard()))
    key = f"[{host}]" if ":" in host else host
    assert f'fetch.allow_private: ["{key}:80"]' in str(failure)
    assert not failure.unreachable
    proxied = bad(get(written, Guard(), proxy="http://127.0.0.1:9/"))
    assert "fetch.allow_private" in str(proxied)


@pytest.mark.parametrize(
    "allow", ["127.0.0.1", "127.0.0.0/8", "127.0.0.1:{port}", "localhost", "localhost:{port}", "LocalHost"]
)
def test_allow_private_opens_what_it_names(site: Awkward, allow: str) -> None:
    site.plays["/feed"] = says(FEED)
    guard = Guard((allow.format(port=site.port),))
    assert good(get(site.url(host="localhost"), guard)).status == 200


@pytest.mark.parametrize("allow", ["127.0.0.2", "127.0.0.1:1", "localhost:1", "example.org", "10.0.0.0/8", "host"])
def test_allow_private_opens_nothing_else(site: Awkward, allow: str) -> None:
    assert "not a public address" in str(bad(get(site.url(host="localhost"), Guard((allow,)))))
    assert site.asked == []


def test_the_key_an_error_prints_opens_the_address() -> None:
    for url in ("http://[::1]:1/", "http://127.0.0.1:1/", "http://localhost:1/", "http://[::ffff:127.0.0.1]:1/"):
        match = re.search(r'\["(.*)"\]', str(bad(get(url, Guard()))))
        assert match
        assert "allow_private" not in str(bad(get(url, Guard((match[1],)))))


def test_a_rebinding_name_is_refused_at_every_connection(site: Awkward) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"]])

    async def lookup(host: str) -> list[str]:
        return next(answers)

    site.plays["/feed"] = says(b"", "302 Found", f"Location: http://evil.example:{site.port}/")
    answer = bad(get(site.url(host="nice.example"), Guard((f"nice.example:{site.port}",)), lookup=lookup))
    assert "evil.example is at 10.0.0.1" in str(answer)


def test_an_ipv6_literal(site: Awkward) -> None:
    with awkward_site("::1") as six:
        six.plays["/feed"] = says(FEED)
        assert good(get(f"http://[::1]:{six.port}/feed")).url == f"http://[::1]:{six.port}/feed"
        assert six.fields("Host") == [f"[::1]:{six.port}".encode()]


def test_a_dead_address_beside_a_living_one(site: Awkward) -> None:
    async def lookup(host: str) -> list[str]:
        return ["10.9.9.9", "127.0.0.2", "127.0.0.1"]

    site.plays["/feed"] = says(FEED)
    assert good(get(site.url(host="two.example"), Guard(("127.0.0.0/8",)), lookup=lookup)).status == 200


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("HTTP://Example.ORG:80/A", "http://example.org/A"),
        ("https://example.org:443", "https://example.org/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://b%C3%BCcher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("http://faß.example/", "http://xn--fa-hia.example/"),
        ("http://under_score.example/", "http://under_score.example/"),
        ("  http://example.org/ ", "http://example.org/"),
    ],
)
def test_hosts(url: str, shown: str) -> None:
    assert str(parse(url)) == shown


@pytest.mark.parametrize(
    "url",
    ["", "feed", "ftp://example.org/", "http://", "http:///x", "http://[::1", "http://[zz]/", "http://a:b/", "http://a:70000/",
     "http://256.0.0.1/", "http://a b/", "http://a..b/", "http://\u00ad/", "http://%00/", "javascript:alert(1)",
     "http://a/" + "x" * 70000, f"http://{'a' * 64}.example/"],
)  # fmt: skip
def test_what_is_no_address_is_said_so(url: str) -> None:
    failure = bad(get(url))
    assert failure.status is None
    assert "should not happen" not in str(failure)


@given(st.text())
def test_any_text_is_an_address_or_a_fetch_error(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.org/{text}"):
        with contextlib.suppress(FetchError):
            assert str(parse(str(parse(url)))) == str(parse(url))


# --- side by side ---------------------------------------------------------------------------------------------------


def test_two_at_once_at_a_host_and_hosts_side_by_side(site: Awkward) -> None:
    site.plays["*"] = site.counted(says(FEED), 0.1)

    async def work(other: Awkward) -> float:
        async with Client(AGENT, Guard(("127.0.0.1",))) as client:

            async def poll(url: str) -> None:
                async with client.slot(url):
                    good(await client.get(Request(url)))

            start = time.monotonic()
            urls = [place.url(f"/{n}") for place in (site, other) for n in range(6)]
            await asyncio.gather(*map(poll, urls))
            return time.monotonic() - start

    with awkward_site() as other:
        other.plays["*"] = other.counted(says(FEED), 0.1)
        seconds = asyncio.run(work(other))
        assert (site.most_at_once, other.most_at_once) == (2, 2)
        assert seconds < 0.9, "six turns of 0.1 s if one host waited for the other"


def test_http_and_https_of_a_host_are_one_server_and_another_port_is_another() -> None:
    sites = [parse(url).site for url in ("http://a.example/", "https://A.example/x", "http://a.example:8080/")]
    assert sites[0] == sites[1] != sites[2]


def test_two_hundred_dead_names_stall_nobody(site: Awkward) -> None:
    site.plays["*"] = says(FEED)
    never = threading.Event()

    async def lookup(host: str) -> list[str]:
        while not never.is_set():
            await asyncio.sleep(0.05)
        raise aiodns.error.DNSError(12, "Timeout while contacting DNS servers")

    async def work() -> list[Response | FetchError]:
        async with Client(AGENT, Guard(("127.0.0.1",)), concurrency=10) as client:
            client.names.lookup = lookup

            async def poll(url: str) -> Response | FetchError:
                async with client.slot(url):
                    return await client.get(Request(url))

            dead = [asyncio.create_task(poll(f"http://dead{n}.example/")) for n in range(200)]
            alive = await asyncio.wait_for(asyncio.gather(*(poll(site.url(f"/{n}")) for n in range(10))), 5)
            assert not any(task.done() for task in dead)
            never.set()
            failures = await asyncio.gather(*dead)
            assert all("can't find the host" in str(failure) for failure in failures)
            return alive

    assert all(isinstance(answer, Response) for answer in asyncio.run(work()))


def test_a_hosts_many_feeds_ask_for_its_name_once(site: Awkward) -> None:
    asked = []

    async def lookup(host: str) -> list[str]:
        asked.append(host)
        await asyncio.sleep(0.05)
        return ["127.0.0.1"]

    async def work() -> None:
        async with Client(AGENT, Guard(("127.0.0.1",))) as client:
            client.names.lookup = lookup

            async def poll(number: int) -> None:
                url = site.url(f"/{number}", host="many.example")
                async with client.slot(url):
                    await client.get(Request(url))

            await asyncio.gather(*map(poll, range(20)))

    asyncio.run(work())
    assert asked == ["many.example"]
    assert len(site.asked) == 20


# --- TLS ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def tls_site(answer: bytes | None = None) -> Iterator[str]:
    """A server with a certificate for localhost that nobody has signed but itself; it ends without a farewell."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "localhost.pem")

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(10_000)
                    secure.sendall(says(FEED) if answer is None else answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"https://localhost:{listener.getsockname()[1]}/feed"
        listener.shutdown(socket.SHUT_RDWR)


def test_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(("127.0.0.1", "localhost"))
    with tls_site() as url:
        failure = bad(get(url, guard))
        assert str(failure) == "its certificate is not valid: self-signed certificate"
        assert not failure.unreachable
        monkeypatch.setenv("SSL_CERT_FILE", str(DATA / "localhost.pem"))
        assert good(get(url, guard)).body == FEED
        assert "its certificate is not valid: " in str(bad(get(url.replace("localhost", "127.0.0.1"), guard)))


def test_a_body_of_many_records_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(DATA / "localhost.pem"))
    body = FEED + b" " * 500_000
    guard = Guard(("localhost",))
    with tls_site(says(body)) as url:
        assert good(get(url, guard)).body == body
    with tls_site(b"HTTP/1.1 200 OK\r\n\r\n" + body) as url:  # its end is the connection's
        assert good(get(url, guard)).body == body
    with tls_site(says(body)[:-1]) as url:
        assert "the body is incomplete: the connection closed before its end" in str(bad(get(url, guard)))


@pytest.mark.parametrize(("linger", "words"), [(b"\0", "it was closed"), (b"\1", "connection reset by peer")])
def test_a_handshake_that_is_broken_off(linger: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(10_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger.ljust(8, b"\0"))
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        failure = bad(get(f"https://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join()
    assert str(failure) == f"no connection: {words}"
    assert failure.unreachable


# --- proxies --------------------------------------------------------------------------------------------------------


def test_a_proxy_is_asked_for_the_whole_address(site: Awkward) -> None:
    site.plays["*"] = says(FEED)
    proxy = f"http://me:secret@127.0.0.1:{site.port}"
    good(get("http://feeds.example/a%2Fb?c|d", Guard(), proxy=proxy))
    assert site.asked[0].line == b"GET http://feeds.example/a%2Fb?c|d HTTP/1.1"
    assert site.fields("Host") == [b"feeds.example"]
    assert site.fields("Proxy-Authorization") == [b"Basic bWU6c2VjcmV0"]


def test_a_proxy_that_is_none_is_said_by_its_key() -> None:
    with pytest.raises(FetchError, match=r"fetch\.proxy: socks5 is not http or https"):
        Client(AGENT, Guard(), proxy="socks5://me:secret@127.0.0.1:1080")


def test_a_proxy_tunnels_https_and_may_refuse(site: Awkward) -> None:
    site.plays["*"] = says(b"", "407 Proxy Authentication Required")
    failure = bad(get("https://feeds.example/x", Guard(), proxy=f"http://me:secret@127.0.0.1:{site.port}"))
    assert site.asked[0].line == b"CONNECT feeds.example:443 HTTP/1.1"
    assert "407" in str(failure)
    assert "secret" not in repr(failure)


@pytest.mark.parametrize(
    ("head", "mended"),
    [
        (b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nX: \xe4 b', None),
        (b"HTTP/1.0 200 OK", None),
        (b"http/1.1 200 OK", b"HTTP/1.1 200 OK"),
        (b"HTTP/1.1 200 OK\nA: b", b"HTTP/1.1 200 OK\r\nA: b"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\nnonsense\r\nB:c", b"HTTP/1.1 200 OK\r\nA: b\r\nB: c"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c", b"HTTP/1.1 200 OK\r\nA: b c"),
        (b"HTTP/1.1 200 OK\r\nA: b\x00c", b"HTTP/1.1 200 OK\r\nA: b c"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Identity\r\nContent-Length: ", b"HTTP/1.1 200 OK"),
    ],
)
def test_a_head_is_mended_where_it_needs_to_be(head: bytes, mended: bytes | None) -> None:
    assert mend(head) == (mended or head) + b"\r\n\r\n"
