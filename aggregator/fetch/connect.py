"""Names into connections: look-ups without threads, the guard on each address, short patience with each of them."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiodns

from aggregator.errors import FetchError
from aggregator.fetch.guard import Guard
from aggregator.fetch.wire import Broken, Pipe, Plain, Secure

Lookup = Callable[[str], Awaitable[list[str]]]

_LOOKUPS = 500  # at the same time; c-ares needs a few bytes for each, and no thread
_PATIENCE = 5.0  # seconds for a name server, twice
_LOOKUP = 15.0  # seconds for a name, however many servers there are to ask
_KEEP = 60.0  # seconds an answer is used again, so that a feed is not looked up twice in one poll
_DIAL = 10.0  # seconds for one address; a host that does not answer at all must not cost the whole deadline


class Names:
    """Host name -> addresses, by c-ares: a dead name waits on its own and stalls nobody."""

    def __init__(self) -> None:
        self.lookup: Lookup = self._ask
        self._slots = asyncio.Semaphore(_LOOKUPS)
        self._known: dict[str, tuple[float, list[str] | FetchError]] = {}
        self._asking: dict[str, asyncio.Task[list[str] | FetchError]] = {}
        self._resolver: aiodns.DNSResolver | None = None

    async def close(self) -> None:
        """Ends the look-ups under way."""
        for task in list(self._asking.values()):
            task.cancel()
        if self._resolver is not None:
            await self._resolver.close()

    async def addresses(self, host: str) -> list[str]:
        """The addresses of a host; a literal is its own. Raises FetchError where there are none."""
        if ":" in host or host[-1:].isdigit():  # no top-level domain ends in a digit: others need no look
            with suppress(ValueError):
                return [_number(host)]
        bare = host.rstrip(".")
        if bare == "localhost" or bare.endswith(".localhost"):
            return ["127.0.0.1", "::1"]  # RFC 6761 §6.3: these never reach a name server
        until, known = self._known.get(host, (0.0, []))
        if until < time.monotonic():
            # A host's many feeds ask once; one of them that gives up does not take the answer from the others.
            if host not in self._asking:
                self._asking[host] = asyncio.create_task(self._fresh(host))
                self._asking[host].add_done_callback(lambda _: self._asking.pop(host))
            known = await asyncio.shield(self._asking[host])
        if isinstance(known, FetchError):
            raise known.with_traceback(None)
        return known

    async def _fresh(self, host: str) -> list[str] | FetchError:
        async with self._slots:
            found: list[str] | FetchError
            try:
                async with asyncio.timeout(_LOOKUP):
                    found = await self.lookup(host)
            except TimeoutError:
                found = FetchError(f"can't find the host {host}: the name servers do not answer", unreachable=True)
            except aiodns.error.DNSError as error:
                found = FetchError(f"can't find the host {host}: {_words(error)}", unreachable=True)
            except (ValueError, OSError):  # a label of more than 63 bytes, for one
                found = FetchError(f"can't find the host {host[:100]}: it is not a possible name")
            if not found:
                found = FetchError(f"can't find the host {host}: the name has no address", unreachable=True)
        now = time.monotonic()
        if len(self._known) > 10_000:
            self._known = {name: answer for name, answer in self._known.items() if answer[0] > now}
        self._known[host] = (now + _KEEP, found)
        return found

    async def _ask(self, host: str) -> list[str]:
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(timeout=_PATIENCE, tries=2)
        answer = await self._resolver.getaddrinfo(host, port=0, type=socket.SOCK_STREAM)
        nodes = (node.addr[0] for node in answer.nodes)
        return [node.decode() if isinstance(node, bytes) else str(node) for node in nodes]


class Dialer:
    """Opens connections; the only place that does. `free` is the host no guard is for: the proxy."""

    def __init__(self, names: Names, guard: Guard, free: tuple[str, int] | None = None) -> None:
        self._names = names
        self._guard = guard
        self._free = free

    async def dial(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> Pipe:
        """Connects to the first address of `host` that may be and can be, and speaks `tls` with it.

        Raises FetchError for one that may not, Broken for one that can't, ssl.SSLError.
        """
        addresses = await self._names.addresses(host)
        allowed = [a for a in addresses if self._free == (host, port) or self._guard.allowed(a, port, host)]
        if not allowed:
            raise self._guard.refusal(addresses[0], port, host)
        for number, address in enumerate(allowed, 1):
            try:
                connection = await _connected(address, port)
                break
            except (OSError, TimeoutError) as error:
                if number == len(allowed):
                    raise Broken from error
        pipe = Plain(connection)
        if tls is None:
            return pipe
        try:
            return await secured(pipe, tls, host)
        except ssl.SSLError:
            raise
        except OSError as error:
            raise Broken from error


async def secured(pipe: Pipe, tls: ssl.SSLContext, host: str) -> Pipe:
    """Speaks TLS over the pipe from here on. Raises ssl.SSLError, OSError; the pipe is closed then."""
    try:
        secure = Secure(pipe, tls, host.rstrip("."))
        await secure.shake_hands()
    except BaseException:
        pipe.close()
        raise
    return secure


async def _connected(address: str, port: int) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        async with asyncio.timeout(_DIAL):
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


@functools.lru_cache(256)
def _number(host: str) -> str:
    """An address as it is written in full; raises ValueError for a name."""
    return str(ipaddress.ip_address(host))


def _words(error: aiodns.error.DNSError) -> str:
    return str(error.args[1] if len(error.args) > 1 else error).lower()
