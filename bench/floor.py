"""The least that a poll can cost in Python: sockets, lxml, nh3 and SQLite with its full-text index, and nothing else.

No guard, no redirects, no schedule, no cleaning beyond safe HTML, no looking for copies, one feed after the other: what a
program that does all of it costs is seen beside this. `bench.poll` measures it as the program "floor".
"""

from __future__ import annotations

import gzip
import hashlib
import re
import socket
import sqlite3
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import nh3
from lxml import etree

_TAG = re.compile(r"<[^>]*>")
_AT_ONCE = 50  # feeds in one transaction
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE feeds (id INTEGER PRIMARY KEY, etag BLOB, hash BLOB);
CREATE TABLE entries (id INTEGER PRIMARY KEY, feed_id INTEGER, guid TEXT, url TEXT, title TEXT, date TEXT, html TEXT,
    text TEXT, UNIQUE (feed_id, guid));
CREATE VIRTUAL TABLE entries_fts USING fts5 (title, text, content = 'entries', content_rowid = 'id');
"""


class Floor:
    """A file, and a pass over the feeds of a farm."""

    def __init__(self, folder: Path, address: str, feeds: int) -> None:
        parts = urlsplit(address)
        self.host, self.port, self.feeds = parts.hostname or "", parts.port or 80, feeds
        self.context = ssl.create_default_context() if parts.scheme == "https" else None
        self.db = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
        self.db.executescript(_SCHEMA)

    def once(self) -> int:
        """Polls every feed; gives how many entries are stored."""
        for first in range(0, self.feeds, _AT_ONCE):
            self.db.execute("BEGIN")
            for feed in range(first, min(first + _AT_ONCE, self.feeds)):
                self._poll(feed)
            self.db.execute("COMMIT")
        return int(self.db.execute("SELECT count(*) FROM entries").fetchone()[0])

    def _poll(self, feed: int) -> None:
        known = self.db.execute("SELECT etag, hash FROM feeds WHERE id = ?", (feed,)).fetchone() or (None, None)
        head, body = self._get(feed, known[0])
        digest = hashlib.blake2b(body, digest_size=16).digest()
        if b" 304 " in head[:16] or digest == known[1]:
            return
        found = re.search(rb"(?im)^etag: *(.*?)\r", head)
        etag = found[1] if found else None
        for entry in _entries(gzip.decompress(body)):
            cursor = self.db.execute(
                "INSERT OR IGNORE INTO entries (feed_id, guid, url, title, date, html, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (feed, *entry),
            )
            if cursor.rowcount:
                self.db.execute("INSERT INTO entries_fts (rowid, title, text) VALUES (?, ?, ?)",
                                (cursor.lastrowid, entry[2], entry[5]))  # fmt: skip
        self.db.execute("INSERT OR REPLACE INTO feeds VALUES (?, ?, ?)", (feed, etag, digest))

    def _get(self, feed: int, etag: bytes | None) -> tuple[bytes, bytes]:
        condition = b"If-None-Match: " + etag + b"\r\n" if etag else b""
        request = (
            f"GET /{feed} HTTP/1.1\r\nHost: {self.host}\r\nAccept-Encoding: gzip\r\n".encode() + condition + b"\r\n"
        )
        with socket.create_connection((self.host, self.port), 30) as plain:
            wire = self.context.wrap_socket(plain, server_hostname=self.host) if self.context else plain
            wire.sendall(request)
            pieces = []
            while piece := wire.recv(65536):
                pieces.append(piece)
        head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
        return head + b"\r\n", body


def _entries(document: bytes) -> list[tuple[str, ...]]:
    """(guid, url, title, date, safe HTML, text) of RSS 2.0, RSS 1.0 and Atom, as the farm has them."""
    found = []
    for element in etree.fromstring(document).iter("{*}item", "{*}entry"):
        values = {etree.QName(child).localname: child for child in element}
        link = values["link"].get("href") or values["link"].text
        guid = next((values[name].text for name in ("guid", "id") if name in values), link)
        date = next((values[name].text for name in ("pubDate", "updated", "date") if name in values), "")
        raw = next((values[name].text for name in ("content", "description") if name in values), "")
        html = nh3.clean(raw)
        found.append((guid, link, values["title"].text, date, html, _TAG.sub(" ", html)))
    return found
