"""Is this article a copy, and of what? Every verdict has a reason in words, also the one that says no."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aggregator.dedupe import fingerprint, kinds, titles
from aggregator.dedupe.address import addresses, is_article_url
from aggregator.dedupe.boilerplate import IN_FEED, Boilerplate, Posting, Seen, find
from aggregator.dedupe.compare import Comparison
from aggregator.dedupe.question import Candidate, Index, Limits, Probe
from aggregator.dedupe.text import Text
from aggregator.model import Verdict

KINDS = ("alone", "same-url", "same-text", *kinds.KINDS, "person")

SHARED_HASHES = 3  # unmasked hashes that make an article a candidate
VERIFIED = 5  # stories compared on full text
SURE = 0.9  # share that joins two stories
CLOSE = (0.85, 0.6)  # shares with a member that join an article to a story whose lead is another text by now


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict; the near misses: why it is not a copy of what it came close to; what was masked."""

    verdict: Verdict
    also: tuple[Verdict, ...] = ()  # on other stories that it is surely a copy of, too: they are one
    misses: tuple[Verdict, ...] = ()
    doubts: frozenset[int] = frozenset()  # stories whose text now stands under several titles of one feed
    boilerplate: Boilerplate = field(default=Boilerplate())


ALONE = Decision(Verdict("alone", "no other article has this text"))


def match(probe: Probe, index: Index, limits: Limits) -> Decision:
    """Looks for the story that `probe` is a copy of."""
    found = _same_url(probe, index, limits) or _same_text(probe, index, limits)
    if found is not None:
        return Decision(found)
    postings = _elsewhere(probe, index)
    standing = find(probe.fingerprint, probe.feed, postings, index)
    ranked = _ranked(probe, postings, standing.hashes, limits)
    if not ranked:
        return dataclasses.replace(ALONE, boilerplate=standing)
    ours = Text(probe.title, probe.text, standing.hashes, probe.url)
    judged = [(candidate, _against(probe, ours, candidate, index, limits)) for candidate in index.load(ranked)]
    again = [c for c, v in judged if _is_again(probe, c, v)]
    verdict, also = _chosen(probe, judged, bool(again))
    misses = tuple(v for _, v in judged if v.kind == "alone")
    return Decision(verdict, also, misses, frozenset(c.story for c in again), standing)


def telling(
    hashes: Sequence[int], found: Mapping[int, Sequence[int]], boilerplate: Collection[int]
) -> list[tuple[int, int]]:
    """Where hashes were seen, as far as that can matter to `match`: (hash, article).

    `hashes` is a fingerprint, `found` the articles that have each of its hashes, `boilerplate` those known as such. What
    matters is that a hash is in so many stories that it tells none, or that an article has enough of them, or the title.
    Most hashes of an article that is like no other are runs of words that a few others happen to have: where these
    belong need not be asked.
    """
    common = {value for value, articles in found.items() if len(articles) >= IN_FEED}
    shared = Counter(article for articles in found.values() for article in articles)
    least = _least(len(set(hashes).difference(boilerplate, common)))  # as in _ranked, were all of these boilerplate
    titled = found.get(hashes[0], ()) if hashes else ()
    return [
        (value, article)
        for value, articles in found.items()
        for article in articles
        if value in common or shared[article] >= least or article in titled
    ]


def overlooked(probe: Probe, index: Seen) -> frozenset[int]:
    """The hashes of an article that are overlooked when its text is compared, as `match` would find them."""
    return find(probe.fingerprint, probe.feed, _elsewhere(probe, index), index).hashes


def _elsewhere(probe: Probe, index: Seen) -> list[Posting]:
    return [posting for posting in index.postings(probe.fingerprint) if posting.article != probe.article]


def _is_again(probe: Probe, candidate: Candidate, verdict: Verdict) -> bool:
    """Whether the probe's own feed had its text before, under another title: the text alone then tells nothing."""
    return (
        candidate.feed == probe.feed
        and min(verdict.similarity, verdict.other) >= SURE
        and not kinds.are_alike(probe.title, candidate.title)
    )


def _chosen(
    probe: Probe, judged: Sequence[tuple[Candidate, Verdict]], is_again: bool
) -> tuple[Verdict, tuple[Verdict, ...]]:
    """The best of several verdicts that say yes: the one with the likest title, then the most in common."""
    yes = [
        (titles.alike(probe.title, c.title), min(v.similarity, v.other), -v.shared, c, v)
        for c, v in judged
        if v.kind != "alone"
    ]
    if not yes:
        return ALONE.verdict, ()
    yes.sort(key=lambda found: (found[0] < kinds.ALIKE, -round(found[1], 1), -found[0], found[2], found[3].article))
    alike, most, _, first, best = yes[0]
    several = any(
        c.feed == first.feed and c.story != first.story and share > most - 0.05 for _, share, _, c, _ in yes[1:]
    )
    if alike < kinds.ALIKE and (several or is_again):
        reason = "not a copy: the same text stands under several titles of one feed, and none is like its own"
        return dataclasses.replace(best, kind="alone", reason=reason, story=None, against=None), ()
    also = tuple(
        v
        for likeness, _, _, c, v in yes[1:]
        if c.story != first.story and max(v.similarity, v.other) >= SURE and likeness >= min(alike, kinds.SAME_TITLE)
    )
    return best, also


def recheck(probe: Probe, lead: Candidate, limits: Limits, boilerplate: frozenset[int] = frozenset()) -> Verdict:
    """The verdict on a member of a story against its lead, after either has changed or the lead has moved."""
    if probe.feed != lead.feed and is_article_url(probe.url) and probe.url in addresses(lead.url):
        return _verdict("same-url", "the same address", lead)
    if probe.text == lead.text and _is_enough(probe.text):
        return _verdict("same-text", "word for word the same text", lead)
    return judge(probe, Text(probe.title, probe.text, boilerplate, probe.url), lead, limits)


def compare(probe: Probe, candidate: Candidate, boilerplate: Collection[int] = ()) -> Comparison:
    """Both texts side by side."""
    return Comparison(
        Text(probe.title, probe.text, boilerplate, probe.url), Text(candidate.title, candidate.text, url=candidate.url)
    )


def judge(probe: Probe, ours: Text, candidate: Candidate, limits: Limits) -> Verdict:
    """Compares full texts; the verdict of kind "alone" says why it is not a copy of `candidate`."""
    c = Comparison(ours, Text(candidate.title, candidate.text, url=candidate.url))

    def verdict(kind: str, reason: str) -> Verdict:
        return Verdict(kind, reason, candidate.article, candidate.story, c.ours, c.theirs, c.shared)

    same_feed = probe.feed == candidate.feed
    kind, reason = kinds.kind(c, limits.threshold, same_feed)
    if kind is None:
        return verdict("alone", f"not a copy: {reason}")
    objection = _other_media(probe, candidate, c) or kinds.objection(c, same_feed)
    return verdict("alone", f"not a copy: {objection}") if objection else verdict(kind, reason)


def _same_url(probe: Probe, index: Index, limits: Limits) -> Verdict | None:
    # A link that several entries of one feed share is a home page, not an address of an article.
    if not is_article_url(probe.url):
        return None
    candidates = list(_others(probe, index.by_url(addresses(probe.url)), limits))
    elsewhere = [candidate for candidate in candidates if candidate.feed != probe.feed]
    if not elsewhere or len({candidate.story for candidate in candidates}) > 1:
        return None
    return _verdict("same-url", "the same address", elsewhere[0])


def _same_text(probe: Probe, index: Index, limits: Limits) -> Verdict | None:
    if not _is_enough(probe.text):
        return None
    for candidate in _others(probe, index.by_text(probe.text), limits):
        # The text alone does not tell what stands under several titles, such as show notes; matching looks at those.
        c = compare(probe, candidate)
        if c.alike < (1 if probe.feed == candidate.feed else kinds.ALIKE) or c.numbered:
            continue
        return _verdict("same-text", "word for word the same text", candidate)
    return None


def _against(probe: Probe, ours: Text, candidate: Candidate, index: Index, limits: Limits) -> Verdict:
    """The verdict on the story of `candidate`: its lead must agree, or a chain of small changes would join anything."""
    verdict = judge(probe, ours, candidate, limits)
    lead = index.lead(candidate.story)
    if lead is None or lead.article == candidate.article or lead.article == probe.article:
        return verdict
    by_lead = judge(probe, ours, lead, limits)
    if by_lead.kind != "alone":
        return by_lead
    high, low = max(verdict.similarity, verdict.other), min(verdict.similarity, verdict.other)
    same_title = titles.alike(probe.title, candidate.title) >= kinds.SAME_TITLE
    return verdict if high >= CLOSE[0] and (low >= CLOSE[1] or same_title) else by_lead


def _least(left: int) -> int:
    """Hashes in common that make an article a candidate, of so many that are no boilerplate."""
    return max(1, min(SHARED_HASHES, left // 2))


def _ranked(probe: Probe, postings: Iterable[Posting], boilerplate: frozenset[int], limits: Limits) -> list[int]:
    """The best article of each story that shares enough, best first; then those of the probe's own feed in them."""
    seen: defaultdict[tuple[int, int, int], set[int]] = defaultdict(set)
    for posting in postings:
        if posting.hash not in boilerplate and limits.allow(posting.story, posting.feed):
            seen[posting.story, posting.article, posting.feed].add(posting.hash)
    least = _least(len(set(probe.fingerprint) - boilerplate))
    title = fingerprint.title_hash(probe.title)
    best: dict[int, int] = {}  # story -> article
    own: dict[int, int] = {}
    for _, _, story, article, feed in sorted(
        (title not in hashes, -len(hashes), story, article, feed)
        for (story, article, feed), hashes in seen.items()
        if len(hashes) >= least or title in hashes
    ):
        best.setdefault(story, article)
        if feed == probe.feed:
            own.setdefault(story, article)
    chosen = list(best)[:VERIFIED]
    return list(dict.fromkeys([*(best[story] for story in chosen), *(own[story] for story in chosen if story in own)]))


def _other_media(probe: Probe, candidate: Candidate, c: Comparison) -> str | None:
    """Podcasts: another recording under other words, whatever the notes say."""
    if c.alike < kinds.ALIKE and probe.media and candidate.media:
        ours, theirs = (
            {url.partition("?")[0].rpartition("/")[2] for url in side} for side in (probe.media, candidate.media)
        )
        if ours.isdisjoint(theirs):
            return "other recordings under other titles"
    return None


def _others(probe: Probe, candidates: Iterable[Candidate], limits: Limits) -> Iterable[Candidate]:
    return (c for c in candidates if c.article != probe.article and limits.allow(c.story, c.feed))


def _verdict(kind: str, reason: str, candidate: Candidate) -> Verdict:
    return Verdict(kind, reason, candidate.article, candidate.story)


def _is_enough(text: str) -> bool:
    """Whether a text has enough words to mean something by itself; a book's are not all counted for that."""
    return len(text[: 1000 * kinds.LEAST_WORDS].split()) >= kinds.LEAST_WORDS
