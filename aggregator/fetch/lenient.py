"""Answers whose head is not quite HTTP, mended before they are read: a person's browser reads them, too.

h11 refuses a whole answer for one header line it can't read. Each connection is for one answer only, so nothing can be
smuggled behind it by what is mended here.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

import httpcore

_MOST = 100 * 2**10  # bytes of a head; h11 has the last word on longer ones
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"(?:HTTP/(\d)(?:\.\d)?|ICY)[ \t]+(\d{3})(?!\d)[ \t]*(.*)", re.I | re.S)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.S)
_USELESS = ((b"transfer-encoding", b"identity"), (b"content-length", b""))


class Lenient(httpcore.AsyncNetworkStream):
    """A connection that mends the head of the answer, and the interim ones before it; the body passes as it is."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._head: bytes | None = b""  # what has come of it; None: past it

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's name
        """The next bytes; those of a head come together."""
        while self._head is not None:
            self._head = self._head.lstrip(b"\r\n")
            end = _END.search(self._head)
            if end is not None:
                head, rest = mend(self._head[: end.start()]), self._head[end.end() :]
                # After 100 or 103 the real one is still to come (RFC 9110 §15.2).
                is_interim = re.match(rb"HTTP/\d\.\d 1(?!01)", head) is not None
                self._head = rest if is_interim else None
                return head if is_interim else head + rest
            data = await self._stream.read(max_bytes, timeout)
            self._head += data
            if not data or len(self._head) > _MOST:
                data, self._head = self._head, None
                return data
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Sends."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """The same over TLS."""
        return Lenient(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore wants to know of the connection."""
        return self._stream.get_extra_info(info)


def mend(head: bytes) -> bytes:
    """The head of an answer as it should be, its blank line included: lines that are no header field are left out."""
    first, *lines = re.split(rb"\r?\n", head)
    status = _STATUS.fullmatch(first)
    if status is None:
        return head + b"\r\n\r\n"
    version = b"1.1" if status[1] in (b"1", b"2", b"3") and not first.upper().startswith(b"HTTP/1.0") else b"1.0"
    mended = [b"HTTP/" + version + b" " + status[2] + b" " + _clean(status[3])]
    for line in lines:
        if line[:1] in (b" ", b"\t") and len(mended) > 1:
            mended[-1] += b" " + _clean(line)  # a folded field (RFC 9112 §5.2)
        elif (field := _FIELD.fullmatch(line)) and (field[1].lower(), field[2].strip().lower()) not in _USELESS:
            mended.append(field[1] + b": " + _clean(field[2]))
    return b"\r\n".join([*mended, b"", b""])


def _clean(value: bytes) -> bytes:
    return re.sub(rb"[\x00\r\n\x0b\x0c]", b" ", value).strip(b" \t")
