"""The commands that look: check, status, stories, explain. They only read."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aggregator import dedupe
from aggregator.cli.group import FAILED, load, main, stop, with_config, with_json
from aggregator.cli.tables import print_json, print_table
from aggregator.config import Config
from aggregator.store import Read, Row, StoreIndex, open_reader, probe
from aggregator.store.times import from_text
from aggregator.stories import scope
from aggregator.terminal import printable


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


@main.command()
@with_config
@with_json
@click.argument("article", metavar="ID_OR_URL")
def explain(config_path: Path, as_json: bool, article: str) -> None:
    """Why an article is, or is not, a copy; what was removed from it.

    ID_OR_URL is an article's number, address or guid.

    \b
    Examples:
      aggregator explain 42
      aggregator explain https://www.miragenews.com/some-story/
    """
    config = load(config_path)
    with open_reader(config.database) as connection:
        read = Read(connection)
        row = read.article(article)
        if row is None:
            stop(f"no stored article has the number, address or guid {article!r}", FAILED)
        story = read.story(row["story_id"])
        members = read.members(row["story_id"])
        misses = _near_misses(read, config, row) if row["kind"] == "alone" else []
    if as_json:
        print_json({"article": _article(row), "story": story, "members": members, "near_misses": misses})
        return
    _explain(row, story or {}, members, misses)


def _explain(row: Row, story: Row, members: list[Row], misses: list[Row]) -> None:
    say = click.echo
    say(f"Article {row['id']}: {printable(row['title'])}")
    say(f"  {printable(row['url'], 2000)}")
    say(f"  {printable(row['feed'])}, published {row['published_at']}, {row['word_count']} words")
    others = [member for member in members if member["id"] != row["id"]]
    lead = next(member for member in members if member["leads"])
    say("")
    if not others:
        say(f"It stands alone: {printable(row['reason'] or 'nothing like it was found')}.")
        for miss in misses:
            say(f"  Near miss: article {miss['id']}, {printable(miss['title'])} ({printable(miss['feed'])})")
            say(f"    {printable(miss['reason'])}")
    elif lead["id"] == row["id"]:
        say(f"It leads story {row['story_id']}, which {len(others)} other article{'s' * (len(others) > 1)} carr"
            f"{'y' if len(others) > 1 else 'ies'}: {printable(story['lead_reason'] or '')}.")  # fmt: skip
        for other in others:
            say(
                f"  Article {other['id']}, {printable(other['feed'])}, {other['published_at']}: {printable(other['title'])}"
            )
            say(f"    {_KINDS.get(other['kind'], other['kind'])}: {printable(other['reason'] or '')}")
    else:
        say(f"It is a copy of article {lead['id']}, {printable(lead['title'])} ({printable(lead['feed'])}).")
        say(f"  {_KINDS.get(row['kind'], row['kind'])}: {printable(row['reason'] or '')}")
        say(f"  {printable(lead['feed'])} leads because {printable(story['lead_reason'] or '')}.")
    removed = json.loads(row["removed"] or "[]")
    say("")
    say("Removed from it:" if removed else "Nothing was removed from it.")
    for removal in removed:
        say(f"  [{printable(removal['rule'])}] {printable(removal['text'], 2000)}")


_KINDS = {
    "same-url": "Same address",
    "same-text": "Same text",
    "near-copy": "Nearly the same text",
    "alone": "Alone",
}


def _article(row: Row) -> Row:
    names = ("id", "title", "url", "feed", "published_at", "word_count", "story_id", "similarity", "kind", "reason")
    return {name: row[name] for name in names} | {"removed": json.loads(row["removed"] or "[]")}


def _near_misses(read: Read, config: Config, row: Row) -> list[Row]:
    """What came close and why it is not the same story; found again, since only verdicts are stored."""
    by_url = {subscription.url: subscription for subscription in config.feeds}
    feeds = {feed["id"]: by_url[feed["configured_url"]] for feed in read.feeds() if feed["configured_url"] in by_url}
    index = StoreIndex(read.connection, from_text(row["first_seen_at"]) - config.dedupe.window)
    limits = dedupe.Limits(config.dedupe.threshold, scope(config.dedupe, feeds, row["feed_id"]))
    verdicts = dedupe.match(probe(read.connection, row["id"]), index, limits).misses
    found = {candidate.article: candidate for candidate in index.load([v.against for v in verdicts if v.against])}
    return [
        {
            "id": verdict.against,
            "title": found[verdict.against].title,
            "feed": found[verdict.against].feed_title,
            "reason": verdict.reason,
        }
        for verdict in verdicts
        if verdict.against in found
    ]
