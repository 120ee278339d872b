"""feeds.yaml -> Config: every key has a type, a default and one line of documentation, in one place (`schema.py`)."""

from aggregator.config.address import comparable
from aggregator.config.own import is_own
from aggregator.config.reader import database_of, load, loads
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
    "comparable",
    "database_of",
    "is_own",
    "load",
    "loads",
]
