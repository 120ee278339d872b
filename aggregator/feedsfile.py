"""Commands that change feeds.yaml: what a person wrote stays byte for byte, and the file is replaced in one step.

A change is made in the text, read back, and only then written: where the result does not say exactly what it said before
plus the change, nothing is written.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aggregator import yamlfile
from aggregator.config import Config, comparable, load
from aggregator.errors import AggregatorError, ConfigError

try:
    import fcntl
except ImportError:  # not on Windows: there two commands at once are the person's own care
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed to be written into feeds.yaml; what is None or empty is left out."""

    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    role: str | None = None
    interval: str | None = None
    since: datetime | None = None

    def item(self) -> yamlfile.Value:
        """As an item of the list: a bare address where there is nothing else to say."""
        since = f"{self.since:%Y-%m-%d %H:%M:%SZ}" if self.since else None
        pairs = {"title": self.title, "tags": self.tags, "role": self.role, "interval": self.interval, "since": since}
        said = {key: value for key, value in pairs.items() if value}
        return {"url": self.url, **said} if said else self.url


def create(path: Path, text: str) -> None:
    """Writes a new file. Raises AggregatorError where there is one already, or it can't be written."""
    if path.exists() or path.is_symlink():
        raise AggregatorError(f"{path} exists already and was not touched")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)


def add(path: Path, feeds: Sequence[NewFeed]) -> list[NewFeed]:
    """Puts feeds at the end of the list; gives those that were new. One that is there already stays as it is.

    Raises ConfigError where the file has faults, AggregatorError where it can't be edited or written.
    """
    added: dict[str, NewFeed] = {}

    def change(text: str, config: Config) -> tuple[str, list[object]]:
        known = {comparable(feed.url) for feed in config.feeds}
        added.update({key: feed for feed in feeds if (key := comparable(feed.url)) not in known})
        items = [feed.item() for feed in added.values()]
        values = [item if isinstance(item, str) else _plain(item) for item in items]
        return yamlfile.append(text, "feeds", items), [*_listed(text), *values]

    if feeds:
        _edit(path, change)
    return list(added.values())


def remove(path: Path, urls: Collection[str]) -> None:
    """Takes the feeds with these configured addresses out. Raises as `add` does."""

    def change(text: str, config: Config) -> tuple[str, list[object]]:
        numbers = [number for number, feed in enumerate(config.feeds) if feed.url in urls]
        rest = [item for number, item in enumerate(_listed(text)) if number not in numbers]
        return yamlfile.remove(text, "feeds", numbers), rest

    _edit(path, change)


def replace(path: Path, text: str) -> None:
    """Writes a file in one step. Raises AggregatorError where it can't be written."""
    with _explained(path):
        _replace(path, text)


def _edit(path: Path, change: Callable[[str, Config], tuple[str, list[object]]]) -> None:
    """`change` gives the new text and what its list of feeds must say."""
    with _explained(path), _alone(path):
        config = load(path)
        text = path.read_bytes().decode("utf-8-sig")
        try:
            changed, expected = change(text, config)
            if _said(changed) != {**_said(text), "feeds": expected}:
                raise ValueError("is written in a way that a program can't edit; edit it by hand")
        except ValueError as error:
            raise AggregatorError(f"{path}: `feeds` {error}") from None
        if changed != text:
            mark = "\ufeff" if path.read_bytes().startswith(b"\xef\xbb\xbf") else ""
            _replace(path, mark + changed)


def _said(text: str) -> dict[str, object]:
    try:
        said = yamlfile.plain(yamlfile.parse(text))
    except ConfigError as error:
        raise ValueError(str(error)) from None
    feeds = said.get("feeds") if isinstance(said, dict) else None
    return {**said, "feeds": feeds or []} if isinstance(said, dict) else {}


def _listed(text: str) -> list[object]:
    feeds = _said(text)["feeds"]
    return feeds if isinstance(feeds, list) else []


def _plain(item: Mapping[str, str | Sequence[str]]) -> dict[str, object]:
    return {key: value if isinstance(value, str) else list(value) for key, value in item.items()}


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two commands at once come one after the other: the lock is on the folder, since the file itself is replaced."""
    handle = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    """Writes beside, syncs, renames; a link stays a link, and the file keeps its mode."""
    target = path.resolve()
    mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)  # noqa: PTH101 - mkstemp makes it private
        if target.exists() and os.geteuid() == 0:
            os.chown(name, target.stat().st_uid, target.stat().st_gid)
        os.replace(name, target)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AggregatorError(f"can't write {path}: {(error.strerror or str(error)).lower()}") from None
