"""The commands. The only door of click and rich.

group     the group, the options all commands share, how errors end
edit      init, add, remove, import, export: what changes feeds.yaml
run       demo, run, poll, publish: what works
look      status, stories, explain, check: what looks
test      tries one feed and stores nothing
upkeep    search, examples, backup, prune, healthcheck: what looks inside and takes care
tables    how results are shown
"""

from aggregator.cli import edit, look, run, test, upkeep  # they register their commands
from aggregator.cli.group import main

__all__ = ["edit", "look", "main", "run", "test", "upkeep"]
