"""The plan of the house: imports point down, each foreign library has one door, the code is clean and typed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "aggregator"

# From the ground up. A room may import rooms of lower floors, and of its own floor where DESIGN lets it.
FLOORS = [
    {"errors", "model", "terminal", "filters", "iri", "soup", "systemd", "health", "metrics", "advice", "picture"},
    {"yamlfile", "opml", "log", "packing"},
    {"parse", "clean", "dedupe", "schedule", "config", "publish"},
    {"digest", "fetch", "feedsfile"},
    {"worker", "store", "ping", "pages"},
    {"engine"},
    {"stories", "site", "page", "websub"},
    {"replay", "errand", "corrections"},
    {"poller", "cluster"},
    {"app", "server", "demo"},
    {"web"},
    {"daemon", "visit"},
    {"cli"},
    {"__main__", "__init__"},
]
SAME_FLOOR = {("config", "clean")}  # config checks the CSS selectors of `remove`

DOORS = {
    "feedparser": {"parse"},
    "httpx": {"fetch"},
    "h11": {"fetch"},
    "aiodns": {"fetch"},
    "idna": {"fetch"},
    "bs4": {"soup"},
    "soupsieve": {"clean"},
    "nh3": {"clean"},
    "selectolax": {"clean"},
    "trafilatura": {"clean"},
    "sqlite_utils": {"store"},
    "yaml": {"yamlfile"},
    "starlette": {"server", "web"},
    "uvicorn": {"server"},
    "apscheduler": {"daemon"},
    "jinja2": {"page"},
    "markupsafe": {"page"},
    "click": {"cli"},
    "rich": {"cli"},
    "regex": {"filters"},
    "prometheus_client": {"metrics"},
    "distributed": {"cluster"},
}


def imports() -> Iterator[tuple[Path, str, str]]:
    """(file, room, imported module) for every import in the house."""
    for path in sorted(HOUSE.rglob("*.py")):
        room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, room, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                if node.module == "aggregator":
                    yield from ((path, room, f"aggregator.{alias.name}") for alias in node.names)
                else:
                    yield path, room, node.module


def floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_is_on_the_plan() -> None:
    rooms = {p.name.removesuffix(".py") for p in HOUSE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms == set().union(*FLOORS)


def test_imports_point_down() -> None:
    wrong = []
    for path, room, module in imports():
        parts = module.split(".")
        if parts[0] != "aggregator" or len(parts) < 2 or parts[1] == room:
            continue
        if floor(parts[1]) > floor(room) or (floor(parts[1]) == floor(room) and (room, parts[1]) not in SAME_FLOOR):
            wrong.append(f"{path.relative_to(HOUSE)} imports {module}")
    assert wrong == []


def test_each_library_has_one_door() -> None:
    wrong = []
    for path, room, module in imports():
        doors = DOORS.get(module.split(".")[0])
        if doors is not None and room not in doors:
            wrong.append(f"{path.relative_to(HOUSE)} imports {module}")
    assert wrong == []


def test_the_five_packages_the_project_is_built_on_stay_in_use() -> None:
    used = {module.split(".")[0] for _, _, module in imports()}
    assert {"feedparser", "httpx", "apscheduler", "sqlite_utils", "bs4"} <= used


def test_no_group_is_repeated_possessively() -> None:
    """Python before 3.11.5, Debian 12's among them, goes wrong there (cpython issue 106052): "(?>(?:…)*)" is right."""
    pattern = re.compile(r"(?<!\()\)(?:[*+?]|\{[\d,]+\})\+")
    texts = [
        (path, node.value)
        for path in HOUSE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    ]
    rules = [(path, path.read_text(encoding="utf-8")) for path in HOUSE.rglob("*.yaml")]
    found = [(path, text) for path, text in texts + rules if pattern.search(str(text))]
    assert found == []


def test_every_library_is_used() -> None:
    used = {module.split(".")[0] for _, _, module in imports()}
    assert set(DOORS) <= used


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]], ids=["lint", "format", "types"]
)
def test_clean(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=HOUSE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
