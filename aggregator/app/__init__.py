"""Aggregator: alone knows the order of the stages.

    due ─▶ fetch ─▶ digest (parse, clean, fingerprint) ─▶ commit (save, match, place) ─▶ publish
           network   the engine: here or in workers        one writer, one transaction a batch

A poll's whole effect is committed at once: an ETag is never stored without the entries that came with it.

aggregator   who is polled when; publishing; what the daemon and the commands ask for
group        feeds that are polled side by side
outage       what is made of it that nobody can be reached
commits      what polls have brought, a batch at a time
writer       what is done to the file, in the one thread that touches it
poll         what one poll did, for people
"""

from aggregator.app.aggregator import Aggregator
from aggregator.app.poll import Poll
from aggregator.app.writer import POLLS_KEPT

__all__ = ["POLLS_KEPT", "Aggregator", "Poll"]
