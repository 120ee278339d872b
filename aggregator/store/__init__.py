"""The SQLite file: the only SQL, the only door of sqlite_utils.

schema     tables, full-text search, documentation; migrations
views      what people look at; sql/ has the examples and datasette's metadata
database   opening: who may, which file is refused, one writer at a time; copies of the whole file
store      the writer's side, by noun: feeds, articles, stories, corrections; retention
arrivals   the new articles of a document, written together
polls      a poll before and after (Due, Outcome); quiet: those that brought nothing, stored together
memory     what the next digest of a feed needs to know
wal        keeps the log small while others read
index      what matching looks up; postings: the fingerprints in it, waiting: those not in their table yet, bitmap: which
           may be in there; renewal: makes them anew where the hashes have changed
published  what is published: the stories of the merged feeds and of their archive
read       what the commands and the daemon show: read-only
pages      what the pages for people show: read-only, each query bounded; river: the stories by time, and what narrows
           them
query      what a person types into a search
health     what may be wrong with the file
"""

from aggregator.store.arrivals import Arrivals
from aggregator.store.articles import Saved
from aggregator.store.database import copy, is_ours, open_reader, open_writer, request
from aggregator.store.examples import Example
from aggregator.store.health import Check, checks
from aggregator.store.hubs import Hub
from aggregator.store.index import Known, StoreIndex, newcomer, probe
from aggregator.store.memory import Memory
from aggregator.store.metadata import metadata
from aggregator.store.pages import Pages, Slow, open_pages
from aggregator.store.polls import Due, Outcome
from aggregator.store.postings import Postings, Stored
from aggregator.store.published import Choice, Published
from aggregator.store.query import to_match, unspaced
from aggregator.store.read import Read, Row
from aggregator.store.retention import Expired, Retention
from aggregator.store.river import Before, Wanted
from aggregator.store.store import Store

__all__ = [
    "Arrivals",
    "Before",
    "Check",
    "Choice",
    "Due",
    "Example",
    "Expired",
    "Hub",
    "Known",
    "Memory",
    "Outcome",
    "Pages",
    "Postings",
    "Published",
    "Read",
    "Retention",
    "Row",
    "Saved",
    "Slow",
    "Store",
    "StoreIndex",
    "Stored",
    "Wanted",
    "checks",
    "copy",
    "is_ours",
    "metadata",
    "newcomer",
    "open_pages",
    "open_reader",
    "open_writer",
    "probe",
    "request",
    "to_match",
    "unspaced",
]
