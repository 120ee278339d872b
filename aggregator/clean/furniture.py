"""What republishers, wires and plugins put around an article: known by rules that are data, removed at an edge only."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from aggregator import yamlfile
from aggregator.clean import habits

_FOLDER = Path(__file__).parent / "rules"
MOST = 0.6  # of an article's text; where furniture would be more than that, it is no furniture
DEEPEST = 80  # blocks looked at from each edge
_LONGEST = 1500  # characters of a block that a rule may know; longer ones are prose
_MEDIA_PASSED = 2  # images between the edge and a rule's text that do not shield it
_LINKS_PASSED = 30  # lines that are links only, between the edge and the heading of a list of them


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of furniture. `pattern` is matched at a block's start; a hit drops the whole block."""

    id: str
    host: str | None
    everywhere: bool
    position: Literal["top", "bottom", "any"]
    pattern: re.Pattern[str]
    lists: bool = False  # the heading of a list of links, which goes with it
    tail: bool = False  # also known at the end of a block, after a full stop


@dataclass(frozen=True, slots=True)
class Block:
    """The text of one block of an article and what else matters for whether it is furniture."""

    text: str
    media: bool = False  # it shows something
    protected: bool = False  # inside quotes, code, tables
    linked: bool = False  # every word of it is a link
    heading: bool = False
    hint: str | None = None  # the rule that knows the class name of an element around it
    addresses: tuple[str, ...] = ()  # of its links and images


class Blocks(Protocol):
    """Blocks in their order; each is made when it is looked at, since most never are."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Block: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides, beside the text, which rules apply: the sites an article is from, and what its feed repeats."""

    hosts: frozenset[str] = frozenset()
    title: str = ""
    learned: frozenset[int] = frozenset()


@functools.cache
def rules() -> tuple[Rule, ...]:
    """All shipped rules, by block text."""
    return tuple(
        Rule(
            id=str(row["id"]),
            host=str(row["host"]) if row["host"] else None,
            everywhere=row["everywhere"] == "true",
            position=row["position"],  # type: ignore[arg-type]
            pattern=re.compile(str(row["pattern"]), re.IGNORECASE),
            lists=row.get("lists") == "true",
            tail=row.get("tail") == "true",
        )
        for row in yamlfile.rows(_FOLDER / "republishers.yaml")
    )


@functools.lru_cache(maxsize=4096)
def hint(names: str) -> str | None:
    """The rule that knows one of these class names (or the id) of an element as furniture."""
    found = _classes().search(names)
    return found.lastgroup.replace("_", "-") if found and found.lastgroup else None


def find(blocks: Blocks, around: Surroundings) -> dict[int, str]:
    """Which blocks are furniture: index -> rule id. All of it goes, or none where too little would be left."""
    found = candidates(blocks, around)
    return found if is_little(found, blocks) else {}


def is_little(found: Iterable[int], blocks: Blocks) -> bool:
    """Whether enough is left without the blocks found."""
    total = sum(len(blocks[index].text) for index in range(len(blocks)))
    return sum(len(blocks[index].text) for index in found) <= MOST * total


def candidates(blocks: Blocks, around: Surroundings) -> dict[int, str]:
    """What is furniture at either edge, however much of the article it is."""
    found: dict[int, str] = {}
    for position, order in (("bottom", range(len(blocks) - 1, -1, -1)), ("top", range(len(blocks)))):
        _edge(order[:DEEPEST], blocks, (position, around), found)
    return found


def _edge(order: Sequence[int], blocks: Blocks, where: tuple[str, Surroundings], found: dict[int, str]) -> None:
    position, around = where
    media = 0
    links: list[int] = []  # passed lines that are links only: a list that waits for its heading
    for index in order:
        block = blocks[index]
        if index in found or (not block.text and not block.media):
            continue
        if block.hint is not None:
            found[index] = block.hint
            continue
        if block.media and not block.text and not block.protected and media < _MEDIA_PASSED:
            media += 1
            continue
        rule = None if block.protected else _rule(block, position, around)
        if rule is not None and (not links or rule.lists):
            found[index] = rule.id
            found.update(dict.fromkeys(links, rule.id))
            links.clear()
        elif position == "bottom" and block.linked and not block.protected and len(links) < _LINKS_PASSED:
            links.append(index)
        else:
            break


def _rule(block: Block, position: str, around: Surroundings) -> Rule | None:
    if len(block.text) > _LONGEST:
        return None
    known, pattern = _for_hosts(around.hosts, position)
    match = pattern.match(block.text)
    if match is not None and match.lastgroup is not None:
        return known[int(match.lastgroup[1:])]
    if around.learned and habits.may_go(block) and habits.mark(block, around.title) in around.learned:
        return _LEARNED
    return None


def tail(text: str, around: Surroundings) -> tuple[int, str] | None:
    """Where furniture begins at the end of a block's text, after the end of a sentence, and its rule."""
    known, _ = _for_hosts(around.hosts, "bottom")
    starts = [sentence.end() for sentence in _SENTENCE.finditer(text, max(0, len(text) - _LONGEST))]
    if around.title and (at := text.rfind(around.title)) > 0 and (named := _NAMES_THE_POST.search(text[:at])):
        starts.append(named.start())  # "By Jo Roe The post <title> appeared first on …" has no full stop
    for rule in known:
        if rule.tail:
            for start in starts:
                if rule.pattern.match(text[start:]):
                    return start, rule.id
    return None


_NAMES_THE_POST = re.compile(
    r"(?:The (?:post|article|story|entry)|L[’']article|La entrada|Der Beitrag|O post|Het bericht|Il post) $"
)
_SENTENCE = re.compile(r"[.!?…][\"”’»)\]]*\s+(?=\S)")
_LEARNED = Rule("learned", None, True, "any", re.compile(""))


@functools.lru_cache(maxsize=512)
def _for_hosts(hosts: frozenset[str], position: str) -> tuple[tuple[Rule, ...], re.Pattern[str]]:
    """The rules for these hosts and edge, and all of them as one pattern: group "r3" is the fourth."""

    def applies(rule: Rule) -> bool:
        if rule.position not in (position, "any"):
            return False
        return rule.everywhere or any(host == rule.host or host.endswith(f".{rule.host}") for host in hosts)

    known = tuple(rule for rule in rules() if applies(rule))
    return known, _joined(known)


@functools.lru_cache(maxsize=64)
def _joined(known: tuple[Rule, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<r{n}>{rule.pattern.pattern})" for n, rule in enumerate(known)), re.IGNORECASE)


@functools.cache
def _classes() -> re.Pattern[str]:
    names = (
        f"(?P<{str(row['id']).replace('-', '_')}>{row['names']})" for row in yamlfile.rows(_FOLDER / "classes.yaml")
    )
    return re.compile(rf"(?<![\w-])(?:{'|'.join(names)})(?![\w-])", re.I)
