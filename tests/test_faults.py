"""What may happen to a running daemon, in short. The long form: tests/soak/faults.py."""

from __future__ import annotations

import pytest

from tests.soak.faults import FAULTS, campaign, can_mount


@pytest.mark.soak
@pytest.mark.parametrize("name", FAULTS)
def test_the_daemon_lives_and_new_articles_show(name: str) -> None:
    if name == "full_disk" and not can_mount():
        pytest.skip("a small disk can't be mounted here")
    found = campaign(name, 3)
    assert found.fine, found


def test_a_deleted_database_is_begun_anew() -> None:
    found = campaign("removed", 3)
    assert found.fine, found
