"""Docs can't rot: every command, option, key, table, view, column and path is documented, and nothing else is."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import click
import pytest

from aggregator.cli import main
from aggregator.config import load
from aggregator.server import ALIASES
from aggregator.store.reference import reference
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run

HOME = Path(__file__).parent.parent
PAGES = [HOME / "README.md", HOME / "CHANGELOG.md", HOME / "SECURITY.md", *sorted((HOME / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
README = PAGES[0].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file made by one real poll."""
    folder = tmp_path_factory.mktemp("docs")
    web = Web()
    try:
        web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
        config_for(folder, web.url("/f"))
        assert run("poll", cwd=folder).returncode == 0
    finally:
        web.close()
    return folder / "aggregator.db"


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_is_in_the_readme_and_has_help(name: str) -> None:
    command = main.commands[name]
    assert re.search(rf"`aggregator {name}\b", README), f"`aggregator {name}` is not in README.md"
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts} has no help"


def test_no_command_is_documented_that_does_not_exist() -> None:
    named = set(re.findall(r"`aggregator ([a-z]+)\b", TEXT))
    assert named - set(main.commands) == set()


def test_every_option_that_is_documented_exists() -> None:
    known = {option for command in main.commands.values() for p in command.params for option in p.opts} | {"--version"}
    named = {o for line in re.findall(r"`aggregator [^`]*`", TEXT) for o in re.findall(r"(?<![\w-])--[a-z-]+", line)}
    assert named - known == set()


def test_the_page_about_the_file_is_what_the_file_says(database: Path) -> None:
    with closing(sqlite3.connect(database)) as db:
        objects = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE '\\_%' ESCAPE '\\' "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'articles\\_fts\\_%' ESCAPE '\\'"
            )
        ]
        columns = {(name, row[1]) for name in objects for row in db.execute(f"PRAGMA table_info({name})")}
        documented = set(db.execute("SELECT name, field FROM schema_docs"))
    assert {name for name, field in documented if field is None} == set(objects)
    assert {(name, field) for name, field in documented if field is not None} == columns
    written = (HOME / "docs" / "database.md").read_text(encoding="utf-8")
    assert written == reference(), "run: python -m aggregator.store.reference > docs/database.md"
    for name in objects:
        assert f"`{name}`" in README, f"{name} is not in README.md"


@pytest.mark.parametrize(
    "path",
    ["/feed.atom", "/feed.rss", "/feed.json", "/feeds.opml", "/tags/<tag>.atom", "/feeds/<name>.atom", "/healthz",
     "/readyz", *(f"/{alias}" for alias in ALIASES)],
)  # fmt: skip
def test_every_path_is_documented(path: str) -> None:
    assert path in TEXT


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_configuration_in_the_docs_is_right(tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if "feeds:" in block]
    assert blocks
    for block in blocks:
        (tmp_path / "feeds.yaml").write_text(block, encoding="utf-8")
        load(tmp_path / "feeds.yaml", {})


def test_every_library_has_its_licence_listed() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = (HOME / "docs/reliability.md").read_text(encoding="utf-8").partition("## What it stands on")[2]
    names = [re.split(r"[\[<>=!~ ]", dependency)[0] for dependency in project["dependencies"]]
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", listed)] == []
