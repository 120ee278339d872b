"""Addresses as they go on the wire: what a person or a Location field wrote, sent on as it was written.

A signed address is valid in one spelling only, so nothing is re-quoted (RFC 3986 §6.2.2 allows it, signatures do not):
bytes that can't stand in a request line are percent-encoded, all others stay.
"""

from __future__ import annotations

import base64
import functools
import re
import socket
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

import idna

from aggregator.errors import FetchError

_PORTS = {"http": 80, "https": 443}
# The spellings of an IPv4 address that C libraries and browsers accept: 0x7f.1, 017700000001, 2130706433.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}", re.I)


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address, taken apart. `target` is path and query; there is no fragment."""

    scheme: str
    host: str  # ASCII, lower case, an IPv6 literal without its brackets
    port: int
    target: str
    login: str | None = None  # the value of an Authorization field, where the address had user:password@

    @property
    def netloc(self) -> str:
        """host, or host:port where the port is not the scheme's own; as in the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.is_default_port else f"{host}:{self.port}"

    @property
    def is_default_port(self) -> bool:
        """Whether the port is the scheme's own, and need not be written."""
        return self.port == _PORTS[self.scheme]

    @property
    def site(self) -> str:
        """What stands for one server: http and https of a host are one, another port is another."""
        return self.host if self.port in _PORTS.values() else f"{self.host} {self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454): who may see what was meant for this address."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"

    def trusts(self, other: Address) -> bool:
        """Whether secrets meant for this address may go to the other: the same origin, or its https."""
        upgrade = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return self.origin == other.origin or (upgrade and self.host == other.host)


@functools.lru_cache(1024)  # each poll asks more than once
def parse(url: str) -> Address:
    """The parts of an address. Raises FetchError where it is none that can be fetched; the message holds no secret."""
    url = _ascii(url.strip())
    try:
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError:
        raise FetchError("the address is not valid") from None
    if scheme not in _PORTS:
        raise FetchError(f"{scheme[:20] or 'the address'} is not http or https")
    userinfo, at, netloc = parts.netloc.rpartition("@")
    host = re.sub(r":[0-9]*\Z", "", netloc)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query or _has_query(url) else "")
    if not target.startswith("/"):
        target = "/" + target
    return Address(
        scheme, _host(host), port or _PORTS[scheme], target, _login(userinfo) if at and userinfo.strip(":") else None
    )


def site_of(url: str) -> str:
    """What stands for the server of an address; the address itself where it is none."""
    try:
        return parse(url).site
    except FetchError:
        return url


def join(base: Address, location: bytes) -> Address:
    """Where a Location field leads (RFC 9110 §10.2.2). Raises FetchError where that is nowhere."""
    text = "".join(chr(byte) if 0x20 < byte < 0x7F else f"%{byte:02X}" for byte in location.strip())
    if not text:
        raise FetchError("redirects to nowhere: its Location is empty")
    if re.match(r"https?:///", text, re.I):  # urljoin would take it for a path here
        raise FetchError("redirects to something that can't be fetched: it has no host")
    before, mark, query = text.partition("?")
    try:
        # Browsers take a backslash for a slash; a server that writes one means that.
        target = urljoin(str(base), before.replace("\\", "/") + mark + query)
    except ValueError:
        raise FetchError("redirects to something that is no address") from None
    try:
        return parse(target)
    except FetchError as error:
        raise FetchError(f"redirects to something that can't be fetched: {error}") from None


def _ascii(url: str) -> str:
    """Percent-encodes what can't stand in a request line, and nothing else."""
    return re.sub(
        r"[^\x21-\x7e]", lambda match: "".join(f"%{b:02X}" for b in match[0].encode("utf-8", "surrogatepass")), url
    )


def _has_query(url: str) -> bool:
    return "?" in url.partition("#")[0]


def _host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        literal = host[1:-1]
        try:
            socket.inet_pton(socket.AF_INET6, literal.partition("%")[0])
        except (OSError, ValueError):
            raise FetchError("the address is not valid: that is no IPv6 address") from None
        return literal.lower()
    name = unquote_to_bytes(host).decode("utf-8", "replace").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, ValueError):
            raise FetchError("the address is not valid: no such host name is possible") from None
    bare = name[:-1] if name.endswith(".") else name
    if _NUMERIC.fullmatch(bare):
        try:
            return socket.inet_ntoa(socket.inet_aton(bare))
        except OSError:
            raise FetchError("the address is not valid: that is no IPv4 address") from None
    if not bare or len(bare) > 253 or not re.fullmatch(r"[a-z0-9_~!$&'()*+,;=.-]+", bare) or ".." in name:
        raise FetchError("the address is not valid: it has no usable host name")
    return name


def _login(userinfo: str) -> str:
    """A Basic credential (RFC 7617); a login may be percent-encoded, since : and @ part the address."""
    user, _, password = userinfo.partition(":")
    token = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    return f"Basic {token}"
