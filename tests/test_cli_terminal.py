"""Every command in a pseudo-terminal, when all is well and when it is not: its exit code, and nothing but plain lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from aggregator.advice import advice
from aggregator.cli import main
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.terminal import Shown, terminal
from tests.test_cli import run

EVIL = "A \x1b[31mred\x1b[0m \x07bell \u202etitle"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder after one poll of a feed that is well, of its copy and of one that is not; their server stays."""
    folder, web = tmp_path_factory.mktemp("terminal"), Web()
    text, other = ("<p>" + " ".join(f"{word}{n}" for n in range(60)) + "</p>" for word in ("word", "thing"))
    web.pages["/f"] = Answer(rss(Post("One", text, "http://x.example/1"), Post(EVIL, other, "http://x.example/2")))
    web.pages["/bad"] = Answer(b"no", 403)
    web.pages["/copy"] = Answer(rss(Post("Won", text, "http://y.example/1", date=None)))
    config_for(folder, web.url("/f"), web.url("/bad"), web.url("/copy"))
    (folder / "fresh").mkdir()
    (folder / "small").mkdir()
    config_for(folder / "small", web.url("/f"))
    (folder / "subs.opml").write_text('<opml><outline xmlUrl="http://new.example/" text="New"/></opml>')
    shown = terminal("poll", cwd=folder)
    assert shown.code == 0, shown.text
    (folder / "first.txt").write_text(shown.text)
    (folder / "web.txt").write_text(web.url(""))
    yield folder
    web.close()


def plain(shown: Shown) -> str:
    """What is left without the bar's own control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown.text)


WELL: list[tuple[str, list[str], str]] = [
    ("check", [], "3 feeds, no faults"),
    ("check", ["--schema"], '"$schema"'),
    ("status", [], "set `fetch.contact`"),
    ("stories", [], "led by"),
    ("search", ["title:One"], "One"),
    ("examples", [], "question"),
    ("explain", ["1"], "Article 1"),
    ("poll", [], "No feed is due"),
    ("poll", ["--force"], "3 feeds polled: 0 new articles"),
    ("publish", [], ""),
    ("prune", ["--dry-run"], ""),
    ("export", [], "<opml"),
    ("import", ["subs.opml", "--dry-run"], "1 feeds would be added"),
    ("backup", ["copy.db"], ""),
    ("healthcheck", [], "ok"),
    ("dupes", [], "Won"),
    ("test", ["{web}/f"], "Nothing was stored"),
    ("replay", ["--dry-run"], "nothing was changed"),
    ("init", ["-c", "fresh/feeds.yaml"], "Wrote fresh/feeds.yaml"),
]
# What changes something, and what takes it back.
THERE_AND_BACK = [
    (("split", ["http://y.example/1"], "alone"), ("split", ["http://y.example/1", "--undo"], "and 1 more")),
    (
        ("merge", ["http://x.example/1", "http://x.example/2"], "and 2 more"),
        ("merge", ["http://x.example/1", "http://x.example/2", "--undo"], "alone"),
    ),
    (("pin", ["http://y.example/1"], "“Won”"), ("pin", ["http://y.example/1", "--undo"], "“One”")),
    (
        ("add", ["-c", "small/feeds.yaml", "{web}/copy"], "A feed"),
        ("remove", ["-c", "small/feeds.yaml", "{web}/copy"], ""),
    ),
]
TYPED = [  # what never ends by itself: until a text shows, and Ctrl-C is typed
    (["run", "-c", "small/feeds.yaml"], "published in", "stopping"),
    (["demo", "--directory", "demo"], "until Ctrl-C", "6 recognised as copies"),
]


@pytest.mark.parametrize(("command", "options", "text"), WELL, ids=[" ".join([c, *o]) for c, o, _ in WELL])
def test_when_all_is_well(home: Path, command: str, options: list[str], text: str) -> None:
    is_well(home, command, options, text)


@pytest.mark.parametrize(("there", "back"), THERE_AND_BACK, ids=[there[0] for there, _ in THERE_AND_BACK])
def test_there_and_back(home: Path, there: tuple[str, list[str], str], back: tuple[str, list[str], str]) -> None:
    is_well(home, *there)
    is_well(home, *back)


def is_well(home: Path, command: str, options: list[str], text: str) -> None:
    web = (home / "web.txt").read_text()
    shown = terminal(command, *(option.replace("{web}", web) for option in options), cwd=home)
    assert shown.code == 0, shown.text
    assert text in plain(shown)
    assert "\x07" not in shown.text
    assert "\x1b[31m" not in shown.text
    assert "\u202e" not in shown.text


SAD: list[tuple[str, list[str], int]] = [
    ("check", ["-c", "none.yaml"], 2),
    ("check", ["--no-such"], 2),
    ("run", ["-c", "none.yaml"], 2),
    ("run", ["--log-format", "xml"], 2),
    ("poll", ["nobody"], 2),
    ("status", ["-c", "other/feeds.yaml"], 1),
    ("stories", ["-c", "other/feeds.yaml"], 1),
    ("search", ["word"], 1),
    ("explain", ["999"], 1),
    ("publish", ["-c", "locked/feeds.yaml"], 1),
    ("import", ["none.opml"], 2),
    ("import", ["feeds.yaml"], 1),
    ("export", ["-o", "none/x.opml"], 1),
    ("export", ["-c", "none.yaml"], 2),
    ("add", ["-c", "none.yaml", "http://x.example/"], 2),
    ("remove", ["nobody"], 2),
    ("init", [], 1),
    ("demo", ["--directory", "."], 1),
    ("nonsense", [], 2),
    ("healthcheck", ["-c", "other/feeds.yaml"], 1),
    ("dupes", ["-c", "other/feeds.yaml"], 1),
    ("split", ["999"], 1),
    ("merge", ["1", "1"], 2),
    ("pin", ["999"], 1),
    ("test", ["ftp://x.example/"], 2),
    ("prune", ["-c", "none.yaml"], 2),
    ("examples", ["nonsense"], 2),
    ("backup", ["none/x.db"], 1),
    ("replay", ["--threshold", "0.6"], 2),
]


@pytest.mark.parametrize(("command", "options", "code"), SAD, ids=[" ".join([c, *o]) for c, o, _ in SAD])
def test_when_it_is_not(home: Path, command: str, options: list[str], code: int) -> None:
    (home / "other").mkdir(exist_ok=True)
    (home / "other" / "feeds.yaml").write_text("feeds: [http://x.example/]\n")
    (home / "locked").mkdir(exist_ok=True)
    (home / "locked" / "feeds.yaml").write_text("database: /dev/null/aggregator.db\n")
    if command == "search":
        options = ["-c", "other/feeds.yaml", *options]
    before = (home / "feeds.yaml").read_bytes()
    shown = terminal(command, *options, cwd=home)
    assert shown.code == code, shown.text
    assert "Traceback" not in shown.text
    assert shown.lines
    usage = shown.lines[0].startswith("Usage:")
    assert usage or len(shown.lines) == 1, shown.text
    assert (home / "feeds.yaml").read_bytes() == before


@pytest.mark.parametrize(("command", "until", "text"), TYPED, ids=[command[0] for command, _, _ in TYPED])
def test_what_runs_until_it_is_told_to_end(home: Path, command: list[str], until: str, text: str) -> None:
    shown = terminal(*command, cwd=home, answers={until: "\x03"})
    assert shown.code == 0, shown.text
    assert text in shown.text
    assert "Traceback" not in shown.text


def test_no_command_is_left_out() -> None:
    well = {command for command, _, _ in [*WELL, *(step for steps in THERE_AND_BACK for step in steps)]}
    assert well | {command[0] for command, _, _ in TYPED} == set(main.commands)
    assert {command for command, _, _ in SAD} >= set(main.commands)


def test_a_poll_shows_a_bar_then_a_table(home: Path) -> None:
    text = (home / "first.txt").read_text()
    assert "━" in text  # the bar
    rest = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "3 feeds polled: 3 new articles, 0 changed, 1 recognised as copies" in rest
    assert "HTTP 403" in rest
    assert ", 1 failed" in rest


def test_a_poll_into_a_file_is_plain_lines(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(
        rss(Post("One", link="http://x.example/1"), title=EVIL.replace("\x1b", "").replace("\x07", ""))
    )
    config_for(tmp_path, web.url("/f"), web.url("/missing"))
    done = run("poll", cwd=tmp_path)
    assert sorted(line.partition("] ")[0] for line in done.stderr.splitlines()) == ["[1/2", "[2/2"]
    assert "1 new, 0 changed" in done.stderr
    assert "failed: HTTP 404" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert run("poll", "--force", "-q", cwd=tmp_path).stderr == ""
    assert run("poll", "--force", "--json", cwd=tmp_path).stderr == ""


@pytest.mark.parametrize("name", sorted(main.commands))
def test_help_reads_like_a_page_and_has_an_example(name: str) -> None:
    command = main.commands[name]
    text = command.get_help(click.Context(command, info_name=f"aggregator {name}"))
    assert re.search(r"Examples?:\n\s+aggregator " + name, text), text
    first = (command.help or "").strip().splitlines()[0]
    assert len(first) <= 120
    assert first.rstrip().endswith((".", "…", ":", ",")) or first[-1].isalpha()
    example = re.search(rf"aggregator {name}.*", text)
    assert example is not None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_and_feeds(home: Path, shell: str) -> None:
    import os
    import subprocess
    import sys

    code = "from aggregator.cli import main; main(prog_name='aggregator')"

    def complete(**environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=home,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    if shell != "bash":  # click asks bash for its version
        assert "aggregator" in complete(_AGGREGATOR_COMPLETE=f"{shell}_source")
    words = {"COMP_WORDS": "aggregator st", "COMP_CWORD": "st" if shell == "fish" else "1"}
    assert "status" in complete(_AGGREGATOR_COMPLETE=f"{shell}_complete", **words)
    words = {"COMP_WORDS": "aggregator remove http", "COMP_CWORD": "http" if shell == "fish" else "2"}
    assert "/bad" in complete(_AGGREGATOR_COMPLETE=f"{shell}_complete", **words)


@pytest.mark.parametrize(
    ("state", "status", "error", "words"),
    [
        ("active", 200, None, ""),
        ("gone", 410, "HTTP 410 Gone", "remove"),
        ("disabled", None, None, "enabled"),
        ("active", 401, "HTTP 401", "password"),
        ("active", 404, "HTTP 404", "aggregator add"),
        ("active", 429, "HTTP 429", "interval"),
        ("active", 503, "HTTP 503", "by itself"),
        ("active", None, "can't find the host x.example", "spelling"),
        ("active", None, "x is at 10.0.0.1, which is not a public address", "allow_private"),
        ("active", 200, "is a web page, not a feed; it names http://x.example/f", "one of the feeds it names"),
        ("active", 200, "is a web page, not a feed", "aggregator add"),
        ("active", None, "something new", "by itself"),
    ],
)
def test_what_to_do_about_it(state: str, status: int | None, error: str | None, words: str) -> None:
    said = advice(state, status, error, 1)
    assert words in said
    assert bool(said) is bool(words)
