"""Reads YAML into plain values that remember the line they stand on.

Scalars stay text here (`no` is "no", `12:30` is "12:30"): whoever reads a key knows its type, YAML 1.1 does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from aggregator.errors import ConfigError, Fault

_NULL = "tag:yaml.org,2002:null"
_MAX_DEPTH = 20  # ours needs 5; a document of 10 000 brackets must not reach the recursion limit
_MAX_NODES = 2_000_000  # far above 100 000 feeds with every key; a few lines of nested aliases stand for billions


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, or None for null."""

    value: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Key/value pairs in the file's order; `lines` holds each key's own line."""

    items: dict[str, Node]
    lines: dict[str, int]
    line: int


Node = Scalar | Sequence | Mapping


def read(path: Path) -> Node:
    """The document in `path`.

    Raises ConfigError where the file can't be read, is no YAML or has a key twice.
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError((Fault(name, 1, "", "no such file"),)) from None
    except OSError as error:
        raise ConfigError((Fault(name, 1, "", (error.strerror or "can't be read").lower()),)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError((Fault(name, line, "", "is not UTF-8 text"),)) from None
    return parse(text, name)


def parse(text: str, name: str = "<text>") -> Node:
    """The document in `text`; `name` is what faults call it. Raises ConfigError."""
    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem))) or "not YAML"
        # At an end that came too early the parser points behind the last line.
        line = min(mark.line + 1 if mark else 1, max(1, len(text.splitlines())))
        raise ConfigError((Fault(name, line, "", f"not YAML: {problem}"),)) from None
    except (yaml.YAMLError, RecursionError) as error:
        line = text[: getattr(error, "position", 0) or 0].count("\n") + 1
        what = getattr(error, "reason", None) or "nested too deeply"
        raise ConfigError((Fault(name, line, "", f"not YAML: {what}"),)) from None
    if root is None:
        return Mapping({}, {}, 1)
    tree = _Tree(name)
    node = tree.node(root, 0)
    if tree.faults:
        raise ConfigError(tuple(tree.faults))
    return node


class _Tree:
    """Copies PyYAML's nodes, aliases written out, and collects what no document of ours may have."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self.size = 0

    def node(self, node: yaml.Node, depth: int) -> Node:
        line = node.start_mark.line + 1
        self.size += 1
        if depth > _MAX_DEPTH or self.size > _MAX_NODES:
            what = "nested too deeply" if depth > _MAX_DEPTH else "too large with its aliases written out"
            raise ConfigError((Fault(self.name, line, "", what),))
        if isinstance(node, yaml.ScalarNode):
            return Scalar(None if node.tag == _NULL else node.value, line)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.node(item, depth + 1) for item in node.value), line)
        items: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            key_line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.faults.append(Fault(self.name, key_line, "", "a key must be a plain word"))
            elif key.value in items:
                message = f"stands here twice, first in line {lines[key.value]}"
                self.faults.append(Fault(self.name, key_line, key.value, message))
            else:
                items[key.value] = self.node(value, depth + 1)
                lines[key.value] = key_line
        return Mapping(items, lines, line)


def plain(node: Node) -> object:
    """The node as str, None, list and dict, for data files of our own."""
    match node:
        case Scalar(value):
            return value
        case Sequence(items):
            return [plain(item) for item in items]
        case Mapping(mapping):
            return {key: plain(value) for key, value in mapping.items()}


def rows(path: Path) -> Iterator[dict[str, object]]:
    """A data file that is a list of mappings, row by row."""
    data = plain(read(path))
    if not isinstance(data, list):
        raise ConfigError((Fault(str(path), 1, "", "must be a list"),))
    for row in data:
        if not isinstance(row, dict):
            raise ConfigError((Fault(str(path), 1, "", "must be a list of mappings"),))
        yield row
