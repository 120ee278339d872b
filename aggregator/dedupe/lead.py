"""Which article of a story leads: the origin. Deterministic: the same members give the same lead in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from aggregator.model import Role

_ROLES: dict[Role | None, int] = {"origin": 0, None: 1, "republisher": 2}


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


def choose(members: Sequence[Member]) -> tuple[int, str]:
    """The id of the article that leads, and why.

    By role, then priority, then what other members name as their origin, then full text before summary, then time.
    """
    longest = max(member.words for member in members)
    ranks = {member.article: _rank(member, members, longest) for member in members}
    ordered = sorted(members, key=lambda member: ranks[member.article])
    first = ordered[0]
    if len(ordered) == 1:
        return first.article, "the only article"
    difference = next(
        (i for i, (a, b) in enumerate(zip(ranks[first.article], ranks[ordered[1].article], strict=True)) if a != b), -1
    )
    reasons = (
        "its feed's role is nearer to the origin",
        "its feed has the higher priority",
        "a copy names it as where the text is from",
        "a copy names its site as where the text is from",
        "it has the full text",
        "it was published first",
        "it was seen first",
    )
    return first.article, reasons[difference] if 0 <= difference < len(reasons) else "it was stored first"


def _rank(member: Member, members: Sequence[Member], longest: int) -> tuple[float, ...]:
    others = [other for other in members if other.article != member.article]
    named = {credit for other in others for credit in other.credits}
    site = _host(member.home_page_url or member.url)
    own_sites = {_host(other.home_page_url or other.url) for other in others}
    # A site that every member shares (a loopback test, a hosting platform) says nothing.
    site_named = site not in own_sites and site in {_host(credit) for credit in named}
    return (
        _ROLES[member.role],
        -member.priority,
        0 if member.url in named else 1,
        0 if site_named else 1,
        0 if member.words * 2 >= longest else 1,
        member.published.timestamp(),
        member.first_seen.timestamp(),
        member.article,
    )


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
