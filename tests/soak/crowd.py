"""Many bad feeds first, ten good ones last in line: how soon are the good ones in the merged feed?

    python -m tests.soak.crowd [KIND...]     (hosts, host, mute, names)

The daemon is a real one, its feeds are asked for the first time. The bar: all ten within 10 s.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event, Thread

from tests.quiet import Quiet
from tests.soak.hostile import item, rss

GOOD = 10
MOST_SECONDS = 10.0


@dataclass
class Seen:
    """What a reader of the merged feed saw."""

    good: int  # of the ten
    seconds: float  # from the start of the program on
    ended: float  # seconds that SIGTERM took
    code: int


def bad(kind: str, count: int, port: int) -> list[str]:
    """Addresses that never bring anything."""
    match kind:
        case "hosts" | "mute":  # each on a host of its own: all of 127/8 is this machine
            return [f"http://127.{n // 250 + 1}.{n % 250}.1:{port}/{kind}" for n in range(count)]
        case "host":
            return [f"http://127.0.0.2:{port}/hosts/{n}" for n in range(count)]
    return [f"http://dead{n}.invalid/" for n in range(count)]


@contextlib.contextmanager
def site() -> Iterator[int]:
    """Good feeds under /good/, and such as never answer, or fall silent after the header."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/good"):
                if self.path.startswith("/mute"):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n\r\n<rss")
                over.wait(120)
                return
            body = rss(item(f"Good {self.path}", f"Words of {self.path}", self.path))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = Quiet(("", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def campaign(kind: str, count: int, seconds: float = 60.0) -> Seen:
    """A daemon with `count` bad feeds of a kind before the good ones."""
    with tempfile.TemporaryDirectory() as name, site() as port, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        ours = sock.getsockname()[1]
        sock.close()
        file = Path(name) / "feeds.yaml"
        good = [f"http://127.0.0.1:{port}/good/{n}" for n in range(GOOD)]
        feeds = "".join(f"  - {url}\n" for url in (*bad(kind, count, port), *good))
        file.write_text(
            f"server: {{listen: '127.0.0.1:{ours}'}}\nfetch: {{allow_private: [127.0.0.0/8]}}\n"
            f"output: {{items: 100}}\nfeeds:\n{feeds}"
        )
        began, found = time.monotonic(), 0
        with subprocess.Popen(
            [sys.executable, "-m", "aggregator", "run", "-c", str(file)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2],
        ) as daemon:  # fmt: skip
            while found < GOOD and time.monotonic() - began < seconds:
                address = f"http://127.0.0.1:{ours}/feed.rss"
                with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
                    found = len(set(re.findall(r"<title>Good (/good/\d+)<", answer.read().decode())))
                time.sleep(0.1)
            took, now = time.monotonic() - began, time.monotonic()
            daemon.terminate()
            code = daemon.wait(30)
        return Seen(found, took, time.monotonic() - now, code)


if __name__ == "__main__":
    late = 0
    for chosen in sys.argv[1:] or ("hosts", "host", "mute", "names"):
        number = 200 if chosen == "names" else 1000
        seen = campaign(chosen, number)
        fine = seen.good == GOOD and seen.seconds < MOST_SECONDS and seen.code == 0
        late += not fine
        print(f"{'fine' if fine else 'LATE'}  {chosen:6} {number} bad, {seen.good} good ones after {seen.seconds:.1f} s, "
              f"SIGTERM took {seen.ended:.1f} s", flush=True)  # fmt: skip
    sys.exit(1 if late else 0)
