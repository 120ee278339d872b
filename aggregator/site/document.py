"""A document, and the two files it is: its body, and the gzip of that beside it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from isal import igzip

from aggregator import publish

_UNFINISHED = ".part"  # how the name of a file ends that is being written


@dataclass(frozen=True, slots=True)
class Document:
    """One published document, rendered and compressed once."""

    path: str
    body: bytes
    compressed: bytes
    changed: datetime
    etag: str  # of the plain body, without quotes; the compressed one has another (RFC 9110 §8.8.3.3)
    links: str | None = None  # the Link field (RFC 8288) that WebSub wants
    seen: Mapping[str, frozenset[bytes]] = field(default_factory=dict)  # ETag of a version before -> its entries

    @property
    def kind(self) -> str:
        """The format: "atom", "html"."""
        return self.path.rpartition(".")[2]

    @property
    def type(self) -> str:
        """The media type."""
        return publish.TYPES[self.kind]

    def since(self, etag: str) -> bytes | None:
        """The document with what is new since the version with this ETag; None where that can't be told."""
        seen = self.seen.get(etag)
        return None if seen is None else publish.delta.without(self.kind, self.body, seen)

    @classmethod
    def read(cls, directory: Path, path: str, links: str | None = None) -> Document:
        """A document as its files have it. Raises OSError where they can't be read."""
        target = directory / path
        body = target.read_bytes()
        changed = datetime.fromtimestamp(int(target.stat().st_mtime), UTC)
        return cls(path, body, _gz(target).read_bytes(), changed, etag_of(body), links)


def zipped(body: bytes) -> bytes:
    """The gzip of a document: an eighth larger than zlib's at level 6, in a tenth of its time."""
    return igzip.compress(body, 3, mtime=0)


def etag_of(body: bytes) -> str:
    """The ETag of a body, without quotes."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def is_in_place(target: Path) -> bool:
    """Whether both files of a document are there."""
    return target.exists() and _gz(target).exists()


def is_dated(target: Path, at: datetime) -> bool:
    """Whether both files of a document have its date."""
    return _dated(target) == _dated(_gz(target)) == at.timestamp()


def write(target: Path, body: bytes, compressed: bytes, at: datetime) -> None:
    """Replaces both files of a document, the gzip first. Raises OSError where that can't be done."""
    _replace(_gz(target), compressed, at)
    _replace(target, body, at)


def remove(target: Path) -> None:
    """Removes both files of a document, as far as they can be."""
    for file in (target, _gz(target)):
        with contextlib.suppress(OSError):
            file.unlink()


def sweep(directory: Path) -> None:
    """Removes what a writer left unfinished that was killed."""
    for path in directory.rglob(f".*{_UNFINISHED}"):
        with contextlib.suppress(OSError):  # a folder that can't be written is reported when it has to be
            path.unlink()


def _gz(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _dated(path: Path) -> float | None:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return None


def _replace(path: Path, data: bytes, at: datetime) -> None:
    """Replaces a file in one step; its date is that of the document, so that any web server sends the right one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp makes it private, but a feed is for everybody
        os.utime(name, (at.timestamp(), at.timestamp()))
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
