"""The listening socket, and uvicorn with bounds on slow clients. The only door of uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from aggregator.config import Listen
from aggregator.errors import AggregatorError

HEAD_SECONDS, ANSWER_SECONDS = 20.0, 120.0  # a client has for the head of a request, and for its body and our answer


class _Bounded(H11Protocol):
    """A connection that has so long for the head of a request, and so long for all else: uvicorn bounds neither."""

    _timer: asyncio.TimerHandle | None = None
    _answering: object = None  # the request that has come in and is being answered

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(HEAD_SECONDS)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not self._answering and not self.cycle.response_complete:
            self._answering = self.cycle
            self._allow(ANSWER_SECONDS)

    def on_response_complete(self) -> None:
        self._allow(HEAD_SECONDS)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _allow(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self.transport.abort)


class Server(uvicorn.Server):
    """uvicorn in our loop; signals are the daemon's."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Bounded,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=1,
                limit_concurrency=1000,
                h11_max_incomplete_event_size=16_384,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield


def is_loopback(listen: Listen) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(listen.host).is_loopback
    except ValueError:
        return listen.host.lower() == "localhost"


def bind(listen: Listen) -> socket.socket:
    """The listening socket. Raises AggregatorError where the address can't be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listen.host, listen.port))
    except OSError as error:
        sock.close()
        raise AggregatorError(
            f"can't listen on {listen}: {(error.strerror or str(error)).lower()} (server.listen)"
        ) from None
    sock.setblocking(False)
    return sock
