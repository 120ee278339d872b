"""The demo's folder and its publishers: every format over real HTTP, validators that hold, and nobody's files harmed."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.config import load
from aggregator.demo import Demo
from aggregator.errors import AggregatorError
from aggregator.model import Response
from aggregator.parse import parse


def get(address: str, **headers: str) -> Response:
    request = urllib.request.Request(
        address, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Response(
                address, answer.status, tuple((k.lower(), v) for k, v in answer.headers.items()), answer.read()
            )
    except urllib.error.HTTPError as error:
        with error:
            return Response(address, error.code, tuple((k.lower(), v) for k, v in error.headers.items()), b"")


def test_eight_publishers_in_every_format_hold_about_sixty_articles(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo") as demo:
        feeds = {publisher.key: get(publisher.feed_url) for publisher in demo.publishers}
        parsed = {key: parse(response) for key, response in feeds.items()}
        formats = {publisher.format for publisher in demo.publishers}
        page = get(parsed["northwater"].entries[0].url or "")
    assert len(feeds) >= 6
    assert {"rss", "rdf", "atom", "json"} <= formats
    assert 55 <= sum(len(feed.entries) for feed in parsed.values()) <= 70
    assert any(b'encoding="windows-1252"' in response.body[:100] for response in feeds.values())
    assert any(feed.flaws for feed in parsed.values()), "one publisher's XML is broken"
    assert (page.status, b"<h1>" in page.body) == (200, True)
    # German of the windows-1252 feed arrives as German.
    assert any("Straße" in entry.title.value or "ü" in entry.title.value for entry in parsed["gazette"].entries)


def test_a_second_run_serves_the_same_bytes_and_honours_validators(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo") as demo:
        addresses = [publisher.feed_url for publisher in demo.publishers]
        first = [get(address) for address in addresses]
    with Demo(tmp_path / "demo") as demo:
        assert [publisher.feed_url for publisher in demo.publishers] == addresses
        assert [get(address).body for address in addresses] == [response.body for response in first]
        tags = [dict(response.headers)["etag"] for response in first]
        again = [get(address, If_None_Match=tag).status for address, tag in zip(addresses, tags, strict=True)]
        assert again == [304] * len(addresses)
        assert get(demo.address + "/nowhere").status == 404


def test_the_feeds_yaml_it_writes_is_right(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo") as demo:
        config = load(demo.config, {})
        assert [feed.url for feed in config.feeds] == [publisher.feed_url for publisher in demo.publishers]
        assert {feed.role for feed in config.feeds} >= {"origin", "republisher"}


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir")
    with pytest.raises(AggregatorError, match="not empty and not the demo's"), Demo(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_port_that_is_taken_is_gone_round(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo"):
        state = json.loads((tmp_path / "demo" / "demo.json").read_text())
    with closing(socket.create_server(("127.0.0.1", state["port"]))), Demo(tmp_path / "demo") as demo:
        assert demo.address != f"http://127.0.0.1:{state['port']}"
        assert get(demo.publishers[0].feed_url).status == 200


def test_a_damaged_memory_begins_anew(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo"):
        pass
    (tmp_path / "demo" / "demo.json").write_text("{")
    with Demo(tmp_path / "demo") as demo:
        assert get(demo.publishers[0].feed_url).status == 200
