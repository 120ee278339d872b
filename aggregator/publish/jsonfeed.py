"""JSON Feed 1.1, with the extensions _source and _copies."""

from __future__ import annotations

import functools
import json
from datetime import datetime
from typing import Any

from aggregator.iri import uri
from aggregator.model import Story
from aggregator.publish.channel import Channel, author, image, language, published, rfc3339, source_id, updated
from aggregator.publish.markup import legal


def render(channel: Channel, changed: datetime) -> bytes:
    """The JSON Feed; the format has no date of its own, so `_updated` is an extension."""
    common = channel.language
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": legal(channel.title),
        "home_page_url": channel.site,
        "feed_url": channel.address("json"),
        "next_url": channel.before("json"),
        "language": common,
        "hubs": [{"type": "WebSub", "url": channel.hub}] if channel.hub else None,
        "_updated": rfc3339(changed),
    }
    # A line for each item: a tool that compares texts sees what changed, and json's fast encoder knows no indent.
    head = "".join(f"{_dumps(key)}: {_dumps(value)},\n" for key, value in _without_none(document).items())
    items = ",\n".join([_dumps(_item(story, common)) for story in channel.stories])
    return f'{{\n{head}"items": [\n{items}\n]\n}}\n'.encode()


def _item(story: Story, common: str | None) -> dict[str, Any]:
    own = language(story)
    item = {
        "id": legal(story.uid),
        "url": uri(story.url),
        "title": legal(story.title),
        "content_html": legal(story.content_html),
        "summary": legal(story.summary) or None,
        "image": image(story),
        "date_published": rfc3339(published(story)),
        "date_modified": rfc3339(updated(story)),
        "authors": [{"name": legal(author(story))}],
        "tags": [legal(category) for category in story.categories] or None,
        "language": own if own != common else None,
        "attachments": [
            _without_none(
                {
                    "url": uri(enclosure.url),
                    "mime_type": enclosure.type or "application/octet-stream",
                    "size_in_bytes": enclosure.length,
                }
            )
            for enclosure in story.enclosures
        ]
        or None,
        "_source": _source(source_id(story), story.feed_title, story.feed_url, story.feed_home),
        "_copies": [
            {
                "url": uri(copy.url),
                "title": legal(copy.title),
                "source": legal(copy.feed_title),
                "date_published": rfc3339(copy.published),
            }
            for copy in story.copies
        ],
    }
    return _without_none(item)


@functools.lru_cache(1000)
def _source(identifier: str, title: str, url: str, home: str | None) -> dict[str, Any]:
    source = {"id": identifier, "title": legal(title), "feed_url": uri(url), "home_page_url": home and uri(home)}
    return _without_none(source)


_dumps = json.JSONEncoder(ensure_ascii=False).encode


def _without_none(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}
