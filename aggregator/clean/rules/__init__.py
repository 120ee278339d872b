"""The rules of cleaning: data in the files beside this one, and in a file of the operator's own (see `own`)."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aggregator import yamlfile
from aggregator.clean.embeds import Embeds
from aggregator.clean.embeds import Rule as EmbedRule
from aggregator.clean.furniture import Furniture
from aggregator.clean.furniture import Rule as FurnitureRule
from aggregator.clean.links import Redirect, Trackers
from aggregator.model import OwnRules

FOLDER = Path(__file__).parent
_FILES = ("republishers", "classes", "embeds")  # of one list each


@dataclass(frozen=True, slots=True)
class Rules:
    """All that cleaning knows of the world, ready for use."""

    furniture: Furniture
    trackers: Trackers
    embeds: Embeds


@functools.lru_cache(maxsize=32)
def ready(own: OwnRules | None = None) -> Rules:
    """The shipped rules with an operator's own, which come first, or switch some off."""
    mine: Mapping[str, Any] = json.loads(own.data) if own else {}
    off = frozenset(mine.get("off", ()))
    rows = {name: [*mine.get(name, ()), *shipped] for name, shipped in _shipped().items()}
    republishers, classes = (
        [row for row in rows[name] if row["id"] not in off] for name in ("republishers", "classes")
    )
    parameters, signed, hosts = (
        [name for name in rows[key] if name not in off] for key in ("parameters", "signed", "hosts")
    )
    trackers = Trackers(
        parameters,
        signed,
        hosts,
        [Redirect(row["host"], row["path"], row["parameter"], row.get("until") or "") for row in rows["redirects"]],
    )
    return Rules(
        Furniture(map(_furniture, republishers), [(row["id"], row["names"]) for row in classes]),
        trackers,
        Embeds((EmbedRule(row["title"], row["address"], row.get("link")) for row in rows["embeds"]), trackers),
    )


def names() -> frozenset[str]:
    """The names by which shipped rules can be switched off."""
    shipped = _shipped()
    return frozenset(
        [row["id"] for key in ("republishers", "classes") for row in shipped[key]]
        + [name for key in ("parameters", "signed", "hosts") for name in shipped[key]]
    )


@functools.cache
def _shipped() -> Mapping[str, list[Any]]:
    """The data files, each list by its name."""
    files: dict[str, Any] = {name: yamlfile.plain(yamlfile.read(FOLDER / f"{name}.yaml")) for name in _FILES}
    trackers = yamlfile.plain(yamlfile.read(FOLDER / "trackers.yaml"))
    assert isinstance(trackers, dict)
    return files | trackers


def _furniture(row: Mapping[str, Any]) -> FurnitureRule:
    return FurnitureRule(
        id=row["id"],
        host=row.get("host"),
        everywhere=row.get("everywhere", "false" if row.get("host") else "true") == "true",
        position=row.get("position", "bottom"),
        pattern=row["pattern"],
        longest=int(row.get("longest", 1500)),
        begins=tuple(row.get("begins", ("",))),
        needs=tuple(row.get("needs", ())),
        lists=row.get("lists") == "true",
        tail=row.get("tail") == "true",
    )
