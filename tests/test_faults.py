"""What may happen to a running daemon, in short. The long form: tests/soak/faults.py."""

from __future__ import annotations

import pytest

from tests.soak.faults import FAULTS, Outcome, campaign, can_mount


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


@pytest.mark.parametrize(
    "bad",
    [Outcome(False, 1.0, [], 0, True), Outcome(True, None, [], 0, True), Outcome(True, 1.0, [], -9, True),
     Outcome(True, 1.0, [], 0, False), Outcome(True, 1.0, ["Traceback (most recent call last):"], 0, True)],
    ids=["it died", "it never recovered", "it had to be killed", "the file is damaged", "it said a traceback"],
)  # fmt: skip
def test_harm_is_found_out(bad: Outcome) -> None:
    assert not bad.fine
    assert Outcome(True, 1.0, ["what is wrong, in one line"], 0, True).fine
