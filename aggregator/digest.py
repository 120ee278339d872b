"""One document's way through the pure stages: parse -> filter -> clean -> fingerprint.

The one function that runs in worker processes, and on a cluster: it takes a picklable job and returns a picklable value.
"""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from aggregator import clean, dedupe, packing, parse
from aggregator.clean import fulltext
from aggregator.clean.steps import together
from aggregator.errors import ParseError
from aggregator.model import Article, Entry, Feed, Response, Subscription

if TYPE_CHECKING:
    from aggregator.filters import Decision, Filter, Subject


@dataclass(frozen=True, slots=True)
class Job:
    """A response to digest, with what the operator asked for that feed and what is known already."""

    response: Response
    subscription: Subscription
    known: frozenset[bytes] = frozenset()  # entry hashes that are stored as they are
    sources: Mapping[bytes, parse.Seen] = field(default_factory=dict)  # what the last document's digest gave as such
    habits: clean.Habits = field(default=clean.Habits())  # what the feed's last articles have around them
    pages: Mapping[str, Response] = field(default_factory=dict)  # web pages of articles, by the article's address


class Item(NamedTuple):
    """A new or changed entry, cleaned. As little as its reader needs: it goes from process to process."""

    article: Article
    hash: bytes
    packed: bytes  # the entry as the file keeps it, see `packing`
    rules: int = clean.VERSION  # see `cleaned_by`
    short: bool = False  # a summary only, of a feed whose articles are wanted whole


@dataclass(frozen=True, slots=True)
class Digest:
    """What a document holds: the feed without its entries, and the items not known yet."""

    feed: Feed
    items: tuple[Item, ...]
    guids: frozenset[str]  # of all entries in the document
    filtered: int = 0  # left out by include and exclude
    flaws: tuple[str, ...] = ()
    sources: Mapping[bytes, parse.Seen] = field(default_factory=dict)  # entries that need no reading the next time
    decisions: tuple[tuple[str, Decision], ...] = ()  # title and decision of each new entry, where there are filters


def digest(job: Job) -> Digest | ParseError:
    """Runs the pure stages over one response. A document that is no feed is a value, too."""
    try:
        found = parse.changes(job.response, job.sources, repr(_rules(job.subscription)).encode())
    except ParseError as error:
        return ParseError(_with_hint(str(error), job.response))
    feed = found.feed
    site = site_of(feed, job.subscription, job.habits.decided())
    rules = repr(_rules(job.subscription))
    written = ((number, entry, packing.as_json(entry)) for number, entry in enumerate(feed.entries, 1))
    marked = [_New(number, entry, text, _hash(text, rules)) for number, entry, text in written]
    # Step by step, not entry by entry: see clean/steps.
    work = _Work(list(feed.flaws))
    cleaned = work.cleaned([new for new in marked if new.mark not in job.known], site)
    if job.pages:
        cleaned = work.each(lambda one: work.completed(one, job.pages, site), cleaned)
    sieve, since = _sieve(job.subscription), job.subscription.since
    decisions: list[tuple[str, Decision]] = []
    passed = []
    for one in _relearned(cleaned, job, site):
        if sieve is not None:
            decision = _decision(one.article, sieve, since)
            decisions.append((one.article.title, decision))
            if not decision.passes:
                continue
        passed.append(one)
    cleaning, full_text = cleaned_by(job.subscription), job.subscription.full_text
    ready = work.each(lambda one: one._replace(article=_fingerprinted(one.article)), passed)
    items = work.each(
        lambda one: Item(
            one.article, one.mark, packing.compressed(one.text), cleaning, full_text and fulltext.is_short(one.entry)
        ),
        ready,
    )
    bare = dataclasses.replace(feed, entries=())
    sources = {mark: seen for mark, seen in found.sources.items() if seen.guid not in work.failed}
    flaws = (*work.flaws, *(sieve.flaws if sieve is not None else ()))
    filtered = len(cleaned) - len(passed)
    return Digest(bare, tuple(items), found.guids, filtered, flaws, sources, tuple(decisions))


class _New(NamedTuple):
    """An entry that is not known as it is."""

    number: int  # in its document, from 1
    entry: Entry
    text: str  # the entry as JSON
    mark: bytes


class _Cleaned(NamedTuple):
    """An item in the making."""

    number: int
    entry: Entry
    text: str
    mark: bytes
    article: Article


_TOGETHER = 32  # entries that are cleaned beside each other; all that is made of them on the way is there at once
_T = TypeVar("_T", _New, _Cleaned)
_U = TypeVar("_U")


@dataclass(slots=True)
class _Work:
    """The steps of one document's entries. A fault of ours in one entry must not cost its neighbours."""

    flaws: list[str]
    failed: set[str] = field(default_factory=set)  # guids

    def each(self, step: Callable[[_T], _U], things: Iterable[_T]) -> list[_U]:
        """What a step makes of each, without those that it fails on."""
        made = []
        for thing in things:
            try:
                made.append(step(thing))
            except MemoryError:
                raise  # of the worker, not of the entry: the engine tells it
            except Exception as error:  # noqa: BLE001
                self._fail(thing, error)
        return made

    def cleaned(self, news: Sequence[_New], site: clean.Site) -> list[_Cleaned]:
        """The articles of entries."""
        made = []
        for at in range(0, len(news), _TOGETHER):
            some = news[at : at + _TOGETHER]
            for new, article in zip(some, together(clean.stepwise(new.entry, site) for new in some), strict=True):
                if isinstance(article, Exception):
                    self._fail(new, article)
                else:
                    made.append(_Cleaned(*new, article))
        return made

    def completed(self, one: _Cleaned, pages: Mapping[str, Response], site: clean.Site) -> _Cleaned:
        """The article of the page's text, where there is one."""
        if (page := pages.get(one.article.url)) is None:
            return one
        full = fulltext.completed(one.entry, page)
        if not isinstance(full, str):
            return _Cleaned(one.number, full, packing.as_json(full), one.mark, clean.clean(full, site))
        self.flaws.append(f"full text of {one.article.url}: {full}"[:300])
        return one

    def _fail(self, thing: _New | _Cleaned, error: Exception) -> None:
        flaw = f"entry {thing.number} could not be cleaned: {type(error).__name__}: {error}"
        self.flaws.append(flaw[:300])
        self.failed.add(thing.entry.guid)


def digest_entry(entry: Entry, site: clean.Site) -> Article:
    """One entry, cleaned and fingerprinted."""
    return _fingerprinted(clean.clean(entry, site))


def _fingerprinted(article: Article) -> Article:
    return article._replace(fingerprint=dedupe.hashes(article.content_text, article.title, article.faint))


def _sieve(wanted: Subscription) -> Filter | None:
    """The operator's filters, if there are any."""
    if not (wanted.include or wanted.exclude or wanted.since):
        return None
    from aggregator.filters import Filter  # regex, which it has for them, is slow to load

    return Filter(wanted.include, wanted.exclude)


def subject_of(article: Article) -> Subject:
    """What filters look at."""
    from aggregator.filters import Subject

    return Subject(article.title, article.content_text, article.author or "", article.categories, article.url)


def site_of(feed: Feed, subscription: Subscription, learned: clean.Decision | None = None) -> clean.Site:
    """What cleaning needs to know of a feed; `learned` is what it repeats around its articles (store: `habits`)."""
    known = learned if learned is not None and subscription.learn else clean.Decision()
    rules = clean.rules.ready(subscription.rules)
    return clean.Site(feed.url, feed.home_page_url, feed.language, subscription.remove, known, rules)


def _decision(article: Article, sieve: Filter, since: datetime | None) -> Decision:
    """What the operator's filters say of an article."""
    from aggregator.filters import Decision

    published = article.published or article.updated
    if since and published and published < since:
        return Decision(False, f"left out: published {published:%Y-%m-%d %H:%M:%SZ}, before `since`")
    return sieve.decide(subject_of(article))


def _relearned(items: list[_Cleaned], job: Job, site: clean.Site) -> list[_Cleaned]:
    """The items, cleaned again where this document itself shows that something in them is the feed's furniture."""
    if not job.subscription.learn or not items:
        return items
    decision = job.habits.with_items(item.article.edges for item in items).decided()
    now_known = dataclasses.replace(site, learned=decision)
    fresh = (decision.cut | decision.faint) - (site.learned.cut | site.learned.faint)
    return [
        item if fresh.isdisjoint(item.article.edges) else item._replace(article=clean.clean(item.entry, now_known))
        for item in items
    ]


def entry_hash(entry: Entry, subscription: Subscription) -> bytes:
    """Changes when the entry, the cleaning rules or the operator's wishes for the feed change."""
    return _hash(packing.as_json(entry), repr(_rules(subscription)))


def _hash(text: str, rules: str) -> bytes:
    return hashlib.blake2b(f"{rules}{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def cleaned_by(subscription: Subscription) -> int:
    """A number for the rules and wishes by which a feed's entries are cleaned. A replay cleans what has another again."""
    wishes = (subscription.remove, subscription.learn, subscription.rules)
    return clean.VERSION if wishes == ((), True, None) else clean.VERSION | zlib.crc32(repr(wishes).encode()) << 8


def wishes(subscription: Subscription) -> tuple[object, ...]:
    """All that the operator can say about what becomes of a feed's entries."""
    text = (subscription.remove, subscription.learn, subscription.rules, subscription.full_text)
    return (*text, subscription.include, subscription.exclude, subscription.since)


def _rules(subscription: Subscription) -> tuple[object, ...]:
    """All besides the entry that decides what becomes of it: what is known under other rules is not known."""
    return (clean.VERSION, *wishes(subscription))


def _with_hint(message: str, response: Response) -> str:
    """For a web page: the feeds that it names, since one of them is meant."""
    found = parse.candidates(response)
    if not found:
        return message
    return f"{message}; it names {', '.join(link.url for link in found[:3])}"
