"""A connection that is used once: bytes in order, TLS where it is wanted, one request and its answer by h11.

This is a socket and h11 with nothing between: the general client we had, with its locks, traces and retries for a pool
that we do not use, took three quarters of what a poll cost, and asyncio's transports, made for connections that live long,
a quarter of what was left over TLS: each has a quarter of a megabyte set aside to read into (docs/polling.md has the
figures).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Protocol

import h11

from aggregator.fetch.lenient import Mender

_LARGEST_HEAD = 100 * 2**10  # bytes
_AT_ONCE = 2**16  # bytes that are read at once
_RECORD = 2**14  # bytes, the most that are in a record of TLS (RFC 8446 §5.1)


class Broken(Exception):
    """No connection, or no answer to a CONNECT; its cause is an OSError, or the words say why."""


class Pipe(Protocol):
    """The bytes of a connection, in order."""

    async def read(self) -> bytes:
        """What has come, at least one byte; none at the end. Raises OSError where the connection broke."""

    async def write(self, data: bytes) -> None:
        """Sends all of it. Where it can't be sent, the next `read` says so: an answer may have come before that."""

    def close(self) -> None:
        """Closes the connection at once: nobody waits for a farewell that many servers do not say."""


class Plain:
    """The bytes of a connected socket that does not block. What came before it broke is read before it is said to be
    broken: some servers answer, and reset the connection because they did not care to read the request."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._unsent: OSError | None = None

    async def read(self) -> bytes:
        """As Pipe has it."""
        data = await self._loop.sock_recv(self._socket, _AT_ONCE)
        if not data and self._unsent is not None:
            raise self._unsent
        return data

    async def write(self, data: bytes) -> None:
        """As Pipe has it."""
        try:
            await self._loop.sock_sendall(self._socket, data)
        except OSError as error:
            self._unsent = error

    def close(self) -> None:
        """As Pipe has it."""
        self._socket.close()


class Secure:
    """TLS over another pipe; `shake_hands` before anything else."""

    def __init__(self, below: Pipe, tls: ssl.SSLContext, host: str) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def shake_hands(self) -> None:
        """Raises ssl.SSLError, OSError."""
        while True:
            try:
                # What it leaves to be sent at its end goes with the request: one packet for both.
                return self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._below.write(self._outgoing.read())
            if not await self._take():
                raise ConnectionResetError("closed in the handshake")

    async def read(self) -> bytes:
        """As Pipe has it. An end without a farewell is one, too: HTTP has its own ways to tell that something is missing."""
        while True:
            try:
                return self._tls.read(_RECORD)
            except ssl.SSLWantReadError:
                if not await self._take():
                    return b""

    async def write(self, data: bytes) -> None:
        """As Pipe has it."""
        self._tls.write(data)
        await self._below.write(self._outgoing.read())

    def close(self) -> None:
        """As Pipe has it."""
        self._below.close()

    async def _take(self) -> bool:
        data = await self._below.read()
        self._incoming.write(data)
        return bool(data)


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
        await self.pipe.write(data)
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
        """Closes the connection at once."""
        self.pipe.close()
