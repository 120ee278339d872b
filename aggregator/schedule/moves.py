"""Permanent redirects (301, 308): believed when they have held, since many a "permanent" one is a mistake of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HELD = 3  # polls in a row that were sent to the same address, and found the feed there
_PERMANENT = (301, 308)


@dataclass(frozen=True, slots=True)
class Move:
    """Where a feed says it has moved to, and how many polls in a row have seen that."""

    to: str | None = None
    seen: int = 0

    @property
    def held(self) -> bool:
        """Whether it can be believed."""
        return self.to is not None and self.seen >= HELD

    def then(self, asked: str, redirects: Sequence[tuple[int, str]]) -> Move:
        """After one more poll that found a feed: a move goes on, begins anew, or is over."""
        to = target(asked, redirects)
        return Move(to, self.seen + 1 if to == self.to else 1) if to else Move()


def target(asked: str, redirects: Sequence[tuple[int, str]]) -> str | None:
    """Where permanent redirects lead; what comes after a temporary one is a detour. None where nothing can be believed.

    From https to http nobody moves for good: that is a fault, or somebody in between.
    """
    found = None
    for status, address in redirects:
        if status not in _PERMANENT or (asked.startswith("https:") and not address.startswith("https:")):
            break
        found = address
    return found if found != asked else None


def is_lasting(redirects: Sequence[tuple[int, str]]) -> bool:
    """Whether what came at the end of these redirects is said of the address itself: no detour among them."""
    return all(status in _PERMANENT for status, _ in redirects)
