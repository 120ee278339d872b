"""One poll up to its commit: Due -> Outcome. It asks the store and writes nothing; failures are values."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from aggregator import schedule
from aggregator.config import Config
from aggregator.digest import Digest
from aggregator.engine import Engine
from aggregator.errand import Carrier, Errand, Found, Runner, host_of, is_under_other_rules, job_for
from aggregator.errors import FetchError, ParseError
from aggregator.fetch import Client
from aggregator.model import Request, Response, Subscription
from aggregator.schedule import Signals, Wishes
from aggregator.schedule.moves import Move, is_lasting
from aggregator.schedule.network import Network
from aggregator.store import Due, Memory, Outcome, Store

T = TypeVar("T")


class Ask(Protocol):
    """Puts a question to the store, in the thread where alone the database is touched."""

    def __call__(self, question: Callable[[Store], T]) -> Awaitable[T]: ...


class Poller:
    """Fetches, digests and schedules; `configure` it before the first poll. `clock` gives the time."""

    config: Config
    client: Client

    def __init__(self, engine: Engine, clock: Callable[[], datetime], ask: Ask) -> None:
        self.network = Network()
        self.subscriptions: dict[str, Subscription] = {}  # by configured URL
        self._engine = engine
        self._clock = clock
        self._ask = ask
        self._runner = Runner(lambda: self.client, lambda: self.config, engine.run, self._recall, clock)
        self._run = partial(engine.carry, self._runner) if isinstance(engine, Carrier) else self._runner.run
        self._dice = random.Random()  # noqa: S311 - jitter is no secret

    def configure(self, config: Config) -> None:
        """Puts a configuration in force; polls under way end as they began."""
        self.config = config
        self.subscriptions = {subscription.url: subscription for subscription in config.feeds}

    async def poll(self, due: Due) -> tuple[Outcome, bool]:
        """One poll up to its commit, and whether the server was out of reach. Never raises: neighbours go on."""
        try:
            return await self._poll(due)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one feed must not cost the others
            words = f"{type(error).__name__}: {error} (this should not happen)"
            return self.failed(due, FetchError(words[:300]), self._clock()), False

    async def _poll(self, due: Due) -> tuple[Outcome, bool]:
        subscription = self._of(due)
        fetch = self.config.fetch
        if is_under_other_rules(due.body_hash, subscription):
            due = dataclasses.replace(due, etag=None, last_modified=None)
        request = Request(
            due.url, due.etag, due.last_modified, subscription.headers, fetch.timeout.total_seconds(), fetch.max_body,
            due.validators_url,
        )  # fmt: skip
        found = await self._run(Errand(due.feed, request, subscription, due.body_hash))
        response, now, digest = found.response, found.at, found.digest
        if response is None:
            return self._rested(due, found), False
        if isinstance(response, FetchError):
            return self.failed(due, response, now), response.unreachable
        if isinstance(digest, ParseError):
            failed = self.failed(due, FetchError(str(digest), response.status), now)
            return dataclasses.replace(failed, bytes=found.size, seconds=response.seconds), False
        signals = Signals(
            fresh_for=schedule.fresh_for(response, now),
            ttl=due.ttl if digest is None else digest.feed.ttl,
            wishes=due.wishes if digest is None else found.wishes or Wishes(),
            pushed=due.pushed_until is not None and due.pushed_until > now,
        )
        if self._of(due).adaptive:
            signals = await self._learned(signals, due, digest, now)
        next_poll, not_before = self._when(due, signals, now)
        etag, last_modified = _validators(due, response)
        move = due.move.then(due.url, response.redirects)
        outcome = Outcome(
            due=due,
            at=now,
            next_poll=next_poll,
            not_before=not_before,
            status=response.status,
            etag=etag,
            last_modified=last_modified,
            validators_url=response.url,
            bytes=found.size,
            seconds=response.seconds,
            move=Move() if move.held else move,
            url=move.to if move.held else None,
        )
        if digest is None:
            return outcome, False
        outcome = dataclasses.replace(
            outcome, feed=digest.feed, items=digest.items, guids=digest.guids, flaws=digest.flaws, body_hash=found.mark,
            wishes=found.wishes, hub=found.hub, sources=digest.sources,
        )  # fmt: skip
        if not digest.feed.complete:
            # A document that broke off is asked for again: what is missing would hide behind a 304.
            outcome = dataclasses.replace(outcome, etag=None, last_modified=None, body_hash=None)
        return outcome, False

    async def pushed(self, due: Due, response: Response) -> Outcome | ParseError:
        """What a hub has pushed for a feed: a document with its newest entries, or all. No poll."""
        now = self._clock()
        if len(response.body) > self.config.fetch.max_body:
            return ParseError("it is larger than fetch.max_body")
        [memory] = await self._recall([due.feed])
        job = job_for(dataclasses.replace(response, url=due.url), self._of(due), memory)
        digest = await self._runner.completed(job, await self._engine.run(job))
        if isinstance(digest, ParseError):
            return digest
        # Neither validators nor what a feed asks for: these are the document's at its own address.
        outcome = Outcome(
            due=due, at=now, next_poll=now, status=None, feed=digest.feed, items=digest.items, guids=digest.guids,
            flaws=digest.flaws, body_hash=due.body_hash, etag=due.etag, last_modified=due.last_modified,
            validators_url=due.validators_url, bytes=len(response.body), move=due.move, by_push=True,
            sources={**job.sources, **digest.sources},
        )  # fmt: skip
        return self._scheduled(outcome, Signals(ttl=due.ttl, wishes=due.wishes, pushed=True))

    async def _recall(self, feeds: Sequence[int]) -> list[Memory]:
        return await self._ask(lambda store: [store.feeds.recall(feed) for feed in feeds])

    def failed(self, due: Due, error: FetchError, now: datetime) -> Outcome:
        """A poll that brought nothing, and why."""
        wait = None if error.retry_after is None else timedelta(seconds=error.retry_after)
        # An address that a redirect led us to is left again when it fails; the operator's own is never given up.
        strayed = due.url != due.configured_url and not _is_passing(error.status)
        gone = error.status == 410 and not strayed and is_lasting(error.redirects)
        words = str(error)
        if strayed:
            words += f"; next time {due.configured_url} is asked again"
        elif gone:
            words += ": its publisher has ended this feed; it is not polled any more"
        outcome = Outcome(
            due=due,
            at=now,
            next_poll=now,
            status=error.status,
            error=words,
            gone=gone,
            url=due.configured_url if strayed else None,
        )
        return self._scheduled(outcome, Signals(due.failures + 1, wait, wishes=due.wishes))

    def excused(self, outcome: Outcome) -> Outcome:
        """A poll that failed because nobody can be reached."""
        down = Signals(network_down=True, outage=self.network.since(outcome.at))
        return self._scheduled(dataclasses.replace(outcome, excused=True, url=None), down)

    def _rested(self, due: Due, found: Found) -> Outcome:
        """Not asked at all: the host has said 429 to another feed's poll, and that was meant for all of them."""
        now, until = found.at, found.rest or found.at
        spread = self._of(due).interval * self._of(due).jitter * self._dice.random()
        words = (
            f"not asked: {host_of(due.url)} has said 429 (too many requests) and wants rest until {until:%H:%M:%S} UTC"
        )
        return Outcome(due, now, until + spread, None, words, excused=True, move=due.move)

    async def _learned(self, signals: Signals, due: Due, digest: Digest | None, now: datetime) -> Signals:
        """With the feed's own rhythm, which `adaptive` asks for."""
        dates = await self._ask(lambda store: store.feeds.dates(due.feed))
        items = () if digest is None else digest.items
        dates += [item.article.published for item in items if item.article.published is not None]
        return dataclasses.replace(signals, rhythm=schedule.rhythm(dates, now))

    def _scheduled(self, outcome: Outcome, signals: Signals) -> Outcome:
        next_poll, not_before = self._when(outcome.due, signals, outcome.at)
        return dataclasses.replace(outcome, next_poll=next_poll, not_before=not_before)

    def _when(self, due: Due, signals: Signals, now: datetime) -> tuple[datetime, datetime | None]:
        """The next poll, and when it would be if the interval were none."""
        next_poll = schedule.next_poll(self._of(due), signals, now, self._dice.random())
        return next_poll, schedule.not_before(signals, now)

    def _of(self, due: Due) -> Subscription:
        """What feeds.yaml says of a feed; it may have been taken out while the poll was under way."""
        return self.subscriptions.get(due.configured_url) or Subscription(due.configured_url)


def _validators(due: Due, response: Response) -> tuple[str | None, str | None]:
    """ETag and Last-Modified of the document we now have, as they came.

    A 304 may freshen those of the document it speaks of (RFC 9111 §4.3.4); with another ETag it speaks of one that never
    came, and keeping that ETag would mean never to see the document.
    """
    etag, modified = response.header("etag") or None, response.header("last-modified") or None
    if response.status != 304:
        return etag, modified
    if etag is not None and etag.removeprefix("W/") != (due.etag or "").removeprefix("W/"):
        return due.etag, due.last_modified
    return etag or due.etag, modified or due.last_modified


def _is_passing(status: int | None) -> bool:
    """Whether a failure says nothing about the address: the server is busy or broken."""
    return status is not None and (status == 429 or status >= 500)
