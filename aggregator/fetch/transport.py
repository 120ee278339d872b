"""httpx over a wire of our own: a guarded connection for each request, and the request line as it was written.

There is no pool. Most servers close a kept connection long before the next poll, a request that dies on it would have
to be sent twice, and the cost of a pool grows with what is in it (docs/polling.md has the figures).
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator

from aggregator.fetch.address import Address
from aggregator.fetch.connect import Dialer, secured
from aggregator.fetch.library import httpx
from aggregator.fetch.wire import Broken, Pipe, Wire


class Transport(httpx.AsyncBaseTransport):
    """Sends each request once, over a connection of its own, through `proxy` where there is one.

    Where it goes is the request's extension "address". The Location of an answer is its extension "location", in bytes or
    None, and no header field: httpx would read it first and raise where it is odd. Raises h11's exceptions, OSError,
    Broken, and FetchError for an address that may not be connected.
    """

    def __init__(self, dialer: Dialer, proxy: Address | None = None) -> None:
        self._dialer = dialer
        self._proxy = proxy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; the body of the answer is read as it comes, undecoded."""
        address: Address = request.extensions["address"]
        target, fields = address.target.encode("ascii"), request.headers.raw
        if self._proxy is None:
            pipe = await self._dialer.dial(address.host, address.port, self._tls_for(address))
        else:
            pipe = await self._dialer.dial(self._proxy.host, self._proxy.port, self._tls_for(self._proxy))
        try:
            if self._proxy is not None and address.scheme == "http":
                target = str(address).encode("ascii")  # absolute-form (RFC 9112 §3.2.2)
                fields = [*self._login(self._proxy), *fields]
            elif self._proxy is not None:
                pipe = await self._tunnel(pipe, address, self._proxy)
            wire = Wire(pipe)
            answer = await wire.ask(request.method.encode("ascii"), target, fields, await request.aread())
        except BaseException:
            pipe.close()
            raise
        headers = answer.headers.raw_items()
        location = next((value for name, value in headers if name.lower() == b"location"), None)
        return httpx.Response(
            answer.status_code,
            headers=[(name, value) for name, value in headers if name.lower() != b"location"],
            stream=_Body(wire),
            extensions={"location": location, "reason_phrase": bytes(answer.reason)},
        )

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Reading the certificates of this machine costs 20 ms and more: once, and only where https is spoken."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _tls_for(self, address: Address) -> ssl.SSLContext | None:
        return self._tls if address.scheme == "https" else None

    async def _tunnel(self, pipe: Pipe, address: Address, proxy: Address) -> Pipe:
        """Through the proxy to the address itself (RFC 9110 §9.3.6)."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        there = f"{host}:{address.port}".encode("ascii")
        fields = [(b"Host", there), (b"Accept", b"*/*"), *self._login(proxy)]
        answer = await Wire(pipe).ask(b"CONNECT", there, fields)
        if not 200 <= answer.status_code < 300:
            raise Broken(f"{answer.status_code} {bytes(answer.reason).decode('latin-1')}")
        return await secured(pipe, self._tls, address.host)

    @staticmethod
    def _login(proxy: Address) -> list[tuple[bytes, bytes]]:
        return [(b"Proxy-Authorization", proxy.login.encode())] if proxy.login else []


class _Body(httpx.AsyncByteStream):
    """The body as it is on the wire; closing it closes the connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._wire.body():
            yield chunk

    async def aclose(self) -> None:
        self._wire.close()
