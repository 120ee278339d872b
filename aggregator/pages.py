"""The pages of articles, fetched one after the other: same client and guard as for feeds, robots.txt respected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from aggregator.errors import FetchError
from aggregator.fetch import Client
from aggregator.model import Request, Response

MOST = 20  # pages of one poll
AT_ONCE = 4  # pages of all polls
_MAX_PAGE = 2 * 2**20  # bytes
_MAX_ROBOTS = 512 * 2**10  # bytes; RFC 9309 §2.5 asks for no more
_HOSTS_KNOWN = 1000
_NAME = "aggregator"  # what robots.txt may call us


class Pages:
    """Fetches pages of articles; knows what each site's robots.txt says (RFC 9309)."""

    def __init__(self, client: Callable[[], Client], timeout: Callable[[], float]) -> None:
        self._client = client
        self._timeout = timeout  # seconds, for each page
        self._queue = asyncio.Semaphore(AT_ONCE)
        self._robots: dict[str, RobotFileParser] = {}

    async def get(self, urls: Sequence[str]) -> dict[str, Response | FetchError]:
        """The pages at these addresses, or why one could not be had. Never raises for what a server does."""
        wanted = list(dict.fromkeys(urls))[:MOST]
        return dict(zip(wanted, await asyncio.gather(*map(self._page, wanted)), strict=True))

    async def _page(self, url: str) -> Response | FetchError:
        async with self._queue:
            robots = await self._rules(url)
            if not robots.can_fetch(_NAME, url):
                return FetchError("robots.txt does not allow it")
            page = await self._fetch(url, _MAX_PAGE)
        if isinstance(page, Response) and "html" not in (page.header("content-type") or "html"):
            return FetchError(f"is no web page but {page.header('content-type')}", page.status)
        return page

    async def _rules(self, url: str) -> RobotFileParser:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        known = self._robots.get(origin)
        if known is not None:
            return known
        answer = await self._fetch(urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", "")), _MAX_ROBOTS)
        rules = RobotFileParser()
        if isinstance(answer, Response):
            rules.parse(answer.body.decode("utf-8", "replace").splitlines())
        elif answer.status is not None and 400 <= answer.status < 500:
            rules.parse([])  # "unavailable": everything is allowed (RFC 9309 §2.3.1.3)
        else:
            # "Unreachable": nothing is allowed (§2.3.1.4); asked again for the next article.
            rules.parse(["User-agent: *", "Disallow: /"])
            return rules
        if len(self._robots) >= _HOSTS_KNOWN:
            self._robots.pop(next(iter(self._robots)))
        self._robots[origin] = rules
        return rules

    async def _fetch(self, url: str, most: int) -> Response | FetchError:
        client = self._client()  # another after a change of the configuration
        async with client.slot(url) as turn:
            return await client.get(Request(url, timeout=self._timeout(), max_body=most), turn)
