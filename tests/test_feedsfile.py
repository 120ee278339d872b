"""feeds.yaml edited by commands: the change is made, every other byte stays, and what can't be edited is left alone."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import feedsfile, yamlfile
from aggregator.config import load
from aggregator.errors import AggregatorError, ConfigError
from aggregator.feedsfile import NewFeed
from tests.conftest import DATA

HOME = Path(__file__).parent.parent
CASES: list[dict[str, Any]] = list(yamlfile.rows(DATA / "feedsfile" / "edits.yaml"))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_an_item_comes_in_and_goes_out_again(case: dict[str, Any]) -> None:
    changed = yamlfile.append(case["text"], "feeds", ["https://new.example/"])
    assert changed == case["added"]
    listed: Any = yamlfile.plain(yamlfile.parse(changed))
    assert listed["feeds"][-1] == "https://new.example/"
    assert yamlfile.remove(changed, "feeds", [len(listed["feeds"]) - 1]) == case.get("removed", case["text"])


@pytest.mark.parametrize(
    "text", ["feeds: &a\n  - x\n", "feeds: word\n", "feeds: [", "--- {}\n", "{a: b}", "feeds: ~\n"]
)
def test_what_a_program_can_not_edit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"edit|YAML"):
        yamlfile.append(text, "feeds", ["https://new.example/"])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(st.one_of(TEXTS, st.fixed_dictionaries({"url": TEXTS, "tags": st.lists(TEXTS, min_size=1)})), min_size=1)
)
def test_any_text_survives_in_any_style_of_list(items: list[Any]) -> None:
    for head in ("", "feeds:\n  - a\n", "feeds:\n- a\nserver: {}\n", "feeds: [a]\n"):
        said: Any = yamlfile.plain(yamlfile.parse(yamlfile.append(head, "feeds", items)))
        assert said["feeds"][-len(items) :] == items


@given(st.sets(st.integers(0, 11)))
def test_removing_keeps_every_other_line(numbers: set[int]) -> None:
    text = (HOME / "feeds.yaml").read_text(encoding="utf-8")
    left = yamlfile.remove(text, "feeds", numbers)
    said: Any = yamlfile.plain(yamlfile.parse(left))
    was: Any = yamlfile.plain(yamlfile.parse(text))
    assert (said["feeds"] or []) == [feed for number, feed in enumerate(was["feeds"]) if number not in numbers]
    assert [line for line in text.splitlines() if "#" in line] == [line for line in left.splitlines() if "#" in line]


def test_all_that_a_feed_can_have_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_bytes(b"\xef\xbb\xbf# mine\r\nfeeds:\r\n- http://a.example/ # first\r\n")
    since = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    feed = NewFeed("https://b.example/", 'No: a "title" # so', ("yes", "2024", "ü b"), "origin", "15m", since)
    assert feedsfile.add(path, [feed, NewFeed("HTTP://A.example:80/")]) == [feed]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf# mine\r\nfeeds:\r\n- http://a.example/ # first\r\n- url: https")
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")
    read = load(path, {}).feeds[1]
    assert (read.url, read.title, read.tags, read.role) == (feed.url, feed.title, feed.tags, "origin")
    assert (read.interval.total_seconds(), read.since) == (900, since)


def test_a_file_with_faults_and_a_folder_that_is_missing_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("fetch: {timeut: 3s}\n")
    with pytest.raises(ConfigError, match="timeut"):
        feedsfile.add(path, [NewFeed("http://a.example/")])
    assert path.read_text() == "fetch: {timeut: 3s}\n"
    with pytest.raises(AggregatorError, match="can't write"):
        feedsfile.replace(tmp_path / "none" / "x", "text")


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "feeds.yaml"
    real.write_text("feeds:\n")
    real.chmod(0o640)
    link = tmp_path / "feeds.yaml"
    link.symlink_to(real)
    feedsfile.add(link, [NewFeed("http://a.example/")])
    assert link.is_symlink()
    assert (real.stat().st_mode & 0o777, real.read_text()) == (0o640, "feeds:\n  - http://a.example/\n")
    assert [p.name for p in real.parent.iterdir()] == ["feeds.yaml"]


def test_commands_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("feeds:\n")
    code = "import sys; from pathlib import Path; from aggregator import feedsfile as f\n" + (
        "for n in range(10): f.add(Path(sys.argv[1]), [f.NewFeed(f'http://{sys.argv[2]}.example/{n}')])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abc"]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(load(path, {}).feeds) == 30
