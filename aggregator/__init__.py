"""An RSS/Atom aggregator that shows every story once, led by its origin.

    from aggregator import Aggregator, load
    async with Aggregator(load(Path("feeds.yaml"))) as aggregator:
        await aggregator.poll(await aggregator.due())
        await aggregator.publish()

The pure stages are rooms of their own and take values and return values: aggregator.parse, clean, dedupe, publish,
schedule; aggregator.digest runs the first of them in a row.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aggregator.app import Aggregator
    from aggregator.config import load

__all__ = ["Aggregator", "load"]

_HOMES = {"Aggregator": "aggregator.app", "load": "aggregator.config"}


def __getattr__(name: str) -> object:
    """Loads a room when it is first asked for: a worker process needs the pure stages only, not the whole house."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
