"""The files of a configuration, watched for changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path

LOOK = 0.25  # seconds between looks


class Files:
    """feeds.yaml and what it names; `paths` may be set anew at any time."""

    def __init__(self, paths: frozenset[Path]) -> None:
        self.paths = paths
        self._stamps = _stamps(paths)
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """They are to be read again, changed or not."""
        self._asked.set()

    async def changed(self) -> None:
        """Waits until one has changed, which is seen within a second, or until somebody asks.

        A change counts when two looks find the same: editors empty a file before they fill it, or take it away.
        """
        seen = self._stamps
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), LOOK)
            stamps = _stamps(self.paths)
            if self._asked.is_set() or (stamps == seen and stamps != self._stamps):
                self._asked.clear()
                self._stamps = stamps
                return
            seen = stamps


def _stamps(paths: Iterable[Path]) -> frozenset[tuple[Path, tuple[int, int, int] | None]]:
    """Changes when one of the files does."""
    return frozenset((path, _stamp(path)) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes when a file does; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
