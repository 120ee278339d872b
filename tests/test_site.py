"""What stands in the output directory and what the server holds, from a real database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from aggregator.publish import FORMATS, Channel
from aggregator.site import Site
from tests.conftest import NOW
from tests.stories import channel, story


def put(site: Site, of: Channel, at: datetime, links: str | None = None) -> None:
    """Publishes a channel as `Site.publish` does, without a database."""
    for kind, render in FORMATS.items():
        site._put(f"{of.path}.{kind}", lambda render=render: render(of, at), at, False, links)  # type: ignore[misc]
    assert site.faults == []


def test_put(tmp_path: Path) -> None:
    site = Site(tmp_path)
    put(site, channel(story(1)), NOW)
    assert site.find("feed.atom") is not None
