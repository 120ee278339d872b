"""HTTP for what was published: bytes rendered and compressed once, conditionals as RFC 9110 wants them. GET and HEAD only.

It knows the published documents and nothing else; the writer is out of its reach. The only door of starlette.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import re
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from aggregator import publish
from aggregator.config import Listen
from aggregator.errors import AggregatorError
from aggregator.publish.channel import rfc822
from aggregator.schedule import http_date
from aggregator.site import Document, Site

ALIASES = {
    "atom.xml": "feed.atom",
    "feed.xml": "feed.atom",
    "feed": "feed.atom",
    "rss.xml": "feed.rss",
    "rss": "feed.rss",
    "opml.xml": "feeds.opml",
}


class Pages(Protocol):
    """The pages for people, made when asked for."""

    async def __call__(self, request: Request) -> Response | None:
        """The page at an address; None where there is none."""

    async def missing(self, request: Request) -> Response:
        """The page for an address that has nothing."""


def application(site: Site, auth: str | None, ready: Callable[[], bool], pages: Pages | None = None) -> Starlette:
    """The ASGI application. `auth` is user:password or None; `ready` says whether the program can do its job."""

    async def alive(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readiness(request: Request) -> Response:
        return PlainTextResponse("ready\n") if ready() else PlainTextResponse("not ready\n", 503)

    async def document(request: Request) -> Response:
        if auth is not None and not _authorized(request.headers.get("authorization"), auth):
            return PlainTextResponse(
                "401: a password is needed\n", 401, {"WWW-Authenticate": 'Basic realm="aggregator", charset="UTF-8"'}
            )
        if pages is not None and (made := await pages(request)) is not None:
            return made
        path = request.path_params["path"] or "index.html"
        if path in ALIASES:
            return RedirectResponse(f"/{ALIASES[path]}", 308)
        found = site.documents.get(path)
        if found is None and pages is not None and "text/html" in request.headers.get("accept", ""):
            return await pages.missing(request)
        if found is None:
            return PlainTextResponse("404: there is nothing here; the merged feed is at /feed.atom\n", 404)
        return _respond(request, found)

    routes = [Route("/healthz", alive), Route("/readyz", readiness), Route("/{path:path}", document)]
    return Starlette(routes=routes)


def _respond(request: Request, document: Document) -> Response:
    zipped = accepts_gzip(request.headers.get("accept-encoding"))
    etag = f'"{document.etag}{"-gz" if zipped else ""}"'
    headers = {
        "ETag": etag,
        "Last-Modified": rfc822(document.changed).replace("+0000", "GMT"),
        "Vary": "Accept-Encoding",
        "Cache-Control": "no-cache",  # may be kept, but asked about each time: a 304 costs nothing
        "X-Content-Type-Options": "nosniff",
    }
    if is_fresh(request.headers.get("if-none-match"), request.headers.get("if-modified-since"), etag, document.changed):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = document.type
    if document.type.startswith("text/html"):
        headers["Content-Security-Policy"] = publish.html.POLICY
        headers["Referrer-Policy"] = "no-referrer"
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(document.compressed if zipped else document.body, headers=headers)


def is_fresh(none_match: str | None, modified_since: str | None, etag: str, changed: datetime) -> bool:
    """Whether what the client has is what we have (RFC 9110 §13.2.2: If-None-Match goes before If-Modified-Since)."""
    if none_match is not None:
        if none_match.strip() == "*":
            return True
        # Weak comparison (§8.8.3.2). The other encoding's tag is of the same document, so it counts, too.
        known = {etag, etag.replace('-gz"', '"'), etag[:-1].removesuffix("-gz") + '-gz"'}
        return any(tag in known for tag in re.findall(r'"[^"]*"', none_match))
    since = http_date(modified_since)
    return since is not None and changed <= since


def accepts_gzip(value: str | None) -> bool:
    """Whether Accept-Encoding allows gzip (RFC 9110 §12.5.3)."""
    qualities: dict[str, float] = {}
    for item in (value or "").lower().split(","):
        name, _, rest = item.partition(";")
        match = re.search(r"q\s*=\s*([0-9.]+)", rest)
        with contextlib.suppress(ValueError):
            qualities[name.strip()] = float(match[1]) if match else 1.0
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _authorized(value: str | None, auth: str) -> bool:
    scheme, _, token = (value or "").partition(" ")
    try:
        given = base64.b64decode(token.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(given, auth.encode())


class Server(uvicorn.Server):
    """uvicorn in our loop; signals are the daemon's."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=1,
                limit_concurrency=1000,
                h11_max_incomplete_event_size=16_384,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield


def bind(listen: Listen) -> socket.socket:
    """The listening socket. Raises AggregatorError where the address can't be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listen.host, listen.port))
    except OSError as error:
        sock.close()
        raise AggregatorError(
            f"can't listen on {listen}: {(error.strerror or str(error)).lower()} (server.listen)"
        ) from None
    sock.setblocking(False)
    return sock
