"""What is made of it that nobody can be reached: one feed after the other is tried, and none is blamed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from aggregator import schedule
from aggregator.app.writer import Writer
from aggregator.schedule.network import Network
from aggregator.store import Due


class Outage:
    """Knows from `network` whether there is one, and puts the feeds in the database right, in it and after it."""

    def __init__(self, network: Network, writer: Writer, clock: Callable[[], datetime]) -> None:
        self.network = network
        self._writer, self._clock = writer, clock
        self._probes = 0

    async def probe(self, busy: Collection[int]) -> list[Due]:
        """Of the feeds that are silent, the next one to try; none while one of them is being polled, as in `busy`."""
        silent = [feed for feed in self.network.silent if feed not in busy]
        if not self.network.down or len(silent) < len(self.network.silent):
            return []
        self._probes += 1
        due = await self._writer.do(self._writer.store.feeds.one, silent[self._probes % len(silent)])
        return [] if due is None else [due]

    async def answered(self) -> None:
        """Somebody has answered; all that were silent are due, if that was everybody."""
        silent = tuple(self.network.silent) if self.network.down else ()
        self.network.answered()
        if silent:
            await self._writer.do(self._writer.forgive, silent, self._clock())

    async def forgive(self) -> None:
        """Takes failures back that were put on feeds before it was clear that nobody can be reached."""
        if self.network.blamed:
            soon = self._clock() + schedule.NETWORK_RETRY
            await self._writer.do(self._writer.forgive, tuple(self.network.blamed), soon)
            self.network.blamed.clear()
