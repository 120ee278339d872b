"""Opening the file: a newer, foreign or corrupt one is refused in one line and never overwritten."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from aggregator.errors import StoreError
from aggregator.store import schema

try:
    import fcntl
except ImportError:  # not on Windows: there SQLite's own locks must do
    fcntl = None  # type: ignore[assignment]

LEAST_SQLITE = (3, 37)  # STRICT tables
_BUSY_MS = 10_000


@contextlib.contextmanager
def open_writer(path: Path) -> Iterator[sqlite3.Connection]:
    """The one connection that writes; the file is made or migrated as needed.

    Raises StoreError where the file can't be used, or another writer has it. The lock is the kernel's: kill -9 frees it.
    """
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        raise StoreError(
            f"SQLite {'.'.join(map(str, LEAST_SQLITE))} or newer is needed, this is {sqlite3.sqlite_version}"
        )
    with _lock(path):
        connection = _connect(path, f"file:{_quoted(path)}?mode=rwc")
        try:
            with _explained(path):
                _check(connection, path)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")  # WAL: no corruption, and a commit costs no fsync
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA journal_size_limit = 16777216")
                db = Database(connection)
                schema.migrations.apply(db)
                schema.refresh(db)
                connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {schema.USER_VERSION}")
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def open_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. Raises StoreError where there is no database that we can read."""
    if not path.exists():
        raise StoreError(f"there is no database at {path} yet: run `aggregator poll` first")
    connection = _connect(path, f"file:{_quoted(path)}?mode=ro")
    try:
        with _explained(path):
            _check(connection, path)
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = Path(f"{path}.lock").open("a")  # noqa: SIM115 - closed below; a stays-open file is what holds the lock
    except OSError as error:
        raise StoreError(f"can't write in {path.parent}: {(error.strerror or str(error)).lower()}") from None
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(f"{path} is in use by another aggregator; only one may write") from None
        yield


def _connect(path: Path, uri: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"can't open {path}: {error}") from None
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != schema.APPLICATION_ID:
        # A file of ours that died in its very first moments has tables, but nothing else yet.
        ours = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
        if application != 0 or ours is None:
            raise StoreError(f"{path} is a database of another program; name another file under `database:`")
    if version > schema.USER_VERSION:
        raise StoreError(
            f"{path} was made by a newer aggregator (schema {version}, this one knows {schema.USER_VERSION}): upgrade"
        )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"can't use {path}: {error}") from None
        raise StoreError(
            f"{path} is damaged or no SQLite file ({error}); it was not touched: move it away, or restore a backup"
        ) from None


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
