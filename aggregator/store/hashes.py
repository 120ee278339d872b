"""Short names for texts, the same in every process."""

from __future__ import annotations

import hashlib


def text_hash(text: str) -> int:
    """Of an article's text, in 62 bits, as those of its runs of words are."""
    return leading_bits(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest())


def leading_bits(digest: bytes) -> int:
    """The first 62 bits."""
    return int.from_bytes(digest[:8], "big") >> 2


def name_of(*parts: str) -> str:
    """A short name for some texts together."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
