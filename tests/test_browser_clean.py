"""What hostile HTML does in a real Chromium after cleaning: nothing. Before cleaning, some of it runs, or the test is blind.

Needs Debian's `chromium` (`.ci/run` installs it); without it the test is skipped and says so.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aggregator.clean import tokens
from tests.laws import cleaned
from tests.test_clean import LINKS, RUNS, hostile

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)


def executions(pages: list[str], folder: Path) -> set[int]:
    """Which of these pages run something when a browser parses them, and when their links are clicked."""
    assert CHROMIUM is not None
    found: set[int] = set()
    for start in range(0, len(pages), 60):
        frames = "".join(
            '<iframe srcdoc="'
            + html.escape(
                f"<!doctype html><script>window.alert = () => parent.postMessage({start + number}, '*')</script><body>{page}"
                '</body><script>for (const a of document.querySelectorAll(\'a[href^="j" i], a[href^="v" i]\')) a.click()</script>'
            )
            + '"></iframe>'
            for number, page in enumerate(pages[start : start + 60])
        )
        file = folder / f"{start}.html"
        file.write_text(
            "<!doctype html><meta charset=utf-8><title></title><script>const hits = new Set();"
            "window.alert = () => hits.add(-1); onmessage = event => { hits.add(event.data);"
            "document.getElementById('hits').textContent = JSON.stringify([...hits]) }</script>"
            f"<p id=hits>[]</p>{frames}",
            encoding="utf-8",
            errors="replace",
        )
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
        done = subprocess.run(
            [*command, f"--user-data-dir={folder}/profile", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        hits = re.search(r'<p id="hits">(\[.*?\])</p>', done.stdout)
        assert hits is not None, done.stdout[:500]
        found |= set(json.loads(hits[1]))
    return found


@pytest.fixture(autouse=True)
def _chromium() -> None:
    if CHROMIUM is None:
        pytest.skip(f"no Chromium: install Debian's `chromium` (looked for {', '.join(NAMES)})")


def test_nothing_hostile_runs_after_cleaning(tmp_path: Path) -> None:
    inputs = hostile()
    assert len(inputs) > 700
    outputs = [cleaned(page).content_html for page in inputs]
    ran = executions(outputs, tmp_path)
    assert ran == set(), [inputs[number] for number in sorted(ran)]


def test_nothing_runs_from_text_titles_and_summaries(tmp_path: Path) -> None:
    pages = [html.escape(tokens.text(page)) for page in hostile()]
    assert executions(pages[:180], tmp_path) == set()


def test_the_browser_would_have_run_it(tmp_path: Path) -> None:
    assert len(executions([*RUNS, *LINKS], tmp_path)) >= 10
