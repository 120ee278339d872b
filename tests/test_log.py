"""The log: one line per event in both formats, no secrets, no control characters, whatever a feed says."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import log as room

log = logging.getLogger("aggregator")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The test runner has handlers of its own."""
    root, before = (
        logging.getLogger(),
        [(logger, logger.handlers, logger.level, logger.propagate) for logger in (logging.getLogger(), log)],
    )
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
    logging.captureWarnings(False)
    assert root.handlers == before[0][1]


def lines(format: room.Format, verbose: bool = False) -> io.StringIO:
    stream = io.StringIO()
    room.start(format, verbose, stream)
    return stream


def fail() -> None:
    raise ValueError("no\nsuch \x1b[31mthing")


def test_an_event_is_one_line_for_people_and_has_fields_for_programs() -> None:
    text = lines("text")
    log.info("%s: %d new", "NATO", 3, extra={"event": "poll", "feed": "http://x.example/", "new": 3})
    log.debug("hidden")
    assert text.getvalue().endswith(" INFO    NATO: 3 new\n")
    events = lines("json", verbose=True)
    log.info("%s: %d new", "NATO", 3, extra={"event": "poll", "feed": "http://x.example/", "new": 3, "none": None})
    log.debug("shown")
    first, second = map(json.loads, events.getvalue().splitlines())
    assert (first["message"], first["level"], first["new"], first["none"]) == ("NATO: 3 new", "info", 3, None)
    assert first["time"].endswith("Z")
    assert second["message"] == "shown"


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_traceback_and_a_librarys_warning_are_one_line_each(format: room.Format) -> None:
    stream = lines(format)
    try:
        fail()
    except ValueError:
        log.exception("a tick failed")
    logging.getLogger("apscheduler").error("job\nfailed")
    logging.getLogger("aiohttp").info("not shown")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    shown = stream.getvalue().splitlines()
    assert len(shown) == 3
    assert "a tick failed" in shown[0]
    assert "ValueError: no such [31mthing at test_log.py:" in shown[0]
    assert "careful" in shown[2]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("http://me:hunter2@x.example/feed failed", "hunter2"),
        ("https://tok3nvalue@x.example/feed", "tok3nvalue"),
        ("GET http://x.example/feed?page=2&api_key=hunter2&x=1", "hunter2"),
        ("http://x.example/feed?access_token=hunter2", "hunter2"),
        ("http://x.example/f;sessionid=hunter2", "hunter2"),
        ("Authorization: Bearer hunter2hunter2", "hunter2hunter2"),
        ("Authorization: Basic bWU6cEBzcw==", "bWU6cEBzcw"),
    ],
)
def test_no_secret_is_logged(text: str, secret: str) -> None:
    for format in ("text", "json"):
        stream = lines(format)
        log.warning("%s", text, extra={"feed": text})
        assert secret not in stream.getvalue()
        assert "x.example" in stream.getvalue() or "***" in stream.getvalue()


def test_an_ordinary_address_is_left_as_it_is() -> None:
    text = "http://x.example/key/token?keyword=flood&page=2 mail me@x.example basic research"
    assert room.clean(text) == text


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    shown = room.clean(text)
    assert len(shown.splitlines()) <= 1
    assert all(c.isprintable() for c in shown)
