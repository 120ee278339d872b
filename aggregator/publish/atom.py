"""Atom (RFC 4287)."""

from __future__ import annotations

from datetime import datetime

from aggregator.model import Story
from aggregator.publish.channel import Channel, rfc3339
from aggregator.publish.markup import attrs, element, empty, title


def render(channel: Channel, updated: datetime) -> bytes:
    """The Atom document; `updated` is its last real change."""
    own = channel.address("atom")
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        f'<?xml-stylesheet type="text/css" href="{channel.site}feed.css"?>\n',
        '<feed xmlns="http://www.w3.org/2005/Atom">\n',
        element("id", own),
        title("title", channel.title),
        element("updated", rfc3339(updated)),
        empty("link", rel="self", type="application/atom+xml", href=own),
        empty("link", rel="alternate", type="text/html", href=channel.site),
        empty("link", rel="hub", href=channel.hub) if channel.hub else "",
        element("generator", "aggregator"),
        *(_entry(story) for story in channel.stories),
        "</feed>\n",
    ]
    return "".join(parts).encode()


def _entry(story: Story) -> str:
    parts = [
        f"<entry{attrs(xml_lang=story.language)}>\n",
        element("id", story.uid),
        title("title", story.title),
        element("published", rfc3339(story.published)),
        element("updated", rfc3339(max(story.updated, story.published))),
        empty("link", rel="alternate", href=story.url),
        f"<author>{element('name', story.author or story.feed_title).strip()}</author>\n",
        *(empty("category", term=category) for category in story.categories),
        *(
            empty(
                "link",
                rel="enclosure",
                href=enclosure.url,
                type=enclosure.type,
                length=None if enclosure.length is None else str(enclosure.length),
            )
            for enclosure in story.enclosures
        ),
        *(
            empty("link", rel="related", href=copy.url, title=f"{copy.feed_title}: {copy.title}")
            for copy in story.copies
        ),
        element("summary", story.summary),
        element("content", story.content_html, ' type="html"'),
        _source(story),
        "</entry>\n",
    ]
    return "".join(parts)


def _source(story: Story) -> str:
    """Where the story is from (RFC 4287 §4.2.11), as of its last change."""
    return (
        "<source>\n"
        + element("id", story.feed_guid or story.feed_url)
        + title("title", story.feed_title)
        + element("updated", rfc3339(max(story.updated, story.published)))
        + empty("link", rel="self", href=story.feed_url)
        + (empty("link", rel="alternate", type="text/html", href=story.feed_home) if story.feed_home else "")
        + "</source>\n"
    )
