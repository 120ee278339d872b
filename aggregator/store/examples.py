"""The questions of examples.sql, which ships beside this file and is in every database as the table `examples`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

_FORM = re.compile(r"^-- (?P<name>[a-z_]+): (?P<question>.+)\n(?P<sql>(?:.+\n)+?.*;)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """One question, and the SQL that answers it."""

    name: str
    question: str
    sql: str


def text(name: str) -> str:
    """A file that ships with the package: examples.sql or metadata.yaml."""
    return resources.files(__package__).joinpath("sql", name).read_text(encoding="utf-8")


def load() -> tuple[Example, ...]:
    """The examples in their order."""
    found = _FORM.finditer(text("examples.sql"))
    return tuple(Example(match["name"], match["question"], match["sql"].removesuffix(";")) for match in found)
