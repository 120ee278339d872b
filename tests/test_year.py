"""Thirty simulated days of press releases and their copies: late copies, late origins, edits, restarts.

However a story changes, it keeps one id, in every format; and what a reader has seen is never shown as new again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from aggregator.config import Config
from aggregator.model import Entry, Response
from aggregator.parse import parse
from aggregator.site import Site
from tests.conftest import NOW, Answer, Post, Served, Web, config_for, rss
from tests.test_clients import newsboat
from tests.test_site import published

DAYS, PASSES_A_DAY, RELEASES_A_DAY, WINDOW = 30, 3, 4, 25
START = NOW - timedelta(days=DAYS)
_WORDS = [
    first + second
    for first in (
        "bar",
        "cal",
        "dor",
        "fen",
        "gar",
        "hol",
        "kin",
        "lum",
        "mor",
        "nol",
        "par",
        "ros",
        "sel",
        "tam",
        "vor",
    )
    for second in (
        "a",
        "ach",
        "ber",
        "den",
        "el",
        "fis",
        "gon",
        "hart",
        "in",
        "kel",
        "la",
        "mun",
        "nis",
        "os",
        "rup",
        "st",
    )
]


@dataclass
class Release:
    """A press release, and what becomes of it. Times are when each site has it."""

    number: int
    text: list[str]
    at: dict[str, datetime]
    edited: dict[str, datetime]

    def post(self, site: str, now: datetime) -> Post:
        paragraphs = list(self.text)
        if site in self.edited and self.edited[site] <= now:
            paragraphs[-1] += f" Correction {self.number}: it was {_WORDS[self.number % 200]} and not otherwise."
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        if site != "origin":
            body = f"<p>{site} reports:</p>{body}<p>/Public Release. View in full here.</p>"
        title = f"Release {self.number}" if site == "origin" else f"{site}: what {_WORDS[self.number % 200]} means"
        date = format_datetime(self.at[site], usegmt=True)
        return Post(
            title, body, f"http://{site}.example/{self.number}", f"http://{site}.example/?p={self.number}", date
        )


def releases(dice: random.Random) -> Iterator[Release]:
    for number in range(DAYS * RELEASES_A_DAY):
        at = START + timedelta(days=number / RELEASES_A_DAY, minutes=dice.randrange(300))
        text = [" ".join(dice.choices(_WORDS, k=45)) + f" mark{number}x." for _ in range(3)]
        sites = {"origin": at}
        for site in ("news", "digest"):
            if dice.random() < 0.6:  # some copies are there before the origin, some come days later
                sites[site] = at + timedelta(hours=dice.choice((-9, -2, 0, 1, 5, 30, 80)))
        edited = {
            site: time + timedelta(hours=dice.randrange(4, 60)) for site, time in sites.items() if dice.random() < 0.2
        }
        yield Release(number, text, sites, edited)


def play(web: Web, config: Config) -> Iterator[tuple[Site, datetime]]:
    """Publishes pass by pass; every fifth pass begins as after a restart."""
    written = list(releases(random.Random(20261123)))
    site: Site | None = None
    for number in range(DAYS * PASSES_A_DAY + 1):
        now = START + timedelta(days=number / PASSES_A_DAY)
        for name in ("origin", "news", "digest"):
            mine = sorted((r for r in written if name in r.at and r.at[name] <= now), key=lambda r: r.at[name])
            web.pages[f"/{name}"] = Answer(rss(*(release.post(name, now) for release in reversed(mine[-15:]))))
        site = published(config, (now - NOW) / timedelta(hours=1), None if number % 5 == 0 else site)
        assert site.faults == []
        yield site, now


def feeds(web: Web) -> tuple[str, ...]:
    return (
        f"{{url: {web.url('/origin')}, role: origin}}",
        f"{{url: {web.url('/news')}, role: republisher}}",
        f"{{url: {web.url('/digest')}, role: republisher}}",
    )


def entries(site: Site, kind: str) -> dict[int, Entry]:
    """The entries of a document by the number of their release."""
    document = site.documents[f"feed.{kind}"]
    found = {}
    for entry in parse(Response("http://x.example/", 200, (), document.body)).entries:
        marks = set(re.findall(r"mark(\d+)x", entry.content.value))
        assert len(marks) == 1
        number = int(marks.pop())
        assert number not in found, f"release {number} stands twice in feed.{kind}"
        found[number] = entry
    return found


@pytest.mark.soak
def test_an_id_never_changes_and_no_story_comes_twice(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, *feeds(web), more=f"output: {{items: {WINDOW}}}\n")
    ids: dict[int, str] = {}
    shown: dict[int, tuple[str, datetime | None]] = {}
    leads_moved = edits = 0
    for site, _ in play(web, config):
        atom, as_rss, as_json = (entries(site, kind) for kind in ("atom", "rss", "json"))
        assert list(atom) == list(as_rss) == list(as_json)
        for number, entry in atom.items():
            assert ids.setdefault(number, entry.guid) == entry.guid == as_rss[number].guid == as_json[number].guid
            assert entry.url is not None
            words, updated = shown.get(number, (None, None))
            leads_moved += words is not None and f"{entry.url} {entry.content.value}".split()[0] != words.split()[0]
            text = f"{entry.url} {entry.title.value} {entry.content.value}"
            if words is not None and (updated != entry.updated) != (words.split(" ", 1)[1] != text.split(" ", 1)[1]):
                pytest.fail(f"updated of release {number} and its text did not change together")
            edits += words is not None and updated != entry.updated
            shown[number] = text, entry.updated
    assert len(ids) == len(set(ids.values())) == DAYS * RELEASES_A_DAY
    assert leads_moved >= 10
    assert edits >= 20


@pytest.mark.clients
def test_newsboat_shows_each_story_once(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path, *feeds(web), more=f"output: {{items: {WINDOW}}}\n")
    served: Served | None = None
    articles = []
    for site, _ in play(web, config):
        served = served or Served(site)
        served.site.documents = site.documents
        articles = newsboat(tmp_path / "newsboat", f"http://127.0.0.1:{served.port}/feed.atom")
    if served is not None:
        served.close()
    assert len({guid for guid, *_ in articles}) == len(articles) == DAYS * RELEASES_A_DAY
