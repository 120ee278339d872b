"""One look at an address, nothing stored: what is there, and which feeds it names. For `add` and `check --online`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.clean.characters import line
from aggregator.config import Config
from aggregator.digest import Digest, Job
from aggregator.engine import Engine, Workers
from aggregator.errors import FetchError, ParseError
from aggregator.fetch import Client, client_for
from aggregator.model import Request, Response, Subscription
from aggregator.parse import FeedLink, candidates


@dataclass(frozen=True, slots=True)
class Visit:
    """What was found. Where `error` is None it is a feed; else `named` are the feeds that a web page names."""

    url: str  # the address to subscribe to: after permanent redirects
    seconds: float = 0.0
    error: str | None = None
    status: int | None = None
    title: str | None = None
    entries: int = 0
    newest: datetime | None = None
    undated: int = 0  # entries that do not say when they were published
    named: tuple[FeedLink, ...] = ()


async def visit(
    config: Config, subscriptions: Sequence[Subscription], heard: Callable[[Subscription, Visit], None] | None = None
) -> list[Visit]:
    """One polite look at each, side by side; `heard` is called as they come. Never raises for what is found there."""
    async with client_for(config) as client, Workers() as engine:

        async def one(subscription: Subscription) -> Visit:
            found = await _look(client, engine, config, subscription)
            if heard is not None:
                heard(subscription, found)
            return found

        return list(await asyncio.gather(*(one(subscription) for subscription in subscriptions)))


async def _look(client: Client, engine: Engine, config: Config, subscription: Subscription) -> Visit:
    fetch = config.fetch
    request = Request(
        subscription.url,
        headers=subscription.headers,
        timeout=fetch.timeout.total_seconds(),
        max_body=fetch.max_body,
    )
    async with client.slot(subscription.url) as turn:
        response = await client.get(request, turn)
        if isinstance(response, FetchError):
            return Visit(subscription.url, error=str(response), status=response.status)
        digest = await engine.run(Job(response, subscription))
    url = _moved_to(subscription.url, response)
    if isinstance(digest, ParseError):
        return Visit(url, response.seconds, str(digest), response.status, named=candidates(response))
    return _feed(url, response, digest)


def _feed(url: str, response: Response, digest: Digest) -> Visit:
    dates = [date for item in digest.items if (date := item.article.published or item.article.updated)]
    return Visit(
        url=url,
        seconds=response.seconds,
        status=response.status,
        title=line(digest.feed.title or "", 300) or None,
        entries=len(digest.guids),
        newest=max(dates, default=None),
        undated=len(digest.items) - len(dates),
    )


def _moved_to(url: str, response: Response) -> str:
    """Where the address has moved to for good (RFC 9110 §15.4.2, §15.4.9); a temporary redirect moves nothing."""
    for status, target in response.redirects:
        if status not in (301, 308):
            break
        url = target
    return url
