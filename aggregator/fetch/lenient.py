"""Answers whose head is not quite HTTP, mended before they are read: a person's browser reads them, too.

h11 refuses a whole answer for one header line it can't read. Each connection is for one answer only, so nothing can be
smuggled behind it by what is mended here.
"""

from __future__ import annotations

import re

_MOST = 100 * 2**10  # bytes of a head; h11 has the last word on longer ones
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"(?:HTTP/(\d)(?:\.\d)?|ICY)[ \t]+(\d{3})(?!\d)[ \t]*(.*)", re.I | re.S)
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.S)
# A head that needs no mending, as most are; "identity" may be one of the useless fields.
_PROPER = re.compile(
    rb"HTTP/1\.[01] \d{3} [^\s\x00](?:[^\x00\r\n\x0b\x0c]*[^\s\x00])?"
    rb"(?:\r\n(?!\S*: identity)[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\s\x00](?:[^\x00\r\n\x0b\x0c]*[^\s\x00])?)*",
    re.I,
)
_USELESS = ((b"transfer-encoding", b"identity"), (b"content-length", b""))


class Mender:
    """Mends the head of one answer, and the interim ones before it; the body passes as it is."""

    def __init__(self) -> None:
        self._head: bytes | None = b""  # what has come of it; None: past it

    def take(self, data: bytes) -> bytes:
        """What is to be read of the bytes so far; nothing before a head is there as a whole."""
        if self._head is None:
            return data
        self._head = (self._head + data).lstrip(b"\r\n")
        mended = b""
        while end := _END.search(self._head):
            head, self._head = mend(self._head[: end.start()]), self._head[end.end() :]
            mended += head
            # After 100 or 103 the real one is still to come (RFC 9110 §15.2).
            if not re.match(rb"HTTP/\d\.\d 1(?!01)", head):
                mended, self._head = mended + self._head, None
                return mended
            self._head = self._head.lstrip(b"\r\n")
        if len(self._head) > _MOST:
            mended, self._head = mended + self._head, None
        return mended


def mend(head: bytes) -> bytes:
    """The head of an answer as it should be, its blank line included: lines that are no header field are left out."""
    if head.startswith(b"HTTP") and _PROPER.fullmatch(head):
        return head + b"\r\n\r\n"
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
