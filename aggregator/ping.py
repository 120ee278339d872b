"""WebSub (W3C) as a publisher: tells the hub which feeds have changed, once for each change, and tries again.

It runs beside everything else: no poll and no publication waits for a hub.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from aggregator.errors import FetchError
from aggregator.fetch import Client
from aggregator.terminal import printable

log = logging.getLogger("aggregator")

WAITS = (5.0, 60.0, 300.0, 1800.0)  # seconds before each further try
_GRACE = 5.0  # seconds that a ping under way gets when the program ends


class Pinger:
    """Pings hubs. `client` gives the guarded client that is in force."""

    def __init__(self, client: Callable[[], Client], waits: tuple[float, ...] = WAITS) -> None:
        self._client = client
        self._waits = waits
        self._topics: dict[str, None] = {}  # a set that keeps its order
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._sending = False

    def tell(self, hub: str, topics: Iterable[str]) -> None:
        """Lets the hub know that these addresses have changed; call when the new bytes are live. Returns at once.

        What an earlier change left untold goes with it.
        """
        self._topics.update(dict.fromkeys(topics))
        self._hub = hub
        self._more.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends; a ping under way may end first, one that waits for its next try is given up."""
        if self._task is None:
            return
        await asyncio.sleep(0)
        if (self._topics and self._more.is_set()) or self._sending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), _GRACE)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        tries = 0
        while self._topics:
            self._more.clear()
            # What changes again while the ping is under way is told again.
            topics, self._topics, self._sending = self._topics, {}, True
            error = await self._send(list(topics))
            self._sending = False
            if error is None:
                tries = 0
                continue
            self._topics = {**topics, **self._topics}
            if tries == len(self._waits):
                log.error("the hub %s was not told: %s", printable(self._hub), printable(str(error)))
                self._topics.clear()
                return
            log.warning("the hub %s can't be told: %s; trying again", printable(self._hub), printable(str(error)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), self._waits[tries])
            tries += 1

    async def _send(self, topics: list[str]) -> FetchError | None:
        # hub.url may be repeated: one request tells of one change, however many documents it touched.
        form = [("hub.mode", "publish"), *(("hub.url", topic) for topic in topics)]
        answer = await self._client().post(self._hub, form)
        return answer if isinstance(answer, FetchError) else None
