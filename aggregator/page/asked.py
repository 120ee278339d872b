"""What a reader of the river asked for, as it stands in the address: every page can be linked and sent to a friend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

_LONGEST = 300  # characters of a query that are kept
_CURSOR = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)-(\d{1,18})", re.ASCII)


class Mistaken(ValueError):
    """An address that can't be answered; str() says why, for a person."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of the river; the field names are those of the address."""

    q: str = ""
    tag: str = ""
    feed: int | None = None
    lang: str = ""
    copied: bool = False
    before: str = ""  # YYYYMMDDhhmmss-story, see `cursor`

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Asked:
        """From an address's parameters; unknown ones are let be. Raises Mistaken."""
        feed, lang, before = (parameters.get(name, "").strip() for name in ("feed", "lang", "before"))
        if feed and not re.fullmatch(r"\d{1,18}", feed, re.ASCII):
            raise Mistaken("A feed is asked for by its number, as in ?feed=7.")
        if lang and not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", lang):
            raise Mistaken("A language is asked for by its tag, as in ?lang=de.")
        if before and not _CURSOR.fullmatch(before):
            raise Mistaken("The place in the river (?before=…) can't be read; it may have been cut off.")
        return cls(
            q=plain(parameters.get("q", ""))[:_LONGEST],
            tag=plain(parameters.get("tag", ""))[:_LONGEST],
            feed=int(feed) if feed else None,
            lang=lang.lower(),
            copied=parameters.get("copied", "") not in ("", "0"),
            before=before,
        )

    def address(self, **changes: object) -> str:
        """The address of the river with these parameters changed: "?q=mole&copied=1", or "." for all of it."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        values = {
            "q": asked.q,
            "tag": asked.tag,
            "feed": "" if asked.feed is None else str(asked.feed),
            "lang": asked.lang,
            "copied": "1" if asked.copied else "",
            "before": asked.before,
        }
        query = urlencode({name: value for name, value in values.items() if value})
        return f"?{query}" if query else "."

    @property
    def narrowed(self) -> bool:
        """Whether not every story is wanted."""
        return bool(self.q or self.tag or self.feed is not None or self.lang or self.copied)

    @property
    def place(self) -> tuple[str, int] | None:
        """(published_at, story) of the story after which the page begins."""
        match = _CURSOR.fullmatch(self.before)
        if not match:
            return None
        year, month, day, hour, minute, second, story = match.groups()
        return f"{year}-{month}-{day} {hour}:{minute}:{second}Z", int(story)


def cursor(published_at: str, story: int) -> str:
    """The value of `before` for what comes after a story."""
    return f"{re.sub('[^0-9]', '', published_at)}-{story}"


def plain(text: str) -> str:
    """What was typed, on one line and without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
