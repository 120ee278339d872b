"""kill -9: nothing lost, nothing doubled, nothing corrupt, no file half-written. The long form: tests/soak/crash.py."""

from __future__ import annotations

from tests.soak.crash import campaign


def test_twenty_kills_do_no_harm() -> None:
    harm = campaign(20, seed=2026)
    assert harm.kills == 20
    assert harm.in_write >= 5
    assert harm.entries > 20
    assert harm.harmless, harm


def test_a_writer_that_stores_validators_first_is_found_out() -> None:
    harm = campaign(12, seed=7, kind="broken")
    assert harm.lost > 0
