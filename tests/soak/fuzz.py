"""Bytes nobody meant, through everything that is pure: parse -> clean -> match -> render. Nothing may raise.

    python -m tests.soak.fuzz [SECONDS [TARGET [SEED]]]              mutates the tests' own documents; needs nothing else
    python -m tests.soak.fuzz --atheris [SECONDS [TARGET]]           guided by coverage, where atheris is installed

TARGET is one of `document`, `markup`, `tags`, `small`; without it they take turns. What raises is printed and kept as a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aggregator import dedupe, filters, publish, schedule, websub
from aggregator.clean import Site, clean, fulltext
from aggregator.clean.characters import line
from aggregator.digest import Digest, Job, digest
from aggregator.errors import FetchError, ParseError
from aggregator.fetch.address import join
from aggregator.fetch.address import parse as address
from aggregator.fetch.decode import Decoder
from aggregator.iri import uri
from aggregator.model import Article, Entry, Response, Story, Subscription, Text
from aggregator.opml import read as read_opml
from aggregator.parse import candidates, dates
from aggregator.publish import Channel
from tests import laws

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "https://x.example/feed"
FEED = Subscription(URL, include=("a|b",), exclude=("title:^zz",))
DATA = Path(__file__).parents[1] / "data"
SLOW = 10.0  # seconds for one small input
_ELEMENTS = re.compile(r"<(?:script|style|iframe|object|embed|form|svg|base|meta|link)\b", re.I)
_HANDLERS = re.compile(r"<[^<>]*\son\w+=", re.I)  # of markup without its quoted values
_ADDRESSES = re.compile(r"<[^<>]*\s(?:href|src)=\"\s*(?:javascript|data|vbscript):", re.I)


def document(data: bytes) -> None:
    """A whole document, with a header that its first byte chooses, twice: the second time much of it is known."""
    kinds = (
        "application/rss+xml",
        "text/html; charset=iso-8859-1",
        "application/feed+json",
        "text/xml; charset=utf-16",
    )
    headers = (("content-type", kinds[data[0] % 4]),) if data[:1] else ()
    response = Response(URL, 200, headers, data[1:])
    candidates(response)
    websub.discover(response)
    publish.own.claims(response.body, "https://planet.example/")
    schedule.wishes(response.body).wait(NOW)
    found = digest(Job(response, FEED))
    if isinstance(found, ParseError):
        str(found)
        return
    _rendered([item.article for item in found.items])
    again = digest(Job(response, FEED, frozenset(item.hash for item in found.items), found.sources))
    assert isinstance(again, Digest)
    assert again.feed.complete is False or not again.items or not found.feed.complete, "what is known is new again"


def markup(data: bytes) -> None:
    """An entry of HTML, or of text, and what it looks like as a page."""
    text = data[1:].decode("utf-8", "surrogateescape" if data[:1] > b"\x80" else "replace")
    title, _, body = text.partition("\n")
    entry = Entry(title, title, Text(title, data[:1] > b"\x40"), content=Text(body, data[:1] < b"\xe0", title))
    article = clean(entry, Site(URL, title, remove=("p.x",)))
    assert clean(Entry("1", URL, content=Text(article.content_html)), Site(URL)).content_html == article.content_html
    _rendered([article])
    page = fulltext.completed(entry, Response(URL, 200, (), data[1:])) if len(data) % 8 == 0 else ""
    assert page is not None


def tags(data: bytes) -> None:
    """Tags and texts in an order nobody writes; the bytes say which. All that holds for cleaned HTML must hold."""
    laws.check_laws(laws.cleaned(laws.htmlish(laws.Given(data))))


def small(data: bytes) -> None:
    """What stands in header fields, attributes and files of other programs."""
    text = data.decode("utf-8", "replace")
    line(text)
    uri(text)
    dates.from_text(text)
    schedule.http_date(text)
    schedule.retry_after(text, NOW)
    schedule.fresh_for(Response(URL, 200, (("cache-control", text), ("age", text), ("expires", text)), b""), NOW)
    filters.Filter((), ()).decide(filters.Subject(text, text, text, (text,), text))
    with contextlib.suppress(FetchError):
        address(text)
    with contextlib.suppress(FetchError):
        join(address(URL), data)
    for encoding in (None, "gzip", "deflate", "gzip, deflate", text[:20]):
        decoder = Decoder(encoding, 2**16)
        with contextlib.suppress(FetchError):
            decoder.feed(data[:100])
            decoder.feed(data[100:])
            decoder.body()
    with contextlib.suppress(ParseError):
        read_opml(data)


def _rendered(articles: Sequence[Article]) -> None:
    """Compares the articles and publishes them; all that comes out must be whole and safe."""
    texts = [dedupe.Text(article.title, article.content_text, url=article.url) for article in articles[:4]]
    for ours in texts:
        for theirs in texts:
            dedupe.Comparison(ours, theirs).alike  # noqa: B018
    stories = []
    for number, article in enumerate(articles[:10]):
        html = article.content_html
        bare = re.sub('"[^"]*"', "", html)
        assert not any((_ELEMENTS.search(html), _HANDLERS.search(bare), _ADDRESSES.search(html))), html
        when = article.published or NOW
        stories.append(
            Story(number, f"tag:x,2026:{number}", article.title, article.url, when, article.updated or when, article.author,
                  article.summary, article.content_html, article.categories, article.enclosures, article.language, URL,
                  article.title, None, article.guid)
        )  # fmt: skip
    channel = Channel("Everything", "https://planet.example/", "feed", tuple(stories))
    for kind, render in publish.FORMATS.items():
        made = render(channel, NOW)
        assert (fault := publish.fault(channel, kind, made)) is None, fault
    publish.html.render(channel)


TARGETS: dict[str, Callable[[bytes], None]] = {made.__name__: made for made in (document, markup, tags, small)}


def seeds() -> list[bytes]:
    """The tests' own inputs."""
    found = []
    for path in sorted(DATA.rglob("*")):
        if path.suffix in (".case", ".txt", ".xml", ".yaml") and path.stat().st_size < 20_000:
            head, mark, body = path.read_bytes().partition(b"\n----\n")
            found.append(body if mark else head.partition(b"---\n")[2] or head)
    return found


_WORDS = (
    b"<", b">", b"&", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"&#0;", b"&#xD800;", b"<item>", b"</item>", b"<entry", b"xmlns:",
    b"xml:base='", b"<guid>", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"<script>", b"<svg><style>", b"<math><mi>", b"<table>",
    b"<!DOCTYPE x [<!ENTITY a '&a;'>]>", b"{", b"[", b'"items":[', b"\\ud800", b"9" * 30, b"-0001-01-01", b"<pre>", b"<template>",
    b"srcset='a 1x,", b"style='display:none'", b"href='javascript:x'", b"<content:encoded>", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae",
)  # fmt: skip


def mutated(dice: random.Random, corpus: Sequence[bytes]) -> bytes:
    """One of the corpus, damaged in a few places."""
    data = bytearray(dice.choice(corpus))
    for _ in range(dice.choice((0, 1, 1, 2, 4, 16))):
        at, length = dice.randint(0, len(data)), dice.choice((0, 1, 2, 8, 50, 500))
        other = dice.choice(corpus)
        start = dice.randint(0, len(other))
        piece = (
            dice.choice(_WORDS),
            dice.randbytes(dice.randint(1, 8)),
            other[start : start + 200],
            bytes(data[at : at + 50]) * 20,
        )
        data[at : at + length] = dice.choice((b"", *piece))
    return dice.randbytes(1) + bytes(data)


def tried(target: Callable[[bytes], None], data: bytes) -> str | None:
    """What went wrong with an input, and where it is kept; None where nothing did."""
    began = time.monotonic()
    try:
        target(data)
        if time.monotonic() - began < SLOW:
            return None
        told = f"took {time.monotonic() - began:.0f} s"
    except Exception:  # noqa: BLE001 - that is what is looked for
        told = traceback.format_exc()
    kept = Path(tempfile.gettempdir()) / f"fuzz-{target.__name__}-{hashlib.blake2b(data, digest_size=6).hexdigest()}"
    kept.write_bytes(data)
    return f"{told}\nkept as {kept}"


def drive(seconds: float, names: Sequence[str], seed: int) -> tuple[Counter[str], list[str]]:
    """Mutates for so long; how many inputs each target had, and what went wrong (each place once)."""
    dice, corpus, counts, wrong = random.Random(seed), seeds(), Counter[str](), dict[str, str]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name = dice.choice(names)
        counts[name] += 1
        if told := tried(TARGETS[name], mutated(dice, corpus)):
            place = re.findall(r"File \"(.*)\n", told)[-1:] or [told]
            if place[0] not in wrong:
                print(told, flush=True)
            wrong.setdefault(place[0], told)
    return counts, [*wrong.values()]


def guided(seconds: float, name: str) -> None:
    """The same targets under atheris, which ends the process itself."""
    import atheris

    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(seeds()):
            (Path(folder) / str(number)).write_bytes(b"\x00" + data)
        arguments = [
            sys.argv[0],
            folder,
            f"-max_total_time={seconds:.0f}",
            "-max_len=20000",
            "-timeout=30",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={tempfile.gettempdir()}/",
        ]
        atheris.Setup(arguments, TARGETS[name])
        atheris.Fuzz()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--atheris"]:
        guided(float(arguments[1]) if arguments[1:] else 3600, arguments[2] if arguments[2:] else "document")
        return 0
    seed = int(arguments[2]) if arguments[2:] else random.randrange(2**32)
    counts, wrong = drive(float(arguments[0]) if arguments else 3600, arguments[1:2] or [*TARGETS], seed)
    print(f"seed {seed}: {sum(counts.values())} inputs ({', '.join(f'{n} {c}' for n, c in counts.items())}), "
          f"{len(wrong)} kinds of harm")  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
