"""A story: its lead to read, its copies, and what these made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from markupsafe import Markup

from aggregator import dedupe
from aggregator.dedupe.changes import FATES, LONGEST, Piece
from aggregator.page import content, parts, words
from aggregator.page.parts import Row


@dataclass(frozen=True, slots=True)
class Member:
    """An article of a story. `place` is where on the line of time it stands, 0 to 98."""

    id: int
    feed_id: int
    feed: str
    title: str
    url: str
    language: str | None
    published: datetime
    word_count: int
    leads: bool
    later: str
    place: float
    verdict: str


@dataclass(frozen=True, slots=True)
class File:
    """An enclosure."""

    url: str
    name: str
    kind: str  # the first part of its media type
    length: int | None


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    url: str
    author: str | None
    language: str | None
    html: Markup | None
    paragraphs: list[str]
    cut: bool
    files: list[File]
    categories: list[str]
    lead: Member
    members: list[Member]
    others: list[Member]
    left_out: int
    lead_sentence: str
    chosen: int | None
    copy: Member | None
    sides: list[tuple[str, str, str]]  # (what, of the lead, of the copy)
    diff: list[list[Piece]]
    diff_cut: bool
    longest: int
    tally: list[tuple[str, int]]
    removed: Sequence[Row]
    removed_from_lead: Sequence[Row]
    commands: list[tuple[str, str]]


def view(row: Row, members: Sequence[Row], lead: Row, copy: Row | None) -> Story:
    """A story's page; `lead` and `copy` are the articles with their texts, `copy` the one to compare."""
    shown = _members(members)
    first = next(member for member in shown if member.leads)
    others = [member for member in shown if not member.leads]
    compared = next((member for member in others if copy is not None and member.id == copy["id"]), None)
    difference = (
        dedupe.diff(lead["content_text"], copy["content_text"], copy["boilerplate"])
        if copy is not None and compared
        else None
    )
    tally: list[tuple[str, int]] = [(fate, difference.words(fate)) for fate in FATES] if difference else []
    tally = [(kind, number) for kind, number in tally if number or kind != "masked"]
    removed: Sequence[Row] = copy["removed"][:40] if copy is not None else []
    if removed:
        tally.append(("removed", sum(len(removal["text"].split()) for removal in removed)))
    commands = [("Why is it so?", f"aggregator explain {first.id}")]
    if compared:
        commands += [
            (
                f"{parts.cut(compared.feed, 60)} has another story: part it from this one",
                f"aggregator split {compared.id}",
            ),
            (f"{parts.cut(compared.feed, 60)} had it first: let it lead", f"aggregator pin {compared.id}"),
        ]
    commands.append(("Another article says the same: join it, by its number", f"aggregator merge {first.id} OTHER"))
    html = lead["content_html"]
    text = lead["content_text"] if html is None else ""
    return Story(
        title=row["title"],
        url=row["url"],
        author=parts.cut(lead["author"], 120) if lead["author"] else None,
        language=parts.tag_of(lead["language"]),
        html=Markup(content.embed(html, 1)) if html else None,  # noqa: S704 - sanitised by clean, see content.py
        paragraphs=[paragraph for paragraph in text.split("\n") if paragraph.strip()],
        cut=html is None and bool(lead["cut"]),
        files=[_file(file) for file in json.loads(lead["enclosures"])[:20] if content.is_web_address(file["url"])],
        categories=[parts.cut(category, 60) for category in json.loads(lead["categories"])[:12]],
        lead=first,
        members=shown,
        others=others,
        left_out=row["copies"] - len(shown),
        lead_sentence=f"{first.feed} leads: {row['lead_reason'] or 'it was stored first'}.",
        chosen=compared.id if compared else None,
        copy=compared,
        sides=_sides(first, compared, next(r for r in members if r["id"] == compared.id)) if compared else [],
        diff=paragraphs_of(difference.pieces) if difference else [],
        diff_cut=bool(difference and difference.cut),
        longest=LONGEST,
        tally=tally,
        removed=removed,
        removed_from_lead=lead["removed"][:40],
        commands=commands,
    )


def _members(rows: Sequence[Row]) -> list[Member]:
    lead = next(row for row in rows if row["leads"])
    times = [parts.time_of(row["published_at"]) for row in rows]
    first, length = min(times), (max(times) - min(times)).total_seconds()
    return [
        Member(
            id=row["id"],
            feed_id=row["feed_id"],
            feed=parts.cut(row["feed"], 80),
            title=row["title"],
            url=row["url"],
            language=parts.tag_of(row["language"]),
            published=time,
            word_count=row["word_count"],
            leads=bool(row["leads"]),
            later=words.later(parts.hours(lead["published_at"], row["published_at"])),
            place=round((time - first).total_seconds() / length * 98, 1) if length else 0.0,
            verdict=verdict(row, lead["id"]),
        )
        for row, time in zip(rows, times, strict=True)
    ]


def _sides(lead: Member, copy: Member, row: Row) -> list[tuple[str, str, str]]:
    """Lead and copy side by side."""
    found = [
        ("Title", parts.cut(lead.title, 200), parts.cut(copy.title, 200)),
        ("Published", words.exact(lead.published), words.exact(copy.published)),
        ("Length", words.count(lead.word_count, "word"), words.count(copy.word_count, "word")),
    ]
    if row["kind"] != "same-url" and row["against_id"] in (None, lead.id):
        found.append(
            (
                "In common",
                f"{words.percent(row['other'])} of its words",
                f"{words.percent(row['similarity'])} of its words",
            )
        )
    return found


_KINDS = {
    "same-url": "It has the same address as the lead",
    "same-text": "Word for word the same text",
    "near-copy": "Nearly the same text",
    "edited": "The same text, edited",
    "summary": "A summary of it",
    "embedded": "The same text within a longer page",
    "person": "A person said that it is the same",
}


def verdict(row: Row, lead: int) -> str:
    """Why an article counts as a copy, in a sentence with its numbers."""
    start = _KINDS.get(row["kind"] or "", "A copy")
    reason = row["reason"] or ""
    known = {"same-url": "the same address", "same-text": "word for word the same text"}
    detail = "" if reason == known.get(row["kind"] or "") else f": {reason}"
    shared = f" ({words.count(row['shared'], 'word')} in common)" if row["shared"] else ""
    against = f", compared with article {row['against_id']}" if row["against_id"] not in (None, lead) else ""
    return f"{start}{detail}{shared}{against}."


def paragraphs_of(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """The pieces broken where the text has a new line."""
    paragraphs: list[list[Piece]] = [[]]
    for piece in pieces:
        for number, part in enumerate(re.split(r"\n+", piece.text)):
            if number:
                paragraphs.append([])
            if part:
                paragraphs[-1].append(Piece(piece.fate, part, piece.words))
    return [paragraph for paragraph in paragraphs if paragraph]


def _file(file: Row) -> File:
    url = str(file["url"])
    name = unquote(urlsplit(url).path.rpartition("/")[2]) or urlsplit(url).netloc
    return File(url, parts.cut(name, 80), str(file.get("type") or "").partition("/")[0], file.get("length"))
