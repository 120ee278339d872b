"""The commands that look: check, status, stories. They only read."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.cli.group import load, main, with_config, with_json
from aggregator.cli.tables import print_json, print_table
from aggregator.store import Read, open_reader


@main.command()
@with_config
def check(config_path: Path) -> None:
    """Say whether feeds.yaml is right: one line per fault with file, line and key; exit code 2 if there is one."""
    config = load(config_path)
    click.echo(f"{config_path}: {len(config.feeds)} feeds, no faults")


@main.command()
@with_config
@with_json
def status(config_path: Path, as_json: bool) -> None:
    """How the feeds are: last answer, failures, articles and copies, next poll."""
    config = load(config_path)
    with open_reader(config.database) as connection:
        rows = Read(connection).health()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("feed", "state", "HTTP", "articles", "copies", "next poll", "last error"),
        [
            (
                row["title"],
                row["state"],
                row["http_status"] or "–",
                row["articles"],
                row["copies"],
                row["next_poll_at"] if row["state"] == "active" else "–",
                row["last_error"] or "",
            )
            for row in rows
        ],
        right=("HTTP", "articles", "copies"),
    )


@main.command()
@with_config
@with_json
@click.option("-n", "--number", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--copied", is_flag=True, help="Only stories that were republished.")
def stories(config_path: Path, as_json: bool, number: int, copied: bool) -> None:
    """The newest stories, as the merged feed shows them.

    `copies` counts the articles that carry a story, its lead included.
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
