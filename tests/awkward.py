"""The awkward site: a server that says, byte for byte and as slowly as a test likes, what servers in the wild say.

It knows no HTTP of its own, so it can break all of it, and keeps a log of what it was asked, in bytes: politeness is
judged from here, not from the client's side.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ask:
    """One request as it came."""

    line: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    connection: int
    at: float  # time.monotonic()

    @property
    def target(self) -> str:
        return self.line.split(b" ")[1].decode("latin-1")

    def field(self, name: str) -> bytes | None:
        """A field's value; None where it was not sent. A field sent twice is a fault of the client."""
        found = [value for key, value in self.fields if key.lower() == name.lower().encode()]
        assert len(found) < 2, f"{name} was sent {len(found)} times"
        return found[0] if found else None


Play = Callable[[Ask, socket.socket], None]
Said = bytes | Play


def says(body: bytes = b"", status: str = "200 OK", *fields: str | bytes) -> bytes:
    """An answer; Content-Length is right unless `fields` has one, or says how the body goes."""
    lines = [item.encode("latin-1") if isinstance(item, str) else item for item in fields]
    framed = any(line.lower().startswith((b"content-length:", b"transfer-encoding:")) for line in lines)
    if not framed and not status.startswith(("304", "204", "1")):
        lines.append(b"Content-Length: %d" % len(body))
    return b"HTTP/1.1 " + status.encode() + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


@dataclass
class Awkward:
    """`site.plays[target] = says(...)`, a function that plays the connection, or a list of these, one after the other."""

    plays: dict[str, Said | list[Said]] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)
    port: int = 0
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, target: str = "/feed", login: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{login}{host}:{self.port}{target}"

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [ask.target for ask in self.asked]

    def fields(self, name: str) -> list[bytes | None]:
        """One field of every request, in order."""
        return [ask.field(name) for ask in self.asked]

    def answer(self, ask: Ask) -> Said:
        with self._lock:
            self.asked.append(ask)
            said = self.plays.get(ask.target, self.plays.get("*", says(b"no such page", "404 Not Found")))
            if isinstance(said, list):
                return said.pop(0) if len(said) > 1 else said[0]
            return said

    def counted(self, said: bytes, seconds: float = 0.05) -> Said:
        """Says that after a while; meanwhile `most_at_once` counts it. It is over before the client can know."""

        def play(ask: Ask, connection: socket.socket) -> None:
            with self._lock:
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
            time.sleep(seconds)
            with self._lock:
                self._now -= 1
            connection.sendall(said)

        return play


@contextmanager
def awkward_site(host: str = "127.0.0.1") -> Iterator[Awkward]:
    """Starts a site on loopback, and ends it."""
    site = Awkward()
    numbers = iter(range(1_000_000))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            number = next(numbers)
            connection: socket.socket = self.request
            pending = b""
            while (ask := self.read(connection, pending, number)) is not None:
                said = site.answer(ask)
                if callable(said):
                    said(ask, connection)
                    return
                connection.sendall(said)
                head = said.partition(b"\r\n\r\n")[0].lower()
                # Without a length the body ends with the connection, and so it does where the length is a lie.
                if b"content-length: %d\r\n" % len(said[len(head) + 4 :]) not in head + b"\r\n":
                    return

        def read(self, connection: socket.socket, data: bytes, number: int) -> Ask | None:
            while b"\r\n\r\n" not in data:
                try:
                    more = connection.recv(65536)
                except OSError:
                    return None
                if not more:
                    return None
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            line, *rest = head.split(b"\r\n")
            pairs = tuple((k, v.strip(b" ")) for k, _, v in (item.partition(b":") for item in rest))
            length = next((int(value) for name, value in pairs if name.lower() == b"content-length"), 0)
            while len(body) < length:
                body += connection.recv(65536)
            return Ask(line, pairs, body, number, time.monotonic())

    class Quiet(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 200
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, request: object, client_address: object) -> None:
            return None  # clients that hang up are part of the play

    with Quiet((host, 0), Handler) as server:
        site.port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def drip(pieces: list[bytes], pause: float) -> Play:
    """Says it piece by piece, forever with the last one."""

    def play(ask: Ask, connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        while True:
            time.sleep(pause)
            connection.sendall(pieces[-1])

    return play


def reset(first: bytes) -> Play:
    """Says something, then resets the connection (RST instead of FIN)."""

    def play(ask: Ask, connection: socket.socket) -> None:
        connection.sendall(first)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()

    return play
