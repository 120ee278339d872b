"""One poll up to its commit: Due -> Outcome. It asks the store and writes nothing; failures are values."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from aggregator import schedule
from aggregator.clean import Habits, fulltext
from aggregator.config import Config, is_own
from aggregator.digest import Digest, Job
from aggregator.digest import wishes as rules
from aggregator.engine import Engine
from aggregator.errors import FetchError, ParseError
from aggregator.fetch import Client
from aggregator.model import Request, Response, Subscription
from aggregator.pages import Pages
from aggregator.parse import Seen
from aggregator.publish import own
from aggregator.schedule import Signals, Wishes
from aggregator.schedule.moves import Move, is_lasting
from aggregator.schedule.network import Network
from aggregator.store import Due, Outcome, Store
from aggregator.websub import discover, public_url

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
        self._pages = Pages(lambda: self.client, lambda: self.config.fetch.timeout.total_seconds())
        self._resting: dict[str, datetime] = {}  # hosts that said 429, and until when
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
        request = Request(
            due.url, due.etag, due.last_modified, subscription.headers, fetch.timeout.total_seconds(), fetch.max_body,
            due.validators_url,
        )  # fmt: skip
        async with self.client.slot(due.url) as turn:
            now, until = self._clock(), self._resting.get(_host(due.url))
            if until is not None and now < until <= now + schedule.LONGEST:  # else the clock was set back since
                return self._rested(due, until), False
            response = await self.client.get(request, turn)
            now = self._clock()
            if isinstance(response, FetchError):
                return self.failed(due, response, now), response.unreachable
            etag, last_modified = _validators(due, response)
            move = due.move.then(due.url, response.redirects)
            outcome = Outcome(
                due=due,
                at=now,
                next_poll=now,
                status=response.status,
                etag=etag,
                last_modified=last_modified,
                validators_url=response.url,
                bytes=len(response.body),
                seconds=response.seconds,
                move=Move() if move.held else move,
                url=move.to if move.held else None,
            )
            signals = Signals(
                fresh_for=schedule.fresh_for(response, now),
                ttl=due.ttl,
                wishes=due.wishes,
                pushed=due.pushed_until is not None and due.pushed_until > now,
            )
            if is_own(response.url, self.config.output, self.config.server) or own.claims(
                response.body, self.config.site
            ):
                return self.failed(due, FetchError("is our own output, which would echo for ever", 200), now), False
            mark = _mark(response, subscription)
            if response.status == 304 or mark == due.body_hash:
                return self._scheduled(outcome, await self._learned(signals, outcome)), False
            job = await self._job(due, response)
            digest = await self._engine.run(job)
        digest = await self._completed(job, digest)
        if isinstance(digest, ParseError):
            failed = self.failed(due, FetchError(str(digest), response.status), now)
            return dataclasses.replace(failed, bytes=len(response.body), seconds=response.seconds), False
        outcome = dataclasses.replace(
            outcome, feed=digest.feed, items=digest.items, guids=digest.guids, flaws=digest.flaws, body_hash=mark,
            wishes=schedule.wishes(response.body), hub=discover(response) if public_url(self.config) else None,
            sources=digest.sources,
        )  # fmt: skip
        if not digest.feed.complete:
            # A document that broke off is asked for again: what is missing would hide behind a 304.
            outcome = dataclasses.replace(outcome, etag=None, last_modified=None, body_hash=None)
        signals = dataclasses.replace(signals, ttl=digest.feed.ttl, wishes=outcome.wishes or Wishes())
        return self._scheduled(outcome, await self._learned(signals, outcome)), False

    async def pushed(self, due: Due, response: Response) -> Outcome | ParseError:
        """What a hub has pushed for a feed: a document with its newest entries, or all. No poll."""
        now = self._clock()
        if len(response.body) > self.config.fetch.max_body:
            return ParseError("it is larger than fetch.max_body")
        job = await self._job(due, dataclasses.replace(response, url=due.url))
        digest = await self._completed(job, await self._engine.run(job))
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

    async def _job(self, due: Due, response: Response) -> Job:
        def question(store: Store) -> tuple[frozenset[bytes], Mapping[bytes, Seen], Habits]:
            return (
                store.feeds.known_hashes(due.feed),
                store.feeds.known_sources(due.feed),
                store.articles.habits(due.feed),
            )

        return Job(response, self._of(due), *await self._ask(question))

    async def _completed(self, job: Job, digest: Digest | ParseError) -> Digest | ParseError:
        """The digest with the pages of its articles read, where that is asked for and the feed has a summary only."""
        if isinstance(digest, ParseError) or not job.subscription.full_text:
            return digest
        found = await self._pages.get([item.article.url for item in digest.items if fulltext.is_short(item.entry)])
        pages = {url: page for url, page in found.items() if isinstance(page, Response)}
        missing = [f"full text of {url}: {page}"[:300] for url, page in found.items() if isinstance(page, FetchError)]
        again = await self._engine.run(dataclasses.replace(job, pages=pages)) if pages else digest
        return again if isinstance(again, ParseError) else dataclasses.replace(again, flaws=(*again.flaws, *missing))

    def failed(self, due: Due, error: FetchError, now: datetime) -> Outcome:
        """A poll that brought nothing, and why."""
        wait = None if error.retry_after is None else timedelta(seconds=error.retry_after)
        if error.status == 429 and wait is not None:
            self._resting[_host(due.url)] = now + wait
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

    def _rested(self, due: Due, until: datetime) -> Outcome:
        """Not asked at all: the host has said 429 to another feed's poll, and that was meant for all of them."""
        now = self._clock()
        spread = self._of(due).interval * self._of(due).jitter * self._dice.random()
        words = (
            f"not asked: {_host(due.url)} has said 429 (too many requests) and wants rest until {until:%H:%M:%S} UTC"
        )
        return Outcome(due, now, until + spread, None, words, excused=True, move=due.move)

    async def _learned(self, signals: Signals, outcome: Outcome) -> Signals:
        """With the feed's own rhythm, where `adaptive` asks for it."""
        if not self._of(outcome.due).adaptive:
            return signals
        dates = await self._ask(lambda store: store.feeds.dates(outcome.due.feed))
        dates += [item.article.published for item in outcome.items if item.article.published is not None]
        return dataclasses.replace(signals, rhythm=schedule.rhythm(dates, outcome.at))

    def _scheduled(self, outcome: Outcome, signals: Signals) -> Outcome:
        subscription = self._of(outcome.due)
        after = schedule.next_poll(subscription, signals, outcome.at, self._dice.random())
        return dataclasses.replace(outcome, next_poll=after, not_before=schedule.not_before(signals, outcome.at))

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


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _mark(response: Response, subscription: Subscription) -> bytes:
    """Of a body and all that decides what becomes of it: the same mark needs no second look."""
    return hashlib.blake2b(repr(rules(subscription)).encode() + b"\x1f" + response.body, digest_size=16).digest()
