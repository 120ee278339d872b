"""The demo's folder: publishers on loopback, a feeds.yaml that names them, and their memory between runs."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from aggregator.demo.sites import Publisher, handler, load
from aggregator.errors import AggregatorError

_PUBLISHERS = Path(__file__).parent / "publishers"
_PORTS = (8087, 8088)  # publishers, merged feed: the first choice
_MARK = "demo.json"  # says that a folder is the demo's own


class Demo:
    """Serves the sample publishers while it is entered; `config` is then a feeds.yaml that subscribes to them.

    The ports and the time that the articles' dates count from are kept in the folder, so that the second run finds the
    same documents: 304s and nothing new. Raises AggregatorError where the folder can't be had.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.config = self.directory / "feeds.yaml"

    def __enter__(self) -> Self:
        state = self._state()
        self.server = _listen(state["port"]) or _listen_anywhere()
        port = self.server.server_address[1]
        if port != state["port"] or not _free(state["merged"]):
            # Another program has the port: other addresses are other feeds, so the demo begins anew.
            self._clear()
            state = {**state, "port": port, "merged": _free_port(state["merged"])}
        self.address = f"http://127.0.0.1:{port}"
        self.publishers = load(_PUBLISHERS, self.address, datetime.fromtimestamp(state["started"], UTC))
        self.server.RequestHandlerClass = handler(self.publishers)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / _MARK).write_text(json.dumps(state) + "\n", encoding="utf-8")
            self.config.write_text(_feeds_yaml(self.publishers, port, state["merged"]), encoding="utf-8")
        except OSError as error:
            self.server.server_close()
            raise AggregatorError(f"can't write {self.directory}: {(error.strerror or str(error)).lower()}") from None
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def _state(self) -> dict[str, int]:
        mark = self.directory / _MARK
        if mark.exists():
            try:
                state = json.loads(mark.read_text(encoding="utf-8"))
                return {name: int(state[name]) for name in ("started", "port", "merged")}
            except (OSError, ValueError, KeyError, TypeError):
                self._clear()
        elif self.directory.exists() and any(self.directory.iterdir()):
            raise AggregatorError(f"{self.directory} is not empty and not the demo's; name another with --directory")
        return {"started": int(datetime.now(UTC).timestamp()), "port": _PORTS[0], "merged": _PORTS[1]}

    def _clear(self) -> None:
        """Removes what the demo made, and nothing else."""
        for name in ("aggregator.db", "aggregator.db-wal", "aggregator.db-shm", "aggregator.db.lock", _MARK):
            (self.directory / name).unlink(missing_ok=True)
        shutil.rmtree(self.directory / "public", ignore_errors=True)


def _listen(port: int) -> ThreadingHTTPServer | None:
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler(()))
    except OSError:
        return None


def _listen_anywhere() -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", 0), handler(()))


def _free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(wish: int) -> int:
    if _free(wish):
        return wish
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _feeds_yaml(publishers: tuple[Publisher, ...], port: int, merged: int) -> str:
    feeds = []
    for publisher in publishers:
        feeds.append(f"  - url: {publisher.feed_url}\n    tags: [{', '.join(publisher.tags)}]\n")
        if publisher.role:
            feeds.append(f"    role: {publisher.role}\n")
    return (
        "# Made by `aggregator demo`; it is written anew at each start.\n"
        "database: aggregator.db\n"
        "output:\n"
        "  title: Aggregator demo\n"
        f"  base_url: http://127.0.0.1:{merged}/\n"
        "  items: 100\n"
        "server:\n"
        f"  listen: 127.0.0.1:{merged}\n"
        "fetch:\n"
        f'  allow_private: ["127.0.0.1:{port}"]   # the sample publishers are on this machine\n'
        "  per_host: 8\n"
        "feeds:\n" + "".join(feeds)
    )
