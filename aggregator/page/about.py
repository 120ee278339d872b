"""What the site is, where to subscribe, and what to ask its database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.page import words
from aggregator.page.parts import Row

FORMATS = (("atom", "atom+xml", "Atom"), ("rss", "rss+xml", "RSS"), ("json", "feed+json", "JSON Feed"))
_MOST = 60  # outputs that are listed


@dataclass(frozen=True, slots=True)
class Output:
    """A merged feed: its title, and (format, path) of each of its documents."""

    title: str
    paths: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class About:
    sentence: str
    main: list[tuple[str, str, str]]  # (name, path, address)
    more: list[Output]
    left_out: int
    recipes: list[tuple[str, str]]
    versions: list[tuple[str, str]]


def view(site: str, outputs: Sequence[tuple[str, str]], counts: Row, examples: Sequence[Row],
         versions: list[tuple[str, str]]) -> About:  # fmt: skip
    """The page; `site` is the address of the output directory, `outputs` are (title, path without format)."""
    sentence = (
        f"This page merges {words.count(counts['feeds'], 'feed')} into one that shows every story once: "
        f"{words.count(counts['stories'], 'story', 'stories')} out of {words.count(counts['articles'], 'article')} so far. "
        "Where several sources carry the same text, the origin leads, and the copies are named beside it."
    )
    main = [(name, f"feed.{end}", f"{site}feed.{end}") for end, _, name in FORMATS]
    main.append(("The list of sources (OPML)", "feeds.opml", f"{site}feeds.opml"))
    return About(
        sentence=sentence,
        main=main,
        more=[Output(title, [(name, f"{path}.{end}") for end, _, name in FORMATS]) for title, path in outputs[:_MOST]],
        left_out=max(0, len(outputs) - _MOST),
        recipes=[(example["question"], example["sql"]) for example in examples],
        versions=versions,
    )
