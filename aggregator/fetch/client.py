"""The HTTP client: conditional GET with a total deadline, a size cap, bounded redirects and guarded addresses.

httpcore is used bare: it sends the request line and the header fields byte for byte as they are given, never retries
what was sent, and lets us open the connection. There is no pool: a connection lives for one request. Most servers close
a kept one long before the next poll, a request that dies on it would have to be sent twice, and the cost of a pool grows
with what is in it (docs/polling.md has the figures).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpcore

from aggregator import schedule
from aggregator.errors import FetchError
from aggregator.fetch.address import Address, join, parse
from aggregator.fetch.connect import Dialer, Names
from aggregator.fetch.cookies import Cookies
from aggregator.fetch.decode import Decoder
from aggregator.fetch.explain import explain
from aggregator.fetch.guard import Guard
from aggregator.model import Request, Response

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
MAX_REDIRECTS = 5
PERMANENT = (301, 308)
_REDIRECTS = (*PERMANENT, 302, 303, 307)
_DOCUMENTS = (200, 203, 226)


class Client:
    """One client for all requests of this program; use it as an async context manager."""

    def __init__(
        self, user_agent: str, guard: Guard, concurrency: int = 100, per_host: int = 2, proxy: str | None = None
    ) -> None:
        self.names = Names()
        self._agent = user_agent
        self._guard = guard
        self._proxy = parse(proxy) if proxy else None
        free = (self._proxy.host, self._proxy.port) if self._proxy else None
        self._dialer = Dialer(self.names, guard, free)
        self._slots = asyncio.Semaphore(concurrency)
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.names.close()

    @contextlib.asynccontextmanager
    async def slot(self, url: str) -> AsyncIterator[None]:
        """Waits for a turn: first at the host, then among all. Hold it for as long as the body is in memory."""
        with contextlib.suppress(FetchError):
            address = parse(url)
            url = address.site
            if self._proxy is None:
                # Before a slot is taken: hundreds of dead names then wait beside the living, not before them. What is
                # wrong with the name is said by `get`, which finds the answer known.
                await self.names.addresses(address.host)
        async with self._hosts[url], self._slots:
            yield

    async def get(self, request: Request) -> Response | FetchError:
        """One GET, redirects followed. Never raises for what a server or a network does."""
        return await self._bounded(_Poll(self, request))

    async def post(self, url: str, form: bytes) -> Response | FetchError:
        """One POST of a form, redirects not followed; any status but 2xx is a FetchError."""
        return await self._bounded(_Poll(self, Request(url, max_body=2**16), form))

    async def _bounded(self, poll: _Poll) -> Response | FetchError:
        try:
            async with asyncio.timeout(poll.request.timeout):
                return await poll.run()
        except FetchError as error:
            failure = error
        except TimeoutError:
            failure = FetchError(
                f"no complete answer within {poll.request.timeout:g} s (fetch.timeout)", unreachable=not poll.answered
            )
        except Exception as error:  # noqa: BLE001 - a failure of one feed is a value, whatever raised it
            failure = explain(error, poll.answered)
        failure.redirects = tuple(poll.redirects)
        return failure.with_traceback(None)

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Reading the certificates of this machine costs 20 ms and more: once, and only where https is spoken."""
        return ssl.create_default_context()

    def _connection(self, url: httpcore.URL) -> httpcore.AsyncHTTPConnection | httpcore.AsyncHTTPProxy:
        tls = self._tls if url.scheme == b"https" else None
        if self._proxy is None:
            return httpcore.AsyncHTTPConnection(url.origin, tls, network_backend=self._dialer)
        login = [(b"Proxy-Authorization", self._proxy.login.encode())] if self._proxy.login else None
        proxy = httpcore.URL(scheme=self._proxy.scheme, host=self._proxy.host, port=self._proxy.port, target="/")
        own = self._tls if self._proxy.scheme == "https" else None
        return httpcore.AsyncHTTPProxy(proxy, None, login, tls, own, network_backend=self._dialer)


class _Poll:
    """One request with all its hops."""

    def __init__(self, client: Client, request: Request, form: bytes | None = None) -> None:
        self.request = request
        self.redirects: list[tuple[int, str]] = []
        self.answered = False  # whether the header of an answer has come
        self._client = client
        self._form = form
        self._start = asyncio.get_running_loop().time()

    async def run(self) -> Response:
        first = address = parse(self.request.url)
        validated = parse(self.request.validators_url) if self.request.validators_url else first
        trusted = True
        cookies = Cookies()
        seen: set[tuple[str, str | None]] = set()
        while True:
            fields = self._client_fields(address)
            if trusted and first.trusts(address):
                fields = _over(fields, ("Authorization", first.login), *self.request.headers)
            else:
                trusted = False  # once away, never again: the way back may be somebody else's
            if address.login:
                fields = _over(fields, ("Authorization", address.login))
            # Validators belong to the address they came from (RFC 9110 §8.8).
            conditional = str(address) == str(validated) and self._form is None and self._has_validators()
            if conditional:
                fields = _over(fields, *self._conditions())
            cookie = cookies.field(address)
            if (str(address), cookie) in seen:
                raise FetchError("redirects in a circle")
            seen.add((str(address), cookie))
            async with self._send(address, _over(fields, ("Cookie", cookie))) as answer:
                self.answered = True
                headers = answer.headers
                cookies.take(address, headers)
                location = next((value for name, value in headers if name.lower() == b"location"), None)
                if answer.status not in _REDIRECTS or location is None or self._form is not None:
                    if answer.status == 304 and not conditional:
                        raise FetchError("HTTP 304: says that nothing has changed, but was not asked that", 304)
                    return await self._read(answer, address)
            if len(self.redirects) == MAX_REDIRECTS:
                raise FetchError(f"more than {MAX_REDIRECTS} redirects", answer.status)
            address = join(address, location)
            self.redirects.append((answer.status, str(address)))

    @contextlib.asynccontextmanager
    async def _send(self, address: Address, fields: dict[str, str]) -> AsyncIterator[httpcore.Response]:
        proxied = self._client._proxy is not None
        if proxied:
            self._refuse_visibly_private(address)
        url = httpcore.URL(
            scheme=address.scheme,
            # In CONNECT's authority an IPv6 literal needs its brackets (RFC 9110 §9.3.6).
            host=f"[{address.host}]" if proxied and ":" in address.host else address.host,
            port=None if address.is_default_port else address.port,
            target=address.target,
        )
        outgoing = httpcore.Request(
            "GET" if self._form is None else "POST",
            url,
            headers=[(name.encode("ascii"), _bytes(value)) for name, value in fields.items()],
            content=self._form,
            extensions={"sni_hostname": address.host.rstrip(".")},
        )
        async with self._client._connection(url) as connection:
            response = await connection.handle_async_request(outgoing)
            try:
                yield response
            finally:
                await response.aclose()

    def _refuse_visibly_private(self, address: Address) -> None:
        """Behind a proxy names are the proxy's to resolve; what is private to the eye is still refused here."""
        local = address.host.rstrip(".") == "localhost" or address.host.rstrip(".").endswith(".localhost")
        number = "127.0.0.1" if local else address.host
        with contextlib.suppress(ValueError):  # a name
            if not self._client._guard.allowed(number, address.port, address.host):
                raise self._client._guard.refusal(number, address.port, address.host)

    def _client_fields(self, address: Address) -> dict[str, str]:
        fields = {"Host": address.netloc, "User-Agent": self._client._agent}
        if self._form is not None:
            form = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(self._form))}
            return {**fields, **form, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        return {**fields, "Accept": ACCEPT, "Accept-Encoding": "gzip, deflate"}

    def _has_validators(self) -> bool:
        return bool(self.request.etag or self.request.last_modified)

    def _conditions(self) -> list[tuple[str, str | None]]:
        return [
            ("If-None-Match", self.request.etag or None),
            ("A-IM", "feed" if self.request.etag else None),  # RFC 3229 with the feed manipulation: new entries only
            ("If-Modified-Since", self.request.last_modified or None),
        ]

    async def _read(self, answer: httpcore.Response, address: Address) -> Response:
        status = answer.status
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers)
        response = Response(str(address), status, headers, b"", tuple(self.redirects))
        good = 200 <= status < 300 if self._form is not None else status in (*_DOCUMENTS, 304)
        if not good:
            wait = schedule.retry_after(response.header("retry-after"), datetime.now(UTC))
            raise FetchError(_status(answer), status, wait)
        if status == 226 and (response.header("im") or "feed").strip().lower() != "feed":
            raise FetchError("HTTP 226: the server sent a difference of a kind that was not asked for", status)
        body = b""
        if status not in (204, 304):
            decoder = Decoder(response.values("content-encoding"), self.request.max_body)
            async for chunk in answer.aiter_stream():
                decoder.feed(chunk)
            body = decoder.body()
        seconds = asyncio.get_running_loop().time() - self._start
        return Response(str(address), status, headers, body, tuple(self.redirects), seconds)


def _over(fields: dict[str, str], *others: tuple[str, str | None]) -> dict[str, str]:
    """The fields with others put over them; names are the same in any case (RFC 9110 §5.1)."""
    merged = dict(fields)
    for name, value in others:
        if value is not None:
            merged = {known: old for known, old in merged.items() if known.lower() != name.lower()}
            merged[name] = value
    return merged


def _bytes(value: str) -> bytes:
    """Header fields came as bytes and were decoded as ISO 8859-1; so they go back the same (RFC 9110 §5.5)."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")  # written by a person, in feeds.yaml


def _status(answer: httpcore.Response) -> str:
    reason = answer.extensions.get("reason_phrase", b"").decode("latin-1").strip()
    said = f"HTTP {answer.status} {reason}".strip()[:100]
    match answer.status:
        case 204:
            return f"{said}: there is no document in it"
        case 206:
            return f"{said}: a part of the document, which was not asked for"
        case status if status in _REDIRECTS:
            return f"{said}: a redirect that does not say where to"
    return said
