"""A farm of feeds on loopback that is never the bottleneck: documents rendered and zipped before they are asked for.

    python -m bench.farm FEEDS [--tls CERTIFICATE] [--hosts N] -> prints its port, then answers until stdin closes

It answers on the loopback addresses 127.0.0.1 to 127.0.0.N.

A feed's document depends on its number and the farm's round only. Rounds are set by commands on stdin:

    round N MODE    MODE is steady (ETag honoured; one feed in twenty has a new entry each round) or dumb (no validators,
                    the same bytes again)
    log             prints as JSON: answers by status, feeds asked for, bytes sent; and forgets them
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import ssl
import sys
from collections import Counter
from html import escape

from bench.words import words

ENTRIES = 25
CHANGING = 20  # one feed in so many has a new entry in a round


class Farm:
    """The documents. Formats go round: RSS 2.0, Atom, RSS 1.0; every tenth feed carries its neighbour's articles."""

    def __init__(self, feeds: int) -> None:
        self.feeds = feeds
        self.round = 0
        self.honest = True
        self.cache: dict[tuple[int, int], bytes] = {}
        self.statuses: Counter[int] = Counter()
        self.asked: set[int] = set()
        self.sent = 0

    def version(self, feed: int) -> int:
        """How often the feed has changed up to now."""
        return (self.round + feed % CHANGING) // CHANGING if self.honest else 0

    def answer(self, feed: int, none_match: bytes | None) -> bytes:
        """The whole response, head and body."""
        version = self.version(feed)
        tag = f'"{feed}-{version}"'.encode()
        self.asked.add(feed)
        if self.honest and none_match == tag:
            self.statuses[304] += 1
            return b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\nETag: " + tag + b"\r\n\r\n"
        body = self.cache.get((feed, version))
        if body is None:
            body = self.cache[feed, version] = gzip.compress(self.document(feed, version), 6)
        self.statuses[200] += 1
        self.sent += len(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
        if self.honest:
            head += b"ETag: " + tag + b"\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def document(self, feed: int, version: int) -> bytes:
        """About 52 KB with 25 entries, the newest first."""
        numbers = range(version + ENTRIES - 1, version - 1, -1)
        source = feed - 1 if feed % 10 == 9 else feed
        return _FORMATS[feed % 3](feed, [(number, *article(source, number)) for number in numbers]).encode()


def article(feed: int, number: int) -> tuple[str, str]:
    """A title and about 1.9 KB of HTML that no other article has."""
    dice = random.Random(feed * 1_000_003 + number)
    text = words(dice, 208)
    title = " ".join(text[:9]).capitalize()
    paragraphs = "".join(f"<p>{' '.join(text[at : at + 52]).capitalize()}.</p>" for at in range(0, 208, 52))
    link = f'<p><a href="https://site{feed}.example/more/{number}?utm_source=rss">More</a> '
    return title, f'{paragraphs}{link}<img src="https://site{feed}.example/{number}.jpg" width="640" height="400"></p>'


def _date(feed: int, number: int) -> tuple[int, int, int]:
    minutes = number * 37 + feed % 60
    return 1 + minutes // 1440 % 28, minutes // 60 % 24, minutes % 60


def _rss(feed: int, articles: list[tuple[int, str, str]]) -> str:
    items = "".join(
        f"<item><title>{escape(title)}</title><link>https://site{feed}.example/{number}</link>"
        f"<guid isPermaLink='false'>site{feed}-{number}</guid>"
        "<pubDate>{:02} Nov 2026 {:02}:{:02}:00 GMT</pubDate>".format(*_date(feed, number))
        + f"<description>{escape(html)}</description></item>\n"
        for number, title, html in articles
    )
    head = f"<title>Site {feed}</title><link>https://site{feed}.example/</link><description>All of it</description>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>{head}\n{items}</channel></rss>\n'


def _atom(feed: int, articles: list[tuple[int, str, str]]) -> str:
    entries = "".join(
        f"<entry><id>tag:site{feed}.example,2026:{number}</id><title>{escape(title)}</title>"
        f'<link href="https://site{feed}.example/{number}"/>'
        "<updated>2026-11-{:02}T{:02}:{:02}:00Z</updated>".format(*_date(feed, number))
        + f'<author><name>Desk {feed % 7}</name></author><content type="html">{escape(html)}</content></entry>\n'
        for number, title, html in articles
    )
    head = f"<id>tag:site{feed}.example,2026:feed</id><title>Site {feed}</title><updated>2026-11-01T00:00:00Z</updated>"
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">{head}\n{entries}</feed>\n'
    )


def _rdf(feed: int, articles: list[tuple[int, str, str]]) -> str:
    items = "".join(
        f'<item rdf:about="https://site{feed}.example/{number}"><title>{escape(title)}</title>'
        f"<link>https://site{feed}.example/{number}</link>"
        "<dc:date>2026-11-{:02}T{:02}:{:02}:00Z</dc:date>".format(*_date(feed, number))
        + f"<description>{escape(html)}</description></item>\n"
        for number, title, html in articles
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF xmlns="http://purl.org/rss/1.0/" '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="https://site{feed}.example/"><title>Site {feed}</title><link>https://site{feed}.example/'
        f"</link><description>All of it</description></channel>\n{items}</rdf:RDF>\n"
    )


_FORMATS = (_rss, _atom, _rdf)


class Connection(asyncio.Protocol):
    """As little HTTP/1.1 as a client needs. Paths are /<feed>.

    Each answer ends its connection: feeds are of many sites, and none of these is asked twice within a minute.
    """

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        while b"\r\n\r\n" in self.held:
            head, _, self.held = self.held.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            fields = (line.partition(b":") for line in lines[1:])
            none_match = next((value.strip() for name, _, value in fields if name.lower() == b"if-none-match"), None)
            self.transport.write(self.farm.answer(int(lines[0].split()[1].strip(b"/")), none_match))
            self.transport.close()


async def serve(farm: Farm, certificate: str | None, hosts: int = 1) -> None:
    """Answers until stdin closes."""
    loop = asyncio.get_running_loop()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await loop.create_server(lambda: Connection(farm), "127.0.0.1", 0, ssl=context, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    if hosts > 1:
        more = [f"127.0.0.{n}" for n in range(2, hosts + 1)]
        await loop.create_server(lambda: Connection(farm), more, port, ssl=context, backlog=4096)
    print(port, flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, *rest = line.split()
        if word == "round":
            farm.round, farm.honest = int(rest[0]), rest[1] == "steady"
            for feed in range(farm.feeds):  # rendered now, not while somebody waits
                farm.answer(feed, None)
            farm.cache = {key: body for key, body in farm.cache.items() if key[1] == farm.version(key[0])}
            farm.statuses.clear()
            farm.asked.clear()
            farm.sent = 0
            print("ok", flush=True)
        elif word == "log":
            print(json.dumps({"statuses": farm.statuses, "feeds": len(farm.asked), "bytes": farm.sent}), flush=True)
            farm.statuses.clear()
            farm.asked.clear()
            farm.sent = 0


if __name__ == "__main__":
    more = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    asyncio.run(serve(Farm(int(sys.argv[1])), more.get("--tls"), int(more.get("--hosts", 1))))
