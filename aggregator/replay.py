"""Runs today's rules over the stored history: what would join, what would part, before anything changes.

The history is placed again in the order it came, each article at its own time, so that a replay decides as a poll would
have. A story keeps its published id as long as the article it began with is still in one.
"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aggregator import clean, packing
from aggregator.config import Dedupe
from aggregator.digest import Item, cleaned_by, digest_entry, entry_hash, site_of
from aggregator.model import Feed, Subscription
from aggregator.store import Store
from aggregator.stories import Editor


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that a replay makes; `articles` are those concerned, the lead's first."""

    kind: Literal["joins", "parts", "new lead"]
    articles: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did."""

    articles: int
    stories_before: int
    stories_after: int
    cleaned: int  # articles whose text is another with today's cleaning rules
    changes: tuple[Change, ...]


def replay(store: Store, settings: Dedupe, feeds: Mapping[int, Subscription], now: datetime) -> Replay:
    """Cleans (where the rules are newer) and places all articles again, inside the caller's transaction."""
    db = store.connection
    before = {row[0]: row[1] for row in db.execute("SELECT id, story_id FROM articles WHERE story_id IS NOT NULL")}
    shown = {row[0]: (row[1], row[2]) for row in db.execute("SELECT id, lead_article_id, updated_at FROM stories")}
    cleaned = _clean(store, feeds, now)
    store.stories.forget()
    editor = Editor(store, settings, feeds)
    rows = db.execute("SELECT id, first_seen_at FROM articles ORDER BY first_seen_at, id").fetchall()
    for row in rows:
        article, seen = row["id"], datetime.fromisoformat(row["first_seen_at"])
        editor.enter(article, seen, store.stories.remember(article))
    store.stories.keep(shown, cleaned, now)
    after = {row[0]: row[1] for row in db.execute("SELECT id, story_id FROM articles")}
    leads = {row[0]: row[1] for row in db.execute("SELECT id, lead_article_id FROM stories")}
    reasons = {row[0]: row[1] for row in db.execute("SELECT article_id, reason FROM _verdicts")}
    changes = _changes(before, after, shown, leads, reasons)
    return Replay(len(rows), len(shown), len(leads), len(cleaned), tuple(changes))


def _changes(
    before: Mapping[int, int],
    after: Mapping[int, int],
    shown: Mapping[int, tuple[int, str]],
    leads: Mapping[int, int],
    reasons: Mapping[int, str],
) -> list[Change]:
    now_in, was_in = defaultdict(list), defaultdict(list)
    for article, story in sorted(after.items()):
        now_in[story].append(article)
        if article in before:
            was_in[before[article]].append(article)
    found = []
    for story, members in sorted(now_in.items()):
        lead = leads[story]
        if len({before[member] for member in members if member in before}) > 1:
            home = before.get(lead)
            others = [member for member in members if before.get(member) != home]
            found.append(Change("joins", (lead, *others), reasons.get(others[0], "")))
    for story, members in sorted(was_in.items()):
        if len({after[member] for member in members}) > 1:
            lead = shown[story][0]
            others = [member for member in members if after[member] != after.get(lead)]
            found.append(Change("parts", (lead, *others), reasons.get(others[0], "")))
    for story, (lead, _) in sorted(shown.items()):
        if story in leads and leads[story] != lead and after.get(lead) == story:
            found.append(Change("new lead", (leads[story], lead), ""))
    return found


def _clean(store: Store, feeds: Mapping[int, Subscription], now: datetime) -> set[int]:
    """Cleans again what other rules have cleaned than those of today; gives the articles whose text or title changed.

    Other rules are those of an older version, of the operator's file, and other wishes of the feed (`remove`, `learn`);
    and what the feed has been learned to repeat since.
    """
    db = store.connection
    changed = set()
    rows = db.execute(
        "SELECT feeds.id, feeds.url, home_page_url, language FROM feeds "
        "LEFT JOIN _feed_state ON _feed_state.feed_id = feeds.id"
    ).fetchall()
    for row in rows:
        subscription = feeds.get(row["id"], Subscription(row["url"]))
        learned = store.feeds.recall(row["id"]).habits().decided()
        feed = Feed(row["url"], home_page_url=row["home_page_url"], language=row["language"])
        site, rules = site_of(feed, subscription, learned), cleaned_by(subscription)
        for article in _to_clean(store, row["id"], rules, site.learned):
            packed = db.execute("SELECT entry FROM _sources WHERE article_id = ?", (article,)).fetchone()[0]
            entry = packing.unpacked(packed)
            item = Item(digest_entry(entry, site), entry_hash(entry, subscription), packed, rules)
            stored = store.articles.stored(row["id"], item.article, {entry.guid})
            if stored is not None and store.articles.revise(stored, item, now).change == "changed":
                changed.add(article)
    return changed


def _to_clean(store: Store, feed: int, rules: int, learned: clean.Decision) -> list[int]:
    """The articles of a feed that were cleaned otherwise, or that hold what was learned since and was not cut."""
    db = store.connection
    found = db.execute(
        "SELECT article_id FROM _sources JOIN articles ON articles.id = article_id WHERE feed_id = ? AND rules <> ?",
        (feed, rules),
    )
    articles = [int(row[0]) for row in found]
    if learned.cut:
        marks = db.execute(
            "SELECT article_id, marks FROM _edges JOIN _sources USING (article_id) "
            "WHERE feed_id = ? AND rules = ? AND instr(removed, '\"learned\"') = 0",
            (feed, rules),
        )
        articles += [int(row[0]) for row in marks if not learned.cut.isdisjoint(json.loads(row[1]))]
    return sorted(articles)


def as_json(change: Change) -> dict[str, object]:
    """A change for programs."""
    return json.loads(json.dumps(dataclasses.asdict(change)))  # type: ignore[no-any-return]
