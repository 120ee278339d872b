"""The commands that work: demo, run, poll, publish."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import click

from aggregator import log
from aggregator.app import Aggregator, Poll
from aggregator.cli.group import FAILED, USAGE, feed_names, load, main, program, stop, with_config, with_json
from aggregator.cli.progress import progress
from aggregator.cli.tables import print_polls, result
from aggregator.cluster import Cluster
from aggregator.config import Config
from aggregator.daemon import Daemon
from aggregator.demo import Demo
from aggregator.store import Read, open_reader


@main.command()
@with_config
@click.option("-v", "--verbose", is_flag=True, help="Log every poll, also those that bring nothing.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="AGGREGATOR_LOG_FORMAT",
    help="One line per event for people, or as JSON for programs.",
)
@click.option(
    "--workers",
    metavar="ADDRESS",
    envvar="AGGREGATOR_WORKERS",
    help="Poll on the workers of this Dask scheduler, tcp://host:8786 or tls://host:8786.",
)
def run(config_path: Path, verbose: bool, log_format: log.Format, workers: str | None) -> None:
    """The daemon: poll on schedule, publish, serve.

    Ends cleanly on SIGTERM and Ctrl-C. A changed feeds.yaml is put in force while it runs.

    \b
    Examples:
      aggregator run -c /etc/aggregator/feeds.yaml
      aggregator run --workers tls://scheduler.internal:8786
    """
    config = load(config_path)
    engine = Cluster(workers) if workers else None
    log.start(log_format, verbose)
    asyncio.run(Daemon(config, engine=engine).run())


@main.command()
@with_config
@with_json
@click.option("--force", is_flag=True, help="Poll all feeds, also those that are not due.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; the table and the faults only.")
@click.argument("feeds", nargs=-1, metavar="[FEED]...", shell_complete=feed_names)
def poll(config_path: Path, feeds: tuple[str, ...], force: bool, quiet: bool, as_json: bool) -> None:
    """One pass over the feeds that are due; then publish.

    FEED is a feed's address or title; without one, all feeds are meant. Exit code 0 even if some feeds failed, 1 when
    every feed failed.

    \b
    Examples:
      aggregator poll
      aggregator poll --force https://www.nato.int/rss
    """
    config = load(config_path)
    if not config.feeds:
        stop(f"{config.file} has no feeds yet: `aggregator add URL` adds one", USAGE)
    polls, faults = asyncio.run(_poll(config, force, _chosen(config, feeds), as_json or quiet))
    if polls or as_json:
        print_polls(polls, as_json)
    else:
        click.echo("No feed is due; --force polls all, `aggregator status` shows when each is next.")
    for fault in faults:
        click.echo(f"aggregator: {fault}", err=True)
    if polls and all(poll.error is not None for poll in polls):
        if all(poll.unreachable for poll in polls):
            click.echo(
                "No feed could be reached: is this machine on-line? `aggregator demo` needs no internet.", err=True
            )
        raise SystemExit(FAILED)
    if faults:
        raise SystemExit(FAILED)


@main.command()
@with_config
def publish(config_path: Path) -> None:
    """Write the merged feed again from what is stored.

    Documents that are up to date are left alone.

    \b
    Example:
      aggregator publish
    """
    config = load(config_path)

    async def work() -> tuple[int, list[str]]:
        async with Aggregator(config) as aggregator:
            return await aggregator.publish(), aggregator.site.faults

    changed, faults = asyncio.run(work())
    if faults:
        stop("; ".join(faults))
    click.echo(f"{changed} documents written to {config.output.directory}" if changed else "Everything is up to date.")


@main.command()
@click.option("--once", is_flag=True, help="End after one pass instead of going on until Ctrl-C.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default="aggregator-demo",
    show_default=True,
    help="Where the demo keeps its feeds.yaml, database and feeds.",
)
def demo(once: bool, directory: Path) -> None:
    """See everything at work on bundled sample publishers: real HTTP on loopback, no internet.

    Eight publishers, about 60 articles, among them press releases and their republications. A second run shows that
    nothing is fetched or stored twice. Delete the directory to start afresh.

    \b
    Examples:
      aggregator demo
      aggregator demo --once --directory /tmp/demo
    """
    with Demo(directory) as sample:
        config = load(sample.config)
        click.echo(f"{len(sample.publishers)} sample publishers are at {sample.address}")
        if once:
            polls, faults = asyncio.run(_poll(config, True, None))
            print_polls(polls)
            _say(config, serving=False)
            for fault in faults:
                click.echo(f"aggregator: {fault}", err=True)
            if faults or any(poll.error for poll in polls):
                raise SystemExit(FAILED)
            return
        asyncio.run(_demo(config))


async def _demo(config: Config) -> None:
    shown = False

    def passed(polls: list[Poll]) -> None:
        nonlocal shown
        if not shown:
            shown = True
            print_polls(polls)
            _say(config, serving=True)

    daemon = Daemon(config, passed)
    log.start("text")
    await daemon.run(force=True)


def _say(config: Config, serving: bool) -> None:
    address = f"{config.output.base_url}feed.atom" if serving else str(config.output.directory / "feed.atom")
    query = "SELECT copy_feed, hours_later, kept_feed, kept_title FROM duplicates"
    click.echo(f"\nThe merged feed:  {address}   (also .rss and .json)")
    if serving:
        click.echo(f"In a browser:     {config.output.base_url}")
    click.echo(f'Who copied whom:  sqlite3 -box {config.database} "{query}"')
    with open_reader(config.database) as connection:
        read = Read(connection)
        copied = read.latest(1, only_copied=True)
        copies = [member["id"] for story in copied for member in read.members(story["story_id"]) if not member["leads"]]
    for copy in copies[:1]:
        click.echo(f"Why:              {program()} explain -c {config.file} {copy}")
    if serving:
        click.echo("\nGoing on until Ctrl-C.")


async def _poll(
    config: Config, force: bool, only: Collection[str] | None, quiet: bool = True
) -> tuple[list[Poll], list[str]]:
    async with Aggregator(config) as aggregator:
        dues = await aggregator.due(force, only)
        with progress(len(dues), quiet) as heard:
            polls = await aggregator.poll(dues, lambda poll: heard(poll.feed, result(poll)))
        await aggregator.publish()
        return polls, [*aggregator.faults, *aggregator.site.faults]


def _chosen(config: Config, names: tuple[str, ...]) -> frozenset[str] | None:
    """The configured addresses of the feeds a person named; None for all."""
    if not names:
        return None
    chosen = set()
    for name in names:
        found = [f.url for f in config.feeds if f.url == name or (f.title or "").casefold() == name.casefold()]
        if not found:
            stop(f"no feed in {config.file} has the address or title {name!r}", USAGE)
        chosen.update(found)
    return frozenset(chosen)
