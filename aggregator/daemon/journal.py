"""What is told of polls and faults: a line in the log, a count in /metrics."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from aggregator.app import Poll
from aggregator.metrics import Metrics, Polled
from aggregator.terminal import printable

log = logging.getLogger("aggregator")


class Journal:
    """Each poll has its line; what lasts, an outage or a fault, has one until it is over."""

    def __init__(self, metrics: Metrics) -> None:
        self.down = False  # whether we have said that nothing can be reached
        self._metrics = metrics
        self._told: set[str] = set()  # faults already in the log

    def heard(self, poll: Poll) -> None:
        """Tells what one poll did, and counts it."""
        name, fields = printable(poll.feed), {"event": "poll", "feed": poll.url, "http_status": poll.status}
        if poll.error is not None:
            level = logging.DEBUG if poll.excused else logging.WARNING
            log.log(level, "%s: %s", name, printable(poll.error), extra=fields)
        elif poll.new or poll.changed:
            counts = {"new": poll.new, "changed": poll.changed, "copies": poll.copies}
            log.info("%s: %d new, %d changed, %d copies", name, *counts.values(), extra={**fields, **counts})
        else:
            log.debug("%s: nothing new (%s)", name, poll.status, extra=fields)
        self._metrics.polled(Polled(_outcome(poll), poll.seconds, poll.new, poll.changed, poll.copies))

    def network(self, down: bool, polls: Sequence[Poll]) -> None:
        """Tells that nobody can be reached, as these polls have shown, or that somebody can be again."""
        if down and not self.down:
            silent = next((poll for poll in polls if poll.unreachable), polls[0])
            log.warning(
                "no feed can be reached (%s: %s): is this machine on-line? Trying again soon; no feed is blamed. "
                "`aggregator demo` shows everything without internet",
                printable(silent.feed), printable(silent.error or ""),
            )  # fmt: skip
        elif self.down and not down:
            log.info("the network is back")
        self.down = down

    def faults(self, faults: Sequence[str]) -> None:
        """Tells each fault once, until it is over: `faults` are all there are now."""
        for fault in faults:
            if fault not in self._told:
                log.error("%s", printable(fault))
        self._told = set(faults)


def _outcome(poll: Poll) -> str:
    if poll.error is not None:
        return "unreachable" if poll.unreachable else "failed"
    if poll.not_modified:
        return "not_modified"
    return "news" if poll.new or poll.changed else "nothing_new"
