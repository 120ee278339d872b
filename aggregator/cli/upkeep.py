"""The commands that look inside and take care: search, examples, backup, prune, healthcheck."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import click

from aggregator.app import POLLS_KEPT, Aggregator
from aggregator.cli.group import FAILED, USAGE, load, main, stop, with_config, with_json
from aggregator.cli.tables import print_json, print_table
from aggregator.config import Config
from aggregator.engine import Here
from aggregator.schedule.ages import Ages
from aggregator.store import (
    Check,
    Expired,
    Postings,
    Read,
    Retention,
    checks,
    copy,
    is_ours,
    metadata,
    open_reader,
    to_match,
    unspaced,
)
from aggregator.terminal import printable


@main.command()
@with_config
@with_json
@click.option("-n", "--number", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--copies", is_flag=True, help="Copies too; otherwise every story shows once.")
@click.argument("query", nargs=-1, required=True)
def search(config_path: Path, as_json: bool, number: int, copies: bool, query: tuple[str, ...]) -> None:
    """Find articles by their words, the best first; a word in the title counts most.

    All words must be there. "Several words" in quotes stand together, OR and NOT stand between words, flood* finds
    beginnings, title:flood looks in titles only. Accents and capitals make no difference. Of a word that thousands of
    articles have, the newest thousand are ranked. Chinese, Japanese and Thai words are looked for letter by letter in
    the newest 10,000 articles.

    \b
    Examples:
      aggregator search flood warning
      aggregator search '"flood warning" OR surge*'
      aggregator search title:nato NOT exercise
    """
    config = load(config_path)
    match, words = to_match(" ".join(query)), unspaced(" ".join(query))
    if not match:
        stop("there is no word in that to look for", USAGE)
    with open_reader(config.database) as connection:
        read = Read(connection)
        rows = read.search_letters(words, number, copies) if words else read.search(match, number, copies)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("Nothing was found.")
        return
    print_table(
        ("article", "published", "copies", "feed", "title", "found"),
        [(r["article_id"], r["published_at"], r["copies"], r["feed"], r["title"], r["snippet"]) for r in rows],
        right=("article", "copies"),
    )


@main.command()
@with_config
@with_json
@click.option("--metadata", "wants_metadata", is_flag=True, help="Print metadata.yaml for datasette.")
@click.option("--sql", "wants_sql", is_flag=True, help="Print the query instead of its answer.")
@click.argument("name", required=False)
def examples(config_path: Path, as_json: bool, wants_metadata: bool, wants_sql: bool, name: str | None) -> None:
    """Questions people have of the database; with a NAME, the answer to one.

    \b
    Examples:
      aggregator examples
      aggregator examples who_copies_whom
      aggregator examples --metadata > metadata.yaml && datasette aggregator.db -m metadata.yaml
    """
    config = load(config_path)
    if wants_metadata:
        click.echo(metadata(config.database.stem), nl=False)
        return
    with open_reader(config.database) as connection:
        read = Read(connection)
        known = {row["name"]: row for row in read.examples()}
        if name is not None and name not in known:
            stop(f"there is no example named {name!r}; `aggregator examples` lists them", USAGE)
        chosen = list(known.values()) if name is None else [known[name]]
        rows = [] if name is None or wants_sql else read.answer(known[name]["sql"])
    if wants_sql:
        for example in chosen:
            click.echo(f"-- {example['name']}: {example['question']}\n{example['sql']};\n")
    elif name is None:
        if as_json:
            print_json(chosen)
        else:
            print_table(("name", "question"), [(example["name"], example["question"]) for example in chosen])
    elif as_json:
        print_json(rows)
    elif rows:
        print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        click.echo("No rows.")


@main.command()
@with_config
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(config_path: Path, file: Path) -> None:
    """Copy the database to FILE, also while the daemon runs.

    The copy is checked, and stands wholly on the disk before it takes FILE's name. A FILE that is an older backup is
    replaced; any other file is left alone.

    \b
    Example:
      aggregator backup /var/backups/aggregator.db
    """
    config = load(config_path)
    with open_reader(config.database) as connection:
        if file.exists() and file.samefile(config.database):
            stop(f"{file} is the database itself", USAGE)
        if file.exists() and not is_ours(file):
            stop(f"{file} is there already, and is no backup of ours: name another file", USAGE)
        try:
            copy(connection, file)
        except sqlite3.DatabaseError as error:
            stop(f"{config.database} can't be copied: {error}; the older backups are what is left")
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB, checked")


@main.command()
@with_config
@with_json
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune(config_path: Path, as_json: bool, dry_run: bool) -> None:
    """Remove stories older than retention.keep, and polls older than 30 days; then publish.

    The daemon does the same by itself, in small steps. A story goes when its newest article is too old, and does not
    come back from a feed that still shows it.

    \b
    Example:
      aggregator prune --dry-run
    """
    config = load(config_path)
    found = _would_prune(config)
    if not dry_run:
        asyncio.run(_prune(config))
    if as_json:
        print_json(dataclasses.asdict(found) | {"dry_run": dry_run})
        return
    if config.retention.keep == "forever":
        click.echo("Stories are kept forever (retention.keep).")
    done = "would be removed" if dry_run else "removed"
    click.echo(f"{found.stories} stories ({found.articles} articles) and {found.polls} polls {done}")
    if found.stories:
        click.echo(f"The stories were published from {found.oldest} to {found.newest}.")


def _would_prune(config: Config) -> Expired:
    now, keep = datetime.now(UTC), config.retention.keep
    with open_reader(config.database) as connection:
        return Retention(Postings(connection)).expired(None if keep == "forever" else now - keep, now - POLLS_KEPT)


async def _prune(config: Config) -> None:
    async with Aggregator(config, Here()) as aggregator:
        aggregator.writer.ages = Ages()  # a person has looked at what will go, and knows what day it is
        while await aggregator.upkeep():
            pass
        await aggregator.shrink()
        await aggregator.publish()
        if aggregator.site.faults:
            stop("; ".join(aggregator.site.faults))


@main.command()
@with_config
@with_json
@click.option("--deep", is_flag=True, help="Read the whole file, and hold it against what must always be so.")
def healthcheck(config_path: Path, as_json: bool, deep: bool) -> None:
    """Say whether all is well: the file, the polls, the disk, the published feed; exit code 1 if it is not.

    Only looks, so it can run beside the daemon, as often as you like (--deep: once a day).

    \b
    Examples:
      aggregator healthcheck
      aggregator healthcheck --deep --json
    """
    config = load(config_path)
    with open_reader(config.database) as connection:
        found = checks(connection, config.database, datetime.now(UTC), deep)
    found.append(_published(config))
    if as_json:
        print_json([dataclasses.asdict(check) for check in found])
    else:
        for check in found:
            mark = "ok  " if check.fine else "warn" if check.warning else "FAIL"
            click.echo(f"{mark}  {check.name:<12} {printable(check.message)}")
    if not all(check.fine or check.warning for check in found):
        raise SystemExit(FAILED)


def _published(config: Config) -> Check:
    feed = config.output.directory / "feed.atom"
    there = feed.is_file()
    return Check("output", there, f"{feed} " + ("is there" if there else "is missing: `aggregator publish` writes it"))
