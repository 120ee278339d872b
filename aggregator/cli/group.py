"""The command group, the options all commands share, and how errors end: one line on stderr, exit code 1 or 2."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from aggregator import config as configuration
from aggregator.config import Config
from aggregator.errors import AggregatorError, ClusterError, ConfigError
from aggregator.terminal import printable

FAILED, USAGE = 1, 2


class Commands(click.Group):
    """A group that turns the package's errors into exit codes, never into a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for fault in error.faults:
                click.echo(printable(str(fault)), err=True)
            sys.exit(USAGE)
        except ClusterError as error:
            stop(str(error), USAGE if error.lasting else FAILED)
        except AggregatorError as error:
            stop(str(error))
        except BrokenPipeError:
            # The reader of a pipe has gone (`| head`): nobody is left to tell, and Python must not try at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(FAILED)
        except KeyboardInterrupt:
            sys.exit(130)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:  # a traceback helps nobody who did not write this
            if os.environ.get("AGGREGATOR_DEBUG"):
                raise
            stop(f"{type(error).__name__}: {error} (this should not happen; AGGREGATOR_DEBUG=1 shows where)")


def stop(message: str, code: int = FAILED) -> NoReturn:
    """Ends the program with one line on stderr."""
    click.echo(f"aggregator: {printable(message, 2000)}", err=True)
    sys.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="aggregator", message="%(prog)s %(version)s")
def main() -> None:
    """Polls feeds, recognises republished articles and publishes one merged feed that shows every story once.

    \b
    First steps:
      aggregator demo             everything at work on sample feeds, without internet
      aggregator check            is feeds.yaml right?
      aggregator poll             one pass over the feeds that are due
      aggregator run              the daemon
    """


def with_config(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds -c/--config."""
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        default="feeds.yaml",
        envvar="AGGREGATOR_CONFIG",
        show_default=True,
        show_envvar=True,
        help="The configuration file.",
    )(command)


def with_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def load(path: Path) -> Config:
    """The configuration. Raises ConfigError, with the way out where there is no file at all."""
    return configuration.load(path)


def feed_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Addresses and titles of the configured feeds, for the shell's completion."""
    try:
        config = configuration.load(Path(context.params.get("config_path") or "feeds.yaml"))
    except AggregatorError:
        return []
    names = [name for feed in config.feeds for name in (feed.url, feed.title) if name]
    return [CompletionItem(name) for name in names if name.casefold().startswith(incomplete.casefold())]


def program() -> str:
    """How this program was called, for a line that a person copies: a virtual environment may not be on the PATH."""
    called = sys.argv[0]
    if Path(called).name == "__main__.py":
        return f"{sys.executable} -m aggregator"
    return Path(called).name if shutil.which(Path(called).name) else called
