"""Whether it is a feed that fails, or everything: a machine that is off-line must not punish its feeds for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Network:
    """Watches polls go by. It is down while nobody answers and at least two feeds are silent that did answer before."""

    silent: dict[int, datetime] = field(default_factory=dict)  # feeds in good standing that could not be reached
    blamed: set[int] = field(default_factory=set)  # those of them whose failure is on record

    @property
    def down(self) -> bool:
        """Whether nobody can be reached."""
        return len(self.silent) > 1

    def since(self, now: datetime) -> timedelta:
        """For how long nobody has answered."""
        return max(now - min(self.silent.values(), default=now), timedelta(0))

    def answered(self) -> None:
        """Some server said something, whatever it was."""
        self.silent.clear()
        self.blamed.clear()

    def unreached(self, feed: int, failures: int, now: datetime) -> None:
        """A feed could not be reached; `failures` before this one. One that failed before proves nothing."""
        if failures == 0:
            self.silent.setdefault(feed, now)
