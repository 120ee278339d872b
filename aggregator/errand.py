"""One poll from the request to the digest: Errand -> Found. It needs no database, so it can be run on any machine.

    slot ─▶ rest? ─▶ get ─▶ our own? ─▶ the same as before? ─▶ digest ─▶ pages of articles

What is decided from it (when to look again, whether a move has held) and what is stored stays with the poller.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from aggregator import schedule
from aggregator.config import Config, is_own
from aggregator.digest import Digest, Job
from aggregator.digest import wishes as rules
from aggregator.errors import FetchError, ParseError
from aggregator.fetch import Client
from aggregator.model import Request, Response, Subscription
from aggregator.pages import Pages
from aggregator.publish import own
from aggregator.schedule import Wishes
from aggregator.store import Memory
from aggregator.websub import discover, public_url


@dataclass(frozen=True, slots=True)
class Errand:
    """One feed to ask for, and what is needed for that."""

    feed: int
    request: Request
    subscription: Subscription
    body_hash: bytes | None = None  # the mark of the last document


@dataclass(frozen=True, slots=True)
class Found:
    """What came of an errand, small enough to travel: the response is without its body."""

    at: datetime
    response: Response | FetchError | None = None  # None: not asked, see `rest`
    size: int = 0  # bytes of the body
    mark: bytes | None = None  # of the document and of all that decides what becomes of it
    digest: Digest | ParseError | None = None  # None: nothing new
    wishes: Wishes | None = None  # of a new document
    hub: tuple[str, str] | None = None  # the hub it names, and its topic there
    rest: datetime | None = None  # until when the host wants none of its feeds asked for (429)


class Runner:
    """Runs errands, side by side. `client` and `config` give those in force, `clock` the time.

    `digest` runs the pure stages, `recall` brings what is stored of feeds: it is asked only where a document is new.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        config: Callable[[], Config],
        digest: Callable[[Job], Awaitable[Digest | ParseError]],
        recall: Callable[[Sequence[int]], Awaitable[Sequence[Memory]]],
        clock: Callable[[], datetime],
    ) -> None:
        self.resting: dict[str, datetime] = {}  # hosts that said 429, and until when
        self.pages = Pages(client, lambda: config().fetch.timeout.total_seconds())
        self.config = config
        self.recall = recall
        self.clock = clock
        self._client = client
        self._digest = digest

    async def run(self, errand: Errand) -> Found:
        """Asks for the feed, and digests what is new. What server and document do is a value; raises for our faults."""
        url, config, client = errand.request.url, self.config(), self._client()
        async with client.slot(url) as turn:
            now, until = self.clock(), self.resting.get(host_of(url)) if self.resting else None
            if until is not None and now < until <= now + schedule.LONGEST:  # else the clock was set back since
                return Found(now, rest=until)
            response = await client.get(errand.request, turn)
            now = self.clock()
            if isinstance(response, FetchError):
                found = Found(now, response)
                self.heed(url, found)
                return found
            bare = dataclasses.replace(response, body=b"") if response.body else response
            found = Found(now, bare, len(response.body))
            if is_own(response.url, config.output, config.server) or (
                response.body and own.claims(response.body, config.site)
            ):
                return Found(now, FetchError("is our own output, which would echo for ever", 200))
            if response.status == 304:
                return found
            mark = _mark(response, errand.subscription)
            if mark == errand.body_hash:
                return found
            [memory] = await self.recall([errand.feed])
            job = job_for(response, errand.subscription, memory)
            digest = await self._digest(job)
        found = dataclasses.replace(found, mark=mark, digest=await self.completed(job, digest))
        if isinstance(found.digest, ParseError):
            return found
        hub = discover(response) if public_url(config) else None
        return dataclasses.replace(found, wishes=schedule.wishes(response.body), hub=hub)

    async def completed(self, job: Job, digest: Digest | ParseError) -> Digest | ParseError:
        """The digest with the pages of its articles read, where that is asked for and the feed has a summary only."""
        if isinstance(digest, ParseError) or not job.subscription.full_text:
            return digest
        found = await self.pages.get([item.article.url for item in digest.items if item.short])
        pages = {url: page for url, page in found.items() if isinstance(page, Response)}
        missing = [f"full text of {url}: {page}"[:300] for url, page in found.items() if isinstance(page, FetchError)]
        again = await self._digest(dataclasses.replace(job, pages=pages)) if pages else digest
        return again if isinstance(again, ParseError) else dataclasses.replace(again, flaws=(*again.flaws, *missing))

    def heed(self, url: str, found: Found) -> None:
        """Lets a host rest that says 429 (too many requests): that is meant for all of its feeds."""
        error = found.response
        if isinstance(error, FetchError) and error.status == 429 and error.retry_after is not None:
            self.resting[host_of(url)] = found.at + timedelta(seconds=error.retry_after)


@runtime_checkable
class Carrier(Protocol):
    """An engine that runs whole errands, not digests only: on other machines, as `runner` would do it here.

    `backlog` is set to say how many polls with news wait for the writer, so that it does not bring more than can be kept.
    """

    backlog: Callable[[], int]

    async def carry(self, runner: Runner, errand: Errand) -> Found: ...


def job_for(response: Response, subscription: Subscription, memory: Memory) -> Job:
    """What is to be digested, with what is known of the feed."""
    return Job(response, subscription, memory.hashes(), memory.sources(), memory.habits())


def host_of(url: str) -> str:
    """The host and port of an address, without a login."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _mark(response: Response, subscription: Subscription) -> bytes:
    """Of a body and all that decides what becomes of it: the same mark needs no second look."""
    return _of_rules(rules(subscription)) + hashlib.blake2b(response.body, digest_size=16).digest()


def is_under_other_rules(mark: bytes | None, subscription: Subscription) -> bool:
    """Whether the operator has changed what becomes of a feed since its last document, which a 304 would not bring."""
    return mark is not None and not mark.startswith(_of_rules(rules(subscription)))


@functools.lru_cache(1000)  # each poll asks, and most feeds have the same
def _of_rules(wanted: tuple[object, ...]) -> bytes:
    return hashlib.blake2b(repr(wanted).encode(), digest_size=6).digest()
