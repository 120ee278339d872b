"""feeds.yaml -> Config: every key has a type, a default and one line of documentation, in one place (`schema.py`)."""

<<<<<<< HEAD
from aggregator.config.reader import comparable, load, loads
=======
from aggregator.config.own import is_own
from aggregator.config.reader import load, loads
>>>>>>> main
from aggregator.config.schema import Config, Dedupe, Fetch, Listen, Output, OutputFeed, Retention, Server

__all__ = [
    "Config",
    "Dedupe",
    "Fetch",
    "Listen",
    "Output",
    "OutputFeed",
    "Retention",
    "Server",
<<<<<<< HEAD
    "comparable",
=======
    "is_own",
>>>>>>> main
    "load",
    "loads",
]
