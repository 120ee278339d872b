"""Whether here and there the same programs run: what travels is our own objects, and an answer means what we mean by it."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Mapping
from typing import Any

Versions = tuple[tuple[str, str], ...]  # (program, version) pairs

_PROGRAMS = ("aggregator", "dask", "distributed")


@functools.cache
def here() -> Versions:
    """What runs in this process. Of Python the first two numbers: what is pickled does not change with the third."""
    python = ".".join(map(str, sys.version_info[:2]))
    return (("python", python), *((name, importlib.metadata.version(name)) for name in _PROGRAMS))


def difference(theirs: Versions, without: str = "") -> str | None:
    """What differs, in words; None where nothing does. `without` is a program they need not have."""
    found = dict(theirs)
    wrong = [
        f"{name} {found[name]}, not {version}" if found.get(name) else f"no {name}"
        for name, version in here()
        if name != without and found.get(name) != version
    ]
    return " and ".join(wrong) or None


def told(packages: Mapping[str, Any]) -> Versions:
    """Versions as Dask's get_versions tells them of one machine."""
    python = ".".join(str(packages.get("python", "")).split(".")[:2])
    return (("python", python), *((name, str(packages.get(name) or "")) for name in _PROGRAMS))
