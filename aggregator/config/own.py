"""Which addresses are this program's own output, so that it does not subscribe to itself."""

from __future__ import annotations

import functools
import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from aggregator.config.schema import Output, Server

_PATHS = re.compile(
    r"(?:feed|(?:tags|feeds)/[^/]+|archive/\d+)\.(?:atom|rss|json)|(?:atom|feed|rss|opml)\.xml|feed|rss|feeds\.opml|"
)
_PORTS = {"http": 80, "https": 443}


def is_own(url: str, output: Output, server: Server) -> bool:
    """Whether an address leads to one of our own documents, as far as the configuration tells."""
    try:
        parts = urlsplit(url)
        if server.listen and parts.port == server.listen.port and _same_machine(parts.hostname, server.listen.host):
            return True
        site = parts.hostname, _port(parts)
        return any(
            site == _site(base) and _is_below(parts.path or "/", base)
            for base in (output.base_url, server.public_url)
            if base
        )
    except ValueError:
        return False


@functools.lru_cache(16)
def _site(base: str) -> tuple[str | None, int | None]:
    parts = urlsplit(base)
    return parts.hostname, _port(parts)


def _is_below(path: str, base: str) -> bool:
    root = urlsplit(base).path.rstrip("/") + "/"
    return path.startswith(root) and _PATHS.fullmatch(path[len(root) :]) is not None


def _port(parts: SplitResult) -> int | None:
    port = parts.port or _PORTS.get(parts.scheme)
    return 0 if port in (80, 443) else port  # http and https of one site are the same site


def _same_machine(host: str | None, listen: str) -> bool:
    return host == listen or (_local(host or "") and _local(listen))


def _local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
