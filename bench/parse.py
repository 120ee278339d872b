"""What reading costs: a document read whole by feedparser alone, whole by us, and with its unchanged entries known.

    python bench/parse.py                      # made-up feeds of 20, 100 and 500 entries
    python bench/parse.py some.xml other.xml   # documents of your own

For each document: `feedparser` is its parse() with its sanitiser off, as a reader without delta would call it at every
change; `whole` and `known` are our `parse.changes` without and with what is remembered of the version before, of which
`--new` entries differ. `digest` is the whole pure part of a poll (parse, clean, fingerprint) the same two ways; there
`whole` already skips the cleaning of entries that it knows after reading them, so what is left is the reading itself.
"""

from __future__ import annotations

import argparse
import io
import random
import time
import warnings
from collections.abc import Callable
from html import escape
from pathlib import Path

import feedparser

from aggregator.digest import Digest, Job, digest
from aggregator.model import Response, Subscription
from aggregator.parse import changes
from aggregator.parse.scan import scan

WORDS = [f"w{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{n}" for n in range(3000)]


def made_up(entries: int, edition: int, new: int) -> bytes:
    """A feed of `entries` entries of some 3 KB; the first `new` are others in each edition, and so is the head."""
    dice = random.Random(entries)
    parts = []
    for number in range(entries):
        paragraphs = "".join(
            f'<p>{" ".join(dice.choices(WORDS, k=60))} <a href="/{number}">{dice.choice(WORDS)}</a></p>'
            for _ in range(6)
        )
        name = f"{number}-{edition if number < new else 0}"
        parts.append(
            f"<item><title>Entry {name}</title><link>http://x.example/{name}</link><guid>http://x.example/{name}</guid>"
            f"<pubDate>Mon, 23 Nov 2026 08:00:00 GMT</pubDate><dc:creator>Ann</dc:creator><category>a</category>"
            f"<description>{escape(paragraphs[:300])}</description>"
            f"<content:encoded><![CDATA[{paragraphs}]]></content:encoded></item>"
        )
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Feed</title><link>http://x.example/</link>'
        f"<lastBuildDate>{edition}</lastBuildDate>{''.join(parts)}</channel></rss>"
    ).encode()


def edited(body: bytes, new: int) -> bytes:
    """A document of somebody's with its first `new` entries changed, and something before them."""
    found = scan(body[body.index(b"?>") + 2 :] if body.startswith(b"<?xml") else body).slices[:new]
    offset = body.index(b"?>") + 2 if body.startswith(b"<?xml") else 0
    for piece in reversed(found):
        end = body.rindex(b"</", 0, piece.end + offset)
        body = body[:end] + b"<category>edited</category>" + body[end:]
    return body + b"\n"


def seconds(work: Callable[[], object], least: float = 0.3) -> float:
    """CPU seconds of one call, the best of as many as fit."""
    best, start = float("inf"), time.process_time()
    while time.process_time() - start < least or best == float("inf"):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best


def by_feedparser(body: bytes) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return feedparser.parse(io.BytesIO(body), resolve_relative_uris=False, sanitize_html=False)


def measure(name: str, before: bytes, after: bytes) -> None:
    first, second = (Response("http://x.example/f", 200, (), body) for body in (before, after))
    feed = Subscription("http://x.example/f")
    known = changes(first).sources
    alone, whole = seconds(lambda: by_feedparser(after)), seconds(lambda: changes(second))
    some = seconds(lambda: changes(second, known))
    digested = digest(Job(first, feed))
    assert isinstance(digested, Digest)
    hashes = frozenset(item.hash for item in digested.items)
    slow = seconds(lambda: digest(Job(second, feed, hashes)))
    fast = seconds(lambda: digest(Job(second, feed, hashes, digested.sources)))
    found = changes(second, known)
    entries, new = len(found.guids), len(found.feed.entries)
    print(
        f"{name[:28]:28} {len(after) / 1000:8.0f} {entries:7} {new:4} | {alone * 1e3:10.1f} {whole * 1e3:7.1f} "
        f"{some * 1e3:7.1f} {whole / some:6.1f}x | {slow * 1e3:7.1f} {fast * 1e3:7.1f} {slow / fast:6.1f}x",
        flush=True,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("files", nargs="*", type=Path)
    options.add_argument("--new", type=int, default=1, help="entries that differ from the version before")
    chosen = options.parse_args()
    print(f"{'':28} {'':8} {'':7} {'':4} | {'parse, ms of CPU':>35} | {'digest, ms of CPU':>23}")
    print(
        f"{'document':28} {'KB':>8} {'entries':>7} {'new':>4} | {'feedparser':>10} {'whole':>7} {'known':>7} {'ratio':>7} | "
        f"{'whole':>7} {'known':>7} {'ratio':>7}"
    )
    for path in chosen.files:
        body = path.read_bytes().strip()
        measure(path.name, body, edited(body, chosen.new))
    for entries in () if chosen.files else (20, 100, 500):
        measure(f"made up, {entries} entries", made_up(entries, 1, chosen.new), made_up(entries, 2, chosen.new))


if __name__ == "__main__":
    main()
