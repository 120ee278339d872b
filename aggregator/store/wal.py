"""Keeps the write-ahead log small, also where somebody reads without a pause.

SQLite starts the WAL again only at a moment when nobody reads from it. A reader that opens its next transaction as soon
as it ends the last leaves no such moment by chance, so past a size the writer waits for one: RESTART holds new readers
to the database file itself, and has only those to wait for that were there before.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

BUSY_MS = 10_000  # how long a statement waits for another connection's lock
KEPT = 24 * 2**20  # bytes that the file keeps when it starts again: to write over them costs less than new ones
SMALL = 26 * 2**20  # bytes; below this SQLite's own checkpoints do
LARGE = 28 * 2**20  # bytes; from here on waiting is worth a commit's time
_GLANCE_MS, _WAIT_MS = 20, 3000
_REST = 10.0  # seconds to leave a reader alone that did not end within _WAIT_MS: its snapshot keeps the WAL growing


class Wal:
    """The log of one writing connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.path = Path(connection.execute("PRAGMA database_list").fetchone()[2] + "-wal")
        self._tired_until = 0.0

    def size(self) -> int:
        """Bytes on the disk."""
        with contextlib.suppress(OSError):
            return self.path.stat().st_size
        return 0

    def bound(self) -> None:
        """Writes the log back into the database when it has grown. Call between transactions."""
        size = self.size()
        if size < SMALL:
            return
        wait = _GLANCE_MS if size < LARGE or time.monotonic() < self._tired_until else _WAIT_MS
        self.connection.execute(f"PRAGMA busy_timeout = {wait}")
        try:
            with contextlib.suppress(sqlite3.OperationalError):
                (busy, _, _) = self.connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                if busy and wait == _WAIT_MS:
                    self._tired_until = time.monotonic() + _REST
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
