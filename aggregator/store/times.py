"""Times as the file has them: UTC text, YYYY-MM-DD HH:MM:SSZ, which sorts and compares with datetime('now')."""

from __future__ import annotations

from datetime import UTC, datetime


def to_text(time: datetime) -> str:
    """A time for the file."""
    return f"{time.astimezone(UTC).isoformat(' ')[:19]}Z"


def from_text(text: str) -> datetime:
    """A time from the file."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
