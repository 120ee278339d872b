"""The SQLite file: the only SQL, the only door of sqlite_utils.

schema     tables, views, full-text search, documentation; migrations
database   opening: who may, which file is refused, one writer at a time
store      the writer's side, by noun: feeds, articles, stories
index      what matching looks up
read       what is published and shown: read-only
"""

from aggregator.store.articles import Saved
from aggregator.store.database import open_reader, open_writer
from aggregator.store.feeds import Due, Outcome
from aggregator.store.index import StoreIndex, probe
from aggregator.store.read import Choice, Read, Row
from aggregator.store.store import Store

__all__ = [
    "Choice",
    "Due",
    "Outcome",
    "Read",
    "Row",
    "Saved",
    "Store",
    "StoreIndex",
    "open_reader",
    "open_writer",
    "probe",
]
