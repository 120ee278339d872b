"""The daemon for days: no feed lost, no drift, nothing that grows. A whole month: pytest -m soak."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.soak.month import judge, live

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells the memory")


def test_two_days(tmp_path: Path) -> None:
    month = asyncio.run(live(tmp_path, 2))
    assert judge(month, 2) == []
    assert len(month.days) == 2
    # What would be found: a feed that is forgotten, an article that is lost, one that is there twice, a leak.
    month.articles["/steady0"] -= 1
    month.polled["/quiet1"] = month.polled["/quiet1"][:5]
    month.duplicates, month.days[-1].handles = 1, 99
    found = " ".join(judge(month, 2))
    assert all(word in found for word in ("/steady0", "/quiet1", "stored twice", "handles grew"))


@pytest.mark.soak
def test_a_month(tmp_path: Path) -> None:
    assert judge(asyncio.run(live(tmp_path, 30)), 30) == []
