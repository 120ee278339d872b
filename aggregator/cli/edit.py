"""The commands that change feeds.yaml: init, add, remove, import, export. What a person wrote in it stays."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NoReturn

import click

from aggregator import feedsfile, opml
from aggregator import publish as formats
from aggregator.cli.group import FAILED, USAGE, feed_names, load, main, program, stop, with_config, with_json
from aggregator.cli.tables import print_json
from aggregator.config import Config, comparable, loads
from aggregator.config.jsonschema import SCHEMA_FILE, schema_text
from aggregator.errors import ConfigError, ParseError, StoreError
from aggregator.feedsfile import NewFeed
from aggregator.model import Subscription
from aggregator.publish.channel import Outline
from aggregator.store import Read, open_reader
from aggregator.terminal import printable
from aggregator.visit import Visit, visit

TEMPLATE = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
#
# The feeds of this aggregator. Only `feeds` is needed: what stands behind a # is a default, or an example.
# `aggregator check` says whether this file is right; a running daemon takes a change over by itself.

# database: aggregator.db            # relative to this file

output:
  title: My merged feed
  # directory: public                # where feed.atom, feed.rss, feed.json and the pages are written
  # base_url: http://127.0.0.1:8080/ # the address that this directory has in the world
  # items: 50

# server:
#   listen: 127.0.0.1:8080           # false: files only, for nginx and friends
#   auth: reader:secret              # or AGGREGATOR_SERVER__AUTH_FILE=/run/secrets/auth

# fetch:
#   contact: you@example.org         # goes into the User-Agent, so that publishers can reach you

# defaults:                          # any key of a feed, for all feeds
#   interval: 30m

# `aggregator add URL` writes here, also the address of a web page; so does `aggregator import FILE.opml`.
feeds:
  # - https://example.org/feed.xml   # a bare address is a feed
  # - url: https://example.com/rss
  #   title: Example
  #   tags: [press]
  #   role: origin                   # it publishes its own; a republisher carries others'
"""


@main.command()
@with_config
def init(config_path: Path) -> None:
    """Write a feeds.yaml with comments to start from.

    A file that exists is never touched. Beside it stands the JSON Schema, with which editors complete and check the
    keys while you type.

    \b
    Example:
      aggregator init && aggregator add https://www.nato.int/
    """
    feedsfile.create(config_path, TEMPLATE)
    schema = config_path.with_name(SCHEMA_FILE)
    if not schema.exists():
        feedsfile.create(schema, schema_text())
    click.echo(f"Wrote {config_path}, and {schema} for editors.")
    click.echo(f"Next: {program()} add URL, or {program()} import FILE.opml")


@main.command()
@with_config
@click.option("--title", help="What to call it; the feed's own title if not given.")
@click.option("-t", "--tag", "tags", multiple=True, help="A word to group it by; may be given more than once.")
@click.option("--role", type=click.Choice(["origin", "republisher"]), help="Whether it publishes its own, or others'.")
@click.option("--interval", metavar="DURATION", help="How often to look, as 15m or 2h.")
@click.option("--pick", type=click.IntRange(1), metavar="N", help="Where a page names several feeds: the Nth.")
@click.option("--only-new", is_flag=True, help="Leave out what was published before now.")
@click.option("--no-check", is_flag=True, help="Write the address as it is, without looking at it first.")
@click.argument("url")
def add(
    config_path: Path,
    url: str,
    title: str | None,
    tags: tuple[str, ...],
    role: str | None,
    interval: str | None,
    pick: int | None,
    only_new: bool,
    no_check: bool,
) -> None:
    """Subscribe to a feed, or to the feed behind a web page.

    The address is looked at first. Where a page names several feeds, you are asked which one; without a terminal, say
    it with --pick. feeds.yaml keeps its comments, its order and its look.

    \b
    Examples:
      aggregator add https://www.nato.int/
      aggregator add https://example.org/feed.xml --tag press --role origin --only-new
    """
    config = load(config_path)
    address = _address(url)
    _check_item(config_path, NewFeed(address, title, tags, role, interval))
    if _known(config, address):
        return
    since = datetime.now(UTC).replace(microsecond=0) if only_new else None
    if no_check:
        feed, found = NewFeed(address, title, tags, role, interval, since), None
    else:
        found = _found(config, address, pick)
        if _known(config, found.url):
            return
        feed = NewFeed(found.url, title or found.title, tags, role, interval, since)
    feedsfile.add(config_path, [feed])
    click.echo(f"Added {printable(feed.title or feed.url)} to {config_path}")
    if found is not None:
        newest = f", the newest of {found.newest:%Y-%m-%d}" if found.newest else ""
        click.echo(f"  {printable(feed.url, 2000)}: {found.entries} entries{newest}")
        if only_new and found.undated:
            text = (
                f"{found.undated} of its entries do not say when they were published: --only-new can't leave them out"
            )
            click.echo(f"aggregator: {text}", err=True)
    click.echo(f"A running daemon takes it over by itself; without one: {program()} poll")


@main.command()
@with_config
@click.argument("feeds", nargs=-1, required=True, metavar="FEED...", shell_complete=feed_names)
def remove(config_path: Path, feeds: tuple[str, ...]) -> None:
    """Unsubscribe from feeds; their stored articles stay.

    FEED is a feed's address or title. Comments on lines of their own stay in feeds.yaml.

    \b
    Example:
      aggregator remove https://example.org/feed.xml "Phys.org"
    """
    config = load(config_path)
    chosen: dict[str, Subscription] = {}
    for name in feeds:
        found = [f for f in config.feeds if _same(f.url, name) or (f.title or "").casefold() == name.casefold()]
        if not found:
            names = [text for f in config.feeds for text in (f.url, f.title) if text]
            close = difflib.get_close_matches(name, names, 1, 0.6)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            stop(f"no feed in {config_path} has the address or title {name!r}{hint}", USAGE)
        chosen.update({feed.url: feed for feed in found})
    feedsfile.remove(config_path, chosen)
    for feed in chosen.values():
        click.echo(f"Removed {printable(feed.title or feed.url)} from {config_path}")
    click.echo("What is stored of it stays." if len(chosen) == 1 else "What is stored of them stays.")


@main.command(name="import")
@with_config
@with_json
@click.option("-t", "--tag", "tags", multiple=True, help="A tag for all of them; may be given more than once.")
@click.option("--dry-run", is_flag=True, help="Say what would be added, and change nothing.")
@click.argument("file", type=click.File("rb"), metavar="FILE.opml")
def import_(config_path: Path, file: IO[bytes], tags: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Subscribe to the feeds that an OPML file lists.

    Folders, also nested ones, and categories become tags. Rows that are no feed are listed on stderr, the good ones are
    kept. FILE.opml may be - for standard input. A file with a DTD is refused.

    \b
    Example:
      aggregator import subscriptions.opml --tag imported
    """
    config = load(config_path)
    try:
        listed = opml.read(file.read(opml.MAX_BYTES + 1))
    except ParseError as error:
        stop(f"{file.name} {error}")
    feeds = [NewFeed(row.url, row.title, tuple(dict.fromkeys((*row.tags, *tags)))) for row in listed.rows]
    if dry_run:
        known = {comparable(feed.url) for feed in config.feeds}
        added = [feed for feed in feeds if comparable(feed.url) not in known]
    else:
        added = feedsfile.add(config_path, feeds)
    for bad in listed.bad:
        click.echo(f"{printable(file.name)}:{bad.line}: {bad.what}: {bad.why}", err=True)
    there = len(feeds) - len(added)
    if as_json:
        rows = [{"url": feed.url, "title": feed.title, "tags": list(feed.tags)} for feed in added]
        bad_rows = [{"line": bad.line, "what": bad.what, "why": bad.why} for bad in listed.bad]
        print_json({"added": rows, "there_already": there, "bad": bad_rows})
    else:
        for feed in added if dry_run else ():
            click.echo(f"{printable(feed.url, 2000)}  {printable(feed.title or '')}  [{', '.join(feed.tags)}]")
        verb = "would be added" if dry_run else "added"
        click.echo(f"{len(added)} feeds {verb}, {there} were there already, {len(listed.bad)} rows were no feed")
    if not feeds:
        raise SystemExit(FAILED)


@main.command()
@with_config
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of the terminal.")
def export(config_path: Path, output: Path | None) -> None:
    """Write the subscriptions as OPML 2.0, for another reader.

    Tags become categories, so that `aggregator import` gives the same list back.

    \b
    Example:
      aggregator export -o subscriptions.opml
    """
    config = load(config_path)
    rows = {}
    with contextlib.suppress(StoreError), open_reader(config.database) as connection:
        rows = {row["configured_url"]: row for row in Read(connection).feeds()}
    outlines = []
    for feed in config.feeds:
        row = rows.get(feed.url)
        title = feed.title or (row["title"] if row else feed.url)
        outlines.append(Outline(title, feed.url, row["home_page_url"] if row else None, feed.tags))
    text = formats.opml.render(config.output.title, outlines).decode()
    if output is None:
        click.echo(text, nl=False)
    else:
        feedsfile.replace(output, text)
        click.echo(f"{len(outlines)} feeds written to {output}")


def _found(config: Config, address: str, pick: int | None) -> Visit:
    """The feed at the address or behind it. Ends the program where there is none, or none can be chosen."""
    [found] = asyncio.run(visit(config, [Subscription(address)]))
    if found.error is None:
        return found
    named = found.named
    if not named:
        _no_feed(config, address, found)
    if pick is not None and pick > len(named):
        stop(f"{address} names {len(named)} feed{'s' * (len(named) > 1)} only", USAGE)
    if pick is None and len(named) > 1:
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        click.echo(f"{printable(address, 2000)} names {len(named)} feeds:", err=not terminal)
        for number, link in enumerate(named, 1):
            click.echo(
                f"  {number}  {printable(link.title or 'without a title')}  {printable(link.url, 2000)}",
                err=not terminal,
            )
        if not terminal:
            stop("say which one with --pick N, or add its own address", USAGE)
        pick = click.prompt("Which one", type=click.IntRange(1, len(named)), default=1)
    chosen = named[(pick or 1) - 1].url
    [found] = asyncio.run(visit(config, [Subscription(chosen)]))
    if found.error is not None:
        _no_feed(config, chosen, found)
    return found


def _no_feed(config: Config, address: str, found: Visit) -> NoReturn:
    hint = "" if found.status is None else "; add --no-check to subscribe all the same"
    stop(f"{address}: {found.error}{hint}")


def _address(text: str) -> str:
    """What a person meant: feed:, and an address without http before it, as browsers take it."""
    text = re.sub(r"^feed:(?://)?(?=https?:)", "", text.strip(), flags=re.IGNORECASE)
    text = re.sub(r"^feed://", "http://", text, flags=re.IGNORECASE)
    return text if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) else f"https://{text}"


def _check_item(path: Path, feed: NewFeed) -> None:
    """What the command line says of the feed, judged as the file would be. Ends the program with what is wrong."""
    from aggregator import yamlfile

    try:
        loads(yamlfile.append("", "feeds", [feed.item()]), path)
    except ConfigError as error:
        stop("; ".join(f"{fault.key.partition('.')[2] or 'url'} {fault.message}" for fault in error.faults), USAGE)


def _known(config: Config, address: str) -> bool:
    found = next((feed for feed in config.feeds if _same(feed.url, address)), None)
    if found is not None:
        click.echo(f"{printable(found.title or found.url)} is in {config.file} already; nothing was changed")
    return found is not None


def _same(url: str, name: str) -> bool:
    try:
        return url == name or comparable(url) == comparable(name)
    except (ValueError, KeyError):
        return False
