"""A connection that is used once: bytes in order, TLS where it is wanted, one request and its answer by h11.

This is asyncio and h11 with nothing between: the general client we had, with its locks, traces and retries for a pool
that we do not use, took three quarters of what a poll cost (docs/polling.md has the figures).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import cast

import h11

from aggregator.fetch.lenient import Mender

_LARGEST_HEAD = 100 * 2**10  # bytes
_HELD = 2**17  # bytes that wait to be read before the sender is asked to wait, too


class Broken(Exception):
    """No connection, or no answer to a CONNECT; its cause is an OSError, or the words say why."""


class Pipe(asyncio.Protocol):
    """The bytes of a connection. What came before it broke is read before it is said to be broken: some servers answer,
    and reset the connection because they did not care to read the request."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._held = bytearray()
        self._paused = self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._held += data
        if len(self._held) > _HELD and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """No more will come; the connection may be closed."""
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed, by whomever."""
        self._ended, self._error = True, error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """What has come, at least one byte; none at the end. Raises OSError where the connection broke."""
        if not self._held and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = bytes(self._held)
        self._held.clear()
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        if not data and self._error is not None:
            raise self._error
        return data

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Speaks TLS from here on. Raises ssl.SSLError, OSError."""
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(self.transport, self, tls, server_hostname=host)
        if transport is None:  # the other side closed the connection meanwhile (python/cpython#87198)
            raise ConnectionResetError("closed in the handshake")
        self.transport = transport


class Wire:
    """One request and its answer over a pipe. Raises h11's errors, and OSError where the connection breaks."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self._http = h11.Connection(h11.CLIENT, _LARGEST_HEAD)
        self._mender = Mender()

    async def ask(
        self, method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], content: bytes = b""
    ) -> h11.Response:
        """Sends the request and waits for the head of the answer."""
        data = self._http.send(h11.Request(method=method, target=target, headers=fields)) or b""
        if content:
            data += self._http.send(h11.Data(data=content)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self.pipe.transport.write(data)
        while not isinstance(event := await self._event(), h11.Response):
            pass  # 100 and 103: the real one is still to come (RFC 9110 §15.2)
        return event

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it is on the wire, its framing taken off."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self.pipe.read()
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise h11.RemoteProtocolError("closed without sending a response")
            if not data or (data := self._mender.take(data)):
                self._http.receive_data(data)
        return event

    def close(self) -> None:
        """Closes the connection at once: nobody waits for a farewell that many servers do not say."""
        self.pipe.transport.abort()
