"""A document cut down to the entries a client has not seen (RFC 3229 with the "feed" instance manipulation)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection

# Our own bytes: in them "<" is never anything but markup, so entries can be cut out without parsing.
_ENTRIES = {"atom": re.compile(rb"<entry[ >].*?</entry>\n", re.S), "rss": re.compile(rb"<item>.*?</item>\n", re.S)}


def entries(kind: str, document: bytes) -> tuple[bytes, ...]:
    """A mark for each entry of a document, in order; equal marks mean equal entries."""
    if kind == "json":
        return tuple(_mark(json.dumps(item).encode()) for item in json.loads(document)["items"])
    return tuple(map(_mark, _ENTRIES[kind].findall(document)))


def without(kind: str, document: bytes, seen: Collection[bytes]) -> bytes:
    """The document with only those entries whose marks are not in `seen`."""
    if kind == "json":
        data = json.loads(document)
        data["items"] = [item for item in data["items"] if _mark(json.dumps(item).encode()) not in seen]
        return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()
    return _ENTRIES[kind].sub(lambda match: b"" if _mark(match[0]) in seen else match[0], document)


def _mark(entry: bytes) -> bytes:
    return hashlib.blake2b(entry, digest_size=12).digest()
