"""Which article of a story leads: the origin. Deterministic: the same members give the same lead in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.dedupe.address import addresses
from aggregator.iri import host
from aggregator.model import Role

_ROLES: dict[Role | None, int] = {"origin": 0, None: 1, "republisher": 2}
_PART = 3  # a member with less than this part of another's words is a summary
_CLEAR = 0.2  # by how much the copy rates of two feeds must differ to mean something

REASONS = (
    "a person pinned it",
    "its feed's role is nearer to the origin",
    "its feed has the higher priority",
    "another member names it as where the text is from",
    "another member names its site as where the text is from",
    "it does not name another member as where its text is from",
    "its feed is seldom the later one to carry a text",
    "it has the full text",
    "it was published first",
    "it was seen first",
    "it was stored first",
)
_FIRM = 7  # the reasons up to here move a lead at any time; the rest is mere likelihood


@dataclass(frozen=True, slots=True)
class Member:
    """What the choice looks at."""

    article: int
    url: str
    role: Role | None
    priority: int
    credits: tuple[str, ...]  # addresses this article names as where its text is from
    home_page_url: str | None
    words: int
    published: datetime
    first_seen: datetime
    pinned: bool = False
    copy_rate: float = 0.5  # share of its feed's shared texts that another carried before


def choose(members: Sequence[Member], current: int | None = None, newcomer: int | None = None) -> tuple[int, str]:
    """The id of the article that leads, and why.

    Where there is a `current` lead, only evidence moves it; mere likelihood (lengths, times) speaks for a `newcomer`
    alone, and copy rates must differ clearly, so that a lead never flips back and forth.
    """
    if len(members) == 1:
        return members[0].article, "the only article"
    ranks = {member.article: _rank(member, members) for member in members}
    best = min(members, key=lambda member: ranks[member.article])
    if current in ranks and best.article not in (current, newcomer):
        firm = {article: rank[:_FIRM] for article, rank in ranks.items()}
        if firm[best.article] == firm[current]:
            best = next(member for member in members if member.article == current)
            if newcomer in ranks and ranks[newcomer] < ranks[current]:
                best = next(member for member in members if member.article == newcomer)
    mine = ranks[best.article]
    second = min(ranks[m.article] for m in members if m.article != best.article)
    differs = next(i for i, (a, b) in enumerate(zip(mine, second, strict=True)) if a != b)
    return best.article, REASONS[differs] if mine < second else "it led before, and nothing firm speaks against it"


def _rank(member: Member, members: Sequence[Member]) -> tuple[float, ...]:
    others = [other for other in members if other.article != member.article]
    named = {credit for other in others for credit in other.credits}
    site = _site(member.home_page_url or member.url)
    own_sites = {_site(other.home_page_url or other.url) for other in others}
    # A site that every member shares (a loopback test, a hosting platform) says nothing.
    site_named = site not in own_sites and site in {_site(credit) for credit in named}
    own_credits = set(member.credits)
    credits_other = any(not own_credits.isdisjoint(addresses(other.url)) for other in others) or bool(
        own_sites & {_site(credit) for credit in own_credits} - {site, ""}
    )
    longest = max(other.words for other in members)
    brief = member.words * _PART < longest  # not less: a copy may have a long frame around a short text
    return (
        0 if member.pinned else 1,
        _ROLES[member.role],
        -member.priority,
        0 if not named.isdisjoint(addresses(member.url)) else 1,
        0 if site_named else 1,
        1 if credits_other else 0,
        _copier(member, members),
        1 if brief else 0,
        member.published.timestamp(),
        member.first_seen.timestamp(),
        member.article,
    )


def _copier(member: Member, members: Sequence[Member]) -> int:
    """1 for a member whose feed copies clearly more than that of another member."""
    return int(member.copy_rate - min(other.copy_rate for other in members) >= _CLEAR)


def _site(url: str) -> str:
    return host(url).removeprefix("www.")
