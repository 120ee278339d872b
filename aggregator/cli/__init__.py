"""The commands. The only door of click and rich.

group     the group, the options all commands share, how errors end
run       demo, run, poll, publish: what works
look      status, stories, explain, check: what looks
upkeep    search, examples, backup, prune, healthcheck: what looks inside and takes care
tables    how results are shown
"""

from aggregator.cli import look, run, upkeep  # they register their commands
from aggregator.cli.group import main

__all__ = ["look", "main", "run", "upkeep"]
