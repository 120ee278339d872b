"""The writer: all that is done to the file, in the one thread that touches it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from aggregator.app.poll import Poll
from aggregator.config import Config
from aggregator.corrections import Corrector
from aggregator.digest import subject_of
from aggregator.errors import FetchError, StoreError
from aggregator.filters import Filter
from aggregator.model import Subscription
from aggregator.replay import Replay, replay
from aggregator.schedule.ages import Ages
from aggregator.store import Due, Expired, Outcome, Read, Store, open_writer, renewal
from aggregator.stories import Editor

T = TypeVar("T")

LEARNED_AT_ONCE = 20_000  # hashes of the index that are read in one go after the start: 5 to 10 ms
TAGGED_AT_ONCE = 500  # stored articles that are judged in one go after the tag rules have changed
POLLS_KEPT = timedelta(days=30)  # rows of `fetches`
_BACKLOG = 10  # stories of a feed added later that may enter the merged feed at once, or a fifth of it
_NOT_STORABLE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    ValueError,
    OverflowError,
)  # what is in the poll, not in the file

Failed = Callable[[Due, FetchError, datetime], Outcome]  # a poll that brought nothing, and why
Found = Callable[[int, tuple[str, str], datetime], None]  # a feed has named a hub and its topic there


class Writer:
    """The database, open for as long as this is; all methods but `do` and `close` are for its thread: `await do(method)`.

    `failed` says how a poll goes on that could not be stored, `found` hears of hubs.
    """

    store: Store

    def __init__(self, config: Config, failed: Failed, found: Found) -> None:
        self.config = config
        self.ages = Ages()  # by which retention judges
        self.faults: list[str] = []  # what could not be done, since last asked
        self._failed = failed
        self._found = found
        self._thread = ThreadPoolExecutor(1, "writer")  # SQLite's one writer; commits must not hold the loop up
        self._opened = contextlib.ExitStack()
        self._by_id: dict[int, Subscription] = {}
        self._file: tuple[int, int] | None = None  # which file that is
        self._stranger: tuple[int, int] | None = None  # the one that stood under its name at the last look

    async def do(self, function: Callable[..., T], *args: object) -> T:
        """Runs something in the thread. Raises StoreError."""

        def work() -> T:
            try:
                return function(*args)
            except sqlite3.Error as error:
                damaged = not isinstance(error, sqlite3.OperationalError)  # else it is locked, full, or the like
                hint = " (`aggregator healthcheck --deep` says more)" if damaged else ""
                raise StoreError(f"can't write {self.config.database}: {error}{hint}") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Closes the database and ends the thread."""
        try:
            await self.do(self._opened.close)
        finally:
            self._thread.shutdown()

    def open(self, now: datetime) -> None:
        """Opens the database, anew where it is open. Raises StoreError."""
        self._file = None
        self._opened.close()
        path = self.config.database
        self.store = Store(self._opened.enter_context(open_writer(path)))
        self._file = self._stranger = _identity(path)
        self.ages = Ages(self.store.feeds.last_polled(), time.monotonic())
        self.sync(now)
        self._renew(now, renewal.AT_ONCE)

    def is_replaced(self) -> bool:
        """Whether another file stands under the database's name, and did so at the last look."""
        found = _identity(self.config.database)
        if found == self._file and self._file is not None:
            return False
        if self._file is not None and found != self._stranger:
            self._stranger = found
            return False
        return True

    def sync(self, now: datetime) -> None:
        """Puts the configuration's feeds, tags and intervals in force."""
        feeds = {subscription.url: subscription for subscription in self.config.feeds}
        with self.store.transaction():
            self.store.feeds.sync(self.config.feeds, now)
            self.store.tags.of_feeds({url: subscription.tags for url, subscription in feeds.items()})
            self.store.tags.begin(self.config.tag_filters())
        self.tag()  # at once those that the merged feeds show, the older ones with the ticks
        self.rewind(now)
        self._by_id = {feed: feeds[url] for url, feed in self.store.feeds.numbers().items() if url in feeds}

    def rewind(self, now: datetime) -> None:
        """Lets no feed wait longer than its interval: for a clock that was set back, or an interval made shorter."""
        with self.store.transaction():
            self.store.feeds.rewind(
                {subscription.url: subscription.interval for subscription in self.config.feeds}, now
            )

    def forgive(self, feeds: tuple[int, ...], soon: datetime) -> None:
        """Takes failures back that were nobody's fault."""
        with self.store.transaction():
            self.store.feeds.forgive(feeds, soon)

    def commit(self, outcomes: Sequence[Outcome]) -> list[Poll]:
        """A batch of polls in one transaction. One that can't be stored is a recorded failure beside its neighbours."""
        whole = self.store.batch if any(outcome.items for outcome in outcomes) else self.store.transaction
        try:
            with whole():
                self.store.feeds.record_quiet([outcome for outcome in outcomes if self._is_quiet(outcome)])
                return [_quiet(outcome) if self._is_quiet(outcome) else self._commit(outcome) for outcome in outcomes]
        except _NOT_STORABLE:
            # Seldom enough to be told apart only now: a savepoint for each poll would copy each page that it changes.
            with whole():
                return [self._commit_safely(outcome) for outcome in outcomes]

    def _is_quiet(self, outcome: Outcome) -> bool:
        return outcome.is_quiet and not self._is_anothers(outcome.due)

    def _is_anothers(self, due: Due) -> bool:
        """Whether the database was replaced while a poll was under way, and its number is another feed's in it."""
        return due.feed in self._by_id and self._by_id[due.feed].url != due.configured_url

    def _commit_safely(self, outcome: Outcome) -> Poll:
        """One poll, or that it could not be stored."""
        try:
            with self.store.part():
                return self._commit(outcome)
        except _NOT_STORABLE as error:
            reason = FetchError(f"could not be stored: {error}", outcome.status)
            return self._commit(self._failed(outcome.due, reason, outcome.at))

    def _commit(self, outcome: Outcome) -> Poll:
        feed, now = outcome.due.feed, outcome.at
        if self._is_anothers(outcome.due):
            return Poll(
                outcome.due.title, outcome.due.url, outcome.status, error="not stored: the database is another one"
            )
        wanted = self.store.retention.wanted(feed, outcome.items, self._kept_since(self._aged(now)))
        taken = self._editor().take(feed, wanted, outcome.guids, now)
        counts = Counter(saved.change for saved in taken)
        articles = [saved.article for saved in taken if saved.change == "new"]
        rules = self.config.tag_filters()
        for saved, item in zip(taken, wanted, strict=True) if rules else ():
            if saved.change != "same":
                self.store.tags.judge(saved.article, subject_of(item.article), rules)
        self._complain(rules)
        if outcome.feed is not None:
            self.store.entries.hold(feed, articles, max(_BACKLOG, self.config.output.items // 5))
        title = self.store.feeds.record(outcome, counts["new"], counts["changed"])
        if outcome.hub is not None:
            self._found(feed, outcome.hub, now)
        return Poll(
            feed=title,
            url=outcome.due.url,
            status=outcome.status,
            new=counts["new"],
            changed=counts["changed"],
            copies=Read(self.store.connection).copies_among(articles),
            error=outcome.error,
            excused=outcome.excused,
            seconds=outcome.seconds,
            articles=array("q", articles) if articles else (),  # held to the end of the pass: a quarter of a tuple
        )

    def correct(self, now: datetime, kind: str, a: int, b: int, undo: bool) -> bool:
        """What a person says of articles; gives whether it did anything."""
        with self.store.transaction():
            return Corrector(self._editor()).carry_out(kind, a, b, undo, now)

    def carry_out_requests(self, now: datetime) -> bool:
        """What people have asked for through the file; gives whether it did anything."""
        if not self.store.corrections.is_asked():
            return False
        with self.store.transaction():
            corrector = Corrector(self._editor())
            done = [corrector.carry_out(*request, now) for request in self.store.corrections.requests()]
            return any(done)

    def replay(self, now: datetime, threshold: float | None) -> Replay:
        """Runs today's rules over the whole history; `threshold` stands in for the configured one."""
        settings = self.config.dedupe
        if threshold is not None:
            settings = dataclasses.replace(settings, threshold=threshold)
        with self.store.transaction():
            self.store.tags.again()
            return replay(self.store, settings, self._by_id, now)

    def upkeep(self, now: datetime) -> tuple[Expired, int]:
        """One short step of retention; gives what was removed, and how much else was done that may not be all."""
        now = self._aged(now)
        retention, before = self.store.retention, self._kept_since(now)
        with self.store.transaction():
            stories, articles = retention.prune(before, now) if before else (0, 0)
        with self.store.transaction():
            polls = retention.prune_polls(now - POLLS_KEPT)
        with self.store.transaction():
            self.store.sweep(now - self.config.dedupe.window)
        more = self._renew(now, renewal.STEP) + self.store.learn(LEARNED_AT_ONCE) + retention.shrink()
        return Expired(stories, articles, polls), more

    def tag(self) -> bool:
        """Judges some of the articles that other tag rules were in force for."""
        if self.store.tags.left <= 1:
            return False
        rules = self.config.tag_filters()
        with self.store.transaction():
            changed = self.store.tags.step(rules, TAGGED_AT_ONCE)
        self._complain(rules)
        return changed

    def _editor(self) -> Editor:
        return Editor(self.store, self.config.dedupe, self._by_id)

    def _renew(self, now: datetime, most: int) -> int:
        with self.store.transaction():
            return self.store.renew(now - self.config.dedupe.window, most)

    def _aged(self, now: datetime) -> datetime:
        """The time to judge age by. Ask with what the clock shows: an answer asked about again would end the doubt."""
        return self.ages.now(now, time.monotonic())

    def _kept_since(self, aged: datetime) -> datetime | None:
        keep = self.config.retention.keep
        return None if keep == "forever" else aged - keep

    def _complain(self, rules: dict[str, Filter]) -> None:
        self.faults += [f"tag {name!r}: {flaw}" for name, rule in rules.items() for flaw in rule.flaws]


def _quiet(outcome: Outcome) -> Poll:
    return Poll(outcome.due.title, outcome.due.url, outcome.status, seconds=outcome.seconds)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands under a name."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
