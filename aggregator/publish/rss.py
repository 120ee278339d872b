"""RSS 2.0 with content:encoded, dc:creator and atom:link."""

from __future__ import annotations

from datetime import datetime

from aggregator.model import Story
from aggregator.publish.channel import Channel, rfc822
from aggregator.publish.markup import attrs, element, empty, title


def render(channel: Channel, updated: datetime) -> bytes:
    """The RSS document; `updated` is its last real change."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        f'<?xml-stylesheet type="text/css" href="{channel.site}feed.css"?>\n',
        '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/">\n<channel>\n',
        title("title", channel.title),
        element("link", channel.site),
        element("description", f"{channel.title}: every story once"),
        empty("atom:link", rel="self", type="application/rss+xml", href=channel.address("rss")),
        empty("atom:link", rel="hub", href=channel.hub) if channel.hub else "",
        element("lastBuildDate", rfc822(updated)),
        element("generator", "aggregator"),
        *(_item(story) for story in channel.stories),
        "</channel>\n</rss>\n",
    ]
    return "".join(parts).encode()


def _item(story: Story) -> str:
    parts = [
        "<item>\n",
        title("title", story.title),
        element("link", story.url),
        element("guid", story.uid, ' isPermaLink="false"'),
        element("pubDate", rfc822(story.published)),
        element("dc:creator", story.author or story.feed_title),
        *(element("category", category) for category in story.categories),
        *(
            # length is required (RSS 2.0 <enclosure>); 0 stands for unknown in the field.
            empty(
                "enclosure",
                url=enclosure.url,
                length=str(enclosure.length or 0),
                type=enclosure.type or "application/octet-stream",
            )
            for enclosure in story.enclosures[:1]  # readers disagree about a second one
        ),
        *(
            empty("atom:link", rel="related", href=copy.url, title=f"{copy.feed_title}: {copy.title}")
            for copy in story.copies
        ),
        element("description", story.summary),
        element("content:encoded", story.content_html),
        element("source", story.feed_title, attrs(url=story.feed_url)),
        "</item>\n",
    ]
    return "".join(parts)
