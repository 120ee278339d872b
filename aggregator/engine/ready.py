"""Imported by the process that workers are forked from, and by nothing else: makes all that digesting needs ready there.

Each worker then has the modules, the rules and their compiled patterns from its first document on, in pages of memory that
it shares with the others.
"""

import gc

from aggregator.digest import Job, digest
from aggregator.model import Response, Subscription

_ADDRESS = "https://feed.example/"
# An entry that is read at a glance, and one with an element that feedparser is needed for.
_FEED = b"""<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>A feed</title>
<item><title>One</title><link>https://feed.example/1</link><pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate>
<description>&lt;p&gt;The first of the articles is about this and that, and it was written to be read by nobody.&lt;/p&gt;
&lt;p&gt;&lt;a href="https://feed.example/2"&gt;More&lt;/a&gt; &lt;img src="https://feed.example/1.png"&gt;&lt;/p&gt;
</description></item>
<item><title>Two</title><itunes:summary>The second one.</itunes:summary></item></channel></rss>"""

digest(Job(Response(_ADDRESS, 200, (), _FEED), Subscription(_ADDRESS)))
gc.collect()
gc.freeze()  # else each worker's first collection writes to every page it shares (gc.freeze, for programs that fork)
