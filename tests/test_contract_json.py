"""The rules of JSON Feed 1.1 (jsonfeed.org/version/1.1) for our JSON documents."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from aggregator.publish import FORMATS, Channel
from tests.conftest import NOW
from tests.stories import HARD, SITE, channel, story

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TOP: dict[str, type] = {
    "version": str, "title": str, "home_page_url": str, "feed_url": str, "next_url": str, "language": str,
    "hubs": list, "items": list, "_updated": str,
}  # fmt: skip
ITEM: dict[str, type] = {
    "id": str, "url": str, "title": str, "content_html": str, "summary": str, "image": str, "date_published": str,
    "date_modified": str, "authors": list, "tags": list, "language": str, "attachments": list, "_source": dict,
    "_copies": list,
}  # fmt: skip
CHANNELS = {
    "hard": channel(),
    "empty": Channel("Nothing yet", SITE, "feed", ()),
    "hub": channel(story(1), hub="https://hub.example/", previous=3),
}


def document(of: Channel) -> dict[str, Any]:
    found = json.loads(FORMATS["json"](of, NOW))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", CHANNELS)
def test_json_feed_1_1(name: str) -> None:
    data = document(CHANNELS[name])
    assert data["version"] == "https://jsonfeed.org/version/1.1"
    assert data["feed_url"] == CHANNELS[name].address("json")
    for key, value in data.items():
        assert isinstance(value, TOP[key]), key
    ids = [item["id"] for item in data["items"]]
    assert len(set(ids)) == len(ids)
    for item in data["items"]:
        for key, value in item.items():
            assert isinstance(value, ITEM[key]), key
        assert item["id"]
        assert "content_html" in item
        assert DATE.fullmatch(item["date_published"])
        assert DATE.fullmatch(item["date_modified"])
        assert item["authors"][0]["name"]
        for attachment in item.get("attachments", []):
            assert attachment["url"]
            assert "/" in attachment["mime_type"]
            assert isinstance(attachment.get("size_in_bytes", 0), int)
        assert item["_source"]["title"]
        assert item["_source"]["feed_url"]


def test_values_are_those_of_the_other_formats() -> None:
    items = document(channel())["items"]
    assert items[0]["title"] == HARD[0].title
    assert items[3]["title"] == "bell null vt"
    assert items[4]["title"] == "half  pair"
    assert items[8]["url"].startswith("https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4%20b%7Cc")
    assert items[11]["image"] == "https://press.example/i.png?a=1&b=2"
    assert [copy["source"] for copy in items[11]["_copies"]] == ["News", "Other “News”"]
    assert items[9]["attachments"][0] == {
        "url": "https://press.example/a.mp3?x=1&y=2", "mime_type": "audio/mpeg", "size_in_bytes": 12345,
    }  # fmt: skip


def test_older_stories_are_found_by_next_url() -> None:
    assert document(CHANNELS["hub"])["next_url"] == f"{SITE}archive/3.json"
    assert "next_url" not in document(CHANNELS["hard"])
    assert document(CHANNELS["hub"])["hubs"] == [{"type": "WebSub", "url": "https://hub.example/"}]


def test_the_bytes_are_utf_8_without_lone_surrogates() -> None:
    text = FORMATS["json"](channel(), NOW).decode("utf-8")
    assert "שלום" in text
    assert not re.search(r"\\u[dD][89a-fA-F]", text)
