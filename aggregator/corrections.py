"""What people say of stories: that an article is no copy, that two are the same, which one leads.

The store remembers what they said, and the editor minds it with whatever comes later; here is what it changes at once.
Taken back, the rules decide again. All inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aggregator.stories import Editor


@dataclass(frozen=True, slots=True)
class Corrector:
    """Does what people say, with the editor's hands."""

    editor: Editor

    def split(self, article: int, now: datetime) -> int | None:
        """Parts an article from the others of its story, for good. Gives its new story, or None where it was alone."""
        stories, corrections = self.editor.store.stories, self.editor.store.corrections
        story = stories.story_of(article)
        others = [other for other in stories.articles(story) if other != article] if story is not None else []
        if story is None or not others:
            return None
        for other in others:
            corrections.correct("apart", article, other, now)
        stories.leave(article)
        self.editor.settle(story, now, reworded=False)
        self.editor.place(article, now)
        return stories.story_of(article)

    def merge(self, a: int, b: int, now: datetime) -> int:
        """Makes the stories of two articles one, for good; the older one keeps its id."""
        stories, corrections = self.editor.store.stories, self.editor.store.corrections
        first, second = stories.story_of(a), stories.story_of(b)
        assert first is not None
        assert second is not None
        for one in stories.articles(first):
            for other in stories.articles(second):
                corrections.take_back("apart", one, other)
        corrections.correct("together", a, b, now)
        if first != second:
            self.editor.absorb(max(first, second), min(first, second), now)
        else:
            self.editor.settle(first, now, reworded=False)
        return min(first, second)

    def pin(self, article: int, now: datetime) -> None:
        """Makes an article lead its story, for good; of several pinned ones the first stored leads."""
        stories, corrections = self.editor.store.stories, self.editor.store.corrections
        story = stories.story_of(article)
        assert story is not None
        for other in stories.articles(story):
            corrections.take_back("pin", other, other)
        corrections.correct("pin", article, article, now)
        self.editor.settle(story, now, reworded=False)

    def undo(self, kind: str, a: int, b: int, now: datetime) -> bool:
        """Takes a correction back ("apart", "together" or "pin"; b = 0: of `a` with whatever); the rules decide again."""
        stories = self.editor.store.stories
        concerned = self.editor.store.corrections.take_back(kind, a, b)
        if not concerned:
            return False
        if kind == "pin":
            for article in concerned:
                self.editor.settle(stories.story_of(article) or 0, now, reworded=False)
        elif kind == "apart":
            self._regroup([a], now)
        else:
            self._regroup(stories.articles(stories.story_of(a) or 0), now)
        return True

    def carry_out(self, kind: str, a: int, b: int, undo: bool, now: datetime) -> bool:
        """A correction by its name, "apart", "together" or "pin"; gives whether there was something to do."""
        stories = self.editor.store.stories
        if any(stories.story_of(article) is None for article in {a, b} - {0}):
            return False
        if undo:
            return self.undo(kind, a, b, now)
        if kind == "apart":
            return self.split(a, now) is not None
        if kind == "together":
            self.merge(a, b, now)
        else:
            self.pin(a, now)
        return True

    def _regroup(self, articles: Iterable[int], now: datetime) -> None:
        """Lets the rules place articles again; the one that a story began with stays where others are."""
        stories = self.editor.store.stories
        stay, out = [], []
        for article in articles:
            story = stories.story_of(article)
            assert story is not None
            if stories.articles(story) == [article] or stories.founder(story) == article:
                stay.append(article)
            else:
                stories.leave(article)
                self.editor.settle(story, now, reworded=False)
                out.append(article)
        for article in out:
            self.editor.place(article, now)
        for article in stay:
            story = stories.story_of(article)
            assert story is not None
            if stories.articles(story) == [article]:
                decision = self.editor.match(article, now)
                if decision.verdict.story is not None:
                    self.editor.absorb(story, decision.verdict.story, now)
