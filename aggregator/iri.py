"""Addresses as published: URIs (RFC 3986) that every reader and validator takes for what they are."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

# What may name an entry (RFC 4287 §4.2.6): a URI in its normal form, since ids are compared character by character.
_CHARACTERS = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})"
_HTTP = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?"
    rf"/{_CHARACTERS}*(?:\?(?:{_CHARACTERS}|\?)*)?(?:\#(?:{_CHARACTERS}|\?)*)?"
)
_TAG = re.compile(r"tag:(?:[a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(?:-\d{2}(?:-\d{2})?)?:[A-Za-z0-9;/?:@&=+$.\-_!~*'()%,]*")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_URN = re.compile(r"urn:(?!uuid:)[a-z0-9][a-z0-9-]{1,31}:(?:[A-Za-z0-9()+,.:=@;$_!*'-]|%[0-9A-Fa-f]{2})+", re.I)
_PLAIN_HOST = re.compile(r"https?://([a-z0-9.-]++)(?:/|\Z)")
_UNRESERVED = re.compile(r"%(?:2D|2E|5F|7E|3[0-9]|[46][1-9A-F]|[57][0-9A])")
_PORTS = {"http": "80", "https": "443"}


def names(text: str) -> bool:
    """Whether a text can be the id of an entry or feed as it is: http(s), tag (RFC 4151) or urn, in normal form."""
    if len(text) > 1000:
        return False
    match = _HTTP.fullmatch(text)
    if match is not None:
        dots = "/./" in text or "/../" in text or text.endswith(("/.", "/.."))
        return _PORTS[match[1]] != match[3] and not dots and _UNRESERVED.search(text) is None
    return any(kind.fullmatch(text) for kind in (_TAG, _UUID, _URN))


def host(url: str | None) -> str:
    """The host of an address, lower case; empty where it has none, or is no address."""
    if found := _PLAIN_HOST.match(url or ""):  # most are so, and need no parsing
        return found[1]
    try:
        return (urlsplit(url or "").hostname or "").lower()
    except ValueError:
        return ""


def uri(address: str) -> str:
    """An address in ASCII (RFC 3987 §3.1): what a URI may not hold is percent-encoded, the host is in its DNS form."""
    if _PLAIN.fullmatch(address):
        return address
    try:
        parts = urlsplit(address)
        where = parts.netloc
        if not where.isascii():
            user, at, name = where.rpartition("@")
            name, colon, port = name.partition(":")
            where = f"{quote(user, safe='%:')}{at}{name.encode('idna').decode()}{colon}{port}"
    except (ValueError, UnicodeError):
        return quote(address, safe=_SAFE)
    path, query, fragment = (quote(part, safe=_SAFE) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, where, path, query, fragment))


_SAFE = "%/:?@!$&'()*+,;=~-._"
_PLAIN = re.compile(r"[A-Za-z0-9%/:?#@!$&'()*+,;=~\-._]*")
