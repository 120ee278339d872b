"""What republishers, wires and plugins put around an article: known by rules that are data, removed at an edge only."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aggregator import yamlfile

_RULES = Path(__file__).parent / "rules" / "republishers.yaml"
MOST = 0.6  # of an article's text; what is left must still be an article
_MEDIA_PASSED = 2  # images between the edge and a rule's text that do not shield it


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of furniture. `pattern` is matched at a block's start; a hit drops the whole block."""

    id: str
    host: str | None
    everywhere: bool
    position: Literal["top", "bottom", "any"]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Block:
    """The text of one block of an article; `media` where it shows something; `protected` inside quotes, code, tables."""

    text: str
    media: bool = False
    protected: bool = False


@functools.cache
def rules() -> tuple[Rule, ...]:
    """All shipped rules."""
    return tuple(
        Rule(
            id=str(row["id"]),
            host=str(row["host"]) if row["host"] else None,
            everywhere=row["everywhere"] == "true",
            position=row["position"],  # type: ignore[arg-type]
            pattern=re.compile(str(row["pattern"]), re.IGNORECASE),
        )
        for row in yamlfile.rows(_RULES)
    )


def find(blocks: Sequence[Block], hosts: Iterable[str]) -> dict[int, str]:
    """Which blocks are furniture: index -> rule id. `hosts` are the sites the article is from."""
    known = frozenset(hosts)
    total = sum(len(block.text) for block in blocks)
    found: dict[int, str] = {}
    spent = 0
    for position, order in (("bottom", range(len(blocks) - 1, -1, -1)), ("top", range(len(blocks)))):
        passed = 0
        for index in order:
            block = blocks[index]
            if index in found or (not block.text and not block.media):
                continue
            if block.media and not block.text and not block.protected and passed < _MEDIA_PASSED:
                passed += 1
                continue
            rule = None if block.protected else _rule(block.text, position, known)
            if rule is None or spent + len(block.text) > MOST * total:
                break
            found[index] = rule
            spent += len(block.text)
    return found


def _rule(text: str, position: str, hosts: frozenset[str]) -> str | None:
    for rule in _for_hosts(hosts, position):
        if rule.pattern.match(text):
            return rule.id
    return None


@functools.lru_cache(maxsize=512)
def _for_hosts(hosts: frozenset[str], position: str) -> tuple[Rule, ...]:
    def applies(rule: Rule) -> bool:
        if rule.position not in (position, "any"):
            return False
        return rule.everywhere or any(host == rule.host or host.endswith(f".{rule.host}") for host in hosts)

    return tuple(rule for rule in rules() if applies(rule))
