"""The commands of a person's judgement: split, merge, pin, each with --undo; dupes and replay, to judge by."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from aggregator.app import Aggregator
from aggregator.cli.group import FAILED, USAGE, load, main, stop, with_config, with_json
from aggregator.cli.tables import print_json, print_table
from aggregator.config import Config
from aggregator.engine import Here
from aggregator.errors import StoreError
from aggregator.replay import Replay, as_json
from aggregator.store import Read, Row, copy, open_reader, request
from aggregator.terminal import printable


@main.command()
@with_config
@click.option("--undo", is_flag=True, help="Take it back: the rules decide again.")
@click.argument("article", metavar="ARTICLE")
def split(config_path: Path, article: str, undo: bool) -> None:
    """Say that an article is no copy: it leaves its story for good.

    ARTICLE is an article's number, address or guid. The verdict outlives every re-run; nothing is deleted.

    \b
    Examples:
      aggregator split 42
      aggregator split --undo 42
    """
    config = load(config_path)
    (row,) = _articles(config, article)
    if not undo and _count(config, row["story_id"]) == 1:
        click.echo(f"Article {row['id']} already stands alone.")
        return
    _correct(config, "apart", row["id"], 0, undo)
    _say(config, row["id"])


@main.command()
@with_config
@click.option("--undo", is_flag=True, help="Take it back: the rules decide again.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
def merge(config_path: Path, a: str, b: str, undo: bool) -> None:
    """Say that two articles are the same story: all copies of both become one, for good.

    A and B are articles' numbers, addresses or guids. The older story keeps its published id.

    \b
    Examples:
      aggregator merge 42 57
      aggregator merge --undo 42 57
    """
    config = load(config_path)
    first, second = _articles(config, a, b)
    if first["id"] == second["id"]:
        stop("that is one article, not two", USAGE)
    _correct(config, "together", first["id"], second["id"], undo)
    _say(config, first["id"], second["id"])


@main.command()
@with_config
@click.option("--undo", is_flag=True, help="Take it back: the rules decide again.")
@click.argument("article", metavar="ARTICLE")
def pin(config_path: Path, article: str, undo: bool) -> None:
    """Say which article leads its story: this one, for good.

    \b
    Examples:
      aggregator pin 42
      aggregator pin --undo 42
    """
    config = load(config_path)
    (row,) = _articles(config, article)
    _correct(config, "pin", row["id"], 0, undo)
    _say(config, row["id"])


@main.command()
@with_config
@with_json
@click.option("-n", "--number", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
def dupes(config_path: Path, as_json: bool, number: int) -> None:
    """The newest copies, each beside the article that is shown instead, and why.

    \b
    Example:
      aggregator dupes -n 5
    """
    config = load(config_path)
    with open_reader(config.database) as connection:
        rows = Read(connection).duplicates(number)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("No copies yet.")
        return
    columns = ("copy", "copied by", "kept", "led by", "words", "kind", "title")
    shown = [
        (r["copy_article_id"], r["copy_feed"], r["kept_article_id"], r["kept_feed"], f"{r['similarity']:.0%}", r["kind"],
         r["copy_title"]) for r in rows
    ]  # fmt: skip
    print_table(columns, shown, right=("copy", "kept", "words"))


@main.command()
@with_config
@with_json
@click.option("--dry-run", is_flag=True, help="Only say what would change; also while the daemon runs.")
@click.option("--threshold", type=click.FloatRange(0.3, 1.0), help="Try another dedupe.threshold (with --dry-run).")
def replay(config_path: Path, as_json: bool, dry_run: bool, threshold: float | None) -> None:
    """Clean and dedupe the stored history again with today's rules; print what changes.

    What people said by split, merge and pin stays. Published ids stay with the article that they began with.

    \b
    Examples:
      aggregator replay --dry-run
      aggregator replay --dry-run --threshold 0.6
      aggregator replay
    """
    config = load(config_path)
    if threshold is not None and not dry_run:
        stop("--threshold only tries: it needs --dry-run; to keep it, set dedupe.threshold in the file", USAGE)
    if dry_run:
        with tempfile.TemporaryDirectory() as folder:
            trial = replace(config, database=Path(folder) / "trial.db")
            with open_reader(config.database) as connection:
                copy(connection, trial.database)
            done = asyncio.run(_replay(trial, threshold, publish=False))
            _print_replay(trial, done, as_json, dry_run)
        return
    if not config.database.exists():
        stop(f"there is no database at {config.database} yet: run `aggregator poll` first")
    _print_replay(config, asyncio.run(_replay(config, None, publish=True)), as_json, dry_run)


async def _replay(config: Config, threshold: float | None, publish: bool) -> Replay:
    async with Aggregator(config, Here()) as aggregator:
        done = await aggregator.replay(threshold)
        if publish:
            await aggregator.publish()
        return done


def _print_replay(config: Config, done: Replay, machine: bool, dry_run: bool) -> None:
    concerned = sorted({article for change in done.changes for article in change.articles})
    with open_reader(config.database) as connection:
        titles = {row["id"]: row for row in Read(connection).named(concerned)}
    if machine:
        print_json(
            {
                "articles": done.articles,
                "stories_before": done.stories_before,
                "stories_after": done.stories_after,
                "cleaned": done.cleaned,
                "changes": [as_json(change) for change in done.changes],
            }
        )
        return
    words = {"joins": "would join", "parts": "would part", "new lead": "would be led by"}
    if not dry_run:
        words = {"joins": "joined", "parts": "parted", "new lead": "are now led by"}
    for change in done.changes:
        first, *rest = (titles[article] for article in change.articles if article in titles)
        if change.kind == "new lead":
            click.echo(f"{_name(rest[0])} and its copies {words['new lead']} {_name(first)}")
            continue
        for other in rest:
            link = "with" if change.kind == "joins" else "from"
            click.echo(f"{_name(other)} {words[change.kind]} {link} {_name(first)}")
        click.echo(f"    {printable(change.reason)}")
    click.echo(
        f"{done.articles} articles: {done.stories_before} stories {'would become' if dry_run else 'became'} "
        f"{done.stories_after}, {done.cleaned} texts cleaned anew" + ("; nothing was changed" if dry_run else "")
    )


def _name(row: Row) -> str:
    return f"{row['id']} “{printable(row['title'], 80)}” ({printable(row['feed'], 40)})"


def _articles(config: Config, *names: str) -> list[Row]:
    with open_reader(config.database) as connection:
        found = [(name, Read(connection).article(name)) for name in names]
    for name, row in found:
        if row is None:
            stop(f"no stored article has the number, address or guid {name!r}", FAILED)
    return [row for _, row in found if row is not None]


def _count(config: Config, story: int) -> int:
    with open_reader(config.database) as connection:
        return len(Read(connection).members(story))


def _correct(config: Config, kind: str, a: int, b: int, undo: bool) -> None:
    async def work() -> bool:
        async with Aggregator(config, Here()) as aggregator:
            done = await aggregator.correct(kind, a, b, undo)
            await aggregator.publish()
            return done

    try:
        done = asyncio.run(work())
    except StoreError as error:
        if "in use" not in str(error):
            raise
        request(config.database, kind, a, b, undo)
        click.echo("The daemon has the database; it carries this out at its next tick.")
        raise SystemExit(0) from None
    if not done:
        stop("there is nothing of that kind to take back" if undo else "there is nothing to do")


def _say(config: Config, *articles: int) -> None:
    with open_reader(config.database) as connection:
        read = Read(connection)
        rows: Sequence[Row] = [row for row in (read.article(str(article)) for article in articles) if row is not None]
        members = {row["story_id"]: read.members(row["story_id"]) for row in rows}
    for story, those in members.items():
        lead = next(member for member in those if member["leads"])
        others = len(those) - 1
        click.echo(f"Story {story}: led by {_name(lead)}" + (f", and {others} more" if others else ", alone"))
