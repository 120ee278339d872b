"""Keeps stories right when articles come or change: looks for copies, places the article, chooses the lead.

dedupe decides and the store remembers; here is only the order of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aggregator import dedupe
from aggregator.config import Dedupe
from aggregator.model import Subscription, Verdict
from aggregator.store import Saved, Store, StoreIndex, probe


@dataclass(frozen=True, slots=True)
class Editor:
    """Places articles in stories. `feeds` maps feed ids to what feeds.yaml says of them."""

    store: Store
    settings: Dedupe
    feeds: Mapping[int, Subscription]

    def place(self, saved: Saved, now: datetime) -> None:
        """Puts a new or changed article where it belongs."""
        stories = self.store.stories
        story = stories.story_of(saved.article)
        if story is None:
            self._enter(saved.article, now, saved.fingerprint)
            return
        if saved.change == "same":
            self._settle(story, now, reworded=False)
            return
        alone = len(stories.members(story, {})) == 1
        if alone or stories.lead_of(story) == saved.article:
            # A lead that was reworded stays with its copies; one without copies may have become a copy.
            verdict = self._match(saved.article, now, saved.fingerprint) if alone else None
            if verdict is not None and verdict.story is not None:
                stories.join(saved.article, verdict.story)
                stories.drop_story(story)
                stories.verdict(saved.article, verdict, now)
                self._settle(verdict.story, now, reworded=False)
                return
            self._settle(story, now, reworded=True)
            return
        verdict = self._recheck(saved.article, stories.lead_of(story))
        if verdict.kind != "alone":
            stories.verdict(saved.article, verdict, now)
            self._settle(story, now, reworded=False)
            return
        stories.leave(saved.article)
        self._settle(story, now, reworded=False)
        self._enter(saved.article, now, saved.fingerprint)

    def _enter(self, article: int, now: datetime, fingerprint: tuple[int, ...] = ()) -> None:
        stories = self.store.stories
        verdict = self._match(article, now, fingerprint)
        stories.verdict(article, verdict, now)
        if verdict.story is None:
            stories.found_story(article, now)
            return
        stories.join(article, verdict.story)
        self._settle(verdict.story, now, reworded=False)

    def _match(self, article: int, now: datetime, fingerprint: tuple[int, ...] = ()) -> Verdict:
        probed = probe(self.store.connection, article, fingerprint)
        index = StoreIndex(self.store.connection, now - self.settings.window)
        decision = dedupe.match(probed, index, self.limits(probed.feed))
        if decision.learned:
            self.store.stories.learn(decision.learned - decision.in_feed, 0, now)
            self.store.stories.learn(decision.learned & decision.in_feed, probed.feed, now)
        return decision.verdict

    def limits(self, feed: int) -> dedupe.Limits:
        """The operator's settings, for articles of one feed."""
        return dedupe.Limits(self.settings.threshold, scope(self.settings, self.feeds, feed))

    def _recheck(self, article: int, lead: int) -> Verdict:
        probed = probe(self.store.connection, article)
        return dedupe.recheck(probed, self.store.stories.candidate(lead), self.limits(probed.feed))

    def _settle(self, story: int, now: datetime, reworded: bool) -> None:
        """Chooses the lead again and brings the story's row in line; `reworded` when the lead's own text changed."""
        stories = self.store.stories
        by_url = {subscription.url: subscription for subscription in self.feeds.values()}
        members = stories.members(story, by_url)
        lead, reason = dedupe.choose(members)
        before = stories.lead_of(story)
        if lead != before:
            old, new = stories.candidate(before), stories.candidate(lead)
            reworded = (old.title, old.text) != (new.title, new.text)
        stories.lead(story, lead, reason, now, reworded)
        if lead == before and not reworded:
            return
        stories.verdict(lead, Verdict("alone", f"leads its story: {reason}"), now)
        for member in members:
            if member.article != lead:
                verdict = self._recheck(member.article, lead)
                if verdict.kind == "alone":  # it was a copy when it came; an edit of the lead does not part them
                    known = stories.verdict_on(member.article)
                    kind = known.kind if known and known.kind != "alone" else "near-copy"
                    verdict = Verdict(kind, "a copy of an earlier wording", lead, story,
                                      verdict.similarity, verdict.other, verdict.shared)  # fmt: skip
                stories.verdict(member.article, verdict, now)


def scope(settings: Dedupe, feeds: Mapping[int, Subscription], feed: int) -> Callable[[int], bool]:
    """Which feeds' articles may be compared with those of `feed`."""
    own = feeds.get(feed, Subscription(""))

    def may(other: int) -> bool:
        theirs = feeds.get(other)
        if not own.dedupe or (theirs is not None and not theirs.dedupe):
            return False
        if settings.scope == "feed":
            return other == feed
        if settings.scope == "tag":
            return other == feed or (theirs is not None and not set(own.tags).isdisjoint(theirs.tags))
        return True

    return may
