"""The pages in a real Chromium: what they do, what they must not, whether everybody can use them, whether they are HTML.

Needs Debian's `chromium`, the extra `browser` (playwright, which drives it) and, below NODE_PATH, axe-core and vnu-jar
from npm; `.ci/run` brings all of it. What is missing is said by the tests that are skipped for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregator.config import Config
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.served import Served, poll, serve
from tests.test_page import EVIL_HTML, HOSTILE, _polled

pytestmark = pytest.mark.browser

PAGES = (
    "/ /?q=mole /?tag=press&copied=1 /?q=nothinglikethis /?lang=ar /story/1 /story/3 /story/63 /story/64 /feeds /feeds/2 "
    "/feeds/6 /who-copies-whom /about /story/999"
).split()
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def module(path: str) -> Path:
    """A file of an npm package."""
    folders = [Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    found = next((folder / path for folder in folders if (folder / path).exists()), None)
    if found is None:
        pytest.skip(f"{path} is not below NODE_PATH: npm install axe-core vnu-jar, then NODE_PATH=…/node_modules")
    return found


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    web = Web()
    try:
        yield _polled(web, tmp_path_factory.mktemp("browser"))
    finally:
        web.close()


@pytest.fixture(scope="module")
def site(config: Config) -> Iterator[Served]:
    with serve(config) as served:
        yield served


@pytest.fixture
def poisoned(config: Config, tmp_path: Path) -> Iterator[Served]:
    """With a story in the database that cleaning would never let through: the page's policy has to hold by itself."""
    other = dataclasses.replace(config, database=tmp_path / "poisoned.db")
    with contextlib.closing(sqlite3.connect(config.database)) as connection:
        connection.execute("VACUUM INTO ?", (str(other.database),))
    with contextlib.closing(sqlite3.connect(other.database)) as connection, connection:
        connection.execute("UPDATE articles SET content_html = ? WHERE url = 'http://evil.example/1'", (EVIL_HTML,))
    with serve(other) as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


Opened = Callable[..., Any]


@pytest.fixture
def visit(chromium: Any, site: Served) -> Iterator[Opened]:
    """Opens a page: `visit(path, width=…, dark=…)`; afterwards nothing may have been complained of."""
    complaints: list[str] = []
    contexts = []

    def go(path: str, width: int = 1024, dark: bool = False, on: Served = site, **more: Any) -> Any:
        scheme = "dark" if dark else "light"
        context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **more)
        contexts.append(context)
        # Pictures of sites that don't exist would be complaints of the network, not of the page.
        context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(on.url) else route.fulfill(
            status=200, content_type="image/png", body=_PNG))  # fmt: skip
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(on.url + path, wait_until="load")
        return page

    go.complaints = complaints  # type: ignore[attr-defined]
    yield go
    for context in contexts:
        context.close()
    assert [text for text in complaints if "404 (Not Found)" not in text] == []


_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(visit: Opened, site: Served, width: int) -> None:
    page = visit("/", width)
    wide = {}
    for path in PAGES:
        page.goto(site.url + path)
        wide[path] = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    assert {path: found for path, found in wide.items() if found > width} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(visit: Opened, site: Served, dark: bool) -> None:
    source = module("axe-core/axe.min.js").read_text(encoding="utf-8")
    page = visit("/", 390 if dark else 1024, dark, bypass_csp=True)
    found = []
    for path in PAGES:
        page.goto(site.url + path)
        page.evaluate(source)
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert len(result["passes"]) > 10
        found += [(path, v["id"], [node["html"][:200] for node in v["nodes"]]) for v in result["violations"]]
    assert found == []


def test_every_page_is_valid_html(site: Served, tmp_path: Path) -> None:
    jar = module("vnu-jar/build/dist/vnu.jar")
    java = shutil.which("java") or pytest.skip("the Nu checker needs Java: apt-get install default-jre-headless")
    for number, path in enumerate(PAGES):
        (tmp_path / f"{number}.html").write_text(site.get(path).body, encoding="utf-8")
    done = subprocess.run(
        [java, "-jar", str(jar), "--format", "json", "--stdout", *sorted(map(str, tmp_path.glob("*.html")))],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    messages = json.loads(done.stdout)["messages"]
    pages = {f"{number}.html": path for number, path in enumerate(PAGES)}
    assert [(pages[m["url"].rpartition("/")[2]], m["message"], m.get("extract", "")[:120]) for m in messages] == []


def test_a_reader_finds_a_story_its_copy_and_the_difference(visit: Opened) -> None:
    page = visit("/")
    page.get_by_label("Search the stories").fill("caissons")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=caissons*")
    assert page.locator("mark").first.inner_text() == "caissons"
    page.get_by_role("link", name="Northern mole to be rebuilt").first.click()
    page.wait_for_url("**/story/*")
    assert page.locator("h1").inner_text() == "Northern mole to be rebuilt"
    assert page.locator("ins", has_text="decided").is_visible()
    assert page.locator("del", has_text="agreed").is_visible()
    page.get_by_role("link", name="Stories", exact=True).click()
    page.wait_for_url(lambda url: url.rstrip("/").count("/") == 2)
    for name in ("Feeds", "Who copies whom", "About"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        assert page.locator("nav [aria-current=page]").inner_text() == name
        assert page.locator("h1").inner_text() == name


def test_filters_can_be_set_and_taken_away(visit: Opened) -> None:
    page = visit("/")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Tag").select_option("press")
    page.get_by_label("only stories with copies").check()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**tag=press*")
    assert page.locator("article").count() == 1
    page.get_by_role("link", name="Remove the filter: only with copies").click()
    page.wait_for_url(lambda url: "copied" not in url)
    page.get_by_role("link", name="Remove the filter: tag: press").click()
    page.wait_for_url(lambda url: "tag" not in url)
    assert page.locator("article").count() == 25
    page.get_by_role("link", name="Older stories").click()
    page.wait_for_url("**before=*")
    assert page.get_by_role("link", name="Back to the newest").is_visible()


def test_the_keyboard_is_enough(visit: Opened) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        seen.add(page.evaluate("document.activeElement.tagName"))
        assert outline != "none"
    assert {"INPUT", "BUTTON", "SUMMARY", "A"} <= seen


def test_the_dark_is_dark_and_the_light_light(visit: Opened) -> None:
    brightness = (
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)"
    )
    assert visit("/", dark=True).evaluate(brightness) < 150
    assert visit("/", dark=False).evaluate(brightness) > 600


def test_hostile_titles_do_nothing(visit: Opened) -> None:
    page = visit("/")
    title = page.locator("h3 a", has_text="7*7")
    assert title.count() == 1
    assert page.evaluate("window.pwned") is None
    assert page.title() == "Stories – My merged feed"
    title.click()
    page.wait_for_url("**/story/*")
    assert "{{7*7}}" in page.locator("h1").inner_text()
    assert page.evaluate("window.pwned") is None


def test_the_policy_holds_where_cleaning_did_not(visit: Opened, poisoned: Served) -> None:
    number = re.search(r'story/(\d+)">[^<]*7\*7', poisoned.get("/").body)
    assert number is not None
    page = visit(f"/story/{number[1]}", on=poisoned)
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).display") != "none"
    assert page.evaluate("getComputedStyle(document.querySelector('.content p')).position") == "static"
    assert "Content Security Policy" in " ".join(visit.complaints)  # type: ignore[attr-defined]
    visit.complaints.clear()  # type: ignore[attr-defined]


def test_what_went_through_cleaning_breaks_no_rule(chromium: Any, visit: Opened, web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post(HOSTILE, EVIL_HTML, "http://x.example/1")))
    config = config_for(tmp_path, web.url("/f"))
    with serve(config, poll(config)) as cleaned:
        page = visit("/story/1", on=cleaned)
        assert page.evaluate("window.pwned") is None
        assert page.locator(".content").inner_text().startswith("Words stay.")
        assert page.locator("iframe, form.evil, .content form, .content svg, .content style").count() == 0


def test_without_script_everything_is_there(visit: Opened) -> None:
    page = visit("/story/1", java_script_enabled=False)
    assert page.locator("ins", has_text="decided").is_visible()
    assert page.locator("button.copy").count() == 0


def test_the_script_adds_the_readers_own_clock_and_copies(visit: Opened) -> None:
    page = visit("/story/1", timezone_id="Asia/Tokyo", permissions=["clipboard-read", "clipboard-write"])
    assert "here)" in page.locator("time").first.get_attribute("title")
    page.locator("button.copy").first.click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("aggregator explain ")
