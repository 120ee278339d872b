"""The language of an article: declared, else guessed, else none."""

from __future__ import annotations

import pytest

from aggregator import yamlfile
from aggregator.clean import Site, clean, rules
from aggregator.clean.language import declared, guessed
from aggregator.model import Entry, Text
from tests.conftest import DATA

ROWS = [line.split("\t") for line in (DATA / "clean" / "languages.txt").read_text(encoding="utf-8").splitlines()]
GERMAN = "Der Hafenrat hat am Montag beschlossen, die Mole zu erneuern, und die Lotsen sind froh darüber."


@pytest.mark.parametrize(("tag", "text"), ROWS, ids=range(len(ROWS)))
def test_a_language_is_guessed_from_a_sentence_or_two_or_not_at_all(tag: str, text: str) -> None:
    assert (guessed(text) or "-") == tag


def test_a_long_text_is_looked_at_further_on() -> None:
    table = "4711 | 0815 | 1.5 | 99 %\n" * 20
    assert guessed(table) is None
    assert guessed(table + (GERMAN + "\n") * 4) == "de"


def test_there_is_a_case_for_most_languages() -> None:
    data = yamlfile.plain(yamlfile.read(rules.FOLDER / "languages.yaml"))
    assert isinstance(data, dict)
    known = {*data["scripts"], *data["words"]}
    cases = {tag for tag, _ in ROWS if tag != "-"}
    assert cases <= known
    assert len(cases) >= 35


@pytest.mark.parametrize(
    ("value", "tag"),
    [("en", "en"), ("en-US", "en-US"), ("pt_BR", "pt-BR"), (" de ", "de"), ("zh-Hant-TW", "zh-Hant-TW"),
     ("english", None), ("e", None), ("", None), (None, None), ("de; charset=x", None)],
)  # fmt: skip
def test_a_declared_language_is_a_tag(value: str | None, tag: str | None) -> None:
    assert declared(value) == tag


@pytest.mark.parametrize(
    ("entry", "site", "text", "tag"),
    [("nl", "fr", GERMAN, "nl"), (None, "fr", GERMAN, "fr"), (None, None, GERMAN, "de"), ("english", "?", GERMAN, "de"),
     (None, None, "Hafen", None)],
)  # fmt: skip
def test_the_entry_knows_best_then_the_feed_then_the_text(
    entry: str | None, site: str | None, text: str, tag: str | None
) -> None:
    found = Entry("g", "https://site.example/a", content=Text(f"<p>{text}</p>"), language=entry)
    assert clean(found, Site("https://site.example/feed", language=site)).language == tag
