"""Opening the file: a newer, foreign or corrupt one is refused in one line and never overwritten."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aggregator.errors import StoreError
from aggregator.store import schema
from aggregator.store.sqlite import Database
from aggregator.store.wal import BUSY_MS, KEPT

try:
    import fcntl
except ImportError:  # not on Windows: there SQLite's own locks must do
    fcntl = None  # type: ignore[assignment]

LEAST_SQLITE = (3, 37)  # STRICT tables
_PENDING_BYTE = 2**30  # the lock-byte page, SQLite file format §1.4
_PATIENCE = 0.5  # seconds; a health check looks at the lock for an instant, a daemon before us may be ending
CHECKED = 2**26  # bytes; a file up to this size is checked whole whenever it is opened for writing


@contextlib.contextmanager
def open_writer(path: Path) -> Iterator[sqlite3.Connection]:
    """The one connection that writes; the file is made or migrated as needed.

    Raises StoreError where the file can't be used, or another writer has it. The lock is the kernel's: kill -9 frees it.
    """
    with _lock(path), contextlib.ExitStack() as stack:
        # Opened before SQLite opens it and closed after: to close a file drops all locks of the process (fcntl(2)).
        try:
            file = stack.enter_context(path.open("a+b"))
        except OSError as error:
            raise StoreError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from None
        _inspect(path)
        connection = _connect(path, f"file:{_quoted(path)}?mode=rw")
        stack.callback(_close, connection, path)
        with _explained(path):
            _prepare(connection, path)
        _keep_exclusive_out(file.fileno())
        yield connection


def _inspect(path: Path) -> None:
    """Refuses a file that is not for us, through a read-only connection: any other writes the WAL back when it closes."""
    if not 0 < path.stat().st_size <= CHECKED:
        return
    with contextlib.closing(_connect(path, f"file:{_quoted(path)}?mode=ro")) as connection, _explained(path):
        _check(connection, path)
        if damage := problems(connection):
            raise sqlite3.DatabaseError(damage[0])


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _check(connection, path)
    if version == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first table
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # WAL: no corruption, and a commit costs no fsync
    connection.execute(f"PRAGMA journal_size_limit = {KEPT}")
    connection.execute("PRAGMA wal_autocheckpoint = 2000")  # pages, 8 MB: a page that many commits write goes back once
    db = Database(connection)
    if version < schema.USER_VERSION:
        if version > 0:
            copy(connection, Path(f"{path}.v{version}.backup"))
        schema.migrate(db)
    connection.execute("PRAGMA foreign_keys = ON")  # off till here: a migration may rebuild a table
    schema.refresh(db)


@contextlib.contextmanager
def open_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. Raises StoreError where there is no database that we can read."""
    if not path.exists():
        raise StoreError(f"there is no database at {path} yet: run `aggregator poll` first")
    connection = _connect(path, f"file:{_quoted(path)}?mode=ro")
    try:
        with _explained(path):
            version = _check(connection, path)
        if version < schema.USER_VERSION:
            raise StoreError(
                f"{path} was made by an older aggregator (schema {version}, this one has {schema.USER_VERSION}): "
                "`aggregator poll` brings it up to date"
            )
        yield connection
    finally:
        connection.close()


def problems(connection: sqlite3.Connection, deep: bool = False) -> list[str]:
    """What SQLite finds wrong with the file; `deep` also compares indexes with tables and looks for orphans."""
    try:
        rows = connection.execute(f"PRAGMA {'integrity_check' if deep else 'quick_check'}(5)").fetchall()
        found = [line for row in rows for line in row[0].splitlines() if line != "ok"][:5]  # a row may have many
        if deep and not found:
            orphans = connection.execute("SELECT * FROM pragma_foreign_key_check").fetchall()
            found = [f"row {row['rowid']} of {row['table']} has no parent in {row['parent']}" for row in orphans[:5]]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return found


def request(path: Path, kind: str, article: int, other: int, undo: bool) -> None:
    """Leaves a correction for the daemon that has the file: one row, which SQLite's own lock lets in between."""
    connection = _connect(path, f"file:{_quoted(path)}?mode=rw")
    with contextlib.closing(connection), _explained(path):
        connection.execute(
            "INSERT INTO _requests (kind, article_id, other_id, undo) VALUES (?, ?, ?, ?)", (kind, article, other, undo)
        )


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """A checked copy of the whole database in `target`, which it replaces in one step.

    The copy is one consistent moment, in one file without WAL, and stands wholly on the disk before it has its name.
    Raises StoreError where it can't be written.
    """
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=_folder(target)) as folder:
        draft = Path(folder) / target.name
        try:
            connection.execute("VACUUM INTO ?", (str(draft),))
            with contextlib.closing(sqlite3.connect(draft)) as made:
                if damage := problems(made):
                    raise StoreError(f"the copy is damaged ({damage[0]}), and was thrown away")
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(target)
        except sqlite3.OperationalError as error:
            raise StoreError(f"can't write {target}: {error}") from None
        except OSError as error:
            raise StoreError(f"can't write {target}: {(error.strerror or str(error)).lower()}") from None


def is_ours(path: Path) -> bool:
    """Whether a file is a database of this program, as its header says (SQLite file format §1.3)."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        header = file.read(100)
        return header[:16] == b"SQLite format 3\0" and header[68:72] == schema.APPLICATION_ID.to_bytes(4, "big")
    return False


def is_written(path: Path) -> bool:
    """Whether some aggregator has the database open for writing right now."""
    with contextlib.suppress(OSError), Path(f"{path}.lock").open("rb") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def _folder(target: Path) -> Path:
    if not target.absolute().parent.is_dir():
        raise StoreError(f"there is no folder {target.absolute().parent}")
    return target.absolute().parent


def _close(connection: sqlite3.Connection, path: Path) -> None:
    """Leaves -wal and -shm beside the file, the first one empty.

    SQLite deletes both when the last connection closes, and then nobody can open the file who may not make them again:
    whoever reads in a folder that is not theirs. A read-only connection that closes last leaves them.
    """
    last = None
    with contextlib.suppress(sqlite3.Error, StoreError):
        last = _connect(path, f"file:{_quoted(path)}?mode=ro")
        last.execute("SELECT count(*) FROM sqlite_master").fetchone()  # a connection that read nothing has no WAL
        connection.execute("PRAGMA busy_timeout = 500")  # whoever still reads must not hold our end up
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if last is not None:
        last.close()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = Path(f"{path}.lock").open("a")  # noqa: SIM115 - closed below; a stays-open file is what holds the lock
    except OSError as error:
        raise StoreError(f"can't write in {path.parent}: {(error.strerror or str(error)).lower()}") from None
    with file:
        if fcntl is not None:
            deadline = time.monotonic() + _PATIENCE
            while not _locked(file):
                if time.monotonic() > deadline:
                    raise StoreError(f"{path} is in use by another aggregator; only one may write")
                time.sleep(0.02)
        yield


def _keep_exclusive_out(descriptor: int) -> None:
    """Lets no program lock the whole file while we have it open.

    In WAL mode nobody needs to, but each that closes it tries, to see whether it is the last, and in that instant SQLite
    before 3.41 refuses every reader that does not wait. A shared lock on SQLite's PENDING byte (os_unix.c) lets readers
    pass and makes the attempt fail at once. It must be a lock of the open file, not of the process as SQLite's own are.
    """
    if fcntl is not None and sys.platform == "linux" and sys.maxsize > 2**32:
        with contextlib.suppress(OSError):  # a file system that can't do it
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, _PENDING_BYTE, 1, 0))


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _connect(path: Path, uri: str) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        raise StoreError(
            f"SQLite {'.'.join(map(str, LEAST_SQLITE))} or newer is needed, this Python has {sqlite3.sqlite_version}"
        )
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"can't open {path}: {error}") from None
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file's schema, 0 for an empty file; raises StoreError where it is not for us."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != schema.APPLICATION_ID and (tables or application):
        raise StoreError(f"{path} is a database of another program; name another file under `database:`")
    if version > schema.USER_VERSION:
        raise StoreError(
            f"{path} was made by a newer aggregator (schema {version}, this one knows {schema.USER_VERSION}): upgrade"
        )
    return int(version)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)  # none where we have raised it ourselves
        if code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise StoreError(
                f"can't use {path}: {error}; where -wal and -shm are missing beside it, a user who may not write in "
                f"{path.parent} can't open it: run any aggregator command as its owner, that leaves both"
            ) from None
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"can't use {path}: {error}") from None
        raise StoreError(
            f"{path} is damaged or no SQLite file ({error}); it was not touched: move it and its -wal away, then put a "
            f"backup in its place, or save what can be read with `sqlite3 {path.name} .recover | sqlite3 rescued.db`"
        ) from None


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
