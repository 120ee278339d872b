"""Which addresses we connect to: public ones, and what `fetch.allow_private` names.

The check is made on the very number that is about to be connected, on every hop: there is no second look-up that a
rebinding name could answer differently, and odd spellings have become plain numbers by then.
"""

from __future__ import annotations

import functools
import ipaddress

from aggregator.errors import FetchError

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))  # RFC 6052, RFC 8215

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class Guard:
    """Says which addresses may be connected. `allow` holds hosts, host:port pairs, addresses or CIDR networks."""

    def __init__(self, allow: tuple[str, ...] = ()) -> None:
        self.networks = []
        self.names = set()
        for item in allow:
            try:
                self.networks.append(ipaddress.ip_network(item.strip().strip("[]"), strict=False))
            except ValueError:
                self.names.add(item.lower().strip())

    def allowed(self, address: str, port: int, host: str) -> bool:
        """Whether `host`, which resolved to `address`, may be connected at `port`."""
        outer = _number(address.partition("%")[0])
        ip = plain(outer)
        if is_public(ip):
            return True
        host = host.lower().rstrip(".")
        spellings = {host, f"[{host}]", str(ip), str(outer), f"[{ip}]", f"[{outer}]"}
        named = spellings | {f"{name}:{port}" for name in spellings}
        return bool(named & self.names) or any(
            ip in network or outer in network for network in self.networks if network.num_addresses
        )

    def refusal(self, address: str, port: int, host: str) -> FetchError:
        """Why not, and what would open it."""
        where = host if host == address else f"{host} is at {address}, which"
        host = f"[{host}]" if ":" in host else host.rstrip(".")
        return FetchError(
            f'{where} is not a public address; to allow it: fetch.allow_private: ["{host}:{port}"]', unreachable=False
        )


_number = functools.lru_cache(1024)(ipaddress.ip_address)


@functools.lru_cache(1024)
def is_public(ip: Ip) -> bool:
    """Whether an address can be anybody's in the world (IANA special-purpose registries)."""
    if isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local:
        return False  # deprecated by RFC 3879 and in no registry any more, but routers know it still
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def plain(ip: Ip) -> Ip:
    """The IPv4 address inside a v4-mapped, 6to4 or NAT64 one; any other as it is."""
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in _NAT64):
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip
