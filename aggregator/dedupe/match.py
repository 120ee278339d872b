"""Is this article a copy, and of what? Every verdict has a reason in words, also the one that says no."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.dedupe import compare
from aggregator.model import Verdict

KINDS = ("alone", "same-url", "same-text", "near-copy")

SHARED_HASHES = 6  # unmasked hashes that make an article a candidate
VERIFIED = 5  # candidates compared on full text
STORIES = 6  # a hash seen in so many stories is boilerplate (stories: a widely copied one must not mask itself)
IN_FEED = 3  # so is one seen in so many stories of the same feed
LEAST_WORDS = 12  # of a text that can be a copy at all
LOW = 0.42  # share of the longer text's own words that must be in the shorter one
SAME_FEED = (0.9, 0.8, 0.5)  # a feed seldom copies itself: coverage both ways, and titles alike
SIGNS = 2  # figures or names changed inside common text: a template filled in again


@dataclass(frozen=True, slots=True)
class Posting:
    """Where a hash was seen."""

    hash: int
    article: int
    story: int
    feed: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored article, as it is compared."""

    article: int
    story: int
    feed: int
    title: str
    url: str
    text: str
    feed_title: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """The article in question. `article` is None while it is not stored yet."""

    feed: int
    title: str
    url: str
    text: str
    fingerprint: tuple[int, ...]
    article: int | None = None


class Index(Protocol):
    """What matching looks up; already limited to the window and the scope."""

    def by_url(self, url: str) -> Sequence[Candidate]:
        """Articles with this address."""

    def by_text(self, text: str) -> Sequence[Candidate]:
        """Articles with exactly this text."""

    def postings(self, hashes: Sequence[int]) -> Iterable[Posting]:
        """Where these hashes were seen."""

    def load(self, articles: Sequence[int]) -> Sequence[Candidate]:
        """Articles by id, in the order asked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's settings, and which feeds may be compared with the probe's."""

    threshold: float = 0.75
    may_compare: Callable[[int], bool] = field(default=lambda feed: True)


def match(probe: Probe, index: Index, limits: Limits) -> tuple[Verdict, tuple[Verdict, ...]]:
    """The verdict on `probe`, and the near misses: why it is not a copy of what it came close to."""
    for candidate in _others(probe, index.by_url(probe.url), limits):
        # A link that several entries of one feed share is a home page, not an address of an article.
        if candidate.feed != probe.feed and _is_article_url(probe.url):
            return _verdict("same-url", "the same address", candidate), ()
    if len(probe.text.split()) >= LEAST_WORDS:
        for candidate in _others(probe, index.by_text(probe.text), limits):
            if candidate.feed != probe.feed or compare.titles_alike(probe.title, candidate.title) == 1:
                if compare.titles_conflict(probe.title, candidate.title):
                    continue
                return _verdict("same-text", "word for word the same text", candidate), ()
    found, boilerplate = _candidates(probe, index, limits)
    misses: list[Verdict] = []
    for candidate in _others(probe, index.load(found), limits):
        verdict = judge(probe, candidate, limits, boilerplate)
        if verdict.kind != "alone":
            return verdict, tuple(misses)
        misses.append(verdict)
    return Verdict("alone", "no other article has this text"), tuple(misses)


def recheck(probe: Probe, lead: Candidate, limits: Limits) -> Verdict:
    """The verdict on a member of a story against its lead, after either has changed or the lead has moved."""
    if probe.url == lead.url and probe.feed != lead.feed and _is_article_url(probe.url):
        return _verdict("same-url", "the same address", lead)
    if probe.text == lead.text and len(probe.text.split()) >= LEAST_WORDS:
        return _verdict("same-text", "word for word the same text", lead)
    return judge(probe, lead, limits, frozenset())


def judge(probe: Probe, candidate: Candidate, limits: Limits, boilerplate: frozenset[int]) -> Verdict:
    """Compares full texts; the verdict of kind "alone" says why it is not a copy of `candidate`."""
    overlap = compare.overlap(probe.text, candidate.text, boilerplate)
    high, low = limits.threshold, min(LOW, limits.threshold)
    if probe.feed == candidate.feed:
        high, low = max(high, SAME_FEED[0]), SAME_FEED[1]
    numbers = f"{overlap.ours:.0%} of its words are in the other, {overlap.theirs:.0%} of the other's in it"

    def no(reason: str) -> Verdict:
        return Verdict("alone", f"not a copy: {reason}", candidate.article, candidate.story,
                       overlap.ours, overlap.theirs, overlap.shared)  # fmt: skip

    if overlap.shared < LEAST_WORDS:
        return no(f"only {overlap.shared} words in common that are not boilerplate")
    if overlap.high < high or overlap.low < low:
        return no(f"{numbers}; a copy has {high:.0%} one way and {low:.0%} the other")
    if probe.feed == candidate.feed and compare.titles_alike(probe.title, candidate.title) < SAME_FEED[2]:
        return no("the same feed with another title")
    if compare.titles_conflict(probe.title, candidate.title):
        return no("the titles are alike but for their numbers, as in a series")
    signs = compare.template_signs(probe.text, candidate.text)
    if len(signs) >= (1 if probe.feed == candidate.feed else SIGNS):
        shown = ", ".join(f"“{ours}” for “{theirs}”" for ours, theirs in signs[:3])
        return no(f"a template filled in again ({shown})")
    return Verdict("near-copy", numbers, candidate.article, candidate.story,
                   overlap.ours, overlap.theirs, overlap.shared)  # fmt: skip


def _candidates(probe: Probe, index: Index, limits: Limits) -> tuple[list[int], frozenset[int]]:
    """Articles that share enough hashes, best first, and the hashes that are boilerplate."""
    stories: defaultdict[int, set[int]] = defaultdict(set)
    in_feed: defaultdict[int, set[int]] = defaultdict(set)
    seen: defaultdict[int, set[int]] = defaultdict(set)
    for posting in index.postings(probe.fingerprint):
        if posting.article == probe.article:
            continue
        stories[posting.hash].add(posting.story)
        if posting.feed == probe.feed:
            in_feed[posting.hash].add(posting.story)
        if limits.may_compare(posting.feed):
            seen[posting.article].add(posting.hash)
    boilerplate = frozenset(
        value for value in stories if len(stories[value]) >= STORIES or len(in_feed[value]) >= IN_FEED
    )
    counts = Counter({article: len(hashes - boilerplate) for article, hashes in seen.items()})
    least = min(SHARED_HASHES, max(1, len(probe.fingerprint) // 2))
    ranked = sorted((-count, article) for article, count in counts.items() if count >= least)
    return [article for _, article in ranked[:VERIFIED]], boilerplate


def _others(probe: Probe, candidates: Iterable[Candidate], limits: Limits) -> Iterable[Candidate]:
    return (c for c in candidates if c.article != probe.article and limits.may_compare(c.feed))


def _verdict(kind: str, reason: str, candidate: Candidate) -> Verdict:
    return Verdict(kind, reason, candidate.article, candidate.story)


def _is_article_url(url: str) -> bool:
    """Whether an address names a page of its own: more than a host, or a query."""
    rest = url.partition("://")[2].partition("#")[0].rstrip("/")
    return "/" in rest or "?" in rest
