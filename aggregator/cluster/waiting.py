"""What waits to be sent: whole batches, each host in one batch at a time, so that limits per host hold everywhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """Things of hosts, the first come first served. A host that is under way waits for the end of its batch."""

    def __init__(self) -> None:
        self._ready: dict[str, deque[T]] = {}
        self._under_way: dict[str, deque[T]] = {}  # what has come meanwhile

    def __bool__(self) -> bool:
        """Whether there is something to send now."""
        return bool(self._ready)

    def add(self, host: str, thing: T) -> None:
        """Puts a thing at the end of its host's queue."""
        queue = self._under_way.get(host)
        if queue is None:
            queue = self._ready.setdefault(host, deque())
        queue.append(thing)

    def take(self, size: int) -> dict[str, list[T]]:
        """The next batch by host: hosts in turn, none with more than `size` things, until there are that many.

        These hosts are under way then, until `done` says so.
        """
        batch: dict[str, list[T]] = {}
        count = 0
        while self._ready and count < size:
            host = next(iter(self._ready))
            queue = self._ready.pop(host)
            batch[host] = [queue.popleft() for _ in range(min(size, len(queue)))]
            count += len(batch[host])
            self._under_way[host] = queue
        return batch

    def done(self, hosts: Iterable[str]) -> None:
        """These hosts may be asked again."""
        for host in hosts:
            if queue := self._under_way.pop(host):
                self._ready[host] = queue

    def put_back(self, batch: dict[str, list[T]]) -> None:
        """A batch that came to nothing: its hosts are free, and its things the first in their queues."""
        for host, things in batch.items():
            self._ready[host] = deque([*things, *self._under_way.pop(host)])
