"""The HTTP client: conditional GET with a total deadline, a size cap, bounded redirects and guarded addresses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from weakref import WeakValueDictionary

from aggregator import schedule
from aggregator.errors import FetchError
from aggregator.fetch.address import Address, join, parse
from aggregator.fetch.connect import Dialer, Names
from aggregator.fetch.decode import Decoder
from aggregator.fetch.explain import explain
from aggregator.fetch.guard import Guard
from aggregator.fetch.library import httpx
from aggregator.fetch.transport import Transport
from aggregator.fetch.turns import Turn, Turns
from aggregator.model import Request, Response

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_DOCUMENTS = (200, 203, 226)
_url = functools.lru_cache(1024)(httpx.URL)  # the same from poll to poll, and as much work as the rest of a request


class Client:
    """One client for all requests of this program; use it as an async context manager.

    `proxy` is http://[user:password@]host:port. Raises FetchError where it is not.
    """

    def __init__(
        self, user_agent: str, guard: Guard, concurrency: int = 100, per_host: int = 2, proxy: str | None = None
    ) -> None:
        self.names = Names()
        self._agent = user_agent
        self._guard = guard
        try:
            self._proxy = parse(proxy) if proxy else None
        except FetchError as error:
            raise FetchError(f"fetch.proxy: {error}") from None
        free = (self._proxy.host, self._proxy.port) if self._proxy else None
        self._turns = Turns(concurrency)
        transport = Transport(Dialer(self.names, guard, free), self._proxy)
        self._http = _Http(transport=transport, trust_env=False)
        # Forgotten when nobody holds or awaits a slot there: there are as many hosts as feeds.
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._per_host = per_host

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        await self.names.close()

    def slot(self, url: str) -> AbstractAsyncContextManager[Turn]:
        """Waits for a turn: first at the host, then among all. Hold it for as long as the body is in memory.

        Given to `get`, it is left to others while the server says nothing.
        """
        return _Slot(self, url)

    async def uncrowded(self) -> None:
        """Waits while many wait for a turn, or with a document: to begin more fetches then would only cost memory."""
        await self._turns.uncrowded()

    async def get(self, request: Request, turn: Turn | None = None) -> Response | FetchError:
        """One GET, redirects followed. Never raises for what a server or a network does."""
        return await self._bounded(_Poll(self, request, turn=turn))

    async def post(self, url: str, form: Sequence[tuple[str, str]]) -> int | FetchError:
        """One POST of a form, guarded like everything else; gives the status of a 2xx answer. Redirects are not followed.

        Never raises for what a server or a network does.
        """
        answer = await self._bounded(_Poll(self, Request(url), urlencode(form).encode()))
        return answer if isinstance(answer, FetchError) else answer.status

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


class _Slot:
    """A turn among all while one has one at the host."""

    def __init__(self, client: Client, url: str) -> None:
        self._client, self._url = client, url
        self._turn = client._turns.turn()

    async def __aenter__(self) -> Turn:
        client, site = self._client, self._url
        with contextlib.suppress(FetchError):
            address = parse(self._url)
            site = address.site
            if client._proxy is None:
                # Before a slot is taken: hundreds of dead names then wait beside the living, not before them. What is
                # wrong with the name is said by `get`, which finds the answer known.
                await client.names.addresses(address.host)
        self._host = client._hosts.setdefault(site, asyncio.Semaphore(client._per_host))
        await self._host.acquire()
        try:
            return await self._turn.__aenter__()
        except BaseException:
            self._host.release()
            raise

    async def __aexit__(self, *error: object) -> None:
        self._turn.end()
        self._host.release()


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Keeps none, and does not make an e-mail of each answer to look for them."""


class _Http(httpx.AsyncClient):
    """One for all polls, so it must keep no cookies: those belong to a single poll."""

    cookies = _NoCookies()  # type: ignore[override]


class _Poll:
    """One request with all its hops."""

    def __init__(self, client: Client, request: Request, form: bytes | None = None, turn: Turn | None = None) -> None:
        self.request = request
        self._turn = turn
        self.redirects: list[tuple[int, str]] = []
        self.answered = False  # whether the header of an answer has come
        self._client = client
        self._form = form
        self._sent: set[tuple[str, str | None]] = set()
        self._start = asyncio.get_running_loop().time()

    async def run(self) -> Response:
        """Follows the hops to the end. Raises FetchError, and what the transport raises."""
        first = address = parse(self.request.url)
        theirs = self.request.validators_url
        validated = str(parse(theirs) if theirs and theirs != self.request.url else first)
        trusted = True
        while True:
            more: list[tuple[str, str | None]] = []
            if trusted and first.trusts(address):
                more += [("Authorization", first.login), *self.request.headers]
            else:
                trusted = False  # once away, never again: the way back may be somebody else's
            if address.login:
                more.append(("Authorization", address.login))
            # Validators belong to the address they came from (RFC 9110 §8.8).
            conditional = str(address) == validated and self._form is None and self._has_validators()
            if conditional:
                more += self._conditions()
            answer = await self._send(address, _over(self._client_fields(address), more))
            try:
                status, location = answer.status_code, answer.extensions["location"]
                if status not in _REDIRECTS or location is None or self._form is not None:
                    if status == 304 and not conditional:
                        raise FetchError("HTTP 304: says that nothing has changed, but was not asked that", 304)
                    return await self._read(answer, address)
                self._cookies.extract_cookies(answer)
            finally:
                await answer.aclose()
            if len(self.redirects) == MAX_REDIRECTS:
                raise FetchError(f"more than {MAX_REDIRECTS} redirects", status)
            address = join(address, location)
            self.redirects.append((status, str(address)))

    @functools.cached_property
    def _cookies(self) -> httpx.Cookies:
        """They live as long as the poll: some sites set one and redirect to see it again."""
        return httpx.Cookies()

    async def _send(self, address: Address, fields: dict[str, str]) -> httpx.Response:
        """Sends the request; the answer is to be closed by whoever gets it."""
        if self._client._proxy is not None:
            self._refuse_visibly_private(address)
        outgoing = httpx.Request(
            "GET" if self._form is None else "POST",
            _url(str(address)),
            headers=[(name.encode("ascii"), _bytes(value)) for name, value in fields.items()],
            stream=httpx.ByteStream(self._form or b""),  # given as a stream, nothing of it is worked out by httpx
            extensions={"address": address},
        )
        if self.redirects:
            self._cookies.set_cookie_header(outgoing)
        sent = (str(address), outgoing.headers.get("cookie"))
        if sent in self._sent:
            raise FetchError("redirects in a circle")
        self._sent.add(sent)
        # A request of our own making: httpx adds nothing to it, and the body stays as it is on the wire.
        sending = self._client._http.send(outgoing, stream=True)
        answer = await (sending if self._turn is None else self._turn.patience(sending))
        self.answered = True
        return answer

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

    async def _read(self, answer: httpx.Response, address: Address) -> Response:
        status = answer.status_code
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.headers.raw)
        response = Response(str(address), status, headers, b"", tuple(self.redirects))
        good = 200 <= status < 300 if self._form is not None else status in (*_DOCUMENTS, 304)
        if not good:
            wait = schedule.retry_after(response.header("retry-after"), datetime.now(UTC))
            raise FetchError(_status(answer), status, wait)
        if status == 226 and (response.header("im") or "feed").strip().lower() != "feed":
            raise FetchError("HTTP 226: the server sent a difference of a kind that was not asked for", status)
        body = b""
        if status != 304 and self._form is None:
            decoder = Decoder(response.values("content-encoding"), self.request.max_body)
            chunks = answer.aiter_raw()
            async for chunk in self._turn.patient(chunks) if self._turn is not None else chunks:
                decoder.feed(chunk)
            body = decoder.body()
            if self._turn is not None:
                self._turn.laden()
        seconds = asyncio.get_running_loop().time() - self._start
        return Response(str(address), status, headers, body, tuple(self.redirects), seconds)


def _over(fields: dict[str, str], others: Sequence[tuple[str, str | None]]) -> dict[str, str]:
    """The fields with others put over them; names are the same in any case (RFC 9110 §5.1)."""
    merged = {name.lower(): (name, value) for name, value in fields.items()}
    for name, value in others:
        if value is not None:
            merged.pop(name.lower(), None)  # the new one comes last
            merged[name.lower()] = (name, value)
    return dict(merged.values())


def _bytes(value: str) -> bytes:
    """Header fields came as bytes and were decoded as ISO 8859-1; so they go back the same (RFC 9110 §5.5)."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")  # written by a person, in feeds.yaml


def _status(answer: httpx.Response) -> str:
    reason = answer.extensions.get("reason_phrase", b"").decode("latin-1").strip()
    said = f"HTTP {answer.status_code} {reason}".strip()[:100]
    match answer.status_code:
        case 204:
            return f"{said}: there is no document in it"
        case 206:
            return f"{said}: a part of the document, which was not asked for"
        case status if status in _REDIRECTS:
            return f"{said}: a redirect that does not say where to"
    return said
