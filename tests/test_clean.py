"""Cleaning: a data file per case, laws that hold for any input, and what the parser must bear.

A file in data/clean/<class>/ has expectations, a line "---", and the HTML. Expectations, each as often as needed:
`has` and `lacks` (of the HTML; `lacks` without regard to case), `html` and `text` (the whole of it), `text-has`,
`count: 1 <img`, `removed: rule-id`; `base: …`, `plain: true` and `escapes: true` (the HTML has \\x01 and the like)
say how it is read. In `html`, `has` and `text`, \\n is a line break.
"""

from __future__ import annotations

import gzip
import importlib
import itertools
import json
import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator import yamlfile
from aggregator.clean import Habits, Site, clean, habits, rules
from aggregator.clean.furniture import Block, Furniture, Surroundings
from aggregator.clean.furniture import Rule as FurnitureRule
from aggregator.model import Entry, Text
from tests.conftest import DATA
from tests.laws import BASE, AsXml, check_laws, cleaned, escaped, htmlish


def lines(name: str) -> list[str]:
    """A data file with an input a line; \\n and \\u2028 are escaped."""
    text = (DATA / "clean" / name).read_text(encoding="utf-8")
    return [line.replace("\\n", "\n").replace("\\u2028", "\u2028") for line in text.splitlines()]


CASES = sorted((DATA / "clean").glob("*/*.txt"))
RUNS = lines("runs.txt")  # what runs something in a browser
WRAPS = lines("wraps.txt")  # what confuses parsers; {} is where something that runs is put
LINKS = [f'<a href="{scheme}">x</a>' for scheme in lines("schemes.txt")]
RULES = rules.FOLDER
FURNITURE = rules.ready().furniture
TRACKERS = rules.ready().trackers
MEANT_SHORT = frozenset(  # rules that know fewer texts than their patterns match
    "photo-credit image-credit stock-credit copyright-rights source-line de-quelle de-foto fr-credit-photo es-fuente".split()
)
pattern_parser, pattern_parts = map(importlib.import_module, ("re._parser", "re._constants"))


def hostile() -> list[str]:
    """Every hostile input: the cases of their class, every wrap around all that runs, every odd scheme."""
    cases = [path.read_text(encoding="utf-8").partition("---\n")[2] for path in CASES if path.parent.name == "safety"]
    return [*cases, *(wrap.replace("{}", run) for wrap in WRAPS for run in RUNS), *LINKS]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    head, _, html = path.read_text(encoding="utf-8").partition("---\n")
    wanted = [line.split(": ", 1) for line in head.splitlines()]
    options = dict(wanted)
    html = html.removesuffix("\n")
    if "escapes" in options:
        html = re.sub(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))", lambda found: chr(int(found[1] or found[2], 16)), html)
    article = cleaned(html, options.get("base", BASE), "plain" in options)
    found = article.content_html
    for key, value in wanted:
        value = value.replace("\\n", "\n")
        match key:
            case "has":
                assert value in found
            case "lacks":
                assert value.lower() not in found.lower()
            case "lacks-raw":
                assert chr(int(value[2:], 16)) not in found
            case "html":
                assert found == value
            case "text":
                assert article.content_text == value
            case "text-has":
                assert value in article.content_text
            case "count":
                number, what = value.split(" ", 1)
                assert found.count(what) == int(number)
            case "removed":
                assert value in [removal.rule for removal in article.removed]
            case _:
                assert key in ("base", "plain", "escapes"), f"{path}: unknown key {key}"
    check_laws(article)


def test_there_are_cases_of_every_class() -> None:
    assert {path.parent.name for path in CASES} >= set(
        "safety xml keep links images embeds furniture decoy text".split()
    )
    assert len(CASES) >= 200


# Rules


@pytest.mark.parametrize("row", list(yamlfile.rows(RULES / "republishers.yaml")), ids=lambda row: str(row["id"]))
def test_each_rule_finds_its_example_and_keeps_its_decoy(row: dict[str, object]) -> None:
    prose = "The harbour board agreed on Monday to rebuild the northern mole before the winter storms arrive. "
    article = [Block(prose * 5), Block(prose * 5)]
    host = frozenset({str(row["host"] or "nobody.example")})
    for text, goes in ((str(row["example"]), True), (str(row["decoy"]), False)):
        edges = {"top": [Block(text), *article], "bottom": [*article, Block(text)]}
        for edge in edges if row["position"] == "any" else [str(row["position"])]:
            index = 0 if edge == "top" else 2
            found = FURNITURE.find(edges[edge], Surroundings(host))
            assert (index in found) is goes, f"{edge}: {text}"
            assert set(found) <= {index}
    elsewhere = FURNITURE.find([*article, Block(str(row["example"]))], Surroundings(frozenset({"other.example"})))
    assert row["everywhere"] == "true" or elsewhere.get(2) != row["id"]


def beginnings(pattern: str, length: int) -> set[str]:
    """All that a match may begin with, in lower case, as far as `length` letters and one letter beyond any alphabet tell."""
    compiled = regex.compile(pattern, regex.IGNORECASE)
    letters = sorted({*map(chr, range(0x20, 0x7F)), *pattern.lower(), *pattern.upper(), "\u2603", "\u0436"})
    found, longer = set(), {""}
    for _ in range(length):
        complete = {start for start in longer if compiled.match(start)}
        found |= complete
        longer = {
            start + letter
            for start in longer - complete
            for letter in letters
            if (start or letter != " ") and compiled.match(start + letter, partial=True)
        }
    return {start.lower() for start in found | longer}


@pytest.mark.parametrize("row", list(yamlfile.rows(RULES / "republishers.yaml")), ids=lambda row: str(row["id"]))
def test_no_text_that_a_rule_knows_begins_otherwise(row: dict[str, object]) -> None:
    known = row.get("begins")
    if known is None:
        return
    assert isinstance(known, list)
    length = max(map(len, known))
    assert length <= 4
    assert all(start == start.lower() for start in known)
    left_out = {start for start in beginnings(str(row["pattern"]), length) if not start.startswith(tuple(known))}
    assert left_out == set(), f"`begins` of {row['id']} lacks {sorted(left_out)}"


def holds(tree: Iterable[tuple[object, Any]], words: Collection[str]) -> bool:
    """Whether every match of a parsed pattern has one of these words in it, or looks ahead at one."""
    letters = ""
    for kind, value in tree:
        letters = letters + chr(value).lower() if kind is pattern_parts.LITERAL else ""
        match kind:
            case pattern_parts.LITERAL:
                found = any(word in letters for word in words)
            case pattern_parts.SUBPATTERN:
                found = holds(value[3], words)
            case pattern_parts.BRANCH:
                found = all(holds(branch, words) for branch in value[1])
            case pattern_parts.ASSERT:
                found = value[0] == 1 and holds(value[1], words)
            case _:
                found = False
        if found:
            return True
    return False


def reaches_the_end(tree: Sequence[tuple[object, Any]]) -> bool:
    """Whether every match of a parsed pattern ends where the text does."""
    if not tree:
        return False
    kind, value = tree[-1]
    match kind:
        case pattern_parts.AT:
            return value is pattern_parts.AT_END
        case pattern_parts.SUBPATTERN:
            return reaches_the_end(value[3])
        case pattern_parts.BRANCH:
            return all(map(reaches_the_end, value[1]))
    return False


@pytest.mark.parametrize("row", list(yamlfile.rows(RULES / "republishers.yaml")), ids=lambda row: str(row["id"]))
def test_every_text_that_a_rule_knows_has_what_it_needs_and_no_more_letters(row: dict[str, object]) -> None:
    tree = pattern_parser.parse(str(row["pattern"]), re.IGNORECASE)
    needs = row.get("needs", [])
    assert isinstance(needs, list)
    assert holds(tree, needs) is bool(needs)
    assert needs or "begins" in row
    if "longest" in row and row["id"] not in MEANT_SHORT:
        assert reaches_the_end(tree)
        assert tree.getwidth()[1] <= int(str(row["longest"]))


def test_a_rule_needs_letters_as_its_pattern_compares_them() -> None:
    rule = FurnitureRule("x", None, True, "bottom", ".+ this is k", needs=("this is k",))
    known = Furniture([rule], [])
    prose = Block("The harbour board agreed on Monday to rebuild the northern mole before the winter storms arrive. ")
    for text in ("so this is k", "SO THIS IS K", "ſo thiſ ıſ K", "so this İS k"):
        assert known.find([prose, Block(text)], Surroundings()) == {1: "x"}, text


def test_a_rule_has_a_name_of_its_own() -> None:
    names = [row["id"] for name in ("republishers", "classes") for row in yamlfile.rows(RULES / f"{name}.yaml")]
    assert len(names) == len(set(names))
    assert len(names) > 100


@pytest.mark.parametrize("row", list(yamlfile.rows(RULES / "republishers.yaml")), ids=lambda row: str(row["id"]))
def test_no_rule_touches_the_middle(row: dict[str, object]) -> None:
    prose = "Engineers found cracks in eleven of the forty caissons last spring, and closed the basin at once. " * 3
    blocks = [Block(prose), Block(str(row["example"])), Block(prose)]
    assert FURNITURE.find(blocks, Surroundings(frozenset({str(row["host"])}))) == {}


# Laws


@settings(max_examples=300, deadline=None)
@example("word<math><tr>word")  # no blocks in a formula
@example("&nbsp;<b id=location></br>word")  # a break at the edge, once the blank before it is gone
@example("<picture>word<rp>word<ul>")  # a picture of nothing, with words in it
@example("wordword<h1>Share this<code href=x>")  # kept for an element that is tidied away
@example("wordwordwordword</p>Read more<hr><hr><hr><hr>")  # rules at the edge hid what is before them
@example("<math><form>word</form>word")
@example("&amp;<object><noscript><dl lang=de></object>word")
@example("their patience.</p>submitted by <a>u/a><br>˨ _<n><a href=t>]<a/> <n>\n")  # blanks in links
@given(st.builds(htmlish, st.randoms(use_true_random=False)))
def test_laws_hold_for_anything_like_html(html: str) -> None:
    check_laws(cleaned(html))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    for encoding in ("latin-1", "utf-16-le"):
        text = (
            data.decode(encoding, "surrogatepass" if encoding != "latin-1" else "strict") if len(data) % 2 == 0 else ""
        )
        check_laws(cleaned(text))
        check_laws(cleaned(text, plain=True))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_address_raises(base: str, href: str) -> None:
    for url in (TRACKERS.resolve(base, href), TRACKERS.resolve("https://x.example/", href)):
        assert url is None or re.match(r"https?://", url, re.I)
        assert url is None or not re.search(r"[\s<>\"\x00-\x1f]", url)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["a=1", "utm_source=x", "b=%20+", "c", "d=", "fbclid=1", "=", "x;y", ""]), max_size=6))
def test_a_query_without_trackers_stays_byte_for_byte(pairs: list[str]) -> None:
    url = "https://x.example/p?" + "&".join(pairs)
    kept = [pair for pair in pairs if not pair.startswith(("utm_", "fbclid"))]
    expected = url if kept == pairs else "https://x.example/p" + ("?" + "&".join(kept) if kept else "")
    assert TRACKERS.without_trackers(url).rstrip("?") == expected.rstrip("?")


# Learned by counting


def blocks_of(*texts: str) -> list[Block]:
    return [Block(text) for text in texts]


def marks(title: str, *texts: str) -> list[int]:
    return [mark for mark, _ in habits.edges(blocks_of(*texts), title)]


FOOTER = "You read number 17 of “Letters from the Mole”; hear it read aloud at the quay."


def test_a_block_of_half_the_items_is_furniture_at_six() -> None:
    own = [f"{word} was seen at the quay on a rainy day in autumn." for word in "ABCDEFGHIJKL"]
    for items, having, cut in ((5, 5, False), (6, 6, True), (12, 6, True), (13, 6, False)):
        seen = [marks("T", own[n % 12] + str(n) * 40, *([FOOTER] if n < having else [])) for n in range(items)]
        [mark] = marks("T", FOOTER)
        decision = Habits().with_items(seen).decided()
        assert (mark in decision.cut) is cut, (items, having)
        assert (mark in decision.faint) is (items == 13)


def test_only_the_last_sixty_items_count() -> None:
    [mark] = marks("T", FOOTER)
    seen = Habits().with_items([[mark]] * 30).with_items([[number] for number in range(31)])
    assert len(seen.items) == habits.REMEMBERED
    assert mark not in seen.decided().cut


def test_title_and_digits_are_masked_links_and_images_never() -> None:
    first = habits.mark(Block("You read “Mole mended”, number 17 of all."), "Mole mended")
    assert first == habits.mark(Block("You read “Crabs return”, number 18 of all."), "Crabs return")
    assert first != habits.mark(Block("You heard “Mole mended”, number 17 of all."), "Mole mended")
    there = habits.mark(Block("See the list of all our letters.", addresses=("https://x.example/1",)), "T")
    assert there != habits.mark(Block("See the list of all our letters.", addresses=("https://x.example/2",)), "T")


@pytest.mark.parametrize("sign", ["", "’"])
def test_a_block_has_the_same_mark_beside_others(sign: str) -> None:
    texts = [
        "You read number 1007 of all.",
        f"See the list{sign} of all our letters.",
        "Short.",
        "Number 12 of all letters.",
    ]
    blocks = [Block(text, addresses=("https://x.example/1",) if sign else ()) for text in texts]
    title = "Of all"
    told = [(habits.mark(block, title), block.text) for block in blocks if len(block.text) > 6]
    assert habits.edges(blocks, title) == tuple(told)
    assert habits.edges([], title) == ()


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("utm_source=rss", ""),
        ("", "?"),
        ("a=1&utm_source=rss", "?a=1"),
        ("utm_source=rss&amp;a=1", "?a=1"),
        ("a", "?a"),
        (f"utm_source=rss&b={300 * 'b'}", f"?b={300 * 'b'}"),
    ],
)
def test_a_query_that_was_seen_before_is_left_the_same(query: str, kept: str) -> None:
    for path in ("/1", "/2", "/2"):
        assert TRACKERS.without_trackers(f"https://x.example{path}?{query}") == f"https://x.example{path}{kept}"


@pytest.mark.parametrize(
    ("address", "counts"),
    [
        ("https://www.accesswire.com/img.ashx?id=1", True),
        ("https://WWW.accesswire.com:443/img.ashx", True),
        ("https://www.accesswire.com/logo.png", False),
        ("https://accesswire.com/img.ashx", False),
        ("https://www.accesswire.com", False),
        (f"https://{300 * 'a'}.example/1.png", False),
    ],
)
def test_a_host_may_count_readers_at_some_paths_only(address: str, counts: bool) -> None:
    assert [TRACKERS.counts_readers(address) for _ in range(2)] == [counts, counts]


@pytest.mark.parametrize(
    "block",
    [
        Block("Media contact: Marit Oldenhove, press@board.example"),
        Block("For more, call our desk at +44 20 7946 0000 on any day."),
        Block("Call (555) 010-2000 for a copy of the report today."),
        Block("About the Harbour Board"),
        Block("Notes to editors:"),
        Block("A line that would go, were it not in a heading.", heading=True),
        Block("A line that would go, were there no image in it.", media=True),
        Block("A line that would go, were it not in a quote.", protected=True),
        Block("Short."),
    ],
    ids=lambda block: block.text[:20],
)
def test_what_is_never_cut(block: Block) -> None:
    article = blocks_of("Engineers found cracks in eleven of the forty caissons last spring." * 3)
    around = Surroundings(learned=frozenset({habits.mark(block, "")}))
    assert FURNITURE.find([*article, block], around) == {}
    assert FURNITURE.find([*article, Block(FOOTER)], Surroundings(learned=frozenset({habits.mark(Block(FOOTER), "")})))


# What a parser must bear


@pytest.mark.parametrize("html", hostile())
def test_laws_hold_for_hostile_html(html: str) -> None:
    check_laws(cleaned(html))


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p>first</p><p " + " ".join(f"a{n}=1" for n in range(300_000)) + ">last</p>", 2),
        ("<p>first</p><p " + " ".join(f"a{n}='>'" for n in range(300_000)) + ">last</p>", 2),
        ("<p>first</p>" + "<div>" * 10_000 + "last", 2),
        ("<p>first</p>" + "<div>" * 200_000 + "last", 2),
        ("<p>first</p>" + "<b>" * 10_000 + "last", 2),
        ("first" + "&" * 500_000 + "last", 1),
        ("<p>first</p>" + "<p>The harbour board agreed on Monday</p>" * 125_000 + "<p>last</p>", 750_002),
        (
            "<p>" + "".join(f"<b class=c{n}>" for n in range(20_000)) + "first</p>" + "<p>x</p>" * 20_000 + "last",
            20_002,
        ),
        ("<p>first</p><select>" + "<option>x" * 50_000 + "</select>last", 2),
        ("<p>first</p>" + "<table><tr><td>" * 20_000 + "last", 2),
        ("<p>first</p>" + "<ul><li>" * 50_000 + "last", 2),
        ("<p>first</p>" + "<!--" * 100_000 + "--><p>last</p>", 2),
        ("<p>first</p>" + "a<br>" * 100_000 + "last", 100_002),
    ],
    ids=(
        "attributes quoted-attributes nested nested-more bold ampersands 5MB formatting options tables lists comments breaks"
    ).split(),
)
def test_bad_input_loses_no_text_and_blows_nothing_up(html: str, kept: int) -> None:
    article = cleaned(html)
    assert article.content_text.startswith("first")
    assert article.content_text.endswith("last")
    assert len(article.content_text.replace("[…]", "").split()) == kept
    assert len(article.content_html) < 5 * len(html) + 1000
    depth = deepest = 0
    for end, tag in re.findall(r"<(/?)(\w+)", article.content_html):
        depth += 0 if tag in AsXml.VOID else -1 if end else 1
        deepest = max(depth, deepest)
    assert deepest < 150  # lxml.html drops what is below 255, browsers what is below 512


def test_what_is_too_long_is_kept_as_text_and_marked() -> None:
    html = "<p>The harbour <b>board</b> agreed on Monday</p>" * 40_000
    article = cleaned(html)
    assert article.content_html.startswith("<p>The harbour <b>board</b>")
    assert "<p>[…]</p><pre>" in article.content_html
    assert article.content_text.count("harbour") == 40_000
    assert cleaned(article.content_html).content_html == article.content_html


@pytest.mark.parametrize("gap", [" ", "\n", "</p><p>"])
def test_what_is_read_in_pieces_keeps_each_word_whole(gap: str) -> None:
    words = [f"word{n}" for n in range(180_000)]
    text = cleaned("<p>" + gap.join(words) + "</p>").content_text
    assert [word for word in text.split() if word.startswith("word")] == words


def test_a_tag_that_is_longer_than_a_piece_is_no_text() -> None:
    picture = f"<img src='data:image/png;base64,{'A' * 1_500_000}'>"
    assert cleaned(f"<p>Before</p>{picture}<p>between</p>{picture}<p>after</p>").content_text.split() == (
        ["Before", "[…]", "between", "after"]
    )


# The floor under quality: it only rises

PROSE = (
    "<p>The harbour board agreed on Monday to rebuild the northern mole before the winter storms arrive. Work begins in March "
    "and will take two summers, the board said after its meeting in the old customs house.</p><p>Engineers found cracks in "
    "eleven of the forty caissons last spring, and one of them wept at the sight of it; the pilots did not. "
    "The board has asked the province for half of the cost, and for a second opinion on the tides of the next forty years.</p>"
) * 2
SHAPES = (
    "<p>{}</p>",
    "<div><div><p>{}</p></div></div>",
    "<hr><p><small><em>{}</em></small></p>",
    "<p><a href='https://x.example/1'>{}</a></p>",
    "<p>{}</p><p>&nbsp;</p><img src='https://pixel.wp.com/b.gif' width=1 height=1>",
    "<br><br>{}",
    "<footer><span style='color:gray'>{}</span></footer>",
)


def quality() -> dict[str, float]:
    """The share of examples removed, and of decoys kept, in every shape a publisher may give them."""
    counts = {"footers_removed": [0, 0], "decoys_kept": [0, 0]}
    for row in yamlfile.rows(RULES / "republishers.yaml"):
        for shape, kind in itertools.product(SHAPES, ("example", "decoy")):
            block = shape.replace("{}", escaped(str(row[kind])))
            html = block + PROSE if row["position"] == "top" else PROSE + block
            entry = Entry("g", BASE, content=Text(html, True, BASE))
            host = str(row["host"] or "site.example")
            article = clean(entry, Site(f"https://{host}/feed", f"https://{host}/"))
            text = " ".join(article.content_text.split())
            stays = " ".join(str(row[kind]).split()) in text
            counter = counts["footers_removed" if kind == "example" else "decoys_kept"]
            counter[0] += stays is (kind == "decoy")
            counter[1] += 1
            assert "forty years." in text, row["id"]
    return {name: round(right / of, 4) for name, (right, of) in counts.items()}


def test_quality_is_not_below_its_floor_and_the_floor_rises_with_it() -> None:
    floor = json.loads((DATA / "clean" / "floor.json").read_text(encoding="utf-8"))
    measured = quality()
    assert set(measured) == set(floor)
    for name, value in measured.items():
        assert value >= floor[name], f"{name} fell to {value}"
        assert value <= floor[name] + 0.005, f"{name} rose to {value}: raise it in floor.json"


@pytest.mark.skipif(
    "AGGREGATOR_PRESS" not in os.environ, reason="AGGREGATOR_PRESS names no folder of real press releases"
)
def test_the_floor_on_real_wires() -> None:
    """Files <wire>.jsonl.gz with a release a line: url, title, text. What a wire adds is removed, and nothing else."""
    for file in sorted(Path(os.environ["AGGREGATOR_PRESS"]).glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as releases:
            for line in itertools.islice(releases, 300):
                row = json.loads(line)
                entry = Entry("g", row["url"], title=Text(row["title"], False), content=Text(row["text"], False))
                article = clean(entry, Site(row["url"]))
                assert not re.search(r"The post .{5,200} appeared first on \w+\.?$", article.content_text), row["url"]
                assert len(article.content_text) >= 0.4 * len(" ".join(row["text"].split())), row["url"]
                check_laws(article)
