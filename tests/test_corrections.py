"""What people say of stories, over a real database: it lasts, and is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.config import Dedupe
from aggregator.corrections import Corrector
from aggregator.replay import replay
from aggregator.store import Store, open_writer
from tests.test_dedupe import BEES, MOLE, OWN
from tests.test_stories import FULL, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_writer(tmp_path / "x.db") as connection:
        yield Desk().open(Store(connection), Dedupe())


def test_what_a_person_says_outlives_a_replay_and_is_taken_back(desk: Desk) -> None:
    a, b, c = desk.put("a", MOLE, FULL, "1"), desk.put("b", MOLE, FULL, "2"), desk.put("c", BEES, OWN[BEES], "3")
    assert desk.stories() == [[a, b], [c]]
    uids, corrector = desk.uids(), Corrector(desk.editor)
    with desk.store.transaction():
        corrector.carry_out("apart", b, 0, False, desk.now)
        corrector.carry_out("together", a, c, False, desk.now)
        corrector.carry_out("pin", c, 0, False, desk.now)
    assert desk.stories() == [[b], [c, a]]
    with desk.store.transaction():
        done = replay(desk.store, desk.editor.settings, desk.editor.feeds, desk.now)
    assert (desk.stories(), done.changes) == ([[b], [c, a]], ())
    desk.put("b", MOLE, FULL + " More.", "2")
    assert desk.stories() == [[b], [c, a]]
    with desk.store.transaction():
        for kind, one, other in (("pin", c, 0), ("together", c, a), ("apart", b, 0)):
            assert corrector.carry_out(kind, one, other, True, desk.now)
        assert not corrector.carry_out("pin", c, 0, True, desk.now)
    assert desk.stories() == [[a, b], [c]]
    assert desk.uids() == uids
    assert desk.store.connection.execute("SELECT count(*) FROM articles").fetchone()[0] == 3
