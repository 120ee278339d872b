"""What workers have in common: imported by the small process that they are forked from (engine), and nowhere else.

Its pages are there once for all of them until one writes to them, as the garbage collector does to each object that it
looks at: so what is there at the fork is put where it does not look. A document is read first, because patterns and tables
are made when they are needed.
"""

import gc

import aggregator.engine  # noqa: F401
from aggregator.digest import Job, digest
from aggregator.model import Response, Subscription

_URL = "https://news.example/feed"
_TEXT = (
    "&lt;p&gt;The &lt;b&gt;council&lt;/b&gt; met on Monday, and &lt;a href='/b?utm_source=rss'&gt;opened the harbour&lt;/a&gt;."
    "&lt;/p&gt;&lt;img src='/c.jpg' width='1' height='1'&gt;&lt;ul&gt;&lt;li&gt;One&lt;/li&gt;&lt;/ul&gt;"
    "&lt;p&gt;The post &lt;a href='/a'&gt;The harbour is open&lt;/a&gt; appeared first on News.&lt;/p&gt;"
)
_RSS = (
    f"<rss version='2.0'><channel><title>News</title><link>https://news.example/</link><item><title>The harbour is open"
    f"</title><link>https://news.example/a</link><guid>a</guid><pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>"
    f"<description>{_TEXT}</description></item></channel></rss>"
)

digest(Job(Response(_URL, 200, (), _RSS.encode()), Subscription(_URL)))
gc.collect()
gc.freeze()
