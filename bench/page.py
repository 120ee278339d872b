"""How long a reader waits for a page: time to first byte over HTTP, from a database of 100,000 articles.

    python -m bench.page [--articles 100000] [--keep FILE]

The promise is 50 ms. Beside it, in the same run: /healthz, which asks the database nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from aggregator.config import Config, Listen, Output
from aggregator.model import Subscription
from aggregator.server import Server, application, bind
from aggregator.site import Site
from aggregator.store import Store, open_pages, open_writer
from aggregator.web import Web
from bench.store import FEEDS, NOW, Texts, fill

TAGS = ("press", "science", "rivers", "towns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=300, help="of an article")
    parser.add_argument("--keep", type=Path, help="where to leave the database, or find it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "aggregator.db"
        feeds = tuple(
            Subscription(f"https://site{n}.example/feed", title=f"Site {n}", tags=(TAGS[n % 4],)) for n in range(FEEDS)
        )
        config = Config(database=path, output=replace(Output(), directory=Path(folder)), feeds=feeds)
        make(config, options.articles, options.words)
        ask(config)


def make(config: Config, count: int, words: int) -> None:
    """The database, unless it is there."""
    with open_writer(config.database) as connection:
        store = Store(connection)
        with store.transaction():
            store.feeds.sync(config.feeds, NOW)
            store.tags.of_feeds({feed.url: feed.tags for feed in config.feeds})
        if connection.execute("SELECT count(*) FROM articles").fetchone()[0]:
            return
        fill(connection, Texts(1, words), count)
        # One article in a thousand is of another language, the rarest filter there is.
        connection.execute("UPDATE articles SET language = 'de' WHERE id % 1000 = 7")
        connection.execute("INSERT INTO _tags SELECT id, 'rare' FROM articles WHERE id % 1000 = 3")
        connection.execute("INSERT INTO _tags SELECT id, 'common' FROM articles WHERE id % 2 = 0")
        connection.execute("UPDATE feeds SET last_fetched_at = next_poll_at")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def ask(config: Config) -> None:
    """Serves the database and looks at each page."""
    with open_pages(config.database) as pages:
        (text,) = pages.connection.execute(
            "SELECT content_text FROM articles ORDER BY id DESC LIMIT 1 OFFSET 3").fetchone()  # fmt: skip
        (old, deep) = pages.connection.execute(
            "SELECT published_at, id FROM stories ORDER BY published_at LIMIT 1 OFFSET 100").fetchone()  # fmt: skip
        story = pages.connection.execute("SELECT max(id) FROM stories WHERE copies > 1").fetchone()[0]
    rare = max(text.replace(".", " ").split(), key=len)
    before = "".join(c for c in old if c.isdigit()) + f"-{deep}"
    paths = {
        "/healthz": "nothing",
        "/": "the river",
        f"/?before={before}": "its end",
        "/?copied=1": "only with copies",
        "/?tag=press": "a quarter of the feeds",
        "/?tag=rare": "a tag that a rule gave one article in a thousand",
        "/?tag=common": "a tag that a rule gave every other article",
        "/?feed=7": "one feed of 200",
        "/?lang=de": "a rare language",
        "/?lang=en": "a common language",
        f"/?q={rare}": "search, a rare word",
        "/?q=water": "search, a word of most articles",
        "/?q=water+river": "search, two such words",
        "/?q=wa*": "search, a beginning",
        "/?q=water&lang=de": "search and a rare language",
        "/?q=water&tag=press&copied=1": "search and three filters",
        f"/story/{story}": "a story with a copy",
        "/feeds": "health",
        "/feeds/7": "one feed",
        "/who-copies-whom": "the picture",
        "/about": "about",
    }
    sock = bind(Listen("127.0.0.1", 0))
    web = Web(lambda: config)
    server = Server(application(Site(config.output.directory), None, lambda: True, web))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = sock.getsockname()[1]
    print(f"{'first':>8}  {'median':>8}  {'bytes':>7}   milliseconds to the first byte; the first time, then of 9")
    for path, what in paths.items():
        runs = [first_byte(port, path) for _ in range(10)]
        size = runs[0][1]
        times = [run[0] for run in runs]
        print(
            f"{times[0]:8.1f}  {statistics.median(times[1:]):8.1f}  {size:7,}   {path.partition('&before')[0]:32} {what}"
        )
    server.should_exit = True
    thread.join()


def first_byte(port: int, path: str) -> tuple[float, int]:
    """(milliseconds from the request to the status line, bytes of the body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    start = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    took = (time.perf_counter() - start) * 1000
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path}: HTTP {answer.status}\n{body.decode()[:2000]}")
    return took, len(body)


if __name__ == "__main__":
    main()
