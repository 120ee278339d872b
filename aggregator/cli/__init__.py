"""The commands. The only door of click and rich.

group     the group, the options all commands share, how errors end
edit      init, add, remove, import, export: what changes feeds.yaml
run       demo, run, poll, publish: what works
look      status, stories, check: what looks
explain   why an article is, or is not, a copy
correct   split, merge, pin, dupes, replay: what people judge, and judge by
test      tries one feed and stores nothing
upkeep    search, examples, backup, prune, healthcheck: what looks inside and takes care
tables    how results are shown
"""

from aggregator.cli import correct, edit, explain, look, run, test, upkeep  # they register their commands
from aggregator.cli.group import main

__all__ = ["correct", "edit", "explain", "look", "main", "run", "test", "upkeep"]
