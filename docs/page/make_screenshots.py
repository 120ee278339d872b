"""Makes the pictures beside this file: the demo's pages, and hard cases, in a headless Chromium.

pip install -e '.[browser]'; apt-get install chromium
python docs/page/make_screenshots.py
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aggregator.app import Aggregator
from aggregator.config import Config, Listen, load
from aggregator.demo import Demo
from aggregator.server import Server, application, bind
from aggregator.web import Web

HERE = Path(__file__).parent
LARGEST = 150_000  # bytes of a picture

# name, page, width, height, dark
DEMO = [
    ("river", "/", 1100, 900, False),
    ("river-dark-phone", "/", 360, 780, True),
    ("search-phone", "/?q=river", 360, 780, False),
    ("filters-dark", "/?tag=press&copied=1", 1100, 900, True),
    ("story", "{story}", 1100, 780, False),
    ("story-dark-phone", "{story}", 360, 780, True),
    ("copies", "{story}#copies", 1100, 900, False),
    ("diff-dark", "{story}#diff", 1100, 780, True),
    ("diff-phone", "{story}#diff", 360, 780, False),
    ("feeds", "/feeds", 1100, 1000, False),
    ("feeds-dark-phone", "/feeds", 360, 780, True),
    ("feed", "/feeds/1", 1100, 900, False),
    ("who-copies-whom", "/who-copies-whom", 1100, 900, False),
    ("who-copies-whom-dark-phone", "/who-copies-whom", 360, 780, True),
    ("about", "/about", 1100, 900, False),
    ("not-found-dark", "/story/4711", 1100, 500, True),
]
HARD = [
    ("hard-titles", "/", 1100, 1000, False),
    ("hard-titles-phone", "/", 320, 780, True),
    ("hard-story-phone", "/story/1", 320, 780, False),
    ("hard-feeds-phone", "/feeds", 320, 780, False),
    ("many-copies", "{story}#copies", 1100, 900, False),
    ("many-copies-phone", "/?copied=1", 360, 780, True),
    ("nothing-found", "/?q=unfindable", 1100, 600, False),
]
EMPTY = [("empty", "/", 1100, 500, False), ("empty-phone", "/", 360, 560, True)]


def main() -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with Demo(Path(folder) / "demo") as demo:
            text = demo.config.read_text(encoding="utf-8").replace("Aggregator demo", "Harbour reader")
            demo.config.write_text(f"{text}  - {demo.address}/closed/feed.xml\n", encoding="utf-8")
            take(browser, load(demo.config), DEMO)
        with hard_site() as address:
            take(browser, written(Path(folder) / "hard", address), HARD)
        take(browser, written(Path(folder) / "empty", None), EMPTY)
        browser.close()


def take(browser: Any, config: Config, pictures: list[tuple[str, str, int, int, bool]]) -> None:
    """Polls, serves and photographs."""
    in_thread(poll(config))
    sock = bind(Listen("127.0.0.1", 0))
    from aggregator.site import Site

    server = Server(application(Site(config.output.directory), None, lambda: True, Web(lambda: config)))
    threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    for name, path, width, height, dark in pictures:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        if "{story}" in path:
            page.goto(f"{base}/?copied=1")
            path = path.format(story="/" + page.locator("h3 a").first.get_attribute("href"))
        page.goto(base + path, wait_until="networkidle")
        file = HERE / f"{name}.png"
        page.screenshot(path=file)
        size = file.stat().st_size
        print(f"{size:8,} {file.name}")
        if size > LARGEST:
            sys.exit(f"{file.name} is larger than {LARGEST:,} bytes")
        context.close()
    server.should_exit = True


async def poll(config: Config) -> None:
    async with Aggregator(config) as aggregator:
        await aggregator.poll(await aggregator.due(force=True))
        await aggregator.publish()


def in_thread(work: Any) -> None:
    """Playwright has an event loop in this thread."""
    thread = threading.Thread(target=lambda: asyncio.run(work))
    thread.start()
    thread.join()


def written(folder: Path, address: str | None) -> Config:
    """A configuration for the hard site, or for nothing at all."""
    folder.mkdir()
    copies = ", ".join(f"{address}/copy{n}" for n in reversed(range(6)))
    feeds = (
        f"[{address}/long, {address}/right-to-left, {address}/gone, {address}/broken, {copies}]" if address else "[]"
    )
    text = f'output: {{title: Harbour reader}}\nfetch: {{allow_private: ["127.0.0.1"]}}\nfeeds: {feeds}\n'
    (folder / "feeds.yaml").write_text(text, encoding="utf-8")
    return load(folder / "feeds.yaml")


LONG = "Ministerpräsidentenkonferenzvorbereitungsausschusssitzungsprotokollveröffentlichungsverzögerung beklagt"
ITEMS = {
    "/long": ("A feed whose title goes on and on, as if nobody would ever have to read it on a telephone held in one hand", [
        (LONG, "<p>" + "Einundzwanzigtausendsiebenhundertfünfundsechzig" * 6 + "</p><h1>A loud heading</h1><pre>"
         + "no spaces_" * 40 + "</pre><table><tr><th>Tide</th><th>Time</th></tr><tr><td>high</td><td>07:12</td></tr></table>"),
        ("Title &amp; nothing else", ""),
        ("<script>alert(1)</script> is a title, too", "<p>And it stays one.</p>"),
        ("Why the committee that was asked to look into the question of how long a headline may be before nobody reads it "
         "to the end any more has asked for another year, and what the members of that committee say of it themselves",
         "<p>" + "It is a long story. " * 60 + "</p>"),
    ]),
    "/right-to-left": ("المرفأ", [
        ("المرفأ القديم يفتح أبوابه للزوار في الربيع", "<p>يفتح المرفأ القديم أبوابه في الربيع بعد عامين من العمل.</p>"),
    ]),
}  # fmt: skip


RELEASE = (
    "<p>The harbour board agreed on Monday to rebuild the northern mole before the winter storms arrive. Work begins in "
    "March and will take two summers, the board said after its meeting in the old customs house.</p><p>Engineers found "
    "cracks in eleven of the forty caissons last spring. “We would rather close one basin now than all of them later,” "
    "said the chair, Marit Oldenhove, who thanked the pilots for their patience.</p>"
)
ITEMS |= {
    f"/copy{n}": (name, [(title, RELEASE.replace("agreed on Monday", said) + more)])
    for n, (name, title, said, more) in enumerate([
        ("Harbour Board", "Northern mole to be rebuilt", "agreed on Monday", ""),
        ("Coast Wire", "Board to mend mole", "decided on Monday", "<p>Shares in two dredging firms rose.</p>"),
        ("Pilots’ Weekly", "Mole: two summers of work", "voted late on Monday", ""),
        ("Daily Digest", "Northern mole to be rebuilt", "agreed on Monday", "<p>Read more in our evening edition.</p>"),
        ("The Broken Mast", "Basin closed for the mole", "agreed, at last,", ""),
        ("Town Criers", "Northern Mole To Be Rebuilt", "agreed on Monday", ""),
    ])
}  # fmt: skip


@contextmanager
def hard_site() -> Iterator[str]:
    """Feeds that are hard on a layout."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            from html import escape

            found = ITEMS.get(self.path)
            self.send_response(200 if found or self.path == "/broken" else 410)
            self.end_headers()
            if not found:
                self.wfile.write(b"<!doctype html><title>Welcome</title>")
                return
            hours = 42 - int(self.path[-1]) * 7 if "copy" in self.path else 30
            date = format_datetime(datetime.now(UTC) - timedelta(hours=hours))
            items = "".join(
                f"<item><pubDate>{date}</pubDate><title>{escape(title)}</title><link>http://hard.example{self.path}/{number}</link>"
                f"<description>{escape(html)}</description></item>"
                for number, (title, html) in enumerate(found[1])
            )
            language = "<language>ar</language>" if "right" in self.path else ""
            feed = f'<rss version="2.0"><channel><title>{found[0]}</title>{language}{items}</channel></rss>'
            self.wfile.write(feed.encode())

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
