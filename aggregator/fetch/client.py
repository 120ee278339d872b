"""The HTTP client: conditional GET with a total deadline, a size cap, bounded redirects and guarded addresses."""

from __future__ import annotations

import asyncio
import contextlib
import http.cookiejar
import os
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from aggregator import schedule
from aggregator.errors import FetchError
from aggregator.fetch.decode import Decoder
from aggregator.fetch.guard import Guard
from aggregator.model import Request, Response

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
MAX_REDIRECTS = 5
_POST_TIMEOUT = 30.0  # seconds
_REDIRECTS = (301, 302, 303, 307, 308)


class Client:
    """One client for all requests of this program; use it as an async context manager.

    httpx speaks over an aiohttp transport: the CPU cost of httpx's own pool grows with its open connections, and
    aiohttp's connector lets the guard see each address as it is connected. c-ares resolves names without threads, so
    dead names stall nobody.
    """

    def __init__(
        self, user_agent: str, guard: Guard, concurrency: int = 100, per_host: int = 2, proxy: str | None = None
    ) -> None:
        self._agent = user_agent
        self._guard = guard
        self._proxy = proxy
        self._slots = asyncio.Semaphore(concurrency)
        self._concurrency = concurrency
        self._hosts: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=self._concurrency,
            ssl=ssl.create_default_context(),
            socket_factory=self._guard.socket,
            resolver=aiohttp.AsyncResolver(),
            keepalive_timeout=15,
        )
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        proxy = httpx.Proxy(self._proxy) if self._proxy else None
        self._http = httpx.AsyncClient(
            transport=AiohttpTransport(client=session, proxy=proxy), trust_env=False, cookies=_no_cookies()
        )
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, value, trace)

    @contextlib.asynccontextmanager
    async def slot(self, url: str) -> AsyncIterator[None]:
        """Waits for a turn: first at the host, then among all. Hold it for as long as the body is in memory."""
        async with self._hosts[urlsplit(url).netloc.rpartition("@")[2].lower()], self._slots:
            yield

    async def get(self, request: Request) -> Response | FetchError:
        """One GET, redirects followed. Never raises for what a server or a network does."""
        start = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(request.timeout):
                return await self._follow(request, start)
        except FetchError as error:
            return error
        except TimeoutError:
            return FetchError(f"no complete answer within {request.timeout:g} s (fetch.timeout)", unreachable=True)
        except Exception as error:  # noqa: BLE001 - a failure of one feed is a value, whatever raised it
            return FetchError(_explain(error), unreachable=isinstance(error, httpx.TransportError))

    async def post(self, url: str, form: Sequence[tuple[str, str]]) -> int | FetchError:
        """One POST of a form, guarded like everything else; gives the status of a 2xx answer. Redirects are not followed.

        Never raises for what a server or a network does.
        """
        headers = {"User-Agent": self._agent, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            outgoing = self._http.build_request("POST", url, headers=headers, content=urlencode(form).encode())
            async with asyncio.timeout(_POST_TIMEOUT):
                with self._guard.watch(outgoing.url.host):
                    response = await self._http.send(outgoing, stream=True, follow_redirects=False)
                await response.aclose()
        except TimeoutError:
            return FetchError(f"no complete answer within {_POST_TIMEOUT:g} s", unreachable=True)
        except Exception as error:  # noqa: BLE001 - a hub that fails is a value, whatever raised it
            return FetchError(_explain(error), unreachable=isinstance(error, httpx.TransportError))
        status = response.status_code
        return status if 200 <= status < 300 else FetchError(f"HTTP {status} {response.reason_phrase}".strip(), status)

    async def _follow(self, request: Request, start: float) -> Response:
        url = httpx.URL(request.url)
        cookies = httpx.Cookies()
        redirects: list[tuple[int, str]] = []
        while True:
            outgoing = self._http.build_request("GET", url, headers=self._headers(request, url))
            cookies.set_cookie_header(outgoing)
            with self._guard.watch(url.host) as refused:
                try:
                    response = await self._http.send(outgoing, stream=True, follow_redirects=False)
                except httpx.TransportError:
                    if refused:
                        raise FetchError(
                            f"{url.host} is at {refused[0]}, which is not a public address; "
                            f'to allow it: fetch.allow_private: ["{url.host}"]'
                        ) from None
                    raise
            try:
                cookies.extract_cookies(response)
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    if len(redirects) == MAX_REDIRECTS:
                        raise FetchError(f"more than {MAX_REDIRECTS} redirects", response.status_code)
                    url = _target(url, response.headers["location"])
                    redirects.append((response.status_code, str(url)))
                    continue
                return await self._read(request, response, tuple(redirects), start)
            finally:
                await response.aclose()

    def _headers(self, request: Request, url: httpx.URL) -> dict[str, str]:
        headers = {"User-Agent": self._agent, "Accept": ACCEPT, "Accept-Encoding": "gzip, deflate"}
        first = httpx.URL(request.url)
        if (url.scheme, url.host, url.port) == (first.scheme, first.host, first.port):
            headers.update(request.headers)  # may hold secrets: they are for the configured site alone
        if url == first:
            # Validators belong to the URL they came from (RFC 9110 §8.8).
            if request.etag is not None:
                headers["If-None-Match"] = request.etag
            if request.last_modified is not None:
                headers["If-Modified-Since"] = request.last_modified
        return headers

    async def _read(
        self, request: Request, response: httpx.Response, redirects: tuple[tuple[int, str], ...], start: float
    ) -> Response:
        status = response.status_code
        if status not in (200, 203, 226, 304):
            wait = schedule.retry_after(response.headers.get("retry-after"), datetime.now(UTC))
            raise FetchError(f"HTTP {status} {response.reason_phrase}".strip(), status, wait)
        body = b""
        if status != 304:
            decoder = Decoder(response.headers.get("content-encoding"), request.max_body)
            async for chunk in response.aiter_raw():
                decoder.feed(chunk)
            body = decoder.body()
        return Response(
            url=str(response.request.url),
            status=status,
            headers=tuple(
                (key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in response.headers.raw
            ),
            body=body,
            redirects=redirects,
            seconds=asyncio.get_running_loop().time() - start,
        )


def _target(url: httpx.URL, location: str) -> httpx.URL:
    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise FetchError("redirects to something that is no address") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchError("redirects to something that is not http")
    return target


def _no_cookies() -> httpx.Cookies:
    """A jar that keeps nothing: cookies live for one poll only, in a jar of its own."""
    cookies = httpx.Cookies()
    cookies.jar.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    return cookies


def _explain(error: BaseException) -> str:
    """The true cause in words: aiohttp's errors arrive wrapped, a refused connection even as a time-out."""
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    for link in chain:
        match link:
            case aiohttp.ClientConnectorDNSError():
                return f"can't find the host {link.host}"
            case aiohttp.ClientConnectorCertificateError():
                return f"the certificate of {link.host} is not valid: {link.certificate_error}"
            case ssl.SSLError():
                return f"TLS failed: {getattr(chain[-1], 'reason', None) or 'no handshake'}"
            case aiohttp.InvalidURL():
                return "the address is not valid"
            case aiohttp.ClientPayloadError():
                return "the body is incomplete: the connection closed before its end"
            case aiohttp.ServerDisconnectedError():
                return "the server closed the connection without an answer"
            case OSError(errno=int() as number):
                return os.strerror(number).lower()
    first_line = str(chain[-1]).strip().partition("\n")[0]
    return f"{type(chain[-1]).__name__}: {first_line}" if first_line else type(chain[-1]).__name__
