"""The published documents: written to the output directory, and held in memory for the server.

Each file replaces the one before it in one step (temporary name, sync, rename), with its gzip beside it. A document
that can't be read back does not replace the last good one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from isal import igzip

from aggregator import publish
from aggregator.config import Config, OutputFeed
from aggregator.model import Subscription
from aggregator.publish import Channel, Outline
from aggregator.store import Choice, Published, Store

ARCHIVE = re.compile(r"archive/([1-9][0-9]{0,8})\.(atom|json)")
_PAGES_AT_ONCE = 10  # archive pages made in one go: the writer has other work
_VERSIONS = 20  # of each document, whose entries are remembered for clients that ask for what is new


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


_UNFINISHED = ".part"


@dataclass(slots=True)
class Site:
    """The documents by path below the site ("feed.atom"), and what went wrong when they were last made."""

    directory: Path
    documents: dict[str, Document] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)  # addresses of the feeds that the last `publish` changed
    unfinished: bool = False  # whether there are archive pages still to be made
    prefix: str = "/"  # the path of output.base_url
    awaited: frozenset[str] = frozenset()  # documents that will be made once the first feed has answered
    _archived: int = 0  # archive pages known to be in place
    _tried: dict[bytes, datetime] = field(default_factory=dict)  # documents that could not be written, and their date

    def sweep(self) -> None:
        """Removes what a writer left unfinished that was killed. Only the one writer may call this."""
        for path in self.directory.rglob(f".*{_UNFINISHED}"):
            with contextlib.suppress(OSError):  # a folder that can't be written is reported when it has to be
                path.unlink()

    def publish(self, store: Store, config: Config, now: datetime) -> int:
        """Brings all documents up to date; gives how many changed."""
        self.faults, self.news = [], []
        published = Published(store.connection)
        now = now.replace(microsecond=0)
        self.prefix = urlsplit(config.output.base_url).path.rstrip("/") + "/"
        if published.is_blank():
            # Nobody is served by an empty feed, and the files may be those of a database that was lost.
            self._await([channel.path for channel in channels(store, config)])
            return 0
        self.awaited = frozenset()
        changed, wanted = 0, {"archive"}
        for channel in channels(store, config):
            if channel.path == "feed":
                channel = dataclasses.replace(channel, previous=self._archive(store, channel, config.output.items, now))
            key = channel.digest(publish.VERSION)
            known = store.changed_at(channel.path, key)
            at = known or self._tried.get(key, now)  # a try that failed and is made again is no change
            wanted.add(channel.path)
            renderers = {f"{channel.path}.{kind}": _checked(channel, kind, at) for kind in publish.FORMATS}
            if channel.path == "feed":
                renderers["index.html"] = functools.partial(publish.html.render, channel)
            faults = len(self.faults)
            for path, render in renderers.items():
                links = f'<{channel.hub}>; rel="hub", <{channel.site}{path}>; rel="self"' if channel.hub else None
                if self._put(path, render, at, known is not None, None if path == "index.html" else links):
                    changed += 1
                    self.news += [f"{channel.site}{path}"] if path != "index.html" else []
            if len(self.faults) == faults:
                store.published(channel.path, key, at)
                self._tried.pop(key, None)
            else:
                self._tried[key] = at
        title, outlines, css = config.output.title, list(_outlines(published, config.feeds)), publish.html.CSS
        for path, key, render in (
            (
                "feeds.opml",
                publish.opml.digest(publish.VERSION, title, outlines),
                functools.partial(publish.opml.render, title, outlines),
            ),
            ("feed.css", hashlib.blake2b(css, digest_size=16).digest(), functools.partial(bytes, css)),
        ):
            known = store.changed_at(path, key)
            at = known or now
            wanted.add(path)
            changed += self._put(path, render, at, known is not None)
            store.published(path, key, at)
        for path in set(store.documents()) - wanted:
            self._withdraw(path)
            store.withdrawn(path)
        return changed

    def find(self, path: str) -> Document | None:
        """The document at a path. Archive pages, which may be many, are read from their files."""
        found = self.documents.get(path)
        if found is None and ARCHIVE.fullmatch(path):
            with contextlib.suppress(OSError):
                return _read(self.directory, path)
        return found

    def _await(self, channels: list[str]) -> None:
        """Shows what is in place, and knows what else there will be."""
        paths = {"index.html"} | {f"{path}.{kind}" for path in channels for kind in publish.FORMATS}
        for path in paths - set(self.documents):
            with contextlib.suppress(OSError):
                self.documents[path] = _read(self.directory, path)
        self.awaited = frozenset(paths - set(self.documents))

    def _archive(self, store: Store, channel: Channel, size: int, now: datetime) -> int:
        """Moves what the feed has no room for into archive pages; gives the number of the newest in place."""
        leaving = store.entries.scrolled_out({story.id for story in channel.stories}, size)
        batches = [leaving[start : start + size] for start in range(0, len(leaving), size)]
        if batches:
            with store.transaction():
                for batch in batches[:_PAGES_AT_ONCE]:
                    store.entries.seal(batch, now)
        self.unfinished = len(batches) > _PAGES_AT_ONCE
        key = hashlib.blake2b(channel.site.encode(), digest_size=16).digest()
        moved = store.changed_at("archive", key) is None  # pages name each other by address
        pages, published = store.entries.pages(), Published(store.connection)
        if moved:
            self._archived = 0
        for page in range(self._archived + 1, pages + 1):
            files = {kind: self.directory / f"archive/{page}.{kind}" for kind in ("atom", "json")}
            if moved or not all(file.exists() and _gz(file).exists() for file in files.values()):
                at = store.entries.sealed_at(page)
                stories = tuple(published.archived(page))
                archive = Channel(channel.title, channel.site, f"archive/{page}", stories, None, page - 1)
                try:
                    for kind, file in files.items():
                        body = _checked(archive, kind, at)()
                        _write(_gz(file), _zipped(body), at)
                        _write(file, body, at)
                except (ValueError, OSError) as error:
                    self.faults.append(_explain(error, files["atom"]))
                    break
            self._archived = page
        if moved and self._archived == pages:
            store.published("archive", key, now)
        return self._archived

    def _put(self, path: str, render: Callable[[], bytes], at: datetime, same: bool, links: str | None = None) -> bool:
        """Writes a document unless it is the `same` as the one in place; gives whether it did."""
        target = self.directory / path
        held = self.documents.get(path)
        if same and held is not None and target.exists():
            return False
        if held is None and target.exists() and _gz(target).exists():
            # After a restart: the one in place is right, or at least the last good one.
            with contextlib.suppress(OSError):
                held = self.documents[path] = _read(self.directory, path, links)
                if same and _dated(target) == _dated(_gz(target)) == at.timestamp():
                    return False
        try:
            body = render()
            compressed = _zipped(body)
            etag, seen = _etag(body), dict(held.seen) if held is not None else {}
            if held is not None and held.kind in publish.FORMATS and held.etag != etag:
                seen[held.etag] = frozenset(publish.delta.entries(held.kind, held.body))
                seen = dict(list(seen.items())[-_VERSIONS:])
            self.documents[path] = Document(path, body, compressed, at, etag, links, seen)
            _write(_gz(target), compressed, at)
            _write(target, body, at)
        except (ValueError, OSError) as error:
            self.faults.append(_explain(error, target))
            return False
        return held is None or held.etag != etag

    def _withdraw(self, path: str) -> None:
        """Removes the documents of an output that is no longer asked for."""
        for kind in publish.FORMATS:
            self.documents.pop(f"{path}.{kind}", None)
            target = self.directory / f"{path}.{kind}"
            for file in (target, _gz(target)):
                with contextlib.suppress(OSError):
                    file.unlink()


def channels(store: Store, config: Config) -> Iterator[Channel]:
    """The merged feed, one for each tag, and those of `output.feeds`."""
    output, published = config.output, Published(store.connection)
    ids = store.feeds.numbers() if output.feeds else {}

    def channel(title: str, path: str, choice: Choice | None) -> Channel:
        return Channel(title, config.site, path, tuple(published.stories(output.items, choice)), output.hub)

    yield channel(output.title, "feed", None)
    for tag in config.all_tags:
        yield channel(f"{output.title}: {tag}", f"tags/{slug(tag)}", Choice(tags=(tag,)))
    for more in output.feeds:
        # Also where it names none: feeds that are in feeds.yaml no more are shown in the merged feed alone.
        chosen = frozenset(ids[s.url] for s in config.feeds if s.url in ids and _is_named(s, more))
        choice = Choice(chosen, more.tags, more.include, more.exclude)
        yield channel(more.title or more.name, f"feeds/{more.name}", choice)


def slug(tag: str) -> str:
    """A tag as a file name; one that had to be changed gets a digest, so that no two tags share a file."""
    plain = re.sub(r"[^\w-]+", "-", tag, flags=re.ASCII).strip("-")[:60]
    return plain if plain == tag else f"{plain or 'tag'}-{hashlib.blake2b(tag.encode(), digest_size=3).hexdigest()}"


def _is_named(subscription: Subscription, more: OutputFeed) -> bool:
    return not more.feeds or subscription.url in more.feeds or subscription.title in more.feeds


def _outlines(published: Published, subscriptions: tuple[Subscription, ...]) -> Iterator[Outline]:
    wanted = {subscription.url: subscription.tags for subscription in subscriptions}
    known = {row[0]: row for row in published.names() if row[0] in wanted}
    for url, tags in wanted.items():
        if url in known:
            _, title, address, home_page = known[url]
            yield Outline(title, address, home_page, tags)


def _checked(channel: Channel, kind: str, at: datetime) -> Callable[[], bytes]:
    def render() -> bytes:
        document = publish.FORMATS[kind](channel, at)
        if (fault := publish.fault(channel, kind, document)) is not None:
            raise ValueError(f"{fault}; the last good one stays")
        return document

    return render


def _read(directory: Path, path: str, links: str | None = None) -> Document:
    """A document as its files have it. Raises OSError where they can't be read."""
    target = directory / path
    body = target.read_bytes()
    changed = datetime.fromtimestamp(int(target.stat().st_mtime), UTC)
    return Document(path, body, _gz(target).read_bytes(), changed, _etag(body), links)


def _zipped(body: bytes) -> bytes:
    """The gzip of a document: an eighth larger than zlib's at level 6, in a tenth of its time."""
    return igzip.compress(body, 3, mtime=0)


def _etag(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=12).hexdigest()


def _explain(error: Exception, target: Path) -> str:
    return (
        f"can't write {target}: {(error.strerror or str(error)).lower()}" if isinstance(error, OSError) else str(error)
    )


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
