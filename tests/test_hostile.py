"""Documents and servers that mean harm, all in one pass beside a good feed. One by one: tests/soak/hostile.py."""

from __future__ import annotations

import pytest

from tests.soak.hostile import DOCUMENTS, PLAIN, SERVERS, UNREADABLE, poll

# What takes the better part of a minute, by itself or by its nature, is left to the long form.
SLOW = {
    "tags_never_closed", "many_entries", "many_same_entries", "many_damaged_entries", "json_many_entries",
    "ampersands", "deep_html", "huge_title", "huge_entry_of_other_words", "huge_entry_of_wide_characters",
    "huge_picture", "large_entries", "json_huge_entry", "huge_everything", "dripping_body", "dripping_headers",
}  # fmt: skip


def test_hostile_documents_harm_neither_the_good_feed_nor_the_program() -> None:
    found = poll(*(name for name in DOCUMENTS if name not in SLOW))
    assert {name for name, one in found.items() if name not in UNREADABLE and one.stored == 0} == set()
    assert all(one.good and one.clean and one.intact for one in found.values())


def test_hostile_servers_are_recorded_failures() -> None:
    found = poll(*(name for name in SERVERS if name not in SLOW))
    assert {name for name, one in found.items() if not (one.error or one.stored)} == set()
    assert all(one.good and one.clean and one.intact for one in found.values())


@pytest.mark.parametrize(
    ("breaks", "harm"),
    [("print('\\x1b[2J');", "printed what it must not"), ("held = bytearray(2**29);", "large"),
     pytest.param("import aggregator.digest as d; d.clean.stepwise = None;", "nothing was read", marks=pytest.mark.soak)],
)  # fmt: skip
def test_a_program_that_is_harmed_is_found_out(breaks: str, harm: str) -> None:
    broken = PLAIN.replace("from aggregator.cli", f"{breaks} from aggregator.cli")
    broken = broken.replace(
        "main()",
        "from aggregator import engine; from aggregator.app import aggregator as app; app.Workers = engine.Here; main()",
        1,
    )
    found = poll("metacharacters", program=broken)["metacharacters"].harm("metacharacters")
    assert harm in found, found


@pytest.mark.soak
@pytest.mark.parametrize("name", [*DOCUMENTS, *SERVERS])
def test_one_by_one(name: str) -> None:
    assert poll(name)[name].harm(name) == []
