"""A feed's address as it stands in feeds.yaml."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit, urlunsplit


def comparable(url: str) -> str:
    """The URL with what makes no difference made the same (RFC 3986 §6.2.2, §6.2.3)."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port and parts.port != {"http": 80, "https": 443}[parts.scheme.lower()] else ""
    return urlunsplit((parts.scheme.lower(), (parts.hostname or "") + port, parts.path or "/", parts.query, ""))


def without_credentials(url: str, headers: tuple[tuple[str, str], ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """user:password@ moved out of the address into a header, so that it reaches neither log nor database."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, headers
    userinfo, _, host = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    token = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    bare = urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment))
    return bare, (*headers, ("Authorization", f"Basic {token}"))
