"""The files alone, behind the web servers whose configuration ships in docs/deploy."""

from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.publish import TYPES
from aggregator.site import Site
from tests.conftest import NOW, Answer, Reply, Web, ask, config_for, rss
from tests.stories import channel, story
from tests.test_site import post, published, put

pytestmark = pytest.mark.clients

DEPLOY = Path(__file__).parent.parent / "docs/deploy"


class Static:
    """A web server that serves `public`."""

    def __init__(self, name: str, public: Path, folder: Path) -> None:
        binary = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
        if binary is None:
            pytest.skip(f"{name} is not installed (apt-get install {name}): its configuration was NOT tried")
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = int(sock.getsockname()[1])
        command = self.nginx(folder, public) if name == "nginx" else self.caddy(folder, public)
        environment = {
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PATH": "/usr/bin",
        }
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen([binary, *command], stdout=log, stderr=log, env=environment)
        for _ in range(200):
            if self.process.poll() is not None:
                pytest.fail((folder / "log").read_text())
            try:
                self.ask("/feed.css")
                return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"{name} does not answer")

    def nginx(self, folder: Path, public: Path) -> list[str]:
        text = (DEPLOY / "nginx.conf").read_text()
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.port};").replace(
            "/var/lib/aggregator/public", str(public)
        )
        paths = "".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"user root; daemon off; pid {folder}/pid; error_log {folder}/error; events {{}}\n"
            f"http {{ access_log off; {paths}\n{text}\n}}\n"
        )
        return ["-c", f"{folder}/nginx.conf", "-e", f"{folder}/error"]

    def caddy(self, folder: Path, public: Path) -> list[str]:
        text = (DEPLOY / "Caddyfile").read_text()
        text = text.replace("planet.example.org {", f"http://127.0.0.1:{self.port} {{")
        (folder / "Caddyfile").write_text(
            "{\n\tadmin off\n}\n" + text.replace("/var/lib/aggregator/public", str(public))
        )
        return ["run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]

    def ask(self, path: str, method: str = "GET", *headers: tuple[str, str]) -> Reply:
        return ask(self.port, path, method, *headers)


@pytest.fixture(params=["nginx", "caddy"])
def static(request: pytest.FixtureRequest, web: Web, tmp_path: Path) -> Iterator[Static]:
    web.pages["/f"] = Answer(rss(*(post(n, n + 1) for n in range(9))))
    tmp_path.chmod(0o755)
    published(config_for(tmp_path, f"{{url: {web.url('/f')}, tags: [press]}}", more="output: {items: 4}\n"))
    (tmp_path / request.param).mkdir()
    server = Static(request.param, tmp_path / "public", tmp_path / request.param)
    yield server
    server.process.terminate()
    server.process.wait()


def test_static_files_are_served_as_we_serve_them(static: Static, tmp_path: Path) -> None:
    public = tmp_path / "public"
    for path in (
        "feed.atom",
        "feed.rss",
        "feed.json",
        "feeds.opml",
        "feed.css",
        "tags/press.atom",
        "archive/1.atom",
        "",
    ):
        file = public / (path or "index.html")
        plain, zipped = static.ask(f"/{path}"), static.ask(f"/{path}", "GET", ("Accept-Encoding", "gzip"))
        assert (plain.status, plain.body) == (200, file.read_bytes())
        assert plain.headers["content-type"] == TYPES[file.suffix[1:]]
        assert zipped.headers["content-type"] == TYPES[file.suffix[1:]]
        assert zipped.headers["content-encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body
        assert zipped.body == file.with_name(file.name + ".gz").read_bytes()
        assert "Accept-Encoding" in zipped.headers["vary"]
        assert plain.headers["last-modified"] == "Mon, 23 Nov 2026 12:00:00 GMT"
        assert ("immutable" in plain.headers["cache-control"]) == path.startswith("archive/")
        assert plain.headers["x-content-type-options"] == "nosniff"
        for reply, encoding in ((plain, "identity"), (zipped, "gzip")):
            accept = ("Accept-Encoding", encoding)
            etag = ("If-None-Match", reply.headers["etag"])
            assert static.ask(f"/{path}", "GET", accept, etag).status == 304
            since = ("If-Modified-Since", reply.headers["last-modified"])
            assert static.ask(f"/{path}", "GET", accept, since).status == 304
            assert static.ask(f"/{path}", "HEAD", accept).status == 200


def test_the_rest_is_as_with_our_server(static: Static, tmp_path: Path) -> None:
    (tmp_path / "public/.feed.atom.tmp").write_text("half")
    (tmp_path / "feeds.yaml").write_text("secret")
    for path in (
        "/nothing",
        "/.feed.atom.tmp",
        "/feed.atom.gz",
        "/tags/x.atom",
        "/%2e%2e/feeds.yaml",
        "/../feeds.yaml",
    ):
        assert static.ask(path).status in (400, 404), path
    for alias, target in (
        ("/atom.xml", "/feed.atom"),
        ("/feed", "/feed.atom"),
        ("/rss", "/feed.rss"),
        ("/opml.xml", "/feeds.opml"),
    ):
        reply = static.ask(alias)
        assert reply.status == 308
        assert reply.headers["location"].endswith(target)
    assert static.ask("/feed.atom", "POST").status == 405


def test_a_browser_gets_a_type_that_it_shows(static: Static, tmp_path: Path) -> None:
    browser = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    for path in ("feed.atom", "feed.rss", "tags/press.atom", "archive/1.atom"):
        for encoding in ("gzip", "identity"):
            reply = static.ask(f"/{path}", "GET", browser, ("Accept-Encoding", encoding))
            assert (reply.status, reply.headers["content-type"]) == (200, "application/xml; charset=utf-8")
            body = gzip.decompress(reply.body) if encoding == "gzip" else reply.body
            assert body == (tmp_path / "public" / path).read_bytes()
            assert ("immutable" in reply.headers["cache-control"]) == path.startswith("archive/")
            assert reply.headers["x-content-type-options"] == "nosniff"
    assert static.ask("/.as-xml/feed.atom").status == 404
    assert static.ask("/missing.atom", "GET", browser).status == 404


def test_a_change_changes_the_etag(static: Static, tmp_path: Path) -> None:
    before = static.ask("/feed.atom").headers["etag"]
    put(Site(tmp_path / "public"), channel(story(1)), NOW)
    assert static.ask("/feed.atom").headers["etag"] != before
