"""Rules of the operator's own: a YAML file with lists of the same forms as the shipped files, checked when it is read.

republishers:            # as republishers.yaml: text at an edge of an article
  - {id: my-footer, host: example.org, position: bottom, pattern: 'Sent to you by', example: 'Sent to you by Jo'}
classes:                 # as classes.yaml: class names of plugins
  - {id: my-box, names: 'box-[\\w-]+'}
embeds:                  # as embeds.yaml: players
  - {title: Video, address: 'video\\.example\\.org/e/(\\d+)', link: 'https://video.example.org/\\1'}
parameters: [ref_*]      # as in trackers.yaml: query parameters that only track,
signed: [ticket]         # that sign a query,
hosts: [px.example.org]  # hosts of images that count readers,
redirects:               # click counters
  - {host: go.example.org, path: /, parameter: to}
off: [photo-credit]      # shipped rules, by id or name, that are not to apply
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from aggregator import yamlfile
from aggregator.errors import ConfigError, Fault
from aggregator.model import OwnRules

# The keys of each list's rows, True for those that must be there.
_ROWS: Mapping[str, Mapping[str, bool]] = {
    "republishers": {"id": True, "pattern": True, "example": True, "decoy": False, "host": False, "everywhere": False,
                     "position": False, "begins": False, "needs": False, "longest": False, "lists": False, "tail": False},
    "classes": {"id": True, "names": True},
    "embeds": {"title": True, "address": True, "link": False},
    "redirects": {"host": True, "path": True, "parameter": True, "until": False},
}  # fmt: skip
_WORDS = ("parameters", "signed", "hosts", "off")
_CHOICES = {
    "everywhere": ("true", "false"),
    "lists": ("true", "false"),
    "tail": ("true", "false"),
    "position": ("top", "bottom", "any"),
}
_PATTERNS = ("pattern", "names", "address")
_MAY_BE_NULL = ("host", "link", "parameter", "until")


def read(path: Path, known: Collection[str]) -> OwnRules:
    """The rules in a file. `known` are the names of shipped rules, which `off` may hold.

    Raises ConfigError with all that is wrong, each with file and line.
    """
    checker = _Checker(str(path), known)
    root = yamlfile.read(path)
    checker.check(root)
    if checker.faults:
        raise ConfigError(tuple(checker.faults))
    data = json.dumps(yamlfile.plain(root), ensure_ascii=False, sort_keys=True)
    version = hashlib.blake2b(data.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return OwnRules(version, data, str(path))


class _Checker:
    def __init__(self, file: str, known: Collection[str]) -> None:
        self.file = file
        self.known = known
        self.faults: list[Fault] = []

    def fault(self, node: yamlfile.Node, key: str, message: str) -> None:
        self.faults.append(Fault(self.file, node.line, key, message))

    def check(self, root: yamlfile.Node) -> None:
        if not isinstance(root, yamlfile.Mapping):
            return self.fault(root, "", f"must be a mapping of {', '.join((*_ROWS, *_WORDS))}")
        for key, node in root.items.items():
            if key not in _ROWS and key not in _WORDS:
                message = f"unknown key{_near(key, (*_ROWS, *_WORDS))}"
                self.faults.append(Fault(self.file, root.lines[key], key, message))
            elif not isinstance(node, yamlfile.Sequence):
                self.fault(node, key, "must be a list")
            else:
                check: Callable[[str, yamlfile.Node, str], None] = self.row if key in _ROWS else self.word
                for number, item in enumerate(node.items):
                    check(key, item, f"{key}[{number}]")
        return None

    def word(self, name: str, node: yamlfile.Node, key: str) -> None:
        if not isinstance(node, yamlfile.Scalar) or not node.value:
            self.fault(node, key, "must be a single word")
        elif name == "off" and node.value not in self.known:
            self.fault(node, key, f"is no shipped rule{_near(node.value, self.known)}")

    def row(self, name: str, node: yamlfile.Node, key: str) -> None:
        if not isinstance(node, yamlfile.Mapping):
            return self.fault(node, key, "must be a mapping")
        keys, before = _ROWS[name], len(self.faults)
        for field in node.items:
            if field not in keys:
                message = f"unknown key{_near(field, keys)}"
                self.faults.append(Fault(self.file, node.lines[field], f"{key}.{field}", message))
        for field in (field for field, needed in keys.items() if needed and field not in node.items):
            self.fault(node, key, f"has no {field}")
        for field, value in node.items.items():
            if field in keys and (problem := _problem(field, value)):
                self.fault(value, f"{key}.{field}", problem)
        if name == "republishers" and len(self.faults) == before:
            self.examples(node, key)
        return None

    def examples(self, node: yamlfile.Mapping, key: str) -> None:
        """A rule must know its example and not its decoy, as the shipped ones must."""
        row = {field: str(yamlfile.plain(value)) for field, value in node.items.items()}
        compiled = re.compile(row["pattern"], re.IGNORECASE)
        if compiled.match(row["example"]) is None:
            self.fault(node.items["pattern"], f"{key}.pattern", "does not match its example")
        needs = node.items.get("needs")
        if isinstance(needs, yamlfile.Sequence) and not any(
            isinstance(word, yamlfile.Scalar) and str(word.value) in row["example"].lower() for word in needs.items
        ):
            self.fault(needs, f"{key}.needs", "is not in its example")
        if "decoy" in row and compiled.match(row["decoy"]):
            self.fault(node.items["pattern"], f"{key}.pattern", "matches its decoy")


def _problem(field: str, node: yamlfile.Node) -> str | None:
    """What is wrong with the value of a row's key, or None."""
    if field in ("begins", "needs"):
        words = node.items if isinstance(node, yamlfile.Sequence) else ()
        right = words and all(isinstance(word, yamlfile.Scalar) and word.value for word in words)
        return None if right else f"must be a list of {'beginnings' if field == 'begins' else 'texts'}"
    if not isinstance(node, yamlfile.Scalar):
        return "must be a single value"
    if node.value is None:
        return None if field in _MAY_BE_NULL else "is empty"
    if field in _CHOICES and node.value not in _CHOICES[field]:
        return f"must be {' or '.join(_CHOICES[field])}, not {node.value[:80]!r}"
    if field == "longest" and not re.fullmatch(r"[1-9]\d{0,5}", node.value):
        return f"must be a number of characters, not {node.value[:80]!r}"
    if field in _PATTERNS:
        try:
            compiled = re.compile(node.value)
        except (re.error, OverflowError, RecursionError) as error:
            return f"is no regular expression: {error}"
        if field == "names" and compiled.groups:
            return "may hold no groups; write (?:…)"
    return None


def _near(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
