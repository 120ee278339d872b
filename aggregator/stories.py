"""Keeps stories right when articles come or change: looks for copies, places the article, chooses the lead.

dedupe decides and the store remembers; here is only the order of the two. What a person has said (see `corrections`)
comes before every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator import dedupe
from aggregator.config import Dedupe
from aggregator.digest import Item
from aggregator.model import Subscription, Verdict
from aggregator.store import Arrivals, Known, Saved, Store, newcomer, probe

REVIEW = timedelta(
    hours=48
)  # joins of these last hours are looked at again when their common words turn out boilerplate


@dataclass(frozen=True, slots=True)
class Editor:
    """Places articles in stories. `feeds` maps feed ids to what feeds.yaml says of them."""

    store: Store
    settings: Dedupe
    feeds: Mapping[int, Subscription]

    def take(self, feed: int, items: Sequence[Item], guids: Collection[str], now: datetime) -> list[Saved]:
        """Stores the items of a document, one after the other, and puts each where it belongs.

        `guids` are all ids in the document. Call inside a transaction.
        """
        if not items:
            return []
        articles, arrivals = self.store.articles, self.store.arrivals(feed, items, now)
        taken = []
        for item in items:
            row = None
            if arrivals.may_be_stored(item.article):
                arrivals.write()
                row = articles.stored(feed, item.article, guids)
            if row is None:
                taken.append(self._add(feed, item, arrivals, now))
            else:
                taken.append(articles.revise(row, item, now))
                self._move(taken[-1], now)
                arrivals.note(item.article, taken[-1].article)
                arrivals.outdate()
        arrivals.close()
        articles.forget_edges(feed)
        return taken

    def enter(self, article: int, now: datetime, fingerprint: tuple[int, ...] = ()) -> None:
        """Puts a stored article where it belongs as if it came now."""
        decision = self.place(article, now, fingerprint)
        for doubtful in sorted(decision.doubts):
            self._doubt(doubtful, now)

    def place(self, article: int, now: datetime, fingerprint: tuple[int, ...] = ()) -> dedupe.Decision:
        """Puts a stored article that is in no story where it belongs; gives what was decided, its doubts not yet followed."""
        stories = self.store.stories
        decision = self.match(article, now, fingerprint)
        partner = next(iter(self.store.corrections.together(article)), None)
        if partner is not None and (story := stories.story_of(partner)) not in (None, decision.verdict.story):
            verdict = Verdict("person", "a person said that they are the same", partner, story, 0.0, 0.0)
            decision = replace(decision, verdict=verdict)
        if decision.verdict.story is None:
            stories.found(article, now)
        else:
            stories.join(article, decision.verdict.story)
        self._entered(article, decision, now)
        return decision

    def _add(self, feed: int, item: Item, arrivals: Arrivals, now: datetime) -> Saved:
        """Stores a new article in the story it belongs to, or in one of its own."""
        came = newcomer(feed, item.article)
        if not arrivals.may_match(came):
            return Saved(arrivals.add(item, None), "new")
        if arrivals.may_match_waiting(came):
            arrivals.write()
        limits = dedupe.Limits(self.settings.threshold, scope(self.settings, self.feeds, feed))
        decision = self._matched(came, limits, now, arrivals.known)
        arrivals.learn(*decision.boilerplate.learned)
        learned = decision.boilerplate.new
        article = arrivals.add(item, decision.verdict.story, decision.verdict)
        to_review = learned and self.store.stories.joined_on(learned, now - REVIEW)
        if decision.verdict.story is None and not decision.doubts and not to_review:
            return Saved(article, "new")
        arrivals.write()
        self._entered(article, decision, now)
        for doubtful in sorted(decision.doubts):
            self._doubt(doubtful, now)
        if decision.doubts or learned:
            arrivals.outdate()
        return Saved(article, "new")

    def _entered(self, article: int, decision: dedupe.Decision, now: datetime) -> None:
        """What follows from a decision when the article is in its story."""
        stories, story = self.store.stories, decision.verdict.story
        stories.verdict(article, decision.verdict, now)
        if story is not None:
            self.settle(story, now, reworded=False, newcomer=article)
            stories.observe(article, story)
            for other in decision.also:
                self._unite(article, other, now)
        if decision.boilerplate.new:
            self.review(decision.boilerplate.new, now)

    def _move(self, saved: Saved, now: datetime) -> None:
        """Puts a revised article where it belongs now."""
        stories = self.store.stories
        story = stories.story_of(saved.article)
        if story is None:
            self.place(saved.article, now, saved.fingerprint)
            return
        if saved.change == "same":
            self.settle(story, now, reworded=False)
            return
        alone = len(stories.articles(story)) == 1
        if alone or stories.lead_of(story) == saved.article:
            # A lead that was reworded stays with its copies; one without copies may have become a copy.
            if alone:
                decision = self.match(saved.article, now, saved.fingerprint)
                if decision.verdict.story is not None:
                    self.absorb(story, decision.verdict.story, now)
                    stories.verdict(saved.article, decision.verdict, now)
                    return
                stories.verdict(saved.article, decision.verdict, now)
            self.settle(story, now, reworded=True)
            return
        verdict = self._recheck(saved.article, stories.lead_of(story))
        if verdict.kind == "alone" and not self.store.corrections.together(saved.article):
            stories.leave(saved.article)
            self.settle(story, now, reworded=False)
            self.place(saved.article, now, saved.fingerprint)
            return
        stories.verdict(saved.article, replace(verdict, kind="person") if verdict.kind == "alone" else verdict, now)
        self.settle(story, now, reworded=False)

    def review(self, learned: Collection[int], now: datetime) -> None:
        """Looks again at recent joins that rested on words that have turned out to be boilerplate."""
        stories = self.store.stories
        for article in stories.joined_on(learned, now - REVIEW):
            story = stories.story_of(article)
            if story is None or self.store.corrections.together(article) or stories.lead_of(story) == article:
                continue
            verdict = self._recheck(article, stories.lead_of(story))
            if verdict.kind == "alone":
                stories.leave(article)
                self.settle(story, now, reworded=False)
                self.place(article, now)

    def limits(self, feed: int, article: int) -> dedupe.Limits:
        """The operator's settings, for an article of a feed."""
        may = scope(self.settings, self.feeds, feed)
        return dedupe.Limits(self.settings.threshold, may, self.store.corrections.apart(article))

    def _doubt(self, story: int, now: datetime) -> None:
        """Parts recent copies under other titles from a text that one feed has under several: which one did they mean?

        Only what comes raises doubts, not what is placed again because of them: that could go round for ever.
        """
        stories = self.store.stories
        for article in sorted(stories.joined_since(story, now - REVIEW)):
            # What was placed again before may have moved the rest.
            if stories.story_of(article) != story or (lead := stories.lead_of(story)) == article:
                continue
            titles = (stories.candidate(each).title for each in (article, lead))
            if not self.store.corrections.together(article) and not dedupe.are_alike(*titles):
                stories.leave(article)
                self.settle(story, now, reworded=False)
                self.place(article, now)

    def _unite(self, article: int, other: Verdict, now: datetime) -> None:
        """Joins another story that `article` is a copy of, if it is one with this story's lead, too: no chains."""
        stories = self.store.stories
        story = stories.story_of(article)
        assert story is not None
        assert other.story is not None
        lead, theirs = stories.lead_of(story), stories.lead_of(other.story)
        if lead != article or other.against != theirs:
            verdict = self._recheck(theirs, lead)
            if verdict.kind == "alone" or max(verdict.similarity, verdict.other) < dedupe.SURE:
                return
        if self.store.corrections.apart(article) or self.store.corrections.apart(theirs) & {story}:
            return
        self.absorb(max(story, other.story), min(story, other.story), now)

    def absorb(self, story: int, into: int, now: datetime) -> None:
        """Moves all articles of a story into another; its own id is no longer published."""
        stories = self.store.stories
        for article in stories.articles(story):
            stories.join(article, into)
        stories.drop_story(story)
        self.settle(into, now, reworded=False, retold=True)

    def match(self, article: int, now: datetime, fingerprint: tuple[int, ...] = ()) -> dedupe.Decision:
        """Looks for the stories that a stored article belongs to; moves nothing."""
        probed = probe(self.store.connection, article, fingerprint)
        return self._matched(probed, self.limits(probed.feed, article), now)

    def _matched(
        self, probed: dedupe.Probe, limits: dedupe.Limits, now: datetime, known: Known | None = None
    ) -> dedupe.Decision:
        stories = self.store.stories
        index = stories.index(now - self.settings.window, known)
        decision = dedupe.match(probed, index, limits)
        everywhere, in_feed = decision.boilerplate.learned
        stories.learn(everywhere, 0, now)
        stories.learn(in_feed, probed.feed, now)
        return decision

    def _recheck(self, article: int, lead: int) -> Verdict:
        stories = self.store.stories
        probed = probe(self.store.connection, article)
        limits = replace(self.limits(probed.feed, article), apart=frozenset())
        known = stories.known(probed.fingerprint, probed.feed)
        return dedupe.recheck(probed, stories.candidate(lead), limits, known)

    def settle(
        self, story: int, now: datetime, reworded: bool, newcomer: int | None = None, retold: bool = False
    ) -> None:
        """Chooses the lead again and brings the story's row in line.

        `reworded`: the lead's own text changed; `newcomer`: who has just joined; `retold`: all verdicts are due.
        """
        stories = self.store.stories
        members = stories.members(story, self.feeds)
        before = stories.lead_of(story)
        lead, reason = dedupe.choose(members, None if retold else before, newcomer)
        if lead != before:
            # The old lead may have left the story; what was published was its text.
            old, new = stories.candidate(before), stories.candidate(lead)
            reworded = (old.title, old.text) != (new.title, new.text)
        stories.lead(story, lead, reason, now, reworded)
        if lead == before and not reworded and not retold:
            return
        alone = Verdict("alone", f"leads its story: {reason}" if len(members) > 1 else "no other article has this text")
        stories.verdict(lead, alone, now)
        for member in members:
            if member.article == lead:
                continue
            verdict = self._recheck(member.article, lead)
            if verdict.kind == "alone":  # it was a copy when it came; an edit of the lead does not part them
                known = stories.verdict_on(member.article)
                kind = known.kind if known and known.kind != "alone" else "near-copy"
                reason = "a copy of an earlier wording, or of another copy"
                if kind == "person" or self.store.corrections.together(member.article):
                    kind, reason = "person", "a person said that they are the same"
                verdict = replace(verdict, kind=kind, reason=reason, against=lead, story=story)
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
