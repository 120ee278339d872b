"""Forks pollers that are meant to be killed: the imports are paid once, a child polls within milliseconds.

Reads a line for each child from stdin and answers on stdout, a line each: "pid N" when it is born, "open N" when it has
the database, "write" at the begin of each transaction, "dead" when it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aggregator.app import Aggregator, commits
from aggregator.config import Config, load
from aggregator.engine import Here
from aggregator.store import Store


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write, so that a kill can't cut a line in two


class Telling(Store):
    """A store that says when it writes."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        say("write")
        with super().transaction():
            yield


class Broken(Telling):
    """What must be caught: validators committed before the articles that came with them."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        say("write")
        self.connection.execute("BEGIN IMMEDIATE")
        before = self._articles()
        yield
        if self._articles() == before:
            self.connection.execute("COMMIT")
            return
        kept = self.connection.execute("SELECT id, etag FROM feeds").fetchall()
        self.connection.execute("ROLLBACK")
        self.connection.executemany("UPDATE feeds SET etag = ? WHERE id = ?", [(etag, id) for id, etag in kept])
        time.sleep(0.01)
        raise sqlite3.OperationalError("the articles never came")

    def _articles(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM articles").fetchone()[0])


async def poll_forever(config: Config, store: type[Store]) -> None:
    async with Aggregator(config, Here()) as aggregator:
        say("open")
        while True:
            aggregator.writer.store = store(aggregator.store.connection)
            await aggregator.poll(await aggregator.due(force=True))
            await aggregator.publish()


def main(file: str, kind: str) -> None:
    config = load(Path(file), {})
    stores: dict[str, Any] = {"sound": Telling, "broken": Broken}
    commits.AFTER_FAULT = 0.01  # the broken one would spend its life waiting
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(poll_forever(config, stores[kind]))
            os._exit(0)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    main(*sys.argv[1:])
