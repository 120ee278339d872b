"""Stories to publish: plain ones, and those that feeds break on."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from aggregator.model import Copy, Enclosure, Story
from aggregator.publish import Channel
from tests.conftest import NOW

SITE = "https://planet.example/feeds/"


def story(number: int, **changes: Any) -> Story:
    """A plain story; the higher its number, the older it is."""
    published = NOW - timedelta(hours=number)
    plain = Story(
        id=number,
        uid=f"https://press.example/{number}",
        title=f"Story {number}",
        url=f"https://press.example/{number}",
        published=published,
        updated=published,
        author="Ada Lovelace",
        summary=f"What happened in story {number}.",
        content_html=f"<p>The whole of story <b>{number}</b>.</p>",
        categories=("press",),
        enclosures=(),
        language="en",
        feed_url="https://press.example/feed.xml",
        feed_title="Press office",
        feed_home="https://press.example/",
        feed_guid="https://press.example/feed",
    )
    return dataclasses.replace(plain, **changes)


HARD = (
    story(1, title="Use <b>bold</b> & </title> ]]> &amp; &lt;i&gt; in titles", summary="1 < 2 & <b>2</b> > 1 ]]>"),
    story(2, title="שלום עולם — مرحبا", language="he", author="דוד"),
    story(3, title="Emoji 👩‍👩‍👧‍👦 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0001f468", categories=("Q&A", "a<b", "café", 'say "hi"')),
    story(4, title="bell\x07 null\x00 vt\x0b", content_html="<p>esc\x1b[31m \ufffe</p>", summary="form\x0cfeed"),
    story(5, title="half \ud83d pair", content_html="<p>lone \udc00</p>", author="x\ud800"),
    story(6, content_html="<pre>]]> &lt;![CDATA[ x ]]&gt; &amp;amp; &#38;</pre><script>x</script>"),
    story(7, content_html="<p>" + "wörd " * 200_000 + "</p>"),
    story(8, summary="", content_html="", author=None, categories=()),
    story(9, url="https://bücher.example/straße?q=ä b|c&d=[1]#ü", language="english"),
    story(
        10,
        enclosures=(
            Enclosure("https://press.example/a.mp3?x=1&y=2", "audio/mpeg", 12345),
            Enclosure("https://press.example/b.jpg", "image/jpeg", None),
            Enclosure("https://press.example/c", None, None),
        ),
    ),
    story(11, author="Bob <bob@press.example>", feed_guid="not an iri", feed_home=None, language="xx"),
    story(
        12,
        uid="tag:press.example,2026-11-22:0123456789abcdef",
        content_html='<p><img alt="" src="https://press.example/i.png?a=1&amp;b=2">Text</p>',
        copies=(
            Copy("Copied & <i>altered</i>", "https://news.example/ö", "News", NOW),
            Copy("Copied", "https://other.example/?a=1&b=2", "Other “News”", NOW - timedelta(days=1)),
        ),
    ),
    story(13, updated=(NOW - timedelta(hours=1)).replace(microsecond=1), title="Edited since"),
    story(14, title="Line\r\nbreaks\tand  spaces", content_html="<pre>a\r\nb\tc</pre>"),
    story(15, uid="urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6", published=NOW, updated=NOW.replace(microsecond=17)),
)


def channel(*stories: Story, path: str = "feed", **changes: Any) -> Channel:
    """A merged feed of these stories."""
    return dataclasses.replace(Channel("Planet & <friends>", SITE, path, stories or HARD), **changes)
