"""Whether the daemon lives and can do its job. Times are seconds of any steady clock, and an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

STUCK = 60.0  # seconds without a tick, which comes every second: the loop or the writer hangs
MEMORY = 30.0  # seconds that a fault counts after it was last seen; a commit that fails is tried again every 10


@dataclass(slots=True)
class Health:
    """What the daemon knows of itself."""

    ticked: float | None = None  # when the last tick ended
    stopping: bool = False
    config_faults: tuple[str, ...] = ()  # of a feeds.yaml that is not in force
    _faults: dict[str, float] = field(default_factory=dict)

    def tick(self, now: float, faults: Iterable[str] = ()) -> None:
        """A tick has ended; `faults` is what could not be written in it."""
        self.ticked = now
        self._faults.update(dict.fromkeys(faults, now))
        self._faults = {fault: at for fault, at in self._faults.items() if now - at < MEMORY}

    def alive(self, now: float) -> str | None:
        """Why the process should be started anew, or None."""
        if self.ticked is not None and now - self.ticked > STUCK:
            return f"no tick for {now - self.ticked:.0f} s"
        return None

    def troubles(self, now: float) -> tuple[str, ...]:
        """Why it can't do its job now; empty where it can. A faulty feeds.yaml is none: the last good one is in force."""
        if self.stopping:
            return ("stopping",)
        if self.ticked is None:
            return ("the first look at what is due is not over",)
        stuck = self.alive(now)
        return (*((stuck,) if stuck else ()), *self._faults)

    def report(self, now: float) -> tuple[int, str]:
        """(HTTP status, text) for /readyz: 503 with a line for each trouble, or 200 with a line for each remark."""
        troubles = self.troubles(now)
        lines = [*troubles, *(f"feeds.yaml is not in force: {fault}" for fault in self.config_faults)]
        head = "not ready" if troubles else "ready"
        return (503 if troubles else 200), "".join(f"{line}\n" for line in (head, *lines))
