"""What workers have in common: imported by the small process that they are forked from (engine), and nowhere else.

Its pages are there once for all of them until one writes to them, as the garbage collector does to each object that it
looks at: so what is there at the fork is put where it does not look.
"""

import gc

import aggregator.digest
import aggregator.engine  # noqa: F401

gc.collect()
gc.freeze()
