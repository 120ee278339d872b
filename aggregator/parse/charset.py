"""Bytes -> text: by RFC 7303 §3 (byte order mark, then the HTTP charset, then the XML declaration), then by evidence.

A label is a claim. Bytes that only one reading explains are stronger: NUL patterns are UTF-16 or UTF-32 whatever the
label says, and many well-formed UTF-8 sequences are UTF-8. A byte that fits no claim costs one character, no more.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PATTERNS = (
    (re.compile(rb"\s{0,3}[<{\[]\x00\x00\x00[^\x00]"), "utf-32-le"),
    (re.compile(rb"\x00\x00\x00[<{\[\s]\x00\x00\x00[^\x00]"), "utf-32-be"),
    (re.compile(rb"(?:\s\x00){0,8}[<{\[]\x00[^\x00]\x00"), "utf-16-le"),
    (re.compile(rb"(?:\x00\s){0,8}\x00[<{\[]\x00[^\x00]"), "utf-16-be"),
)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.I)
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")

# What writers say, and the superset that they mean (WHATWG Encoding §4.2).
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
_NAMES = {"x-sjis": "cp932", "ks_c_5601-1987": "cp949", "x-gbk": "gb18030", "x-user-defined": "cp1252"}
# Text that can be read as almost anything: these need strong evidence before the label is set aside.
_EAST_ASIAN = ("gb18030", "cp949", "cp932", "big5", "big5hkscs", "euc_jp", "hz", "iso2022_jp", "iso2022_kr", "euc_jis")
_ENOUGH = 6  # UTF-8 sequences that chance does not make
_NO_CHARSETS = ("utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem")


def decode(body: bytes, content_type: str | None) -> tuple[str, tuple[str, ...]]:
    """The text of a document, without byte order mark, and what was odd about its encoding. Never raises."""
    for mark, name in _MARKS:
        # A UTF-8 body behind the mark of UTF-16 is a mislabelled one: it has no NUL where all text has some.
        if body.startswith(mark) and (b"\x00" in body[:200] or not name.startswith(("utf-16", "utf-32"))):
            return _read(body[len(mark) :], name)
    for pattern, name in _PATTERNS:
        if pattern.match(body):
            return _read(body, name)
    flaws: list[str] = []
    claims = [_claim(label, flaws) for label in _labels(body, content_type)]
    names = [name for name in claims if name is not None and not name.startswith(("utf-16", "utf-32"))]
    if not names or names[0] != "utf-8":
        if body.isascii() and (not names or not names[0].startswith(("iso2022", "hz"))):
            return body.decode("ascii"), tuple(flaws)
        if names and not _is_utf8(body, names[0]):
            for name in names:
                if name != "utf-8" and (text := _strict(body, name)) is not None:
                    return text, tuple(flaws)
            if names[0] == "cp1252":
                return body.decode("cp1252", "aggregator.c1"), tuple(flaws)
    text, more = _read(body, "utf-8")
    if more and names and names[0] == "utf-8":
        # The HTTP header may be wrong where the document is right.
        other = next((found for name in names[1:] if name != "utf-8" and (found := _strict(body, name))), None)
        if other is not None:
            return other, (*flaws, "its HTTP header says utf-8, its XML declaration is right")
    return text, (*flaws, *more)


def _labels(body: bytes, content_type: str | None) -> list[str]:
    header = _CHARSET.search(content_type or "")
    declared = _DECLARED.search(body[:1000])
    return [*([header[1]] if header else []), *([declared[1].decode("ascii")] if declared else [])]


def _claim(label: str, flaws: list[str]) -> str | None:
    label = label.lower()
    try:
        info = codecs.lookup(_NAMES.get(label, label))
    except (LookupError, ValueError):
        info = None
    if info is None or not getattr(info, "_is_text_encoding", True) or info.name in _NO_CHARSETS:
        flaws.append(f"its charset {label!r} is unknown")
        return None
    name = info.name.removesuffix("-sig")
    return _MEANT.get(name, name)


def _is_utf8(body: bytes, claimed: str) -> bool:
    """Whether a body that claims another charset is UTF-8 by all evidence."""
    if claimed == "utf-8" or _strict(body, "utf-8") is None:
        return claimed == "utf-8"
    if not claimed.startswith(_EAST_ASIAN):
        return not body.isascii()
    found = _MULTIBYTE.finditer(body)
    return sum(1 for _, _ in zip(found, range(_ENOUGH), strict=False)) == _ENOUGH


def _strict(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _read(body: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    if name != "utf-8":
        text = body.decode(name, "replace")
        return text.lstrip("\ufeff"), (() if "\ufffd" not in text else (f"has bytes that are not {name}",))
    text = body.decode("utf-8", "aggregator.mixed")
    if text.isascii():
        return text, ()
    if _strict(body, "utf-8") is None:
        return text.lstrip("\ufeff"), ("is not all UTF-8: odd bytes were read as windows-1252",)
    twice = _once_less(text)
    return (text.lstrip("\ufeff"), ()) if twice is None else (twice, ("was encoded as UTF-8 twice",))


def _once_less(text: str) -> str | None:
    """The text where it is UTF-8 read as windows-1252 and encoded again; only if all of it is, and enough of it."""
    try:
        body = text.encode("cp1252", "aggregator.c1")
        once = body.decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return None
    return once if len(body) - len(once) >= _ENOUGH else None


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """A lone byte as windows-1252; a sequence that breaks off as one replacement character."""
    assert isinstance(error, UnicodeDecodeError)
    odd = error.object[error.start : error.end]
    if len(odd) > 1:
        return "\ufffd", error.end
    return odd.decode("cp1252", "aggregator.c1"), error.end


def _as_c1(error: UnicodeError) -> tuple[str | bytes, int]:
    """The five bytes that windows-1252 leaves undefined, as the control characters of the same number."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    assert isinstance(error, UnicodeEncodeError)
    odd = error.object[error.start : error.end]
    if all("\x80" <= character <= "\x9f" for character in odd):
        return odd.encode("latin-1"), error.end
    raise error


codecs.register_error("aggregator.mixed", _as_cp1252)
codecs.register_error("aggregator.c1", _as_c1)
