"""The published documents: written to the output directory, and held in memory for the server.

Each file replaces the one before it in one step (temporary name, sync, rename), with its gzip beside it. A document
that can't be read back does not replace the last good one.

channels   what there is to be published
document   one document, and the two files it is
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from aggregator import publish
from aggregator.config import Config
from aggregator.publish import Channel
from aggregator.site.channels import channels, outlines
from aggregator.site.channels import slug as slug
from aggregator.site.document import Document as Document
from aggregator.site.document import etag_of as etag_of
from aggregator.site.document import is_dated, is_in_place, remove, sweep, write, zipped
from aggregator.store import Published, Store

ARCHIVE = re.compile(r"archive/([1-9][0-9]{0,8})\.(atom|json)")
_PAGES_AT_ONCE = 10  # archive pages made in one go: the writer has other work
_VERSIONS = 20  # of each document, whose entries are remembered for clients that ask for what is new


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
        sweep(self.directory)

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
        title, feeds, css = config.output.title, list(outlines(published, config.feeds)), publish.html.CSS
        for path, key, render in (
            (
                "feeds.opml",
                publish.opml.digest(publish.VERSION, title, feeds),
                functools.partial(publish.opml.render, title, feeds),
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
                return Document.read(self.directory, path)
        return found

    def _await(self, channels: list[str]) -> None:
        """Shows what is in place, and knows what else there will be."""
        paths = {"index.html"} | {f"{path}.{kind}" for path in channels for kind in publish.FORMATS}
        for path in paths - set(self.documents):
            with contextlib.suppress(OSError):
                self.documents[path] = Document.read(self.directory, path)
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
            if moved or not all(is_in_place(file) for file in files.values()):
                at = store.entries.sealed_at(page)
                stories = tuple(published.archived(page))
                archive = Channel(channel.title, channel.site, f"archive/{page}", stories, None, page - 1)
                try:
                    for kind, file in files.items():
                        body = _checked(archive, kind, at)()
                        write(file, body, zipped(body), at)
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
        if held is None and is_in_place(target):
            # After a restart: the one in place is right, or at least the last good one.
            with contextlib.suppress(OSError):
                held = self.documents[path] = Document.read(self.directory, path, links)
                if same and is_dated(target, at):
                    return False
        try:
            body = render()
            compressed = zipped(body)
            etag, seen = etag_of(body), dict(held.seen) if held is not None else {}
            if held is not None and held.kind in publish.FORMATS and held.etag != etag:
                seen[held.etag] = frozenset(publish.delta.entries(held.kind, held.body))
                seen = dict(list(seen.items())[-_VERSIONS:])
            self.documents[path] = Document(path, body, compressed, at, etag, links, seen)
            write(target, body, compressed, at)
        except (ValueError, OSError) as error:
            self.faults.append(_explain(error, target))
            return False
        return held is None or held.etag != etag

    def _withdraw(self, path: str) -> None:
        """Removes the documents of an output that is no longer asked for."""
        for kind in publish.FORMATS:
            self.documents.pop(f"{path}.{kind}", None)
            remove(self.directory / f"{path}.{kind}")


def _checked(channel: Channel, kind: str, at: datetime) -> Callable[[], bytes]:
    def render() -> bytes:
        document = publish.FORMATS[kind](channel, at)
        if (fault := publish.fault(channel, kind, document)) is not None:
            raise ValueError(f"{fault}; the last good one stays")
        return document

    return render


def _explain(error: Exception, target: Path) -> str:
    return (
        f"can't write {target}: {(error.strerror or str(error)).lower()}" if isinstance(error, OSError) else str(error)
    )
