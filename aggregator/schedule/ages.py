"""The time by which things are old enough to go: a clock that went wrong must cost no article."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_JUMP = timedelta(days=1)  # ahead, from which on the clock is doubted
_PROBATION = 3600.0  # seconds, after which it is believed: by then a time server would have put it right


@dataclass(slots=True)
class Ages:
    """Follows the wall clock, but one that jumped ahead only when it has stood by that for an hour.

    `last` is a time that had come when `seen` was read, such as that of the newest poll on record: a machine may start
    with a clock that is wrong. None: what the clock shows first is believed. Seconds are of `time.monotonic`.
    """

    last: datetime | None = None
    seen: float = 0.0
    _doubted: float | None = None  # when the clock was first found to be ahead

    def now(self, wall: datetime, steady: float) -> datetime:
        """The time to judge age by."""
        expected = wall if self.last is None else self.last + timedelta(seconds=steady - self.seen)
        if wall - expected >= _JUMP:
            self._doubted = steady if self._doubted is None else self._doubted
            if steady - self._doubted < _PROBATION:
                return expected
        self.last, self.seen, self._doubted = wall, steady, None
        return wall
