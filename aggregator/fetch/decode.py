"""Content-Encoding undone under a cap. An incomplete or oversized body is a FetchError, never a shorter body."""

from __future__ import annotations

import re

from isal import isal_zlib

from aggregator.errors import FetchError

_Damage: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # a class, whatever its stubs say
_KNOWN = ("gzip", "x-gzip", "deflate")
_GZIP = b"\x1f\x8b\x08"
_MOST = 3  # encodings on top of each other
_ENOUGH = 16  # bytes that show what a body is
_MARKUP = tuple(mark + first for mark in (b"", b"\xef\xbb\xbf") for first in (b"<", b"{"))
_UTF16 = (b"\xff\xfe<\x00", b"\xfe\xff\x00<", b"<\x00?\x00", b"\x00<\x00?")


class Decoder:
    """Decodes one body chunk by chunk. `cap` is the largest decoded size in bytes.

    HTTP libraries' own decoders know no cap (a few KB become GiBs) and some take a truncated gzip for whole, so the raw
    bytes come here. What a body is decides, where its label is wrong: plain text labelled gzip, or gzip without a label
    (a feed.xml.gz on a file server), is common.
    """

    def __init__(self, encoding: str | None, cap: int) -> None:
        self.cap = cap
        self._names = [name.strip().lower() for name in (encoding or "").split(",")]
        self._names = [name for name in self._names if name not in ("", "identity")]
        self._start: bytes | None = b""  # until there is enough to see what it is
        self._stages: list[_Inflate] = []
        self._chunks: list[bytes] = []
        self._raw = self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Takes the next raw bytes. Raises FetchError when they are damaged or too many."""
        self._raw += len(chunk)
        if self._raw > self.cap + 2**16:  # also what follows the end of a gzip stream, which is not decoded
            raise self._too_large()
        if self._start is not None:
            self._start += chunk
            if len(self._start) < _ENOUGH:
                return
            chunk = self._begin()
        self._take(chunk)

    def body(self) -> bytes:
        """The whole decoded body. Raises FetchError when the encoded stream has not come to its end."""
        if self._start is not None:
            self._take(self._begin())
        if any(not stage.whole for stage in self._stages):
            raise FetchError("the body is incomplete: its compressed stream breaks off")
        body = b"".join(self._chunks)
        for _ in range(_MOST):
            if not body.startswith(_GZIP):
                break
            stage = _Inflate("gzip")
            body = stage.run(body, self.cap)
            if len(body) > self.cap:
                raise self._too_large()
            if not stage.whole:
                raise FetchError("the body is incomplete: its compressed stream breaks off")
        return body

    def _begin(self) -> bytes:
        start, self._start = self._start or b"", None
        if not start or start.lstrip(b" \t\r\n").startswith(_MARKUP) or start.startswith(_UTF16):
            return start
        unknown = [name for name in self._names if name not in _KNOWN]
        if unknown:
            raise FetchError(f"the server used a content encoding that was not asked for: {', '.join(unknown)[:80]}")
        if len(self._names) > _MOST:
            raise FetchError(f"the body is encoded {len(self._names)} times over")
        if self._names == ["gzip"] and not start.startswith(_GZIP[:2]):
            raise FetchError("the body is damaged: it is said to be gzip, and is not")
        self._stages = [_Inflate(name) for name in reversed(self._names)]
        return start

    def _take(self, data: bytes) -> None:
        for stage in self._stages:
            data = stage.run(data, self.cap)
            if len(data) > self.cap:
                raise self._too_large()
        self._size += len(data)
        if self._size > self.cap:
            raise self._too_large()
        self._chunks.append(data)

    def _too_large(self) -> FetchError:
        return FetchError(f"the body is larger than {self.cap / 2**20:.4g} MiB (fetch.max_body)")


class _Inflate:
    """One gzip or deflate layer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stream: isal_zlib.Decompress | None = None
        self._ended = False  # what comes after the end of the stream is padding
        self._pending = b""  # after the end: the first bytes of another member, or of padding

    @property
    def whole(self) -> bool:
        """Whether the stream has come to its end, or has not begun."""
        return self._stream is None or self._stream.eof

    def run(self, data: bytes, cap: int) -> bytes:
        """What these bytes mean; gives up a little beyond `cap`."""
        out, size = [], 0
        while data and not self._ended and size <= cap:
            if self._stream is not None and self._stream.eof:
                # A gzip body may have several members (RFC 1952 §2.2); anything else after its end is padding.
                self._pending += data
                if self._name == "deflate" or not _GZIP.startswith(self._pending[: len(_GZIP)]):
                    self._ended = True
                if self._ended or len(self._pending) < len(_GZIP):
                    break
                data, self._pending, self._stream = self._pending, b"", None
            if self._stream is None:
                self._stream = isal_zlib.decompressobj(self._window(data))
            try:
                piece = self._stream.decompress(data, cap - size + 1)
            except _Damage as error:
                raise FetchError(f"the body is damaged: {_reason(error)}") from None
            out.append(piece)
            size += len(piece)
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return b"".join(out)

    def _window(self, data: bytes) -> int:
        if self._name != "deflate":
            return isal_zlib.MAX_WBITS | 16
        # "deflate" means zlib (RFC 9110 §8.4.1.2), but some servers send the bare stream.
        is_zlib = data[0] & 0x0F == 8 and (len(data) < 2 or (data[0] << 8 | data[1]) % 31 == 0)
        return isal_zlib.MAX_WBITS if is_zlib else -isal_zlib.MAX_WBITS


def _reason(error: Exception) -> str:
    return re.sub(r"Error -?\d+ ?", "", str(error)).lower() or "its compressed stream is not valid"
