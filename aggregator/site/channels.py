"""What there is to be published: the channels and the outlines, as the configuration wants them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from aggregator.config import Config, OutputFeed
from aggregator.model import Subscription
from aggregator.publish import Channel, Outline
from aggregator.store import Choice, Published, Store


def channels(store: Store, config: Config) -> Iterator[Channel]:
    """The merged feed, one for each tag, and those of `output.feeds`."""
    output, published = config.output, Published(store.connection)
    ids = store.feeds.numbers() if output.feeds else {}

    def channel(title: str, path: str, choice: Choice | None) -> Channel:
        return Channel(title, config.site, path, tuple(published.stories(output.items, choice)), output.hub)

    yield channel(output.title, "feed", None)
    for tag in config.all_tags:
        yield channel(f"{output.title}: {tag}", f"tags/{slug(tag)}", Choice(tags=(tag,)))
    for more in output.feeds:
        # Also where it names none: feeds that are in feeds.yaml no more are shown in the merged feed alone.
        chosen = frozenset(ids[s.url] for s in config.feeds if s.url in ids and _is_named(s, more))
        choice = Choice(chosen, more.tags, more.include, more.exclude)
        yield channel(more.title or more.name, f"feeds/{more.name}", choice)


def outlines(published: Published, subscriptions: tuple[Subscription, ...]) -> Iterator[Outline]:
    """The feeds that the store knows, in the order of the configuration."""
    wanted = {subscription.url: subscription.tags for subscription in subscriptions}
    known = {row[0]: row for row in published.names() if row[0] in wanted}
    for url, tags in wanted.items():
        if url in known:
            _, title, address, home_page = known[url]
            yield Outline(title, address, home_page, tags)


def slug(tag: str) -> str:
    """A tag as a file name; one that had to be changed gets a digest, so that no two tags share a file."""
    plain = re.sub(r"[^\w-]+", "-", tag, flags=re.ASCII).strip("-")[:60]
    return plain if plain == tag else f"{plain or 'tag'}-{hashlib.blake2b(tag.encode(), digest_size=3).hexdigest()}"


def _is_named(subscription: Subscription, more: OutputFeed) -> bool:
    return not more.feeds or subscription.url in more.feeds or subscription.title in more.feeds
