"""JSON Feed 1.1, with the extensions _source and _copies."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from aggregator.model import Story
from aggregator.publish.channel import Channel, rfc3339


def render(channel: Channel, updated: datetime) -> bytes:
    """The JSON Feed; the format has no date of its own, so `updated` is an extension."""
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title,
        "home_page_url": channel.site,
        "feed_url": channel.address("json"),
        "_updated": rfc3339(updated),
    }
    if channel.hub:
        document["hubs"] = [{"type": "WebSub", "url": channel.hub}]
    document["items"] = [_item(story) for story in channel.stories]
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _item(story: Story) -> dict[str, Any]:
    item = {
        "id": story.uid,
        "url": story.url,
        "title": story.title,
        "content_html": story.content_html,
        "summary": story.summary or None,
        "date_published": rfc3339(story.published),
        "date_modified": rfc3339(max(story.updated, story.published)),
        "authors": [{"name": story.author or story.feed_title}],
        "tags": list(story.categories) or None,
        "language": story.language,
        "attachments": [
            _without_none(
                {
                    "url": enclosure.url,
                    "mime_type": enclosure.type or "application/octet-stream",
                    "size_in_bytes": enclosure.length,
                }
            )
            for enclosure in story.enclosures
        ]
        or None,
        "_source": _without_none(
            {"title": story.feed_title, "feed_url": story.feed_url, "home_page_url": story.feed_home}
        ),
        "_copies": [
            {"url": copy.url, "title": copy.title, "source": copy.feed_title, "date_published": rfc3339(copy.published)}
            for copy in story.copies
        ],
    }
    return _without_none(item)


def _without_none(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}
