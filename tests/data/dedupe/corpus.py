"""A labelled corpus: originals, their copies of every kind, and what only looks like a copy. The same seed, the same items.

items = build(seed=1, size=1200)              own texts and generated prose
items = build(seed=1, size=4000, releases=…)  real releases as (title, text), by hand only: none is committed
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.data.dedupe.prose import Prose
from tests.data.dedupe.templates import FORMS

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
_PADDED = (
    "Home News Sport Business Culture Subscribe Log in",
    "Most read today: ten walks for the weekend, the recipe that divided a town, and why your neighbour's cat visits you.",
    "Sign up for our newsletter and get the five stories of the day in your inbox every morning before seven.",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of one feed. Items with the same `story` are copies of each other; `origin` marks where it began."""

    story: str
    kind: str  # "original", a kind of copy, or "not: " and a kind of hard negative
    feed: str
    title: str
    text: str
    url: str
    published: datetime
    origin: bool = False
    credit: str | None = None  # the address its footer names

    @property
    def html(self) -> str:
        """As a feed would have it."""
        parts = "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in self.text.split("\n\n") if part.strip())
        if self.credit:
            parts += f'<p>/Public Release. View in full <a href="{html.escape(self.credit)}">here</a>.</p>'
        return parts


def own() -> list[tuple[str, str]]:
    """The texts written for this corpus, in ten languages: (title, text)."""
    found = []
    for block in re.split(r"^# ", (Path(__file__).parent / "own.txt").read_text(encoding="utf-8"), flags=re.M)[1:]:
        title, _, text = block.partition("\n")
        found.append((title.strip(), text.strip()))
    return found


def build(seed: int, size: int = 1200, releases: Sequence[tuple[str, str]] = ()) -> list[Item]:
    """About `size` items in order of arrival; half of them hard negatives or without a copy."""
    return _Builder(seed).build(size, releases)


class _Builder:
    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.prose = Prose(self.dice)
        self.items: list[Item] = []
        self.clock = START
        self.copiers = [f"https://copier{i}.example" for i in range(12)]
        self.wire = self.prose.paragraph(4)

    def build(self, size: int, releases: Sequence[tuple[str, str]]) -> list[Item]:
        originals = [*own(), *releases]
        self.dice.shuffle(originals)
        while len(self.items) < size:
            roll = self.dice.random()
            if roll < 0.45:
                self.release(*(originals.pop() if originals and self.dice.random() < 0.75 else self.invented()))
            elif roll < 0.75:
                self.form(self.dice.choice(sorted(FORMS)))
            else:
                self.dice.choice([self.same_house, self.followup, self.liveblog, self.short, self.quoted])()
        order = sorted(enumerate(self.items), key=lambda pair: (pair[1].published, pair[0]))
        return [item for _, item in order]

    def add(self, item: Item) -> Item:
        # What begins in a feed that mostly copies has no origin that anybody could tell.
        origin = item.origin and item.feed not in self.copiers
        self.items.append(replace(item, url=item.url or f"{item.feed}/{len(self.items)}", origin=origin))
        return self.items[-1]

    def later(self, hours: float) -> datetime:
        return self.clock + timedelta(hours=self.dice.random() * hours)

    def name(self) -> str:
        return f"s{len(self.items)}"

    def invented(self) -> tuple[str, str]:
        org = self.prose.org()
        text = "\n\n".join(self.prose.paragraph() for _ in range(self.dice.randint(3, 9)))
        first = f"{self.prose.place().upper()}, {self.prose.date()} – {org} {self.prose.one(['said', 'announced'])} that {self.prose.clause()}. "
        tail = f"\n\n{self.prose.about(org)}" if self.dice.random() < 0.6 else ""
        return self.prose.title(org), first + text + tail

    def release(self, title: str, text: str, kind: str = "original", feed: str | None = None) -> None:
        """An original, and often some copies of it."""
        self.clock += timedelta(minutes=self.dice.randint(1, 12))
        story = self.name()
        number = self.dice.choice([0, 0, 1, 1, 2, 2, 3, 5])
        origin = self.add(
            Item(
                story,
                kind,
                feed or f"https://house{self.dice.randint(0, 60)}.example",
                title,
                text,
                "",
                self.clock,
                True,
            )
        )
        for feed in self.dice.sample([c for c in self.copiers if c != origin.feed], number):
            how = self.dice.choice(sorted(COPIES))
            copied_title, copied_text = COPIES[how](self, title, text)
            when = (
                self.later(30) if self.dice.random() < 0.9 else self.clock - timedelta(minutes=self.dice.randint(1, 40))
            )
            credit = origin.url if self.dice.random() < 0.4 else None
            self.add(Item(story, how, feed, copied_title, copied_text, "", when, credit=credit))

    def form(self, kind: str) -> None:
        """A form filled in several times, some fillings copied by others: those are copies."""
        fill = FORMS[kind](self.prose)
        feed = f"https://{kind}{self.dice.randint(0, 9)}.example"
        others = self.dice.sample(self.copiers, 2)
        for number in range(self.dice.randint(2, 7)):
            self.clock += timedelta(minutes=self.dice.randint(5, 900) if self.dice.random() < 0.2 else 3)
            title, text = fill(number)
            # The same notes under another title elsewhere can't be told from a release under another title.
            where = feed if kind == "podcast" or self.dice.random() < 0.75 else self.dice.choice(others)
            story = self.name()
            self.add(Item(story, f"not: {kind}", where, title, text, "", self.clock, True))
            if self.dice.random() < 0.25:
                how = self.dice.choice(["footer", "typography", "same"])
                title, text = COPIES[how](self, title, text)
                copier = self.dice.choice([c for c in self.copiers if c != where])
                self.add(Item(story, how, copier, title, text, "", self.later(20)))

    def same_house(self) -> None:
        """Different releases of one organisation: the same tail, often longer than the news."""
        org = self.prose.org()
        about, safe = self.prose.about(org), " ".join(self.prose.paragraph(3) for _ in range(self.dice.randint(1, 5)))
        feed = f"https://house{self.dice.randint(0, 60)}.example"
        for _ in range(self.dice.randint(2, 5)):
            news = " ".join(self.prose.paragraph(2) for _ in range(self.dice.randint(1, 3)))
            where = feed if self.dice.random() < 0.7 else self.dice.choice(self.copiers)
            text = f"{org} today said that {self.prose.clause()}. {news}\n\n{about}\n\n{safe}"
            self.release(self.prose.title(org), text, "not: same house", where)

    def followup(self) -> None:
        """News on a story, that ends with the story so far."""
        title, text = self.invented()
        self.release(title, text)
        first = "\n\n".join(self.prose.paragraph() for _ in range(self.dice.randint(2, 4)))
        share = text.split("\n\n")[: self.dice.randint(1, 3)]
        where = self.dice.choice(self.copiers)
        new = f"{first}\n\nEarlier we reported: " + "\n\n".join(share)
        self.clock += timedelta(hours=2)
        self.add(Item(self.name(), "not: follow-up", where, self.prose.title(), new, "", self.later(30)))

    def quoted(self) -> None:
        """A commentary that quotes a paragraph or two."""
        title, text = self.invented()
        self.release(title, text)
        parts = [self.prose.paragraph() for _ in range(5)]
        parts.insert(2, f"“{text.split(chr(10) * 2)[0]}”")
        self.add(
            Item(
                self.name(),
                "not: quotation",
                self.dice.choice(self.copiers),
                self.prose.title(),
                "\n\n".join(parts),
                "",
                self.later(30),
            )
        )

    def liveblog(self) -> None:
        """Entries of a live blog: each of its own, under titles much alike."""
        subject, intro = self.prose.title(), self.prose.paragraph(2)
        feed = self.dice.choice(self.copiers)
        for number in range(self.dice.randint(2, 6)):
            self.clock += timedelta(minutes=14)
            text = f"{intro} {self.clock:%H:%M} {self.prose.paragraph(2)}"
            title = f"{subject} – live: {self.clock:%H:%M}" if number % 2 else f"{subject} – live"
            self.add(Item(self.name(), "not: live blog", feed, title, text, "", self.clock, True))

    def short(self) -> None:
        """A few words, the same few for different things."""
        words = self.dice.choice(
            [
                "Photo gallery.",
                "Read the full story on our website.",
                "This incident has been resolved.",
                "Watch the video here.",
            ]
        )
        feed = self.dice.choice(self.copiers)
        for _ in range(self.dice.randint(2, 4)):
            self.clock += timedelta(minutes=9)
            where = feed if self.dice.random() < 0.6 else self.dice.choice(self.copiers)
            self.add(Item(self.name(), "not: short", where, self.prose.title(), words, "", self.clock, True))


Change = Callable[[_Builder, str, str], tuple[str, str]]


def _parts(text: str) -> list[str]:
    return [part for part in text.split("\n\n") if part.strip()]


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?。।])\s*(?=\S)", text)


def _same(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return title, text


def _header(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return title, f"By our correspondent in {b.prose.place()}. {b.prose.sentence()}\n\n{text}"


def _footer(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return title, f"{text}\n\n{b.wire}"


def _both(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return _footer(b, *_header(b, title, text))


def _edited(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """Every so many words another one; a sentence dropped, another shortened."""
    kept = [s for s in _sentences(text.replace("\n\n", " \n\n ")) if b.dice.random() > 0.06]
    words = " ".join(kept).split(" ")
    for i, word in enumerate(words):
        if word.islower() and word.isalpha() and len(word) > 3 and b.dice.random() < 0.05:
            other = b.prose.one(["also", "then", "again", "later", "now", "soon"])
            words[i] = other if b.dice.random() < 0.4 else f"{other} {word}"
    return _retitle(b, title) if b.dice.random() < 0.4 else title, " ".join(words)


def _summary(b: _Builder, title: str, text: str) -> tuple[str, str]:
    sentences = _sentences(_parts(text)[0] if len(_parts(text)[0].split()) > 25 else text)
    number = b.dice.randint(2, 4)
    while number < len(sentences) and len(" ".join(sentences[:number]).split()) < 25:
        number += 1
    return title, " ".join(sentences[:number]) + b.dice.choice(["", " […]", " Read more"])


def _embedded(b: _Builder, title: str, text: str) -> tuple[str, str]:
    related = [b.prose.title() for _ in range(6)]
    return title, "\n\n".join([_PADDED[0], title, text, _PADDED[1], *related, _PADDED[2], b.wire])


def _correction(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """One figure is another, and most say so."""
    found = list(re.finditer(r"\b\d{1,3}\b", text))
    if found:
        spot = b.dice.choice(found)
        text = text[: spot.start()] + str(int(spot[0]) + b.dice.randint(1, 9)) + text[spot.end() :]
    roll = b.dice.random()
    if roll < 0.4:
        return f"CORRECTION: {title}", f"This release corrects a figure in the version of {b.prose.date()}.\n\n{text}"
    return (f"{title} (corrected)", text) if roll < 0.7 else (title, text)


def _typography(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """Another keyboard: quotes, dashes, spaces, and lines where they fall."""
    table = str.maketrans(
        {"“": '"', "”": '"', "’": "'", "–": "-", "—": "-", "…": ".", "«": '"', "»": '"', "「": "“", "」": "”"}
    )
    text = re.sub(r" ", lambda m: b.dice.choice([" ", " ", " ", "\u00a0", "  "]), text.translate(table))
    return title.translate(table), text.replace("ffi", "\ufb03").replace("fi", "\ufb01")


def _truncated(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return title, text[: int(len(text) * b.dice.uniform(0.45, 0.9))] + "…"


def _retitle(b: _Builder, title: str) -> str:
    words = title.split()
    return b.prose.title(words[0]) if len(words) > 1 else b.prose.title()


def _retitled(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return _retitle(b, title), text


def _dropped(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """Some paragraphs left out, never the first."""
    parts = _parts(text)
    return title, "\n\n".join(part for i, part in enumerate(parts) if i == 0 or b.dice.random() < 0.75)


def _new_lead(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """A journalist's own first sentences over the release."""
    parts = _parts(text)
    rest = parts[1:] if len(parts) > 3 else parts
    return title, "\n\n".join([b.prose.paragraph(2), *rest])


def _site_title(b: _Builder, title: str, text: str) -> tuple[str, str]:
    return f"{title} | {b.prose.org()}", text


def _heavy(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """A sub-editor's hand all over, with a new title, another frame, and quotes of another keyboard."""
    title, text = _edited(b, title, text)
    return _typography(b, *_both(b, title, text))


def _moved(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """Paragraphs after the first in another order."""
    parts = _parts(text)
    rest = parts[1:]
    b.dice.shuffle(rest)
    return title, "\n\n".join([*parts[:1], *rest])


def _beginning(b: _Builder, title: str, text: str) -> tuple[str, str]:
    """The first third under another title."""
    return _retitle(b, title), text[: max(300, int(len(text) * 0.35))] + "…"


COPIES: dict[str, Change] = {
    "same": _same,
    "header": _header,
    "footer": _footer,
    "header and footer": _both,
    "edited": _edited,
    "summary": _summary,
    "embedded": _embedded,
    "correction": _correction,
    "typography": _typography,
    "truncated": _truncated,
    "retitled": _retitled,
    "paragraphs dropped": _dropped,
    "new lead": _new_lead,
    "site in title": _site_title,
    "edited and framed": _heavy,
    "paragraphs moved": _moved,
    "beginning, retitled": _beginning,
}
