"""Who comes to our server and means harm: slow, huge, curious clients. The well-behaved beside them notice nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator import page
from aggregator.config import Listen, loads
from aggregator.daemon import Daemon
from aggregator.engine import Here
from aggregator.server import is_loopback, listener
from aggregator.site import Document, Site
from tests.conftest import NOW, Answer, Post, Reply, Served, Web, ask, config_for, rss
from tests.test_server import free_port

Start = Callable[..., Served]
BIG = b"<feed>" + b"x" * 30_000_000


@pytest.fixture
def served(tmp_path: Path, serve: Start, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(listener, "ANSWER_SECONDS", 0.7)
    small = Document("feed.atom", b"<feed/>", b"", NOW, "1")
    return serve(Site(tmp_path, {"feed.atom": small, "feed.rss": Document("feed.rss", BIG, b"", NOW, "2")}))


def ends(sock: socket.socket) -> bool:
    """Whether the other side has closed; reads what it said."""
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize(
    "head",
    [b"", b"GET /feed.atom HTTP/1.1\r\nHost: x\r\nX-", b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\nGET /"],
    ids=["says nothing", "half a head", "half a second head"],
)
def test_two_hundred_slow_heads_are_hung_up_on(served: Served, head: bytes) -> None:
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 5)) for _ in range(200)]
        for sock in socks:
            sock.sendall(head)
        assert served.ask("/feed.atom").status == 200
        for _ in range(4):  # a byte now and then buys no time
            time.sleep(0.1)
            for sock in socks if head else ():
                with contextlib.suppress(OSError):  # hung up on already
                    sock.sendall(b"a")
        assert all(map(ends, socks))
    assert served.ask("/feed.atom").status == 200


def test_who_does_not_read_the_answer_is_hung_up_on(served: Served) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", served.port))
        sock.settimeout(5)
        sock.sendall(b"GET /feed.rss HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\n\r\n")
        time.sleep(1.2)
        got = 0
        try:
            while data := sock.recv(1 << 20):
                got += len(data)
        except OSError:
            pass
        assert got < len(BIG)
    assert served.ask("/feed.atom").status == 200


def test_a_body_that_drips_is_hung_up_on(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), 5) as sock:
        sock.sendall(b"POST /feed.atom HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
        began = time.monotonic()
        with contextlib.suppress(OSError):  # reset, or a broken pipe
            while time.monotonic() - began < 5:
                sock.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "head",
    [b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 5_000_000,
     b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500_000],
    ids=["address", "field", "fields"],
)  # fmt: skip
def test_huge_heads_are_refused(served: Served, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), 5) as sock:
        said = b""
        try:
            sock.sendall(head)
            said = sock.recv(100)
        except OSError:
            pass
        assert said[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"")
    assert served.ask("/feed.atom").status == 200


PATHS = (
    "/../secret", "/static/../../secret", "/archive/../../secret", "/archive/%2e%2e/%2e%2e/secret", "//secret", "/./../secret",
    "/..\\secret", "/%5c..%5csecret", "/feeds/../../secret", "/tags/..%2f..%2fsecret", "/story/../../secret",
    "/%00/../secret", "/archive/1.atom/../../../secret", "/websub/../../secret", "/file:///secret", "/..;/secret",
    "/....//secret", "/../feeds.yaml", "/../aggregator.db", "/public/../secret",
)  # fmt: skip


def asked(folder: Path, web: Web, listen: str, auth: str | None, *asks: tuple[str, str, dict[str, str]]) -> list[Reply]:
    """What a daemon answers to (path, method, header fields)."""
    port = free_port()
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config_for(folder, web.url("/f"))
    file = folder / "feeds.yaml"
    server = f"listen: '{listen}:{port}'" + (f", auth: '{auth}'" if auth else "")
    config = loads(file.read_text().replace("listen: false", server), file)

    async def work() -> list[Reply]:
        daemon = Daemon(config, engine=Here())
        running = asyncio.create_task(daemon.run())
        async with asyncio.timeout(20):
            while daemon.health.ticked is None or "feed.atom" not in daemon.aggregator.site.documents:
                await asyncio.sleep(0.01)
        replies = [await asyncio.to_thread(ask, port, path, method, *fields.items()) for path, method, fields in asks]
        daemon.stop()
        await running
        return replies

    return asyncio.run(work())


def test_no_path_leads_out_of_the_folder(web: Web, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    replies = asked(tmp_path, web, "127.0.0.1", None, *((path, "GET", {}) for path in PATHS))
    assert {path: reply.status for path, reply in zip(PATHS, replies, strict=True)} == dict.fromkeys(PATHS, 404)
    assert not any(b"SECRET" in reply.body or b"allow_private" in reply.body for reply in replies)


def test_only_get_and_head_exist_and_post_at_the_callback_alone(web: Web, tmp_path: Path) -> None:
    methods = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
    paths = ("/", "/feed.atom", "/story/1", "/feeds", "/metrics", "/healthz", "/static/page.css")
    asks = [(path, method, {"Content-Length": "0"}) for path in paths for method in methods]
    replies = asked(tmp_path, web, "127.0.0.1", None, *asks, ("/websub/x", "POST", {"Content-Length": "0"}))
    assert {reply.status for reply in replies[:-1]} == {405}, [
        (a[:2], r.status) for a, r in zip(asks, replies, strict=False) if r.status != 405
    ]
    assert replies[-1].status == 404, "nobody's token"


def test_the_password_is_compared_in_constant_time_and_never_logged(
    web: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    compared: list[bytes] = []
    real = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append(a)
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens = ["ada:hunter22", "ada:hunter2", "ada:", "", "ada:hunter22x"]
    fields = [{"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}"} for token in tokens]
    asks = [(path, "GET", field) for path in ("/feed.atom", "/", "/metrics") for field in (*fields, {})]
    replies = asked(tmp_path, web, "127.0.0.1", "ada:hunter22", *asks)
    assert [reply.status for reply in replies] == [200, 401, 401, 401, 401, 401] * 3
    assert {token.encode() for token in tokens} <= set(compared)
    said = " ".join([*caplog.messages, *(str(reply.headers) + reply.body.decode() for reply in replies)])
    assert "hunter2" not in said
    assert base64.b64encode(b"ada:hunter22").decode() not in said


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("127.example.org", False), ("localhost.example.org", False), ("", False)],
)  # fmt: skip
def test_what_is_loopback(host: str, only_here: bool) -> None:
    assert is_loopback(Listen(host, 8080)) is only_here


@pytest.mark.parametrize(
    ("listen", "auth", "warned"), [("0.0.0.0", None, True), ("0.0.0.0", "a:secret", False), ("127.0.0.1", None, False)]
)
def test_who_listens_to_the_world_without_a_password_is_warned(
    web: Web, tmp_path: Path, listen: str, auth: str | None, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    asked(tmp_path, web, listen, auth)
    assert any("server.auth sets a password" in message for message in caplog.messages) is warned


def test_unless_asked_only_this_machine_is_served() -> None:
    config = loads("feeds: []\n", Path("feeds.yaml"))
    assert isinstance(config.server.listen, Listen)
    assert is_loopback(config.server.listen)


def test_every_link_that_leaves_a_page_gives_nothing_away(web: Web, tmp_path: Path) -> None:
    templates = (Path(page.__file__).parent / "templates").glob("*.html")
    links = [link for path in templates for link in re.findall(r"<a [^>]*href=\"\{\{[^>]*>", path.read_text())]
    away = [link for link in links if re.search(r"\.(?:url|home|original)\b", link) and "frame." not in link]
    assert len(away) > 5
    assert [link for link in away if 'rel="noopener noreferrer"' not in link] == []
