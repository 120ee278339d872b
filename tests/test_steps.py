"""Steps: several things are worked on beside each other, and none knows of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.clean.steps import Stepwise, finished, together


def counted(name: str, steps: int, log: list[str]) -> Stepwise[str]:
    for number in range(steps):
        log.append(f"{name}{number}")
        yield
    return name


def broken(error: BaseException) -> Stepwise[str]:
    yield
    raise error


def test_each_step_is_done_of_all_before_the_next() -> None:
    log: list[str] = []
    assert list(together(counted(name, steps, log) for name, steps in (("a", 2), ("b", 1), ("c", 3)))) == [
        "a",
        "b",
        "c",
    ]
    assert log == ["a0", "b0", "c0", "a1", "c1", "c2"]


@given(st.lists(st.integers(0, 5)))
def test_together_is_as_alone(lengths: list[int]) -> None:
    alone = [finished(counted(str(steps), steps, [])) for steps in lengths]
    assert list(together(counted(str(steps), steps, []) for steps in lengths)) == alone


def test_a_fault_in_one_costs_no_other() -> None:
    error = ValueError("one")
    found = list(together([counted("a", 2, []), broken(error), counted("b", 3, [])]))
    assert found == ["a", error, "b"]


def test_no_memory_is_the_process_s_trouble() -> None:
    with pytest.raises(MemoryError):
        together([broken(MemoryError())])
