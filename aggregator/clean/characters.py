"""Characters that may stand in a text, and texts made to stand on one line."""

from __future__ import annotations

import re

# What XML 1.0 §2.2 forbids, and the C1 controls, which nobody means: most are windows-1252 read as Latin-1.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\x80-\x9f]")
_CP1252 = {
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_ILLEGAL_ASCII = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
# The same the other way round, which is faster to try than to look for one of them.
_ALL_LEGAL = re.compile("[\t\n\r -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*+")
# Overrides can make a line read as something else (Trojan Source); marks and isolates stay, RTL text needs them.
_OVERRIDES = re.compile("[\u202a-\u202e\ufeff\u200b]")


def legal(text: str) -> str:
    """The text without characters that XML or a terminal could trip over; misread windows-1252 is repaired."""
    if text.isascii():
        data = text.encode()
        if len(data.translate(None, _ILLEGAL_ASCII)) == len(data):
            return text
    elif _ALL_LEGAL.fullmatch(text):
        return text
    return _ILLEGAL.sub(lambda match: _CP1252.get(ord(match[0]), ""), text)


def line(text: str, longest: int = 1000) -> str:
    """The text on one line: white space collapsed, no controls or direction overrides, cut at `longest` characters."""
    if not (text.isascii() and text.isprintable()):  # most are
        text = legal(text)
        text = text if text.isascii() else _OVERRIDES.sub("", text)
    text = collapsed(text)
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def collapsed(text: str) -> str:
    """A legal text with white space collapsed, and none at its ends."""
    # Of all white space only " " counts as printable; in ASCII what else is legal is found sooner letter by letter.
    even = not ("\n" in text or "\t" in text or "\r" in text) if text.isascii() else text.isprintable()
    if even and "  " not in text:
        return text.strip(" ")
    return " ".join(text.split())
