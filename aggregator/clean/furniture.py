"""What republishers, wires and plugins put around an article: known by rules that are data, removed at an edge only."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from aggregator.clean import habits

MOST = 0.6  # of an article's text; where furniture would be more than that, it is no furniture
DEEPEST = 80  # blocks looked at from each edge
_LONGEST = 1500  # characters of a block that a rule may know; longer ones are prose
_MEDIA_PASSED = 2  # images between the edge and a rule's text that do not shield it
_LINKS_PASSED = 30  # lines that are links only, between the edge and the heading of a list of them
_SHORT = 120  # characters that many rules know at most: an article's own text is mostly longer
_BEGINNING = 4  # letters by which the rules that may match are chosen

Position = Literal["top", "bottom", "any"]


@dataclass(frozen=True)
class Rule:
    """One kind of furniture. `pattern` is matched at a block's start; a hit drops the whole block."""

    id: str
    host: str | None
    everywhere: bool  # not only at `host`
    position: Position
    pattern: str  # a regular expression; its letters match either case
    longest: int = _LONGEST  # characters of a text that it may know
    begins: tuple[str, ...] = ("",)  # what a match begins with, in lower case: other texts need not be tried
    needs: tuple[str, ...] = ()  # of which a match holds one, in lower case: for patterns that begin with anything
    lists: bool = False  # the heading of a list of links, which goes with it
    tail: bool = False  # also known at the end of a block, after a full stop

    @functools.cached_property
    def compiled(self) -> re.Pattern[str]:
        """Its pattern, compiled when a text is first tried."""
        return re.compile(self.pattern, re.IGNORECASE)

    def is_of(self, hosts: Iterable[str]) -> bool:
        """Whether its site is among these."""
        return any(f".{host}".endswith(f".{self.host}") for host in hosts)


class Block(NamedTuple):
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


class Surroundings(NamedTuple):
    """What decides, beside the text, which rules apply: the sites an article is from, and what its feed repeats."""

    hosts: frozenset[str] = frozenset()
    title: str = ""
    learned: frozenset[int] = frozenset()


class Furniture:
    """The rules, and what they find. Patterns are compiled when a text may match: few ever are."""

    def __init__(self, rules: Iterable[Rule], classes: Iterable[tuple[str, str]]) -> None:
        """`classes` are (rule id, regular expression for one whole class name or id)."""
        self.rules = tuple(rules)
        self.classes = tuple(classes)
        self._beginnings: defaultdict[str, list[int]] = defaultdict(list)
        for number, rule in enumerate(self.rules):
            for letters in dict.fromkeys(rule.begins):
                self._beginnings[letters].append(number)

    def hint(self, names: str) -> str | None:
        """The rule that knows one of these class names (or the id) of an element as furniture."""
        return _hint(self, names)

    def find(self, blocks: Blocks, around: Surroundings) -> dict[int, str]:
        """Which blocks are furniture: index -> rule id. All of it goes, or none where too little would be left."""
        found = self.candidates(blocks, around)
        return found if is_little(found, blocks) else {}

    def candidates(self, blocks: Blocks, around: Surroundings) -> dict[int, str]:
        """What is furniture at either edge, however much of the article it is."""
        found: dict[int, str] = {}
        edges: tuple[tuple[Position, Sequence[int]], ...] = (
            ("bottom", range(len(blocks) - 1, -1, -1)),
            ("top", range(len(blocks))),
        )
        for position, order in edges:
            self._edge(order[:DEEPEST], blocks, (position, around), found)
        return found

    def tail(self, text: str, around: Surroundings) -> tuple[int, str] | None:
        """Where furniture begins at the end of a block's text, after the end of a sentence, and its rule."""
        starts = [sentence.end() for sentence in _SENTENCE.finditer(text, max(0, len(text) - _LONGEST))]
        if around.title and (at := text.rfind(around.title)) > 0 and (named := _NAMES_THE_POST.search(text[:at])):
            starts.append(named.start())  # "By Jo Roe The post <title> appeared first on …" has no full stop
        for start in starts:
            if rule := self._matching(text[start:], "bottom", around, tails=True):
                return start, rule.id
        return None

    def _edge(
        self, order: Sequence[int], blocks: Blocks, where: tuple[Position, Surroundings], found: dict[int, str]
    ) -> None:
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
            rule = None if block.protected else self._rule(block, position, around)
            if rule is not None and (not links or rule.lists):
                found[index] = rule.id
                found.update(dict.fromkeys(links, rule.id))
                links.clear()
            elif position == "bottom" and block.linked and not block.protected and len(links) < _LINKS_PASSED:
                links.append(index)
            else:
                break

    def _rule(self, block: Block, position: Position, around: Surroundings) -> Rule | None:
        if len(block.text) > _LONGEST:
            return None
        if rule := self._matching(block.text, position, around):
            return rule
        if around.learned and habits.may_go(block) and habits.mark(block, around.title) in around.learned:
            return _LEARNED
        return None

    def _matching(self, text: str, position: Position, around: Surroundings, tails: bool = False) -> Rule | None:
        """The rule that knows this text at this edge; with `tails` one that also knows the end of a block."""
        length = len(text)
        folded = _folded(text)
        for need, rule in _beginning(self, text[:_BEGINNING].lower(), length > _SHORT, position, tails):
            if length > rule.longest or need not in folded:
                continue
            if rule.compiled.match(text) and (rule.everywhere or rule.is_of(around.hosts)):
                return rule
        return None

    def beginning(self, letters: str) -> list[Rule]:
        """The rules for texts that begin with these letters, in their order."""
        starts = (self._beginnings.get(letters[:length], ()) for length in range(len(letters) + 1))
        return [self.rules[number] for number in sorted({number for numbers in starts for number in numbers})]


def is_little(found: Iterable[int], blocks: Blocks) -> bool:
    """Whether enough is left without the blocks found."""
    total = sum(len(blocks[index].text) for index in range(len(blocks)))
    return sum(len(blocks[index].text) for index in found) <= MOST * total


_NAMES_THE_POST = re.compile(
    r"(?:The (?:post|article|story|entry)|L[’']article|La entrada|Der Beitrag|O post|Het bericht|Il post) $"
)
_SENTENCE = re.compile(r"[.!?…][\"”’»)\]]*\s+(?=\S)")
_LEARNED = Rule("learned", None, True, "any", "")


@functools.lru_cache(maxsize=4096)
def _beginning(
    furniture: Furniture, letters: str, long: bool, position: Position, tails: bool
) -> tuple[tuple[str, Rule], ...]:
    """The rules for texts that begin with these letters, at this edge, each with every text of which it needs one."""
    return tuple(
        (need, rule)
        for rule in furniture.beginning(letters)
        if rule.position in (position, "any") and (rule.tail or not tails) and not (long and rule.longest <= _SHORT)
        for need in rule.needs or ("",)
    )


def _folded(text: str) -> str:
    """The text with its Latin letters as re.IGNORECASE compares them."""
    return text.lower() if text.isascii() else text.casefold().replace("i\u0307", "i").replace("\u0131", "i")


@functools.lru_cache(maxsize=512)
def _hint(furniture: Furniture, names: str) -> str | None:
    found = _classes(furniture).search(names)
    return furniture.classes[int(found.lastgroup[1:])][0] if found and found.lastgroup else None


@functools.lru_cache(maxsize=8)
def _classes(furniture: Furniture) -> re.Pattern[str]:
    names = (f"(?P<c{number}>{pattern})" for number, (_, pattern) in enumerate(furniture.classes))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(names)})(?![\w-])", re.I)
