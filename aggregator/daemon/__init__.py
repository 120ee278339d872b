"""The daemon: one tick that asks the database what is due, a server, and a clean end.

daemon    what is done in a tick and between two, from the start to the end
ticks     one tick a second, whatever becomes of the wall clock
files     feeds.yaml and what it names, watched for changes
journal   what is told of polls and faults: a line in the log, a count in /metrics
probes    what is answered to those who watch over it: /healthz, /readyz, /metrics
"""

from aggregator.daemon.daemon import Daemon

__all__ = ["Daemon"]
