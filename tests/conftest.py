"""A real HTTP server on loopback, played by the tests and judged from the server's side; and small makers of input."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import hypothesis
import pytest

from aggregator.config import Config, Listen, loads
from aggregator.server import Server, application, bind
from aggregator.site import Site
from tests.awkward import Awkward, awkward_site
from tests.quiet import Quiet

# The programs that tests start read what the first of them has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same inputs in each run: whether a change is sound must not hang on luck. tests/soak/fuzz.py looks for new ones.
hypothesis.settings.register_profile("suite", derandomize=True)
hypothesis.settings.register_profile("search", max_examples=20_000, deadline=None)  # pytest --hypothesis-profile=search
hypothesis.settings.load_profile("suite")

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DATA = Path(__file__).parent / "data"


@dataclass
class Seen:
    """A request as the server saw it; header names in lower case."""

    path: str
    headers: dict[str, str]


@dataclass
class Answer:
    """What the server says to one path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Play = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """A site whose pages the test sets: `web.pages["/feed"] = Answer(...)`, or a function that plays the connection."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer | Play] = {}
        self.seen: list[Seen] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.seen.append(Seen(self.path, {name.lower(): value for name, value in self.headers.items()}))
                page = web.pages.get(self.path, Answer(b"no such page", 404))
                if callable(page):
                    page(self)
                    return
                etag = page.headers.get("ETag")
                if page.status == 200 and etag is not None and etag == self.headers.get("If-None-Match"):
                    page = Answer(b"", 304, page.headers)
                self.send_response(page.status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                if page.status != 304:
                    self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                self.wfile.write(page.body)

            def log_message(self, format: str, *args: object) -> None:
                return None

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "aggregator.db"


@pytest.fixture
def web() -> Iterator[Web]:
    """A fresh site."""
    site = Web()
    yield site
    site.close()


@dataclass
class Post:
    """One item of a feed made by `rss`."""

    title: str
    html: str = "<p>Some text.</p>"
    link: str | None = None
    guid: str | None = None
    date: str | None = "Mon, 23 Nov 2026 08:00:00 GMT"


def rss(*posts: Post, title: str = "A feed") -> bytes:
    """An RSS 2.0 document."""
    from html import escape

    items = "".join(
        "<item>"
        + f"<title>{escape(post.title)}</title>"
        + (f"<link>{escape(post.link)}</link>" if post.link else "")
        + (f"<guid>{escape(post.guid)}</guid>" if post.guid else "")
        + (f"<pubDate>{post.date}</pubDate>" if post.date else "")
        + f"<description>{escape(post.html)}</description></item>"
        for post in posts
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>'.encode()


def config_for(folder: Path, *feeds: str, more: str = "") -> Config:
    """A configuration in `folder` for these feed addresses, that may fetch from loopback and serves nothing."""
    lines = "".join(f"  - {feed}\n" for feed in feeds)
    text = f'server: {{listen: false}}\nfetch: {{allow_private: ["127.0.0.1"], timeout: 5s}}\n{more}feeds:\n{lines}'
    (folder / "feeds.yaml").write_text(text, encoding="utf-8")
    return loads(text, folder / "feeds.yaml")


def rows(config: Config, query: str) -> list[tuple[object, ...]]:
    """What the database of a configuration answers."""
    with contextlib.closing(sqlite3.connect(config.database)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def site() -> Iterator[Awkward]:
    """A fresh awkward site."""
    with awkward_site() as site:
        yield site


@dataclass
class Reply:
    """What a server said; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, path: str, method: str = "GET", *headers: tuple[str, str]) -> Reply:
    """One request to loopback, byte for byte; a header on two lines comes as one (RFC 9110 §5.3)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found: dict[str, str] = {}
        for name, value in answer.getheaders():
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return Reply(answer.status, found, answer.read())
    finally:
        connection.close()


class Served:
    """Our own server, in a thread, for a site that the test fills."""

    def __init__(self, site: Site, auth: str | None = None, ready: bool = True) -> None:
        self.site = site
        self.socket = bind(Listen("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.server = Server(application(site, auth, lambda: ready))
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve([self.socket])), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    def ask(self, path: str, method: str = "GET", *headers: tuple[str, str]) -> Reply:
        """One request, byte for byte as the test has it."""
        return ask(self.port, path, method, *headers)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts servers that end with the test."""
    running: list[Served] = []

    def start(site: Site, auth: str | None = None, ready: bool = True) -> Served:
        running.append(Served(site, auth, ready))
        return running[-1]

    yield start
    for served in running:
        served.close()
