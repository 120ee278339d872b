"""Where the pure work of a poll runs: here, or in worker processes. The same function, the same result.

workers    the engines; a worker that hangs or grows on a hostile document is killed and replaced
hand       one worker process as it is seen from here, and the documents before it (worker: its side)
"""

from aggregator.engine.workers import Engine, Here, Workers

__all__ = ["Engine", "Here", "Workers"]
