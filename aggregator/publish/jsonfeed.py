"""JSON Feed 1.1, with the extensions _source and _copies."""

from __future__ import annotations

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
    document = _without_none(document)
    document["items"] = [_item(story, common) for story in channel.stories]
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


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
        "_source": _without_none(
            {
                "id": source_id(story),
                "title": legal(story.feed_title),
                "feed_url": uri(story.feed_url),
                "home_page_url": story.feed_home and uri(story.feed_home),
            }
        ),
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


def _without_none(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}
