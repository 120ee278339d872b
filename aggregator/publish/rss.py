"""RSS 2.0 with content:encoded, dc:creator and atom:link."""

from __future__ import annotations

from datetime import datetime

from aggregator.iri import uri
from aggregator.model import Enclosure, Story
from aggregator.publish.channel import Channel, author, image, language, rfc822
from aggregator.publish.markup import attrs, element, empty, encode, escape, html, numeric, title

_NAMESPACES = (
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"'
)


def render(channel: Channel, changed: datetime) -> bytes:
    """The RSS document; `changed` is its last real change."""
    common = channel.language
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        f'<?xml-stylesheet type="text/css" href="{channel.root}feed.css"?>\n',
        f'<rss version="2.0" {_NAMESPACES}>\n<channel>\n',
        title("title", channel.title),
        element("link", channel.site),
        title("description", f"{channel.title}: every story once"),
        element("language", common),
        empty("atom:link", rel="self", type="application/rss+xml", href=channel.address("rss")),
        empty("atom:link", rel="hub", href=channel.hub) if channel.hub else "",
        element("lastBuildDate", rfc822(changed)),
        element("generator", "aggregator"),
        *(_item(story, common) for story in channel.stories),
        "</channel>\n</rss>\n",
    ]
    return b"".join(map(encode, parts))


def _item(story: Story, common: str | None) -> str:
    own, picture = language(story), image(story)
    return (
        "<item>\n"
        f"<title>{numeric(story.title)}</title>\n"
        f"<link>{escape(uri(story.url))}</link>\n"
        f'<guid isPermaLink="false">{escape(story.uid)}</guid>\n'
        f"<pubDate>{rfc822(story.published)}</pubDate>\n"
        f"<dc:creator>{numeric(author(story))}</dc:creator>\n"
        + (element("dc:language", own) if own != common else "")
        + "".join([title("category", category) for category in story.categories])
        + "".join([_enclosure(enclosure) for enclosure in story.enclosures[:1]])  # readers disagree about a second one
        + "".join(
            [
                empty("atom:link", rel="related", href=uri(copy.url), title=f"{copy.feed_title}: {copy.title}")
                for copy in story.copies
            ]
        )
        + (empty("media:thumbnail", url=picture) if picture else "")
        # HTML by definition, and first: where there are both, readers take the second for the full text.
        + f"<description>{numeric(html(story.summary))}</description>\n"
        + element("content:encoded", story.content_html)
        + title("source", story.feed_title, attrs(url=uri(story.feed_url)))
        + "</item>\n"
    )


def _enclosure(enclosure: Enclosure) -> str:
    # All three are required (RSS 2.0 <enclosure>); 0 stands for a length that nobody knows.
    kind = enclosure.type or "application/octet-stream"
    return empty("enclosure", url=uri(enclosure.url), length=str(enclosure.length or 0), type=kind)
