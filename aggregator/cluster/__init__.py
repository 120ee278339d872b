"""Polls on other machines: an engine that sends errands to the workers of a Dask cluster and takes back what they found.

waiting    what waits to be sent: whole batches, each host in one at a time
parcel     what travels: a batch out, a haul back; opaque to logs and dashboards
versions   whether here and there the same programs run
outpost    what runs there: our own client and our own processes, in a Dask worker
link       the connection to the scheduler, made anew when it is lost; the only door of distributed with outpost
engine     Cluster: the engine that the daemon is given

Dask is imported when a cluster is asked for, and not before.
"""

from aggregator.cluster.engine import Cluster

__all__ = ["Cluster"]
