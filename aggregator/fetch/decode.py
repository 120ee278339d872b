"""Content-Encoding undone under a cap. An incomplete or oversized body is a FetchError, never a shorter body."""

from __future__ import annotations

import zlib

from aggregator.errors import FetchError


class Decoder:
    """Decodes one body chunk by chunk. `cap` is the largest decoded size in bytes.

    httpx's own decoders know no cap (a few KB become GiBs) and take a truncated gzip for whole, so raw bytes come here.
    """

    def __init__(self, encoding: str | None, cap: int) -> None:
        self.cap = cap
        self.size = 0
        self.chunks: list[bytes] = []
        names = [name.strip().lower() for name in (encoding or "").split(",")]
        names = [name for name in names if name not in ("", "identity")]
        if len(names) > 1 or any(name not in ("gzip", "x-gzip", "deflate") for name in names):
            raise FetchError(f"the server used a content encoding that was not asked for: {', '.join(names)}")
        self.name = names[0] if names else None
        self.inflate: zlib._Decompress | None = None
        self.plain = self.name is None

    def feed(self, chunk: bytes) -> None:
        """Takes the next raw bytes. Raises FetchError when they are damaged or too many."""
        if self.inflate is None and not self.plain and chunk:
            # A body labelled gzip that is plain text is common behind broken proxies.
            self.plain = chunk.lstrip()[:1] in (b"<", b"{") or chunk.startswith((b"\xef\xbb\xbf<", b"\xef\xbb\xbf{"))
        if self.plain:
            self.take(chunk)
            return
        while chunk:
            if self.inflate is None:
                self.inflate = self.start(chunk)
            try:
                self.take(self.inflate.decompress(chunk, self.cap - self.size + 1))
            except zlib.error as error:
                raise FetchError(f"the body is damaged: {error}") from None
            if self.inflate.eof:
                # A gzip body may have several members (RFC 1952 §2.2); anything else after the end is padding.
                chunk = self.inflate.unused_data
                if chunk[:2] != b"\x1f\x8b":
                    return
                self.inflate = None
            else:
                chunk = self.inflate.unconsumed_tail

    def start(self, chunk: bytes) -> zlib._Decompress:
        if self.name != "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        # "deflate" means zlib (RFC 9110 §8.4.1.2), but some servers send the bare stream.
        zlib_header = chunk[0] & 0x0F == 8 and (len(chunk) < 2 or (chunk[0] << 8 | chunk[1]) % 31 == 0)
        return zlib.decompressobj(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)

    def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self.cap:
            raise FetchError(f"the body is larger than {self.cap / 2**20:g} MiB (fetch.max_body)")
        self.chunks.append(data)

    def body(self) -> bytes:
        """The whole decoded body. Raises FetchError when the encoded stream has not come to its end."""
        if self.inflate is not None and not self.inflate.eof:
            raise FetchError("the body is incomplete: its compressed stream breaks off")
        return b"".join(self.chunks)
