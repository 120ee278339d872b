"""The published documents: written to the output directory, and held in memory for the server.

Each file replaces the one before it in one step (temporary name, sync, rename), with its gzip beside it. A document
that can't be read back does not replace the last good one.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aggregator import publish
from aggregator.config import Config, OutputFeed
from aggregator.model import Subscription
from aggregator.publish import Channel, Outline
from aggregator.store import Choice, Read, Store


@dataclass(frozen=True, slots=True)
class Document:
    """One published document, rendered and compressed once."""

    body: bytes
    compressed: bytes
    type: str
    changed: datetime

    @property
    def etag(self) -> str:
        """Of the plain body; the compressed one has another (RFC 9110 §8.8.3.3)."""
        return hashlib.blake2b(self.body, digest_size=12).hexdigest()


_UNFINISHED = ".part"


@dataclass(slots=True)
class Site:
    """The documents by path below the site ("feed.atom"), and what went wrong when they were last made."""

    directory: Path
    documents: dict[str, Document] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def sweep(self) -> None:
        """Removes what a writer left unfinished that was killed. Only the one writer may call this."""
        for path in self.directory.rglob(f".*{_UNFINISHED}"):
            with contextlib.suppress(OSError):  # a folder that can't be written is reported when it has to be
                path.unlink()

    def publish(self, store: Store, config: Config, now: datetime) -> int:
        """Brings all documents up to date; gives how many changed."""
        self.faults = []
        read = Read(store.connection)
        changed = 0
        for channel in channels(read, config):
            key = channel.digest(publish.VERSION)
            known = store.changed_at(channel.path, key)
            at = known or now.replace(microsecond=0)
            renderers = {f"{channel.path}.{kind}": _checked(channel, kind, at) for kind in publish.FORMATS}
            if channel.path == "feed":
                renderers["index.html"] = functools.partial(publish.html.render, channel)
            faults = len(self.faults)
            changed += sum(self._put(path, render, at, known is not None) for path, render in renderers.items())
            if len(self.faults) == faults:
                store.published(channel.path, key, at)
        outlines = publish.opml.render(config.output.title, _outlines(read, config.feeds))
        for path, body in (("feeds.opml", outlines), ("feed.css", publish.html.CSS)):
            key = hashlib.blake2b(body, digest_size=16).digest()
            known = store.changed_at(path, key)
            at = known or now.replace(microsecond=0)
            changed += self._put(path, functools.partial(bytes, body), at, known is not None)
            store.published(path, key, at)
        return changed

    def _put(self, path: str, render: Callable[[], bytes], at: datetime, same: bool) -> bool:
        """Writes a document unless it is the `same` as the one in place; gives whether it did."""
        target = self.directory / path
        held = self.documents.get(path)
        if same and held is not None and target.exists():
            return False
        kind = publish.TYPES[path.rpartition(".")[2]]
        try:
            if same and held is None and _dated(target) == at.timestamp() and _dated(_gz(target)) == at.timestamp():
                body = target.read_bytes()
                self.documents[path] = Document(body, _gz(target).read_bytes(), kind, at)
                return False
            body = render()
            compressed = gzip.compress(body, 6, mtime=0)
            self.documents[path] = Document(body, compressed, kind, at)
            _write(_gz(target), compressed, at)
            _write(target, body, at)
        except ValueError as error:
            self.faults.append(str(error))
        except OSError as error:
            self.faults.append(f"can't write {target}: {(error.strerror or str(error)).lower()}")
        return True


def channels(read: Read, config: Config) -> Iterator[Channel]:
    """The merged feed, one for each tag, and those of `output.feeds`."""
    output = config.output
    site = output.base_url if output.base_url.endswith("/") else output.base_url + "/"
    ids = {row["configured_url"]: row["id"] for row in read.feeds()}

    def channel(title: str, path: str, choice: Choice | None) -> Channel:
        return Channel(title, site, path, tuple(read.stories(output.items, choice)), output.hub)

    yield channel(output.title, "feed", None)
    for tag in sorted({tag for subscription in config.feeds for tag in subscription.tags}):
        chosen = frozenset(ids[s.url] for s in config.feeds if tag in s.tags and s.url in ids)
        yield channel(f"{output.title}: {tag}", f"tags/{slug(tag)}", Choice(chosen))
    for more in output.feeds:
        chosen = frozenset(ids[s.url] for s in config.feeds if s.url in ids and _belongs(s, more))
        yield channel(more.title or more.name, f"feeds/{more.name}", Choice(chosen, more.include, more.exclude))


def slug(tag: str) -> str:
    """A tag as a file name; one that had to be changed gets a digest, so that no two tags share a file."""
    plain = re.sub(r"[^\w-]+", "-", tag, flags=re.ASCII).strip("-")[:60]
    return plain if plain == tag else f"{plain or 'tag'}-{hashlib.blake2b(tag.encode(), digest_size=3).hexdigest()}"


def _belongs(subscription: Subscription, more: OutputFeed) -> bool:
    if more.tags and not set(more.tags) & set(subscription.tags):
        return False
    return not more.feeds or subscription.url in more.feeds or subscription.title in more.feeds


def _outlines(read: Read, subscriptions: tuple[Subscription, ...]) -> Iterator[Outline]:
    rows = {row["configured_url"]: row for row in read.feeds()}
    for subscription in subscriptions:
        if row := rows.get(subscription.url):
            yield Outline(row["title"], row["url"], row["home_page_url"], subscription.tags)


def _checked(channel: Channel, kind: str, at: datetime) -> Callable[[], bytes]:
    def render() -> bytes:
        document = publish.FORMATS[kind](channel, at)
        if (fault := publish.fault(channel, kind, document)) is not None:
            raise ValueError(f"{fault}; the last good one stays")
        return document

    return render


def _gz(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _dated(path: Path) -> float | None:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return None


def _write(path: Path, data: bytes, at: datetime) -> None:
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
