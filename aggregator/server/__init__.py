"""HTTP for what was published: bytes rendered and compressed once, conditionals as RFC 9110 wants them. GET and HEAD only.

It knows the published documents and nothing else; the writer is out of its reach. A door of starlette.

negotiation   what a client has, and what it takes
listener      the socket, and uvicorn with bounds on slow clients
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from aggregator import publish
from aggregator.publish.channel import rfc822
from aggregator.server.listener import Server as Server
from aggregator.server.listener import bind as bind
from aggregator.server.listener import is_loopback as is_loopback
from aggregator.server.negotiation import content_coding as content_coding
from aggregator.server.negotiation import is_fresh as is_fresh
from aggregator.server.negotiation import joined, tags, wants_news
from aggregator.site import ARCHIVE, Document, Site

ALIASES = {
    "atom.xml": "feed.atom",
    "feed.xml": "feed.atom",
    "feed": "feed.atom",
    "rss.xml": "feed.rss",
    "rss": "feed.rss",
    "opml.xml": "feeds.opml",
}
_PUSH_SIZE, _PUSH_SECONDS = 10 * 2**20, 30.0  # largest push of a hub, and how long it may take
_OTHERS = ("healthz", "readyz", "metrics")  # paths that have routes of their own, for GET and HEAD
_STYLED = ("atom", "rss")
# The articles were made safe when they were stored; a second lock costs nothing.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": publish.html.POLICY,
}


Probe = Callable[[], tuple[int, bytes, str]]  # status, body and media type of an answer made at the moment


class Callback(Protocol):
    """Where hubs bring news to (WebSub): outside the password, since hubs have none; the token is one."""

    async def verify(self, token: str, query: Mapping[str, str], now: datetime) -> str | None: ...

    async def push(self, token: str, headers: Mapping[str, str], body: bytes) -> int: ...


class Pages(Protocol):
    """The pages for people, made when asked for."""

    async def __call__(self, request: Request) -> Response | None:
        """The page at an address; None where there is none."""

    async def missing(self, request: Request) -> Response:
        """The page for an address that has nothing."""


def application(
    site: Site,
    auth: str | None,
    ready: Callable[[], bool],
    pages: Pages | None = None,
    probes: Mapping[str, Probe] | None = None,
) -> Starlette:
    """The ASGI application. `auth` is user:password or None; `ready` says whether the program can do its job.

    `probes` are answers by path, "metrics" and so on, that stand before the pages and documents.
    """
    probes = probes or {}

    async def alive(request: Request) -> Response:
        if "healthz" in probes:
            return _probed(probes["healthz"])
        return PlainTextResponse("ok\n", headers=_SAFE)

    async def readiness(request: Request) -> Response:
        if auth is not None and not _authorized(request.headers.get("authorization"), auth):
            return _unauthorized()
        if (probe := probes.get(request.url.path.strip("/"))) is not None:
            return _probed(probe)
        return PlainTextResponse(*(("ready\n", 200) if ready() else ("not ready\n", 503)), headers=_SAFE)

    routes = [
        Route("/healthz", alive),
        Route("/readyz", readiness),
        *(Route(f"/{path}", readiness) for path in probes if path not in ("healthz", "readyz")),
        Route("/{path:path}", Documents(site, auth, pages)),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


def _probed(probe: Probe) -> Response:
    status, body, kind = probe()
    return Response(body, status, {**_SAFE, "Cache-Control": "no-store"}, kind)


def with_callback(app: Starlette, callback: Callback, clock: Callable[[], datetime]) -> Starlette:
    """The application with /websub/<token>, where hubs bring news to."""

    async def websub(request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":
            challenge = await callback.verify(token, request.query_params, clock())
            return PlainTextResponse(challenge or "", 404 if challenge is None else 200, _SAFE)
        body = b""
        try:
            async with asyncio.timeout(_PUSH_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > _PUSH_SIZE:
                        return PlainTextResponse("413: too large\n", 413, _SAFE)
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("408: too slow\n", 408, _SAFE)
        return Response(status_code=await callback.push(token, request.headers, body), headers=_SAFE)

    app.router.routes.insert(0, Route("/websub/{token}", websub, methods=["GET", "POST"]))
    return app


@dataclass(frozen=True, slots=True)
class Documents:
    """The published documents, as an ASGI application of their own; where there are `pages`, these come first."""

    site: Site
    auth: str | None
    pages: Pages | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        response = await self._page(request)
        if response is None:
            response = self.answer(request.method, request.path_params["path"], request.headers)
            if response.status_code == 404 and self.pages and "text/html" in request.headers.get("accept", ""):
                response = await self.pages.missing(request)
        if request.method == "HEAD":
            response.body = b""  # Content-Length stays (RFC 9110 §9.3.2)
        await response(scope, receive, send)

    async def _page(self, request: Request) -> Response | None:
        if self.auth is not None and not _authorized(request.headers.get("authorization"), self.auth):
            return None
        return await self.pages(request) if self.pages else None

    def answer(self, method: str, path: str, headers: Headers) -> Response:
        """The response to a request."""
        if self.auth is not None and not _authorized(headers.get("authorization"), self.auth):
            return _unauthorized()
        target, name = ALIASES.get(path), path or "index.html"
        document, awaited = self.site.find(name), name in self.site.awaited
        if target is None and document is None and not awaited and path not in _OTHERS:
            return PlainTextResponse("404: there is nothing here; the merged feed is at /feed.atom\n", 404, _SAFE)
        if method not in ("GET", "HEAD"):
            return PlainTextResponse("405: only GET and HEAD\n", 405, {"Allow": "GET, HEAD", **_SAFE})
        if awaited:
            told = "503: the feeds are being polled for the first time; try again in a moment\n"
            return PlainTextResponse(told, 503, {"Retry-After": "10", **_SAFE})
        if document is None:
            return Response(status_code=308, headers={"Location": f"{self.site.prefix}{target}", **_SAFE})
        return _respond(headers, document, "private" if self.auth else "public")


def _respond(request: Headers, document: Document, whose: str) -> Response:
    coding = content_coding(joined(request, "accept-encoding"))
    if coding is None:
        return PlainTextResponse("406: there is gzip and identity\n", 406, {"Vary": "Accept-Encoding", **_SAFE})
    etag = f'"{document.etag}{"-gz" if coding == "gzip" else ""}"'
    headers = {
        "ETag": etag,
        "Last-Modified": rfc822(document.changed).replace("+0000", "GMT"),
        "Vary": "Accept-Encoding, Accept" if document.kind in _STYLED else "Accept-Encoding",
        # May be kept, but is asked about each time: a 304 costs nothing, and a change shows at once.
        "Cache-Control": f"{whose}, max-age=0, must-revalidate",
        **_SAFE,
    }
    if ARCHIVE.fullmatch(document.path):
        headers["Cache-Control"] = f"{whose}, max-age=31536000, immutable"
    if document.links is not None:
        headers["Link"] = document.links
    none_match = joined(request, "if-none-match")
    if is_fresh(none_match, request.get("if-modified-since"), document.etag, document.changed):
        return Response(status_code=304, headers=headers)
    status, body = 200, document.compressed if coding == "gzip" else document.body
    if none_match is not None and wants_news(joined(request, "a-im")):
        news = next(filter(None, map(document.since, tags(none_match))), None)
        if news is not None and len(news) < len(document.body):
            # The ETag is that of the whole document (RFC 3229 §10.4.1); caches that know no 226 must keep off.
            status, body = 226, gzip.compress(news, 1, mtime=0) if coding == "gzip" else news
            headers |= {"IM": "feed", "Cache-Control": "no-store, im"}
    headers["Content-Type"] = document.type
    if document.kind in _STYLED and "text/html" in (request.get("accept") or "").lower():
        # Browsers show the feed's own types as raw text, or offer to save them; as XML the style sheet is used.
        headers["Content-Type"] = "application/xml; charset=utf-8"
    if coding == "gzip":
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers)


def _unauthorized() -> Response:
    challenge = {"WWW-Authenticate": 'Basic realm="aggregator", charset="UTF-8"'}
    return PlainTextResponse("401: a password is needed\n", 401, {**challenge, **_SAFE})


def _authorized(value: str | None, auth: str) -> bool:
    scheme, _, token = (value or "").partition(" ")
    try:
        given = base64.b64decode(token.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(given, auth.encode())
