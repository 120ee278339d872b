"""Small pieces of XML, escaped: what comes out of a parser is what went in, less the characters XML can't hold."""

from __future__ import annotations

import re

# What XML 1.0 §2.2 forbids, half surrogate pairs among them. In JSON they would be legal, but the formats must agree.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROLS = bytes(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D))
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


def encode(text: str) -> bytes:
    """A whole document in UTF-8, without characters that can't stand in one. Works on bytes, which is much faster."""
    try:
        data = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        data = _ILLEGAL.sub("", text).encode()
    data = data.translate(None, _CONTROLS)
    if b"\xef\xbf" in data:  # U+FFC0 and up
        for character in _NONCHARACTERS:
            data = data.replace(character, b"")
    return data


def legal(text: str) -> str:
    """The text without characters that can't stand in a document."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return _ILLEGAL.sub("", text)
    if b"\xef\xbf" not in data and len(data.translate(None, _CONTROLS)) == len(data):
        return text
    return encode(text).decode()


def escape(text: str) -> str:
    """For an element's content. A bare carriage return would be read as a line feed (XML 1.0 §2.11)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def element(name: str, text: str | None, attributes: str = "") -> str:
    """<name>text</name> on a line of its own, or nothing where there is no text."""
    return f"<{name}{attributes}>{escape(text)}</{name}>\n" if text else ""


def title(name: str, text: str, attributes: str = "") -> str:
    """Plain text where HTML is often expected: readers that unescape twice are many, and numeric references come out
    right in all that were tried."""
    return f"<{name}{attributes}>{numeric(text)}</{name}>\n"


def numeric(text: str) -> str:
    """For a title."""
    return text.replace("&", "&#x26;").replace("<", "&#x3C;").replace(">", "&#x3E;").replace("\r", "&#13;")


def html(text: str) -> str:
    """Plain text as HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def empty(name: str, **attributes: str | None) -> str:
    """<name a="b"/>; attributes without a value are left out."""
    return f"<{name}{attrs(**attributes)}/>\n"


def attrs(**attributes: str | None) -> str:
    """The attributes, escaped, each with a space before it."""
    return "".join(
        f' {name.replace("_", ":")}="{_attribute(value)}"' for name, value in attributes.items() if value is not None
    )


def _attribute(text: str) -> str:
    text = escape(text).replace('"', "&quot;")
    return text.replace("\n", "&#10;").replace("\t", "&#9;") if "\n" in text or "\t" in text else text
