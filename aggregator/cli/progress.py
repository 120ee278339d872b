"""What a pass does while it does it: a bar where somebody looks, a line per feed where a file or another program does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from aggregator.terminal import printable

Heard = Callable[[str, str], None]  # a feed's name, and what came of it


@contextlib.contextmanager
def progress(total: int, quiet: bool = False) -> Iterator[Heard]:
    """Shows how far a pass over `total` feeds is, on standard error, so that standard output can go elsewhere."""
    console = Console(stderr=True)
    if quiet or not total:
        yield lambda name, result: None
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("Polling", total=total)
            yield lambda name, result: bar.update(task, advance=1, description=printable(name, 30).ljust(30))
    else:
        done = 0

        def line(name: str, result: str) -> None:
            nonlocal done
            done += 1
            click.echo(f"[{done:>{len(str(total))}}/{total}] {printable(name, 80)}: {printable(result)}", err=True)

        yield line
