"""What travels. Addresses may hold passwords and header fields tokens: a parcel shows no log what is in it."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from aggregator.cluster.versions import Versions, here
from aggregator.config import Config
from aggregator.errand import Errand, Found
from aggregator.store import Memory


@dataclass(frozen=True, slots=True)
class Batch:
    """Errands that go together. `now` is the time here: a clock that is wrong over there does no harm."""

    now: datetime
    config: Config  # see `slim`
    errands: tuple[tuple[Errand, Memory], ...]
    resting: Mapping[str, datetime] = field(default_factory=dict)  # hosts that want none of their feeds asked for


@dataclass(frozen=True, slots=True)
class Haul:
    """What was found, in the order of the errands; a text is a fault of ours. `end` is on the clock of `Batch.now`."""

    end: datetime
    found: tuple[Found | str, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch or a haul as bytes, with the versions of who packed it. Never opened by other versions."""

    polls: int
    data: bytes = field(repr=False)
    versions: Versions = field(default_factory=here)

    @classmethod
    def of(cls, polls: int, content: Batch | Haul) -> Self:
        """Packed."""
        return cls(polls, pickle.dumps(content, protocol=5))

    def open(self) -> Batch | Haul:
        """What is in it. Only what our own cluster sends is opened: whoever can send to it runs programs there anyway."""
        content = pickle.loads(self.data)  # noqa: S301 - see above
        assert isinstance(content, Batch | Haul)
        return content


def slim(config: Config) -> Config:
    """What of a configuration matters for an errand: no other feeds, no password of ours."""
    return dataclasses.replace(config, feeds=(), server=dataclasses.replace(config.server, auth=None))
