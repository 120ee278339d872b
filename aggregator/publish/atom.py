"""Atom (RFC 4287), with archive documents (RFC 5005 §4)."""

from __future__ import annotations

import functools
from datetime import datetime

from aggregator.iri import uri
from aggregator.model import Enclosure, Story
from aggregator.publish.channel import Channel, author, image, language, published, rfc3339, source_id, updated
from aggregator.publish.markup import attrs, element, empty, encode, escape, numeric, title

_MEDIA = "application/atom+xml"
_HISTORY = ' xmlns:fh="http://purl.org/syndication/history/1.0"'


def render(channel: Channel, changed: datetime) -> bytes:
    """The Atom document; `changed` is its last real change."""
    common = channel.language
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        f'<?xml-stylesheet type="text/css" href="{channel.root}feed.css"?>\n',
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"',
        f"{_HISTORY if channel.archived else ''}{attrs(xml_lang=common)}>\n",
        # The documents of one feed share its id: they are parts of the same whole.
        element("id", f"{channel.site}feed.atom" if channel.archived else channel.address("atom")),
        title("title", channel.title),
        element("updated", rfc3339(changed)),
        empty("link", rel="self", type=_MEDIA, href=channel.address("atom")),
        empty("link", rel="alternate", type="text/html", href=channel.site),
        empty("link", rel="current", type=_MEDIA, href=f"{channel.site}feed.atom") if channel.archived else "",
        empty("link", rel="prev-archive", type=_MEDIA, href=channel.before("atom")) if channel.previous else "",
        empty("link", rel="hub", href=channel.hub) if channel.hub else "",
        element("generator", "aggregator"),
        "<fh:archive/>\n" if channel.archived else "",
        *(_entry(story, common) for story in channel.stories),
        "</feed>\n",
    ]
    return b"".join(map(encode, parts))


def _entry(story: Story, common: str | None) -> str:
    own, picture, changed = language(story), image(story), rfc3339(updated(story))
    return (
        f"<entry{attrs(xml_lang=own) if own != common else ''}>\n"
        f"<id>{escape(story.uid)}</id>\n"
        f"<title>{numeric(story.title)}</title>\n"
        f"<published>{rfc3339(published(story))}</published>\n"
        f"<updated>{changed}</updated>\n"
        f'<link rel="alternate" href="{escape(uri(story.url))}"/>\n'
        f"<author><name>{numeric(author(story))}</name></author>\n"
        + "".join([empty("category", term=category) for category in story.categories])
        + "".join([_enclosure(enclosure) for enclosure in story.enclosures])
        + "".join(
            [
                empty("link", rel="related", href=uri(copy.url), title=f"{copy.feed_title}: {copy.title}")
                for copy in story.copies
            ]
        )
        + (empty("media:thumbnail", url=picture) if picture else "")
        + element("summary", story.summary)
        + element("content", story.content_html, ' type="html"')
        + _source(source_id(story), story.feed_title, story.feed_url, story.feed_home).replace("{}", changed, 1)
        + "</entry>\n"
    )


def _enclosure(enclosure: Enclosure) -> str:
    length = None if enclosure.length is None else str(enclosure.length)
    return empty("link", rel="enclosure", href=uri(enclosure.url), type=enclosure.type, length=length)


@functools.lru_cache(1000)
def _source(identifier: str, name: str, url: str, home: str | None) -> str:
    """Where a story is from (RFC 4287 §4.2.11), as of its last change: put that for the first "{}"."""
    return (
        "<source>\n<updated>{}</updated>\n"
        + element("id", identifier)
        + title("title", name)
        + empty("link", rel="self", href=uri(url))
        + (empty("link", rel="alternate", type="text/html", href=uri(home)) if home else "")
        + "</source>\n"
    )
