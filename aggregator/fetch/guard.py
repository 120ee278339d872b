"""Which addresses we connect to: public ones, and what `fetch.allow_private` names.

The check sits in the socket factory, so it sees the very address that is about to be connected: there is no second
look-up that a rebinding name could answer differently, and literals and odd spellings arrive here as plain numbers.
"""

from __future__ import annotations

import contextvars
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp.connector import AddrInfoType

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(slots=True)
class _Attempt:
    """The host a request means, and the addresses that were refused to it."""

    host: str
    refused: list[str] = field(default_factory=list)


_attempt: contextvars.ContextVar[_Attempt] = contextvars.ContextVar("attempt")


class Guard:
    """A socket factory for aiohttp that refuses non-public addresses.

    `allow` holds hosts, host:port pairs, addresses or CIDR networks, as in `fetch.allow_private`.
    """

    def __init__(self, allow: tuple[str, ...] = ()) -> None:
        self.networks = []
        self.hosts = set()
        for item in allow:
            try:
                self.networks.append(ipaddress.ip_network(item, strict=False))
            except ValueError:
                self.hosts.add(item.lower().strip())

    @contextmanager
    def watch(self, host: str) -> Iterator[list[str]]:
        """Connections made inside are for `host`; gives the list that refused addresses are added to."""
        attempt = _Attempt(host.lower().strip("[]"))
        token = _attempt.set(attempt)
        try:
            yield attempt.refused
        finally:
            _attempt.reset(token)

    def socket(self, info: AddrInfoType) -> socket.socket:
        """Makes the socket for one address. Raises PermissionError for one that is refused."""
        family, kind, protocol, _, address = info
        host, port = str(address[0]), int(address[1])
        attempt = _attempt.get(_Attempt(host))
        if not self.allowed(host, port, attempt.host):
            attempt.refused.append(host)
            raise PermissionError(f"{host} is not a public address")
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        return sock

    def allowed(self, address: str, port: int, host: str) -> bool:
        """Whether `host`, which resolved to `address`, may be connected at `port`."""
        ip = plain(ipaddress.ip_address(address.partition("%")[0]))
        if ip.is_global and not ip.is_multicast:
            return True
        names = {host, f"{host}:{port}", str(ip), f"{ip}:{port}", f"[{ip}]:{port}"}
        return bool(names & self.hosts) or any(ip in network for network in self.networks)


def plain(ip: Address) -> Address:
    """The IPv4 address inside a v4-mapped, 6to4 or NAT64 one; any other as it is."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip
