"""The pure room: fingerprints, comparison, verdicts, the lead; and the quality floors, which only rise."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import dedupe
from aggregator.dedupe import Candidate, Limits, Member, Posting, Probe, changes, fingerprint
from aggregator.dedupe.titles import alike as titles_alike
from tests.conftest import NOW
from tests.data.dedupe import corpus
from tests.data.dedupe.evaluate import evaluate
from tests.data.dedupe.prose import Prose

OWN = dict(corpus.own())
MOLE = "Harbour board votes to rebuild the northern mole"
BEES = "Beekeepers blame mild spring for a sleepless May"


class Memory:
    """An index in memory; each article is a story of its own unless told otherwise."""

    def __init__(self, *candidates: Candidate) -> None:
        self.articles = {candidate.article: candidate for candidate in candidates}
        self.hashes: defaultdict[int, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            for value in dedupe.hashes(candidate.text, candidate.title):
                self.hashes[value].append(candidate)

    def by_url(self, urls: Sequence[str]) -> Sequence[Candidate]:
        return [c for c in self.articles.values() if c.url in urls]

    def by_text(self, text: str) -> Sequence[Candidate]:
        return [c for c in self.articles.values() if c.text == text]

    def postings(self, hashes: Sequence[int]) -> list[Posting]:
        return [Posting(value, c.article, c.story, c.feed) for value in hashes for c in self.hashes.get(value, ())]

    def boilerplate(self, hashes: Sequence[int], feed: int) -> Collection[int]:
        return ()

    def load(self, articles: Sequence[int]) -> Sequence[Candidate]:
        return [self.articles[article] for article in articles]

    def lead(self, story: int) -> Candidate | None:
        return next(c for c in self.articles.values() if c.story == story)


def probe(
    title: str, text: str, feed: int = 99, url: str = "http://new.example/1", media: tuple[str, ...] = ()
) -> Probe:
    return Probe(feed, title, url, text, dedupe.hashes(text, title), media=media)


def stored(number: int, title: str, text: str, feed: int = 1, media: tuple[str, ...] = ()) -> Candidate:
    return Candidate(number, number, feed, title, f"http://old.example/{number}", text, media=media)


def kind(new: Probe, *old: Candidate, threshold: float = 0.75) -> str:
    return dedupe.match(new, Memory(*old), Limits(threshold)).verdict.kind


def filler(seed: int, sentences: int = 12) -> str:
    return Prose(random.Random(seed)).paragraph(sentences)


def test_hashes_are_the_same_in_every_process() -> None:
    code = "from aggregator import dedupe; print(dedupe.hashes('Ein Wort gibt das andere, sagte er.', 'Titel'))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{dedupe.hashes('Ein Wort gibt das andere, sagte er.', 'Titel')}\n"}


@given(st.lists(st.sampled_from(["mole", "board", "harbour", "winter", "caisson", "ünder", "港"]), max_size=300))
def test_the_runs_that_are_kept_are_told_by_their_own_words_and_more_of_the_first(words: list[str]) -> None:
    numbers = [zlib.crc32(word.encode()) for word in words]
    fours = [numbers[at : at + fingerprint.RUN] for at in range(len(words) - fingerprint.RUN + 1)]
    rank = [(a ^ b ^ c ^ d) % 256 for a, b, c, d in fours]
    dense = sorted(range(len(fours))[: fingerprint.FIRST], key=lambda at: (rank[at], at))[: fingerprint.DENSE]
    chosen = [at for at in range(len(fours)) if at in dense or rank[at] < 256 // fingerprint.EVERY]
    assert [at for at, _ in fingerprint.runs(words)] == chosen


@given(st.text())
def test_any_text_has_a_fingerprint_within_bounds(text: str) -> None:
    found = dedupe.hashes(text, text)
    assert len(found) <= fingerprint.MOST
    assert len(set(found)) == len(found)
    assert all(0 <= value < 2**62 for value in found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“Don’t – stop…”", '"Don\'t - stop..."'),
        ("office ﬁle", "of\u00adfice fi\u200dle"),
        ("ＡＢＣ １２３", "ABC 123"),
        ("café", "cafe\u0301"),
        ("كِتَابٌ", "كتاب"),
        ("Straße", "STRASSE"),
    ],
)
def test_typography_makes_no_other_words(one: str, other: str) -> None:
    assert fingerprint.words(one) == fingerprint.words(other)


def test_scripts_without_spaces_are_compared_by_character() -> None:
    assert fingerprint.words("港务委员会 vote") == ["港", "务", "委", "员", "会", "vote"]
    assert len(fingerprint.words("पुस्तकालय ने")) == 2


@pytest.mark.parametrize("title", OWN)
def test_every_script_recognises_its_copies_and_only_those(title: str) -> None:
    text = OWN[title]
    others = [stored(i, t, x) for i, (t, x) in enumerate(OWN.items())]
    framed = f"By our own correspondent.\n\n{text}\n\nSubscribe to our newsletter."
    found = dedupe.match(probe(title, framed), Memory(*others), Limits()).verdict
    assert (found.kind != "alone", found.against) == (True, list(OWN).index(title))
    assert kind(probe(title, text), *(other for other in others if other.title != title)) == "alone"


def test_the_kinds_of_copy() -> None:
    title, text = MOLE, OWN[MOLE]
    original = stored(1, title, text)
    first = text.split("\n\n")[0]
    assert kind(probe("Other words", text, url=original.url), original) == "same-url"
    assert kind(probe(title, text), original) == "same-text"
    assert kind(probe("Mole to be mended", text), original) == "near-copy"
    assert kind(probe(title, first), original) == "summary"
    assert kind(probe("Mole to be mended", first + " […]"), original) == "summary"
    long = stored(2, title, f"{text}\n\n{filler(3, 8)}")
    page = "\n\n".join([filler(1, 4), long.text, filler(2, 24)])
    assert kind(probe(f"{title} | The Skarvik Post", page), long) == "embedded"
    corrected = "This corrects the cost.\n\n" + text.replace("46 million", "48 million")
    assert kind(probe(f"CORRECTION: {title}", corrected), original) == "near-copy"


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (("Week 31", "The pool is open from 9 to 17 and the café too. " + filler(1)),
         ("Week 32", "The pool is open from 9 to 17 and the café too. " + filler(1)), "as in a series"),
        (("Larder 1.2.1 released", "Larder 1.2.1 is out. " + filler(2)),
         ("Larder 1.1.2 released", "Larder 1.1.2 is out. " + filler(2)), "as in a series"),
        (("Obituary: Ada Roth", "Ada Roth died on Sunday, aged 81. " + filler(3)),
         ("Obituary: Hugo Falk", "Hugo Falk died on Friday, aged 77. " + filler(3)), "each is about"),
        (("Amber opens a mill", filler(4, 4) + filler(5, 20)),
         ("Amber names a chair", filler(6, 4) + filler(5, 20)), "beginning"),
        (("Minister resigns over the mole", f"{filler(7, 14)}\n\n{OWN[MOLE]} {filler(8, 8)}"),
         (MOLE, f"{OWN[MOLE]} {filler(8, 8)}"), "follow-up"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_copy_is_told_why(ours: tuple[str, str], theirs: tuple[str, str], reason: str) -> None:
    decision = dedupe.match(probe(*ours), Memory(stored(1, *theirs)), Limits())
    assert decision.verdict.kind == "alone"
    assert reason in decision.misses[0].reason


def test_one_feed_is_stricter_than_two() -> None:
    text = OWN[BEES]
    reworded = text.replace("Most of them left", "The majority left").replace("three weeks early", "much too early")
    assert kind(probe(BEES, reworded, feed=2), stored(1, BEES, text, feed=1)) == "near-copy"
    assert kind(probe("Bees awake", reworded, feed=1), stored(1, BEES, text, feed=1)) == "alone"


def test_show_notes_do_not_make_episodes_the_same() -> None:
    notes = "Your hosts are Ada and Hugo. " + filler(8)
    old = [stored(i, title, notes) for i, title in enumerate(("Bees with Ulla", "Trams with Omar", "Wells with Zita"))]
    assert kind(probe("Glass with Imre", notes, feed=1), *old) == "alone"
    assert kind(probe("Glass with Imre", notes, feed=2), *old) == "alone"
    assert dedupe.match(probe("Trams with Omar", notes, feed=2), Memory(*old), Limits()).verdict.against == 1
    audio = stored(1, "Bees with Ulla", notes, media=("http://a.example/1.mp3",))
    assert kind(probe("Glass with Imre", notes, media=("http://b.example/2.mp3",)), audio) == "alone"


def test_a_few_words_are_never_enough() -> None:
    assert (
        kind(
            probe("Update", "This incident has been resolved."), stored(1, "Update", "This incident has been resolved.")
        )
        == "alone"
    )


def test_what_six_stories_have_is_boilerplate_and_counts_no_more() -> None:
    wire = filler(9, 20)
    old = [stored(i, f"Report {filler(i + 50, 1)}", f"{filler(i + 100, 2)}\n\n{wire}", feed=i) for i in range(7)]
    decision = dedupe.match(probe(filler(200, 1), f"{filler(300, 2)}\n\n{wire}"), Memory(*old), Limits())
    assert decision.verdict.kind == "alone"
    everywhere, in_feed = decision.boilerplate.learned
    assert (len(everywhere) >= 5, in_feed) == (True, frozenset())
    masked = list(dedupe.standing(dedupe.Text("", wire, everywhere)))
    assert sum(len(passage.text) for passage in masked) > len(wire) / 2


@pytest.mark.parametrize("threshold", [0.5, 0.75, 0.95, 1.0])
def test_the_threshold_is_kept(threshold: float) -> None:
    words = OWN[MOLE].split()
    kept = " ".join("zzz" if i % 25 == 0 else word for i, word in enumerate(words))
    c = dedupe.compare(probe(MOLE, kept), stored(1, MOLE, OWN[MOLE]))
    found = kind(probe(MOLE, kept), stored(1, MOLE, OWN[MOLE]), threshold=threshold)
    assert (found != "alone") == (c.high >= threshold - min(0.15, 0.6 * (1 - threshold)))


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=50, deadline=None)
def test_a_comparison_is_the_same_from_both_sides(one: str, other: str) -> None:
    a = dedupe.compare(probe("t", one), stored(1, "t", other))
    b = dedupe.compare(probe("t", other), stored(1, "t", one))
    assert (a.ours, a.theirs, a.high, a.low) == (b.theirs, b.ours, b.high, b.low)
    assert 0 <= a.low <= a.high <= 1


def test_a_word_diff_says_what_was_added_dropped_and_changed() -> None:
    text = "The board said on Monday that the mole would be rebuilt before the storms arrive, at last and for good."
    copy = text.replace("on Monday", "yesterday").replace(", at last and for good", "") + " Read on."
    found = dedupe.diff(text, copy).changes()
    assert [(change.kind, change.ours, change.theirs) for change in found] == [
        ("changed", "yesterday", "on Monday"),
        ("changed", "Read on.", "at last and for good."),
    ]


def test_a_word_diff_in_order() -> None:
    found = dedupe.diff("The board agreed on Monday, in the house.", "The Board decided on Monday in the house. Ends")
    assert [(piece.fate, piece.text.strip()) for piece in found.pieces] == [
        ("kept", "The Board"),
        ("dropped", "agreed"),
        ("added", "decided"),
        ("kept", "on Monday in the house."),
        ("added", "Ends"),
    ]


def test_boilerplate_is_neither_kept_nor_added() -> None:
    masked = ["please note that all of this", "ends here"]
    found = dedupe.diff("One two. Ends here.", "One two three. Please note that all of this Ends here.", masked)
    assert [(piece.fate, piece.text.strip()) for piece in found.pieces] == [
        ("kept", "One two"),
        ("added", "three."),
        ("masked", "Please note that all of this"),
        ("masked", "Ends here."),
    ]


TEXTS = st.lists(st.sampled_from("a b c d e mole mole. 堤防 \n\n".split(" ")), max_size=60).map(" ".join)


@given(TEXTS, TEXTS)
def test_a_diff_loses_and_invents_nothing(lead: str, copy: str) -> None:
    found = dedupe.diff(lead, copy)
    assert "".join(p.text for p in found.pieces if p.fate != "dropped") == copy.lstrip()
    ours = [changes.fold(word) for word in changes.tokens(lead)]
    kept = [changes.fold(w) for p in found.pieces if p.fate != "added" for w in changes.tokens(p.text)]
    assert kept == ours


def test_a_diff_is_bounded() -> None:
    found = dedupe.diff("word " * 50_000, "other " * 50_000)
    assert found.cut
    assert sum(piece.words for piece in found.pieces) <= 2 * changes.LONGEST


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("CORRECTION: Board votes", "Board votes", 1.0),
        ("Board votes to mend mole | The Post", "Board votes to mend mole", 0.9),
        ("Bees", "Trams", 0.0),
    ],
)
def test_titles(one: str, other: str, alike: float) -> None:
    assert titles_alike(one, other) == pytest.approx(alike)


def test_one_address_is_written_in_many_ways() -> None:
    assert "http://www.x.example/a/" in dedupe.addresses("https://x.example/a#top")
    assert dedupe.addresses("urn:uuid:1") == ("urn:uuid:1",)


@given(st.from_regex(r"(?:https?|ftp|HTTP)?:?//?[w.A-b:@\[]{0,6}[ab/?#;&=%. \tü-]{0,9}", fullmatch=True))
def test_an_address_that_is_read_at_a_glance_is_read_as_any_other(url: str) -> None:
    addresses = dedupe.addresses.__wrapped__
    glanced = addresses(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[dedupe.addresses.__module__], "_PLAIN_ADDRESS", re.compile("(?!)"))
        assert addresses(url) == glanced


PLAIN = Member(1, "http://a.example/1", None, 0, (), "http://a.example/", 300, NOW, NOW)


def member(article: int, **values: object) -> Member:
    site = f"http://{article}.example/"
    return dataclasses.replace(PLAIN, **({"article": article, "url": f"{site}x", "home_page_url": site} | values))  # type: ignore[arg-type]


LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("origin", "copy", "reason"),
    [
        ({"published": LATER, "pinned": True}, {"role": "origin"}, "pinned"),
        ({"published": LATER, "role": "origin"}, {"priority": 9}, "role"),
        ({"published": LATER, "priority": 1}, {}, "priority"),
        ({"published": LATER}, {"credits": ("https://www.2.example/x/",)}, "names it"),
        ({"published": LATER}, {"credits": ("http://2.example/about",)}, "names its site"),
        ({"published": LATER, "copy_rate": 0.3}, {"copy_rate": 0.8}, "seldom"),
        ({"published": LATER}, {"words": 60}, "full text"),
        ({}, {"published": LATER}, "published first"),
        ({}, {"first_seen": LATER}, "seen first"),
    ],
)
def test_the_origin_leads_whatever_the_order(origin: dict[str, object], copy: dict[str, object], reason: str) -> None:
    members = [member(1, **copy), member(2, **origin)]
    for order in (members, members[::-1]):
        lead, why = dedupe.choose(order)
        assert lead == 2
        assert reason in why


def test_a_lead_does_not_flip_for_mere_likelihood() -> None:
    members = [member(1, published=LATER), member(2), member(3, published=LATER)]
    assert dedupe.choose(members, current=1, newcomer=3)[0] == 1
    assert dedupe.choose(members, current=1, newcomer=2)[0] == 2
    assert dedupe.choose([*members[:2], member(3, role="origin")], current=1)[0] == 3


# The floors: what this corpus gives today, a little lower. They are raised when the rules get better, never lowered.
@pytest.mark.parametrize("seed", [101, 102, 103])
def test_quality_floors(seed: int, tmp_path: Path) -> None:
    result = evaluate(corpus.build(seed, 700), tmp_path / "x.db")
    assert result.precision >= 0.995, result
    assert result.recall >= 0.96, result
    assert result.false_merges <= 0.003, result
    assert result.leads >= 0.93, result


def test_the_corpus_has_its_kinds() -> None:
    kinds = {item.kind for item in corpus.build(7, 900)}
    assert len([k for k in kinds if k.startswith("not: ")]) >= 18
    assert len(kinds & set(corpus.COPIES)) >= 16


class Told(Memory):
    """An index that leaves out what `telling` does."""

    left_out = 0

    def postings(self, hashes: Sequence[int]) -> list[Posting]:
        everything = super().postings(hashes)
        found: defaultdict[int, list[int]] = defaultdict(list)
        for posting in everything:
            found[posting.hash].append(posting.article)
        told = set(dedupe.telling(hashes, found, ()))
        self.left_out += len(everything) - len(told)
        return [posting for posting in everything if (posting.hash, posting.article) in told]


def test_what_is_not_told_would_have_changed_nothing() -> None:
    left_out, kinds = 0, Counter[str]()
    for seed in range(300):
        dice = random.Random(seed)
        pool = [filler(seed * 100 + number, 1) for number in range(dice.choice((12, 40, 200)))]

        def text(dice: random.Random = dice, pool: list[str] = pool) -> str:
            return " ".join(dice.choices(pool, k=dice.randint(1, 14)))

        old = [
            stored(n, dice.choice(pool)[:40], text(), feed=dice.randint(1, 4)) for n in range(1, dice.randint(2, 25))
        ]
        new = probe(dice.choice(pool)[:40], dice.choice([text(), dice.choice(old).text]), feed=dice.randint(1, 5))
        told = Told(*old)
        decision = dedupe.match(new, told, Limits())
        assert decision == dedupe.match(new, Memory(*old), Limits())
        left_out += told.left_out
        kinds[decision.verdict.kind] += 1
    assert left_out > 200
    assert len(kinds) > 2
    assert kinds["alone"] > 50
