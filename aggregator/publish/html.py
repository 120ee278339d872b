"""The front page: what the merged feed shows, for people with a browser. No script; one style sheet."""

from __future__ import annotations

from html import escape

from aggregator.model import Story
from aggregator.publish.channel import Channel

CSS = b"""\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
nav a { margin-right: 1rem; }
article { margin: 1.75rem 0; }
h2 { font-size: 1.1rem; margin: 0 0 .2rem; }
p { margin: .2rem 0; overflow-wrap: anywhere; }
.meta, .copies { color: color-mix(in srgb, currentColor 75%, transparent); font-size: .9rem; }
feed, rss, channel, entry, item, source { display: block; font: 1rem/1.5 system-ui, sans-serif; }
feed, rss { max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
feed::before, rss::before { content: "This is a feed: copy its address into your feed reader."; display: block;
  border: 1px solid; border-radius: .4rem; padding: .6rem 1rem; }
entry, item { margin: 1.5rem 0; }
title { display: block; font-weight: 600; }
feed > title, channel > title { font-size: 1.5rem; margin: 1rem 0; }
summary, description { display: block; }
source { font-size: .9rem; color: color-mix(in srgb, currentColor 75%, transparent); }
source > title { font-weight: normal; }
id, updated, published, author, category, generator, content, guid, pubDate, lastBuildDate, link, language,
creator, encoded, thumbnail, archive { display: none; }
"""
# Content of other people stands only in text here, but a second lock costs nothing.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def render(channel: Channel) -> bytes:
    """The page of the newest stories."""
    title = escape(channel.title)
    feeds = (("Atom", "atom", "atom+xml"), ("RSS", "rss", "rss+xml"), ("JSON", "json", "feed+json"))
    stories = "\n".join(map(_story, channel.stories)) or (
        "<p>No stories yet. <code>aggregator status</code> says how the feeds are doing.</p>"
    )
    alternates = "\n".join(
        f'<link rel="alternate" type="application/{kind}" title="{title} ({name})" href="{channel.path}.{end}">'
        for name, end, kind in feeds
    )
    links = "".join(f'<a href="{channel.path}.{end}">{name}</a>' for name, end, _ in feeds)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="feed.css">
{alternates}
</head>
<body>
<header><h1>{title}</h1>
<nav aria-label="Feeds">{links}<a href="feeds.opml">Sources (OPML)</a></nav></header>
<main>
{stories}
</main>
</body>
</html>
""".encode()


def _story(story: Story) -> str:
    language = f' lang="{escape(story.language)}"' if story.language else ""
    also = ", ".join(
        f'<a href="{escape(copy.url)}" rel="noopener noreferrer">{escape(copy.feed_title)}</a>' for copy in story.copies
    )
    copies = f'<p class="copies">Also at {also}</p>' if also else ""
    return f"""<article{language}>
<h2 dir="auto"><a href="{escape(story.url)}" rel="noopener noreferrer">{escape(story.title)}</a></h2>
<p class="meta">{escape(story.feed_title)} · <time datetime="{story.published:%Y-%m-%dT%H:%M:%SZ}">{
        story.published:%Y-%m-%d %H:%M} UTC</time></p>
<p dir="auto">{escape(story.summary)}</p>
{copies}
</article>"""
