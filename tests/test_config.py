"""feeds.yaml: every key is read as promised, and what is wrong is said with file, line, key and what was meant."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import yamlfile
from aggregator.config import Config, Listen, load, loads
from aggregator.config.reference import keys, reference
from aggregator.config.schema import DOCS
from aggregator.errors import ConfigError, Fault

DATA = Path(__file__).parent / "data" / "config"
HOME = Path(__file__).parent.parent
FAULTS: list[dict[str, Any]] = list(yamlfile.rows(DATA / "faults.yaml"))


@pytest.mark.parametrize("case", FAULTS, ids=[case["case"] for case in FAULTS])
def test_what_is_wrong_is_said(case: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(case["text"])
    said = str(caught.value).splitlines()
    assert len(said) == len(case["faults"]), said
    for line, expected in zip(said, case["faults"], strict=True):
        assert line.startswith(expected)


def test_an_empty_file_has_the_promised_defaults() -> None:
    config = loads("", Path("/home/feeds.yaml"))
    assert (config.database, config.output.directory) == (Path("/home/aggregator.db"), Path("/home/public"))
    assert (config.output.title, config.output.items) == ("My merged feed", 50)
    assert (config.output.base_url, config.output.hub) == ("http://127.0.0.1:8080/", None)
    assert (config.server.listen, config.server.public_url, config.server.auth) == (
        Listen("127.0.0.1", 8080),
        None,
        None,
    )
    assert config.fetch.timeout == timedelta(seconds=30)
    assert config.fetch.max_body == 10 * 1024 * 1024
    assert (config.fetch.concurrency, config.fetch.per_host, config.fetch.allow_private) == (100, 2, ())
    assert (config.dedupe.window, config.dedupe.threshold, config.dedupe.scope) == (timedelta(days=30), 0.75, "all")
    assert config.retention.keep == "forever"
    [feed] = loads("feeds: [https://example.org/feed.xml]").feeds
    assert (feed.url, feed.title, feed.tags, feed.role) == ("https://example.org/feed.xml", None, (), None)
    assert feed.interval == timedelta(minutes=30)
    assert (feed.min_interval, feed.max_interval) == (timedelta(minutes=10), timedelta(hours=24))
    assert (feed.adaptive, feed.jitter, feed.priority) == (False, 0.2, 0)
    assert (feed.full_text, feed.learn, feed.dedupe, feed.enabled) == (False, True, True, True)


def test_every_key_is_read() -> None:
    config = load(DATA / "every-key.yaml", {})
    bare, full = config.feeds
    assert config.database == DATA / "data" / "news.db"
    assert config.output.directory == Path("/srv/feeds")
    assert config.server.listen == Listen("::1", 9000)
    assert str(config.server.listen) == "[::1]:9000"
    assert config.fetch.max_body == 512 * 1024
    assert config.dedupe.window == timedelta(days=14)
    assert config.retention.keep == timedelta(days=365)
    assert config.output.feeds[0].include == ("flood",)
    # The defaults hold for the feed that says nothing; the feed's own word wins.
    assert (bare.interval, bare.tags, bare.adaptive) == (timedelta(hours=2), ("all",), True)
    assert (full.interval, full.tags, full.exclude) == (timedelta(minutes=15), ("press",), ("^Advert",))
    # The password has left the address, so that neither log nor database can show it.
    assert full.url == "https://example.com/rss"
    assert full.headers == (("X-Key", "abc"), ("Authorization", "Basic bWU6cEBzcw=="))
    # The file is what it says: no key of the schema stands at its default in it.
    default = loads("feeds: [https://x.example/]")
    for section in dataclasses.fields(Config):
        assert getattr(config, section.name) != getattr(default, section.name), section.name
    for name in ("output", "server", "fetch", "dedupe", "retention"):
        ours, theirs = getattr(config, name), getattr(default, name)
        same = [f.name for f in dataclasses.fields(ours) if getattr(ours, f.name) == getattr(theirs, f.name)]
        assert same == []
    same = [f.name for f in dataclasses.fields(full) if getattr(full, f.name) == getattr(default.feeds[0], f.name)]
    assert same == []


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("reader:from file\n")
    config = loads(
        "fetch: {timeout: 5s}\ndatabase: a.db\n",
        tmp_path / "feeds.yaml",
        {
            "AGGREGATOR_DATABASE": "b.db",
            "AGGREGATOR_FETCH__TIMEOUT": "7s",
            "AGGREGATOR_FETCH__ALLOW_PRIVATE": "[10.0.0.0/8, intranet]",
            "AGGREGATOR_OUTPUT__BASE_URL": "https://x.example/",
            "AGGREGATOR_SERVER__AUTH_FILE": str(secret),
            "AGGREGATOR_CONFIG": "ignored here",
            "AGGREGATOR_DEBUG": "1",
        },
    )
    assert config.database == tmp_path / "b.db"
    assert config.fetch.timeout == timedelta(seconds=7)
    assert config.fetch.allow_private == ("10.0.0.0/8", "intranet")
    assert config.output.base_url == "https://x.example/"
    assert config.server.auth == "reader:from file"
    assert "from file" not in repr(config)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AGGREGATOR_FETCH__TIMEOUT", "soon", "$AGGREGATOR_FETCH__TIMEOUT:1: fetch.timeout: must be a duration"),
        ("AGGREGATOR_FETCH__TIMEUT", "3s", "$AGGREGATOR_FETCH__TIMEUT:1: fetch.timeut: unknown key; did you mean"),
        ("AGGREGATOR_FETSH__TIMEOUT", "3s", "$AGGREGATOR_FETSH__TIMEOUT:1: fetsh: unknown section; did you mean"),
        ("AGGREGATOR_SERVER__AUTH_FILE", "/no/such/file", "$AGGREGATOR_SERVER__AUTH_FILE:1: server.auth: can't read"),
    ],
)
def test_a_fault_of_the_environment_names_the_variable(variable: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads("", environ={variable: value})
    assert str(caught.value).startswith(said)


def test_a_secret_is_never_in_a_fault() -> None:
    with pytest.raises(ConfigError) as caught:
        loads(
            "server: {auth: [reader, hunter2]}\nfetch: {proxy: [hunter2]}\n"
            "feeds: [{url: 'http://x.example', headers: {X: [hunter2]}}]\n"
        )
    assert len(caught.value.faults) == 3
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), (b"title: \xff", "is not UTF-8 text")])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "feeds.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load(file, {})


@given(st.text(max_size=200) | st.text(alphabet="feds:[]{}-&*! \n\t'\"#|>?0x", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        loads(text)
    except ConfigError as error:
        faults = error.faults or (Fault("", 0, "", "a ConfigError without a fault"),)
    assert all(fault.line >= 1 for fault in faults)


def test_every_key_has_its_line_of_documentation_and_the_page_is_up_to_date() -> None:
    assert [key for key, *_ in keys()] == list(DOCS)
    written = (HOME / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == reference(), "run: python -m aggregator.config.reference > docs/configuration.md"
