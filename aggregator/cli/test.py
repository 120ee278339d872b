"""The command that tries one feed: a real poll, by the code of every poll, into a database that is thrown away."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from aggregator import parse
from aggregator.app import Aggregator, Poll
from aggregator.cli.group import FAILED, USAGE, load, main, stop, with_config, with_json
from aggregator.cli.tables import print_json
from aggregator.config import Config
from aggregator.digest import Digest, Item, Job, subject_of
from aggregator.engine import Engine, Workers
from aggregator.errors import ParseError
from aggregator.fetch import user_agent
from aggregator.filters import Filter
from aggregator.model import Response, Subscription
from aggregator.store.times import from_text
from aggregator.terminal import printable

_TELLING = ("content-type", "content-length", "date", "age", "cache-control", "expires", "etag", "last-modified", "link",
            "retry-after", "server", "vary")  # fmt: skip


class _Witness:
    """An engine that remembers what passed through it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.response: Response | None = None
        self.digest: Digest | None = None

    async def __aenter__(self) -> Self:
        await self.engine.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.engine.__aexit__(kind, value, trace)

    @property
    def reading(self) -> int:
        return self.engine.reading

    async def run(self, job: Job) -> Digest | ParseError:
        self.response = job.response
        result = await self.engine.run(job)
        self.digest = result if isinstance(result, Digest) else None
        return result


@main.command("test")
@with_config
@with_json
@click.option("-n", "--number", default=3, show_default=True, type=click.IntRange(0, 1000), help="Entries to show.")
@click.option(
    "--show",
    type=click.Choice(["all", "filter"]),
    default="all",
    show_default=True,
    help="filter: only why each entry is stored or left out by include, exclude and since, and which tags rules give it.",
)
@click.argument("url")
def test(config_path: Path, url: str, as_json: bool, number: int, show: str) -> None:
    """Try one feed and show each stage: request, response, feed, entries, what cleaning removes, next poll.

    URL is any address, or the address or title of a feed in feeds.yaml, which is then tried as it is configured there.
    Nothing is stored. For a web page, the feeds that it names are listed. Exit code 1 when it brings no feed.

    \b
    Examples:
      aggregator test https://www.nato.int/rss
      aggregator test --show filter "Phys.org"
      aggregator test --json https://example.org/ | jq .candidates
    """
    default = config_path == Path("feeds.yaml") and not config_path.exists()
    config = Config() if default else load(config_path)
    named = [f for f in config.feeds if url == f.url or url.casefold() == (f.title or "").casefold()]
    subscription = named[0] if named else Subscription(url)
    if not subscription.url.lower().startswith(("http://", "https://")):
        stop(f"{url} is no address that starts with http:// or https://, and no feed in {config.file}", USAGE)
    report = asyncio.run(_try(config, subscription, number))
    if as_json:
        print_json(report)
    elif show == "filter" and report["error"] is None:
        _show_filter(report)
    else:
        _show(report)
    if report["error"] is not None:
        raise SystemExit(FAILED)


async def _try(config: Config, subscription: Subscription, number: int) -> dict[str, Any]:
    """What each stage did, for people and for programs."""
    witness = _Witness(Workers(1))
    with tempfile.TemporaryDirectory(prefix="aggregator-test-") as name:
        folder = Path(name)
        subscription = dataclasses.replace(subscription, enabled=True)
        output = dataclasses.replace(config.output, directory=folder / "public", hub=None)
        trial = dataclasses.replace(config, database=folder / "test.db", output=output, feeds=(subscription,))
        async with Aggregator(trial, witness) as aggregator:
            [poll] = await aggregator.poll(await aggregator.due(force=True))
        with closing(sqlite3.connect(folder / "test.db")) as db:
            fetched, due = db.execute("SELECT last_fetched_at, next_poll_at FROM feeds").fetchone()
    longest = subscription.interval * (1 + subscription.jitter)
    stretched = from_text(due) - from_text(fetched) > longest
    response, digest, rules = witness.response, witness.digest, config.tag_filters()
    links = parse.candidates(response) if response is not None and digest is None else ()
    return {
        "request": _request(config, subscription),
        "response": _response(response, poll),
        "error": poll.error,
        "candidates": [{"url": link.url, "title": link.title, "declared": link.declared} for link in links],
        "feed": digest and _feed(digest),
        "filter": [
            {"title": title, "passes": decision.passes, "reason": decision.reason}
            for title, decision in (digest.decisions if digest else ())
        ],
        "tags": [_tags(item, rules) for item in digest.items] if digest else [],
        "entries": [_entry(item) for item in digest.items[:number]] if digest else [],
        "schedule": {"interval_seconds": subscription.interval.total_seconds(), "jitter": subscription.jitter,
                     "polled_at": fetched, "next_poll_at": due, "stretched": stretched},
    }  # fmt: skip


def _request(config: Config, subscription: Subscription) -> dict[str, Any]:
    return {
        "url": subscription.url,
        "user_agent": user_agent(config.fetch.contact),
        "headers": [name for name, _ in subscription.headers],  # their values may be secrets
        "timeout_seconds": config.fetch.timeout.total_seconds(),
        "max_body": config.fetch.max_body,
        "proxy": config.fetch.proxy is not None,
    }


def _response(response: Response | None, poll: Poll) -> dict[str, Any]:
    if response is None:
        return {"status": poll.status}
    return {
        "status": response.status,
        "url": response.url,
        "redirects": [{"status": status, "url": url} for status, url in response.redirects],
        "bytes": len(response.body),
        "seconds": round(response.seconds, 3),
        "headers": {name: value for name, value in response.headers if name in _TELLING},
    }


def _feed(digest: Digest) -> dict[str, Any]:
    feed = digest.feed
    return {
        "format": feed.format,
        "title": feed.title,
        "home_page_url": feed.home_page_url,
        "id": feed.guid,
        "language": feed.language,
        "ttl_seconds": feed.ttl and feed.ttl.total_seconds(),
        "entries": len(digest.guids),
        "filtered": digest.filtered,
        "flaws": list(digest.flaws),
    }


def _tags(item: Item, rules: Mapping[str, Filter]) -> dict[str, Any]:
    """Which rule gives an entry which tag, and why not."""
    subject = subject_of(item.article)
    decisions = {name: rule.decide(subject) for name, rule in rules.items()}
    return {
        "title": item.article.title,
        "tags": [name for name, decision in decisions.items() if decision.is_sure],
        "reasons": {name: decision.reason.partition(": ")[2] for name, decision in decisions.items()},
    }


def _entry(item: Item) -> dict[str, Any]:
    article = item.article
    return {
        "id": article.guid,
        "url": article.url,
        "title": article.title,
        "author": article.author,
        "published": article.published and article.published.isoformat(),
        "updated": article.updated and article.updated.isoformat(),
        "language": article.language,
        "categories": list(article.categories),
        "enclosures": [enclosure._asdict() for enclosure in article.enclosures],
        "word_count": article.word_count,
        "summary": article.summary,
        "content_html": article.content_html,
        "removed": [{"rule": removal.rule, "text": removal.text} for removal in article.removed],
    }


def _show(report: dict[str, Any]) -> None:
    request, response, feed, schedule = (report[name] for name in ("request", "response", "feed", "schedule"))
    _head("Request", f"GET {request['url']}")
    _line("User-Agent", request["user_agent"])
    _line("own headers", ", ".join(request["headers"]))
    _line("through", "the proxy of fetch.proxy" if request["proxy"] else None)
    _line("at most", f"{request['timeout_seconds']:g} s, {request['max_body'] / 2**20:g} MiB")
    if "url" in response:
        _head("Response", f"HTTP {response['status']}, {response['bytes']} bytes in {response['seconds']:g} s")
        for hop in response["redirects"]:
            _line(f"{hop['status']} to", hop["url"])
        for name, value in response["headers"].items():
            _line(name, value)
    else:
        _head("Response", f"HTTP {response['status']}" if response["status"] else "none")
    if report["error"] is not None:
        _head("Failed", report["error"])
        for link in report["candidates"]:
            _line("feed" if link["declared"] else "perhaps", f"{link['url']} {link['title'] or ''}")
    if feed is not None:
        _head(
            "Feed", f"{feed['title'] or '(no title)'}: {feed['format'] or 'unknown format'}, {feed['entries']} entries"
        )
        _line("home page", feed["home_page_url"])
        _line("id", feed["id"])
        _line("language", feed["language"])
        _line("ttl", feed["ttl_seconds"] and f"{feed['ttl_seconds'] / 60:g} min")
        _line("filtered", feed["filtered"] and f"{feed['filtered']} entries, by include and exclude")
        for flaw in feed["flaws"]:
            _line("flaw", flaw)
        for number, entry in enumerate(report["entries"], 1):
            _show_entry(number, entry)
    jitter = f", plus up to {schedule['jitter']:.0%} jitter" if schedule["jitter"] else ""
    _head("Next poll", f"{schedule['next_poll_at']} (interval {schedule['interval_seconds'] / 60:g} min{jitter})")
    _line("polled at", schedule["polled_at"])
    if schedule["stretched"]:
        _line("later, because", "it failed" if report["error"] else "the server or the feed asks for it")
    click.echo("\nNothing was stored.")


def _show_filter(report: dict[str, Any]) -> None:
    if not report["filter"]:
        click.echo("It has no include, exclude or since: every entry is stored.")
    for row in report["filter"]:
        _head("stored" if row["passes"] else "left out", row["title"])
        _line("because", row["reason"].partition(": ")[2])
    for row in report["tags"]:
        if row["reasons"]:
            _head("tags" if row["tags"] else "no tag", row["title"])
        for name, reason in row["reasons"].items():
            _line(name if name in row["tags"] else f"not {name}", reason)


def _show_entry(number: int, entry: dict[str, Any]) -> None:
    _head(f"Entry {number}", entry["title"])
    for name in ("url", "id", "author", "published", "updated", "language"):
        _line(name, entry[name])
    _line("categories", ", ".join(entry["categories"]))
    for enclosure in entry["enclosures"]:
        size = f" {enclosure['length']} bytes" if enclosure["length"] else ""
        _line("enclosure", f"{enclosure['url']} {enclosure['type'] or ''}{size}")
    _line("text", f"{entry['word_count']} words: {entry['summary']}")
    for removal in entry["removed"]:
        _line("removed", f"[{removal['rule']}] {removal['text']}")


def _head(name: str, text: str) -> None:
    click.echo(f"\n{name:<10}{printable(text, 400)}")


def _line(name: str, text: object) -> None:
    if text:
        click.echo(f"  {printable(name, 40)}: {printable(str(text), 400)}")
