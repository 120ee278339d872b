"""kill -9: nothing lost, nothing doubled, nothing corrupt, no file half-written. The long form: tests/soak/crash.py."""

from __future__ import annotations

from tests.soak.crash import campaign


def test_forty_kills_do_no_harm() -> None:
    harm = campaign(40, seed=2026)
    assert harm.kills == 40
    assert harm.in_write >= 10
    assert harm.entries > 20
    assert harm.harmless, harm


def test_a_writer_that_stores_validators_first_is_found_out() -> None:
    harm = campaign(12, seed=7, kind="broken")
    assert harm.lost > 0
