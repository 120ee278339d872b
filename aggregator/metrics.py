"""What /metrics shows, in the Prometheus text format. The only door of prometheus_client; a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

TYPE = "text/plain; version=0.0.4; charset=utf-8"
OUTCOMES = ("news", "nothing_new", "not_modified", "failed", "unreachable")
STATES = ("active", "gone", "disabled")
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LAG = (1, 2, 5, 10, 30, 60, 300, 1800, 7200)


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll, as far as it is counted."""

    outcome: str  # one of OUTCOMES
    seconds: float = 0.0
    new: int = 0
    changed: int = 0
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Gauges:
    """How things stand at this moment."""

    feeds: Mapping[str, int]  # by state
    failing: int
    overdue: float  # seconds that the feed longest due has waited
    polling: int
    queue: int  # polls that wait for their commit
    articles: int
    stories: int
    database: int  # bytes
    wal: int  # bytes


class Metrics:
    """Counts while it runs; all labels are there from the start, so that a rate begins at 0."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        at = self.registry
        self.polls = Counter("aggregator_polls", "Polls by outcome.", ["outcome"], registry=at)
        self.seconds = Histogram(
            "aggregator_poll_duration_seconds", "Time of one fetch.", buckets=_SECONDS, registry=at
        )
        self.lag = Histogram("aggregator_poll_lag_seconds", "How late polls begin.", buckets=_LAG, registry=at)
        self.articles = Counter("aggregator_articles", "Articles stored, by kind of change.", ["change"], registry=at)
        self.copies = Counter("aggregator_copies", "New articles recognised as copies.", registry=at)
        self.feeds = Gauge("aggregator_feeds", "Feeds by state.", ["state"], registry=at)
        self.failing = Gauge("aggregator_feeds_failing", "Active feeds whose last poll failed.", registry=at)
        self.overdue = Gauge("aggregator_overdue_seconds", "How long the feed longest due has waited.", registry=at)
        self.polling = Gauge("aggregator_polls_in_progress", "Feeds being polled now.", registry=at)
        self.queue = Gauge("aggregator_commit_queue", "Polls that wait to be written.", registry=at)
        self.stored = Gauge("aggregator_stored", "Rows in the database.", ["kind"], registry=at)
        self.bytes = Gauge(
            "aggregator_database_bytes", "Size of the database and of its write-ahead log.", ["file"], registry=at
        )
        self.ticked = Gauge(
            "aggregator_last_tick_timestamp_seconds", "When the daemon last looked at what is due.", registry=at
        )
        self.config_faults = Gauge(
            "aggregator_config_faults", "Faults of a feeds.yaml that is not in force.", registry=at
        )
        self.reloads = Counter(
            "aggregator_config_reloads", "Changes of feeds.yaml, by result.", ["result"], registry=at
        )
        Gauge("aggregator_info", "The program.", ["version"], registry=at).labels(version).set(1)
        for outcome in OUTCOMES:
            self.polls.labels(outcome)
        for change in ("new", "changed"):
            self.articles.labels(change)
        for result in ("in_force", "refused"):
            self.reloads.labels(result)
        self.show(Gauges({}, 0, 0.0, 0, 0, 0, 0, 0, 0))

    def polled(self, poll: Polled) -> None:
        """Counts a poll."""
        self.polls.labels(poll.outcome).inc()
        if poll.outcome != "unreachable":
            self.seconds.observe(poll.seconds)
        self.articles.labels("new").inc(poll.new)
        self.articles.labels("changed").inc(poll.changed)
        self.copies.inc(poll.copies)

    def begun(self, late: float) -> None:
        """A poll begins, so many seconds after its time."""
        self.lag.observe(max(0.0, late))

    def show(self, gauges: Gauges) -> None:
        """Sets all gauges."""
        for state in STATES:
            self.feeds.labels(state).set(gauges.feeds.get(state, 0))
        self.failing.set(gauges.failing)
        self.overdue.set(gauges.overdue)
        self.polling.set(gauges.polling)
        self.queue.set(gauges.queue)
        self.stored.labels("articles").set(gauges.articles)
        self.stored.labels("stories").set(gauges.stories)
        self.bytes.labels("database").set(gauges.database)
        self.bytes.labels("wal").set(gauges.wal)

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
