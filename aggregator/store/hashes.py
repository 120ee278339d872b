"""Short names for texts, the same in every process."""

from __future__ import annotations

import hashlib


def text_hash(text: str) -> bytes:
    """Of an article's text: equal exactly when the texts are."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def name_of(*parts: str) -> str:
    """A short name for some texts together."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
