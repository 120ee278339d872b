"""The command that says why: coverage both ways, what a copy added, dropped and changed, what was masked, and why not."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from aggregator import dedupe
from aggregator.cli.group import FAILED, load, main, stop, with_config, with_json
from aggregator.cli.tables import print_json
from aggregator.config import Config
from aggregator.store import Read, Row, Stored, StoreIndex, open_reader, probe
from aggregator.store.times import from_text
from aggregator.stories import scope
from aggregator.terminal import printable

_SHOWN = 12  # differences on a terminal; --json has all

_KINDS = {
    "same-url": "Same address",
    "same-text": "Same text",
    "near-copy": "Nearly the same text",
    "edited": "Edited",
    "summary": "Summary",
    "embedded": "Within a page",
    "person": "A person's word",
    "alone": "Alone",
}
_SAID = {
    "apart": "said that it is no copy of",
    "together": "said that it is the same as",
    "pin": "pinned it as the lead of its story",
}


@main.command()
@with_config
@with_json
@click.argument("article", metavar="ID_OR_URL")
@click.argument("other", metavar="[OTHER]", required=False)
def explain(config_path: Path, as_json: bool, article: str, other: str | None) -> None:
    """Why an article is, or is not, a copy; what was removed from it.

    ID_OR_URL is an article's number, address or guid. With OTHER, the two are compared, whatever story they are in.

    \b
    Examples:
      aggregator explain 42
      aggregator explain https://www.miragenews.com/some-story/
      aggregator explain 42 57
    """
    config = load(config_path)
    with open_reader(config.database) as connection:
        read = Read(connection)
        row = _article(read, article)
        found = _Explainer(read, config, row).all(_article(read, other)["id"] if other else None)
    if as_json:
        print_json(found)
    else:
        _print(found)


class _Explainer:
    """Finds again how an article was judged: only verdicts are stored."""

    def __init__(self, read: Read, config: Config, row: Row) -> None:
        self.read, self.row, self.config = read, row, config
        by_url = {subscription.url: subscription for subscription in config.feeds}
        feeds = {
            feed["id"]: by_url[feed["configured_url"]] for feed in read.feeds() if feed["configured_url"] in by_url
        }
        self.probe = probe(read.connection, row["id"])
        self.index = StoreIndex(Stored(read.connection), from_text(row["first_seen_at"]) - config.dedupe.window)
        self.limits = dedupe.Limits(config.dedupe.threshold, scope(config.dedupe, feeds, row["feed_id"]))
        self.boilerplate = dedupe.overlooked(self.probe, self.index)

        ours = dedupe.Text(self.probe.title, self.probe.text, self.boilerplate)
        self.standing = tuple(dedupe.standing(ours))

    def all(self, other: int | None) -> dict[str, Any]:
        """Everything, ready for JSON."""
        row, read = self.row, self.read
        story = read.story(row["story_id"]) or {}
        members = read.members(row["story_id"])
        lead = next(member["id"] for member in members if member["leads"])
        against = other if other is not None else (lead if lead != row["id"] else None)
        names = ("id", "title", "url", "feed", "published_at", "word_count", "story_id", "similarity", "kind", "reason")
        return {
            "article": {name: row[name] for name in names} | {"removed": json.loads(row["removed"] or "[]")},
            "story": story,
            "members": members,
            "comparison": self._comparison(against) if against is not None and against != row["id"] else None,
            "near_misses": [] if len(members) > 1 else self._near_misses(),
            "boilerplate": [
                {"text": standing.text, "stories": self.index.seen(standing.hashes)} for standing in self.standing
            ],
            "corrections": read.corrections(row["id"]),
        }

    def _comparison(self, article: int) -> dict[str, Any] | None:
        candidates = self.index.load([article])
        if not candidates:
            return None
        candidate = candidates[0]
        verdict = dedupe.recheck(self.probe, candidate, self.limits, self.boilerplate)
        c = dedupe.compare(self.probe, candidate, self.boilerplate)
        diff = dedupe.diff(candidate.text, self.probe.text, [standing.text for standing in self.standing])
        return {
            "with": candidate.article,
            "title": candidate.title,
            "feed": candidate.feed_title,
            "kind": verdict.kind,
            "reason": verdict.reason,
            "of_ours": round(c.ours, 3),
            "of_theirs": round(c.theirs, 3),
            "shared_words": c.shared,
            "titles_alike": round(c.alike, 2),
            "lead": round(c.lead, 2),
            "changes": [asdict(change) for change in diff.changes()],
        }

    def _near_misses(self) -> list[dict[str, Any]]:
        misses = dedupe.match(self.probe, self.index, self.limits).misses
        found = {c.article: c for c in self.index.load([verdict.against for verdict in misses if verdict.against])}
        return [
            {
                "id": verdict.against,
                "title": found[verdict.against].title,
                "feed": found[verdict.against].feed_title,
                "reason": verdict.reason,
                "of_ours": round(verdict.similarity, 3),
                "of_theirs": round(verdict.other, 3),
                "shared_words": verdict.shared,
            }
            for verdict in misses
            if verdict.against in found
        ]


def _article(read: Read, name: str) -> Row:
    row = read.article(name)
    if row is None:
        stop(f"no stored article has the number, address or guid {name!r}", FAILED)
    return row


def _print(found: dict[str, Any]) -> None:
    say = click.echo
    row, story, members = found["article"], found["story"], found["members"]
    say(f"Article {row['id']}: {printable(row['title'])}")
    say(f"  {printable(row['url'], 2000)}")
    say(f"  {printable(row['feed'])}, published {row['published_at']}, {row['word_count']} words")
    say("")
    _print_place(row, story, members)
    for miss in found["near_misses"]:
        say(f"  Near miss: article {miss['id']}, {printable(miss['title'])} ({printable(miss['feed'])})")
        say(f"    {printable(miss['reason'], 1000)}")
        say(
            f"    {miss['shared_words']} common words: {miss['of_ours']:.0%} of its own, {miss['of_theirs']:.0%} of the other's"
        )
    for said in found["corrections"]:
        other = said["other_id"] if said["article_id"] == row["id"] else said["article_id"]
        say(
            f"  A person {_SAID[said['kind']]}{'' if said['kind'] == 'pin' else f' article {other}'} ({said['made_at']})."
        )
    if found["comparison"]:
        _print_comparison(found["comparison"])
    if found["boilerplate"]:
        say("\nMasked as boilerplate, since many stories have it:")
        for standing in found["boilerplate"]:
            say(f"  in {standing['stories']} stories or more: “{printable(standing['text'], 160)}”")
    removed = row["removed"]
    say("\nRemoved from it:" if removed else "\nNothing was removed from it.")
    for removal in removed:
        say(f"  [{printable(removal['rule'])}] {printable(removal['text'], 2000)}")


def _print_place(row: Row, story: Row, members: list[Row]) -> None:
    say = click.echo
    others = [member for member in members if member["id"] != row["id"]]
    lead = next(member for member in members if member["leads"])
    if not others:
        say(f"It stands alone: {printable(row['reason'] or 'nothing like it was found', 1000)}.")
    elif lead["id"] == row["id"]:
        one = len(others) == 1
        say(f"It leads story {row['story_id']}, which {len(others)} other article{' carries' if one else 's carry'}: "
            f"{printable(story['lead_reason'] or '')}.")  # fmt: skip
        for other in others:
            say(
                f"  Article {other['id']}, {printable(other['feed'])}, {other['published_at']}: {printable(other['title'])}"
            )
            say(f"    {_KINDS.get(other['kind'], other['kind'])}: {printable(other['reason'] or '')}")
    else:
        say(f"It is a copy of article {lead['id']}, {printable(lead['title'])} ({printable(lead['feed'])}).")
        say(f"  {_KINDS.get(row['kind'], row['kind'])}: {printable(row['reason'] or '')}")
        say(f"  {printable(lead['feed'])} leads because {printable(story['lead_reason'] or '')}.")


def _print_comparison(c: dict[str, Any]) -> None:
    say = click.echo
    say(f"\nBeside article {c['with']}, {printable(c['title'])} ({printable(c['feed'])}):")
    say(f"  {_KINDS.get(c['kind'], c['kind'])}: {printable(c['reason'], 1000)}")
    say(f"  {c['shared_words']} words in common: {c['of_ours']:.0%} of its own, {c['of_theirs']:.0%} of the other's; "
        f"titles {c['titles_alike']:.0%} alike")  # fmt: skip
    for change in c["changes"][:_SHOWN]:
        ours, theirs = printable(change["ours"], 160), printable(change["theirs"], 160)
        if change["kind"] == "changed":
            say(f"  changed: “{theirs}” became “{ours}”")
        else:
            say(f"  {change['kind']}: “{ours or theirs}”")
    if len(c["changes"]) > _SHOWN:
        say(f"  and {len(c['changes']) - _SHOWN} more differences; --json shows all")
