"""Texts on a terminal: what came from a feed must not move the cursor, colour the screen or reverse a line."""

from __future__ import annotations

import unicodedata


def printable(text: str, longest: int = 500) -> str:
    """The text on one line without control and format characters (escape sequences, direction overrides)."""
    plain = "".join(" " if c.isspace() else c for c in text[: longest * 4] if c.isspace() or c.isprintable())
    plain = " ".join("".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
