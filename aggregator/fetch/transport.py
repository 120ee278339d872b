"""httpx over bare httpcore: a guarded connection for each request, and the request line as it was written.

There is no pool. Most servers close a kept connection long before the next poll, a request that dies on it would have
to be sent twice, and the cost of a pool grows with what is in it (docs/polling.md has the figures).
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator

import httpcore
import httpx

from aggregator.fetch.address import Address
from aggregator.fetch.connect import Dialer


class Transport(httpx.AsyncBaseTransport):
    """Sends each request once, over a connection of its own, through `proxy` where there is one.

    The path that goes on the wire is the extension "target", in bytes. The Location of an answer is its extension
    "location", in bytes or None, and no header field: httpx would read it first and raise where it is odd. Raises
    httpcore's exceptions, and FetchError for an address that may not be connected.
    """

    def __init__(self, dialer: Dialer, proxy: Address | None = None) -> None:
        self._dialer = dialer
        self._proxy = proxy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; the body of the answer is read as it comes, undecoded."""
        host = request.url.raw_host
        if self._proxy is not None and b":" in host:
            host = b"[%b]" % host  # in CONNECT's authority an IPv6 literal needs its brackets (RFC 9110 §9.3.6)
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=host, port=request.url.port, target=request.extensions["target"]
        )
        sni = host.decode("ascii").rstrip(".")
        connection = self._connection(url)
        try:
            answer = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={"sni_hostname": sni},
                )
            )
        except BaseException:
            await connection.aclose()
            raise
        location = next((value for name, value in answer.headers if name.lower() == b"location"), None)
        return httpx.Response(
            answer.status,
            headers=[(name, value) for name, value in answer.headers if name.lower() != b"location"],
            stream=_Body(answer, connection),
            extensions={**answer.extensions, "location": location},
        )

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


class _Body(httpx.AsyncByteStream):
    """The body as it is on the wire; closing it closes the connection."""

    def __init__(
        self, answer: httpcore.Response, connection: httpcore.AsyncHTTPConnection | httpcore.AsyncHTTPProxy
    ) -> None:
        self._answer = answer
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
        await self._connection.aclose()
