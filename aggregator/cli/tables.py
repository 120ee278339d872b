"""How results are shown: tables for people, JSON for programs. Text of feeds never carries control characters here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator.app import Poll
from aggregator.terminal import printable


def console() -> Console:
    """Standard output; 100 columns where it is no terminal, so that a log shows whole lines."""
    found = Console(highlight=False, soft_wrap=False)
    return found if found.is_terminal else Console(highlight=False, width=140)


def print_json(data: Any) -> None:
    """JSON on standard output."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=1))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()) -> None:
    """A table; the columns named in `right` are aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = set(right)
    for number, column in enumerate(columns):
        if column in numbers:
            table.add_column(column, justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", no_wrap=number > 0 and column in ("next poll", "published"))
    for row in rows:
        table.add_row(*(Text(printable(str("" if cell is None else cell))) for cell in row))
    console().print(table)


def print_polls(polls: Sequence[Poll], as_json: bool = False) -> None:
    """What a pass did: a row a feed, and the sum."""
    if as_json:
        names = ("feed", "url", "status", "new", "changed", "copies", "error")
        print_json([{name: getattr(poll, name) for name in names} for poll in polls])
        return
    print_table(
        ("feed", "HTTP", "new", "changed", "copies", ""),
        [
            (poll.feed, poll.status or "–", poll.new, poll.changed, poll.copies, _remark(poll))
            for poll in sorted(polls, key=lambda poll: (poll.error is not None, poll.feed.casefold()))
        ],
        right=("HTTP", "new", "changed", "copies"),
    )
    failed = sum(poll.error is not None for poll in polls)
    new, changed, copies = (sum(getattr(poll, name) for poll in polls) for name in ("new", "changed", "copies"))
    same = sum(poll.not_modified for poll in polls)
    text = f"{len(polls)} feeds polled: {new} new articles, {changed} changed, {copies} recognised as copies"
    click.echo(
        text + (f", {same} feeds without change (304)" if same else "") + (f", {failed} failed" if failed else "")
    )


def result(poll: Poll) -> str:
    """What came of a poll, in words."""
    if poll.error is None and (poll.new or poll.changed):
        return f"{poll.new} new, {poll.changed} changed"
    return f"failed: {poll.error}" if poll.error is not None else _remark(poll)


def _remark(poll: Poll) -> str:
    if poll.error is not None:
        return poll.error
    if poll.not_modified:
        return "not modified"
    return "" if poll.new or poll.changed else "nothing new"
