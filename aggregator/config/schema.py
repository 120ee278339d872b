"""The keys of feeds.yaml as dataclasses: the field is the key, its annotation the type, its default the default.

`DOCS` has a line for each key; a test holds the two together. The keys of a feed are the fields of model.Subscription.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, NewType

from aggregator.filters import Filter
from aggregator.model import Subscription

Size = NewType("Size", int)  # bytes
Pattern = NewType("Pattern", str)  # a regular expression
Name = NewType("Name", str)  # may stand in a path: letters, digits, . _ -
HttpUrl = NewType("HttpUrl", str)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class OutputFeed:
    """One more merged feed: the stories that pass all its filters."""

    name: Name
    title: str | None = None
    tags: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class TagRule:
    """A tag for articles by what they say, whatever feed they are from."""

    name: str
    include: tuple[Pattern, ...]
    exclude: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    directory: Path = Path("public")
    title: str = "My merged feed"
    base_url: HttpUrl = HttpUrl("http://127.0.0.1:8080/")
    items: int = 50
    hub: HttpUrl | None = None
    feeds: tuple[OutputFeed, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    listen: Listen | Literal[False] = Listen("127.0.0.1", 8080)
    public_url: HttpUrl | None = None
    auth: str | None = field(default=None, repr=False)  # a secret: never in a log or a traceback


@dataclass(frozen=True, slots=True)
class Fetch:
    timeout: timedelta = timedelta(seconds=30)
    max_body: Size = Size(10 * 2**20)
    concurrency: int = 100
    per_host: int = 2
    contact: str | None = None
    proxy: str | None = field(default=None, repr=False)  # may carry a password
    allow_private: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dedupe:
    window: timedelta = timedelta(days=30)
    threshold: float = 0.75
    scope: Literal["all", "tag", "feed"] = "all"


@dataclass(frozen=True, slots=True)
class Retention:
    keep: timedelta | Literal["forever"] = "forever"


@dataclass(frozen=True, slots=True)
class Config:
    """All of feeds.yaml, defaults filled in, paths absolute."""

    database: Path = Path("aggregator.db")
    output: Output = Output()
    server: Server = Server()
    fetch: Fetch = Fetch()
    dedupe: Dedupe = Dedupe()
    retention: Retention = Retention()
    tags: tuple[TagRule, ...] = ()
    feeds: tuple[Subscription, ...] = ()
    file: Path = Path("feeds.yaml")  # where it was read from; not a key

    @property
    def files(self) -> frozenset[Path]:
        """All files that it was read from."""
        return frozenset((self.file, *(Path(feed.rules.file) for feed in self.feeds if feed.rules is not None)))

    @property
    def site(self) -> str:
        """output.base_url, ending in a slash."""
        return self.output.base_url.rstrip("/") + "/"

    def tag_filters(self) -> dict[str, Filter]:
        """The rules of `tags` by name. Each time anew: a filter gives a pattern up that has been too slow too often."""
        return {rule.name: Filter(rule.include, rule.exclude) for rule in self.tags}

    @property
    def all_tags(self) -> tuple[str, ...]:
        """The tags of feeds and of rules, by name."""
        of_feeds = {tag for subscription in self.feeds for tag in subscription.tags}
        return tuple(sorted(of_feeds | {rule.name for rule in self.tags}))


DOCS: dict[str, str] = {
    "database": "The SQLite file, relative to this file.",
    "output": "The merged feed.",
    "output.directory": "Where the feeds are written, relative to this file.",
    "output.title": "Title of the merged feed.",
    "output.base_url": "The address that the files in the directory have in the world.",
    "output.items": "How many stories the merged feed shows.",
    "output.hub": "A WebSub hub to announce in the feeds and to ping after a change.",
    "output.feeds": "More merged feeds, each of the stories that pass its filters.",
    "output.feeds.name": "File name: /feeds/<name>.atom, .rss and .json.",
    "output.feeds.title": "Title; the name if there is none.",
    "output.feeds.tags": "Stories with one of these tags, of their feeds or by a rule.",
    "output.feeds.feeds": "Stories of these feeds, by title or URL.",
    "output.feeds.include": "Regular expressions: the title or the text must match one.",
    "output.feeds.exclude": "Regular expressions: neither title nor text may match one.",
    "server": "The web server of `aggregator run`.",
    "server.listen": "host:port, or false to write files only, for nginx and friends.",
    "server.public_url": "Where the world reaches the server; needed to be a WebSub subscriber.",
    "server.auth": "user:password for everything but /healthz and the WebSub callback.",
    "fetch": "How feeds are fetched.",
    "fetch.timeout": "The total for one feed, not per read.",
    "fetch.max_body": "Largest feed document, decoded.",
    "fetch.concurrency": "Feeds fetched at the same time.",
    "fetch.per_host": "Feeds of one host fetched at the same time.",
    "fetch.contact": "URL or mail address of the operator; goes into the User-Agent.",
    "fetch.proxy": "An HTTP proxy, http://[user:password@]host:port.",
    "fetch.allow_private": "host, host:port or CIDR that may resolve to a non-public address.",
    "dedupe": "How copies are recognised.",
    "dedupe.window": "How far back a copy is looked for.",
    "dedupe.threshold": "Share of a text's own words found in the other that makes it a copy.",
    "dedupe.scope": "Where to look: all feeds, feeds with a common tag, or the same feed.",
    "retention": "How long articles are kept.",
    "retention.keep": "forever, or a duration such as 365d.",
    "tags": "Tags for articles by what they say, beside the tags of their feed; in force at once, also for what is stored.",
    "tags.name": "The tag.",
    "tags.include": "Regular expressions: an article in which one is found gets the tag; places as with feeds.include.",
    "tags.exclude": "Regular expressions: an article in which one is found does not get it.",
    "defaults": "Any key of a feed, for all feeds that do not set it themselves.",
    "feeds": "The feeds: each a bare URL, or a mapping of these keys.",
    "feeds.url": "The feed's address.",
    "feeds.title": "What to call it; the feed's own title if there is none.",
    "feeds.tags": "Words to group feeds by; each tag has a merged feed of its own.",
    "feeds.interval": "How often to look.",
    "feeds.adaptive": "Learn the feed's rhythm between min_interval and max_interval.",
    "feeds.min_interval": "Shortest interval that adaptive may choose.",
    "feeds.max_interval": "Longest interval that adaptive or back-off may choose.",
    "feeds.jitter": "Random share added to each interval, upward only.",
    "feeds.role": "origin (publishes its own) or republisher (carries others').",
    "feeds.priority": "Among copies, the feed with the higher number leads.",
    "feeds.full_text": "Fetch the article page when the feed carries a summary only.",
    "feeds.remove": "CSS selectors of elements to remove from the articles.",
    "feeds.learn": "Learn this feed's boilerplate by counting.",
    "feeds.rules": "A file of cleaning rules of your own, relative to this file (docs/cleaning.md).",
    "feeds.include": "Regular expressions: title or text must match one to be stored; `category:` etc. search there.",
    "feeds.exclude": "Regular expressions: an entry whose title or text matches one is not stored; places as with include.",
    "feeds.since": "Entries published before this moment are not stored; `aggregator add --only-new` sets it.",
    "feeds.headers": "Request headers to send to this feed.",
    "feeds.dedupe": "Whether its articles may be copies, or have copies.",
    "feeds.enabled": "Whether it is polled.",
}
