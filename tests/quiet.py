"""A loopback server for tests whose clients hang up, are killed, or come by the hundred."""

from __future__ import annotations

from http.server import ThreadingHTTPServer


class Quiet(ThreadingHTTPServer):
    """Says nothing about clients that hang up: they are part of the play."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Not a word."""
