"""The daemon's HTTP side over a database made by real polls, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.app import Aggregator
from aggregator.config import Config, Listen
from aggregator.engine import Here
from aggregator.server import Server, application, bind
from aggregator.site import Site
from aggregator.web import Web
from tests.conftest import NOW


@dataclass(frozen=True)
class Page:
    """An answer; header names in lower case, the body decoded."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Served:
    """A server under test."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
            names = {name.lower(): value for name, value in answer.getheaders()}
            if names.get("content-encoding") == "gzip" and body:
                body = gzip.decompress(body)
            return Page(answer.status, names, body.decode("utf-8"))
        finally:
            connection.close()


def poll(config: Config, hours: int = 0) -> Site:
    """One pass over all feeds, published."""

    async def work() -> Site:
        async with Aggregator(config, Here(), lambda: NOW + timedelta(hours=hours)) as aggregator:
            await aggregator.poll(await aggregator.due(force=True))
            await aggregator.publish()
            return aggregator.site

    # In a thread of its own: playwright has an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


@contextlib.contextmanager
def serve(config: Config, site: Site | None = None, clock: Callable[[], datetime] = lambda: NOW) -> Iterator[Served]:
    """Serves the pages, and the published documents of `site`."""
    sock = bind(Listen("127.0.0.1", 0))
    pages = Web(lambda: config, clock)
    app = application(site or Site(config.output.directory), config.server.auth, lambda: True, pages)
    server = Server(app)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield Served(sock.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()
