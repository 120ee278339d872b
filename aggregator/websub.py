"""WebSub (W3C) as a subscriber: hubs that feeds name are asked to tell us of news, and what they tell is verified.

    found ─▶ asked ─▶ verified ─▶ pushed …  renewed before the lease ends
             POST      GET         POST       (the hub's two come to /websub/<token> of server.public_url)

A push is only ever news that came early: polling goes on, once a day, and takes over where a hub fails.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, TypeVar
from urllib.parse import urljoin

from aggregator.config import Config
from aggregator.errors import FetchError
from aggregator.fetch import Client
from aggregator.model import Response
from aggregator.store import Hub, Store
from aggregator.terminal import printable

log = logging.getLogger("aggregator")

T = TypeVar("T")
Write = Callable[[Callable[[], T]], Awaitable[T]]

LEASE = timedelta(days=10)  # what we ask for; the hub decides
_LONGEST_LEASE = timedelta(days=90)
_LOOK = timedelta(minutes=1)  # between two looks for leases to renew
_METHODS = ("sha1", "sha256", "sha384", "sha512")
_HEAD = 30_000  # bytes of a document in which its links are looked for
_LINK = re.compile(r"<(?:[\w.-]{1,30}:)?link\b([^<>]{1,2000})>")
_ATTRIBUTE = re.compile(r"\b(rel|href)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def discover(response: Response) -> tuple[str, str] | None:
    """The (hub, topic) a feed names: Link fields first, then links in the document (WebSub §4). None without a hub."""
    links = [*_field_links(response), *_document_links(response.body)]
    hub = next((urljoin(response.url, href) for rel, href in links if "hub" in rel), None)
    topic = next((urljoin(response.url, href) for rel, href in links if "self" in rel), response.url)
    return (hub, topic) if hub is not None and re.match(r"https?://", hub) else None


def is_genuine(secret: str, body: bytes, signature: str | None) -> bool:
    """Whether a push carries the signature that only the hub can make (WebSub §7.1, X-Hub-Signature)."""
    method, _, given = (signature or "").strip().partition("=")
    if method.lower() not in _METHODS:
        return False
    made = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(made.encode(), given.strip().lower().encode())


def public_url(config: Config) -> str | None:
    """Where hubs reach us; None where they can't."""
    server = config.server
    return server.public_url.rstrip("/") + "/" if server.public_url and server.listen else None


class Subscriber:
    """Keeps the subscriptions. `client` gives the client in force, `base` our public address or None, `write` runs in
    the writer's thread, `deliver` takes what was pushed for a feed."""

    def __init__(
        self,
        store: Callable[[], Store],
        client: Callable[[], Client],
        base: Callable[[], str | None],
        deliver: Callable[[int, Response], Awaitable[None]],
        write: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._store = store
        self._client = client
        self._base = base
        self._deliver = deliver
        self._run = write
        self._next_look = datetime.min.replace(tzinfo=UTC)
        self._asking: asyncio.Task[None] | None = None

    def found(self, feed: int, where: tuple[str, str], now: datetime) -> None:
        """A document names a hub. Call in the writer's thread, inside its transaction."""
        self._store().hubs.found(feed, where, (secrets.token_urlsafe(24), secrets.token_urlsafe(32)), now)
        self._next_look = now

    def tick(self, now: datetime) -> None:
        """Asks hubs what has to be asked, beside everything else; returns at once."""
        if self._base() is None or now < self._next_look or (self._asking is not None and not self._asking.done()):
            return
        self._next_look = now + _LOOK
        self._asking = asyncio.create_task(self._ask(now))

    async def close(self) -> None:
        """Ends what is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def verify(self, token: str, query: Mapping[str, str], now: datetime) -> str | None:
        """What to answer to a hub's verification of intent (WebSub §5.3): the challenge, or None for 404."""
        hub: Hub | None = await self._change(lambda: self._store().hubs.by_token(token))
        mode, topic = query.get("hub.mode"), query.get("hub.topic")
        if hub is None or topic != hub.topic:
            return None
        if mode == "denied":
            reason = printable(query.get("hub.reason", "no reason given"))[:200]
            log.warning("the hub %s refuses %s: %s", printable(hub.hub), printable(hub.topic), reason)
            await self._change(lambda: self._store().hubs.denied(hub.feed, reason))
            return ""
        challenge = query.get("hub.challenge")
        if not challenge or mode != ("subscribe" if hub.wanted else "unsubscribe"):
            return None
        if hub.wanted:
            until = now + _lease(query.get("hub.lease_seconds"))
            await self._change(lambda: self._store().hubs.verified(hub.feed, until))
            log.info(
                "the hub %s pushes %s until %s", printable(hub.hub), printable(hub.topic), f"{until:%Y-%m-%d %H:%M}"
            )
        else:
            await self._change(lambda: self._store().hubs.drop(hub.feed))
        return challenge

    async def push(self, token: str, headers: Mapping[str, str], body: bytes) -> int:
        """Takes a push; gives the HTTP status to answer. One that is not genuine is not heard, and not told so (§7.1)."""
        hub: Hub | None = await self._change(lambda: self._store().hubs.by_token(token))
        if hub is None:
            return 404
        if not hub.wanted:
            return 410  # we no longer want it (§7)
        if is_genuine(hub.secret, body, headers.get("x-hub-signature")):
            fields = tuple((k, v) for k, v in headers.items() if k == "content-type")
            await self._deliver(hub.feed, Response(hub.topic, 200, fields, body))
        else:
            log.warning("a push for %s is not signed by its hub; not heard", printable(hub.topic))
        return 202

    async def _ask(self, now: datetime) -> None:
        hubs = await self._change(lambda: self._pending(now))
        await asyncio.gather(*(self._ask_one(hub) for hub in hubs))

    def _pending(self, now: datetime) -> list[Hub]:
        hubs = self._store().hubs
        pending = list(hubs.pending(now))
        for hub in pending:
            if not hub.wanted and (hub.lease_until is None or hub.lease_until < now):
                hubs.drop(hub.feed)  # it ended by itself
        hubs.asked([hub.feed for hub in pending], now)
        return [hub for hub in pending if hub.wanted or (hub.lease_until is not None and hub.lease_until >= now)]

    async def _ask_one(self, hub: Hub) -> None:
        form = [
            ("hub.mode", "subscribe" if hub.wanted else "unsubscribe"),
            ("hub.topic", hub.topic),
            ("hub.callback", urljoin(self._base() or "", f"websub/{hub.token}")),
            ("hub.lease_seconds", str(round(LEASE.total_seconds()))),
            ("hub.secret", hub.secret),
        ]
        answer = await self._client().post(hub.hub, form)
        if isinstance(answer, FetchError):
            log.warning("the hub %s can't be asked: %s; polling goes on", printable(hub.hub), printable(str(answer)))

    async def _change(self, function: Callable[[], T]) -> T:
        def work() -> T:
            with self._store().transaction():
                return function()

        result: T = await self._run(work)
        return result


def _lease(seconds: str | None) -> timedelta:
    if seconds is None or not re.fullmatch(r"[0-9]{1,9}", seconds):
        return LEASE
    return min(timedelta(seconds=int(seconds)), _LONGEST_LEASE)


def _field_links(response: Response) -> list[tuple[list[str], str]]:
    """(relations, address) of the Link fields (RFC 8288)."""
    links = []
    for href, parameters in re.findall(r"<([^<>]*)>([^<>]*)", (response.values("link") or "")[:10_000]):
        rel = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([\w.-]+))", parameters, re.I)
        if rel:
            links.append(((rel[1] or rel[2]).lower().split(), href.strip()))
    return links


def _document_links(body: bytes) -> list[tuple[list[str], str]]:
    """(relations, address) of the links of the feed itself, not of its entries."""
    if body.lstrip()[:1] == b"{":
        return _json_links(body)
    head = body[:_HEAD]
    if b"\x00" in head[:100]:
        head = head.replace(b"\x00", b"")  # UTF-16; the links are ASCII
    text = re.split(r"<(?:[\w.-]{1,30}:)?(?:item|entry)[\s>/]", head.decode("utf-8", "replace"), maxsplit=1)[0]
    links = []
    for attributes in _LINK.findall(text):
        found = {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(attributes)}
        if "href" in found:
            links.append((found.get("rel", "alternate").lower().split(), found["href"].strip()))
    return links


def _json_links(body: bytes) -> list[tuple[list[str], str]]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(data, dict):
        return []
    hubs = data.get("hubs") if isinstance(data.get("hubs"), list) else []
    found = [(["hub"], hub.get("url")) for hub in hubs or [] if isinstance(hub, dict)]
    return [(rel, url) for rel, url in [*found, (["self"], data.get("feed_url"))] if isinstance(url, str)]
