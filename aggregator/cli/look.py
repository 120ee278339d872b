"""The commands that look: check, status, stories. They only read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from aggregator.advice import advice
from aggregator.cli.group import FAILED, USAGE, load, main, with_config, with_json
from aggregator.cli.progress import progress
from aggregator.cli.tables import print_json, print_table
from aggregator.config import database_of
from aggregator.config.jsonschema import schema_text
from aggregator.errors import ConfigError
from aggregator.model import Subscription
from aggregator.store import Read, Row, open_reader
from aggregator.terminal import printable
from aggregator.visit import Visit, visit


@main.command()
@with_config
@with_json
@click.option("--online", is_flag=True, help="Fetch each feed once, and say whether it is one; nothing is stored.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of feeds.yaml, for editors.")
def check(config_path: Path, as_json: bool, online: bool, schema: bool) -> None:
    """Say whether feeds.yaml is right: one line per fault with file, line and key; exit code 2 if there is one.

    With --online each feed is asked for once, politely: exit code 1 if one can't be read.

    \b
    Examples:
      aggregator check
      aggregator check --online
      aggregator check --schema > feeds.schema.json
    """
    if schema:
        click.echo(schema_text(), nl=False)
        return
    config = load(config_path)
    if not online:
        if as_json:
            print_json({"file": str(config_path), "feeds": len(config.feeds), "faults": []})
        else:
            click.echo(f"{config_path}: {len(config.feeds)} feeds, no faults")
        return
    active = [feed for feed in config.feeds if feed.enabled]
    with progress(len(active), as_json) as heard:
        found = asyncio.run(
            visit(config, active, lambda feed, seen: heard(feed.title or feed.url, seen.error or "fine"))
        )
    _show_visits(list(zip(active, found, strict=True)), as_json)
    if any(seen.error is not None for seen in found):
        raise SystemExit(FAILED)


def _show_visits(visits: list[tuple[Subscription, Visit]], as_json: bool) -> None:
    if as_json:
        names = ("error", "status", "title", "entries", "seconds")
        rows = [{"configured_url": feed.url, **{n: getattr(seen, n) for n in names}} for feed, seen in visits]
        print_json(rows)
        return
    print_table(
        ("feed", "HTTP", "entries", "newest", "", "what to do"),
        [
            (
                feed.title or seen.title or feed.url,
                seen.status or "–",
                seen.entries if seen.error is None else "–",
                f"{seen.newest:%Y-%m-%d}" if seen.newest else "–",
                seen.error or (f"has moved to {seen.url}" if seen.url != feed.url else ""),
                advice("active", seen.status, seen.error, 1),
            )
            for feed, seen in sorted(visits, key=lambda pair: (pair[1].error is not None, pair[0].url))
        ],
        right=("HTTP", "entries"),
    )
    failed = sum(seen.error is not None for _, seen in visits)
    click.echo(f"{len(visits)} feeds asked for, {failed} can't be read")


@main.command()
@with_config
@with_json
def status(config_path: Path, as_json: bool) -> None:
    """How the feeds are: last answer, next poll, what failed in plain words, and what to do about it.

    A feeds.yaml with faults is reported first (exit code 2); what is shown then is how the daemon, which goes on with
    the last good one, has left the feeds.

    \b
    Examples:
      aggregator status
      aggregator status --json | jq '.[] | select(.failures > 0)'
    """
    faulty = None
    try:
        database = load(config_path).database
    except ConfigError as error:
        faulty, database = error, database_of(config_path)
        if not database.exists():
            raise
    with open_reader(database) as connection:
        rows = Read(connection).health()
    for row in rows:
        row["advice"] = advice(row["state"], row["http_status"], row["last_error"], row["failures"])
    if faulty is not None:
        for fault in faulty.faults:
            click.echo(printable(str(fault)), err=True)
        click.echo(f"{config_path} is not in force: a running daemon goes on with the last good one", err=True)
    _show_status(rows, as_json)
    if faulty is not None:
        raise SystemExit(USAGE)


def _show_status(rows: list[Row], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    print_table(
        ("feed", "state", "HTTP", "articles", "copies", "next poll", "last error", "what to do"),
        [
            (
                row["title"],
                row["state"],
                row["http_status"] or "–",
                row["articles"],
                row["copies"],
                row["next_poll_at"] if row["state"] == "active" else "–",
                row["last_error"] or "",
                row["advice"],
            )
            for row in rows
        ],
        right=("HTTP", "articles", "copies"),
    )
    failing = sum(row["state"] == "active" and row["failures"] > 0 for row in rows)
    click.echo(f"{len(rows)} feeds" + (f", {failing} of them failing" if failing else ", none failing"))


@main.command()
@with_config
@with_json
@click.option("-n", "--number", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--copied", is_flag=True, help="Only stories that were republished.")
def stories(config_path: Path, as_json: bool, number: int, copied: bool) -> None:
    """The newest stories, as the merged feed shows them.

    `copies` counts the articles that carry a story, its lead included.

    \b
    Examples:
      aggregator stories
      aggregator stories --copied -n 5
    """
    config = load(config_path)
    with open_reader(config.database) as connection:
        rows = Read(connection).latest(number, copied)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("No stories yet: `aggregator poll` brings some, `aggregator status` says how the feeds are.")
        return
    print_table(
        ("story", "published", "copies", "led by", "title"),
        [(row["story_id"], row["published_at"], row["copies"], row["feed"], row["title"]) for row in rows],
        right=("story", "copies"),
    )
