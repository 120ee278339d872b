"""The log: one line per event, for people or (JSON) for programs; no secrets, no control characters from feeds.

An event may carry fields: `log.info("…", extra={"feed": url, "new": 3})`. People see the message, programs both.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Literal, TextIO

from aggregator.terminal import printable

Format = Literal["text", "json"]

_LONGEST = 4000  # characters of one line
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRETS = re.compile(
    r"(?P<user>(?<=://)[^/\s?#@]*(?=@))"  # user:password@ of an address
    r"|(?P<query>(?<=[?&;])(?:[\w.-]*(?:token|key|secret|passw(?:or)?d|pwd|auth|sig(?:nature)?|session)(?:_?id)?)=[^&\s\"'>]+)"
    r"|(?P<header>\bAuthorization\W{1,4}\w+\s+\S+|\bBearer\s+[A-Za-z0-9+/._~=-]{6,})",
    re.IGNORECASE,
)


def start(format: Format, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Sends the program's log, and the warnings of its libraries, to `stream` (standard error if None)."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Json() if format == "json" else _Text())
    ours, root = logging.getLogger("aggregator"), logging.getLogger()
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def clean(text: str) -> str:
    """The text on one line, without control characters and without what may be a secret."""
    return _SECRETS.sub(_hidden, printable(text, _LONGEST))


def _hidden(match: re.Match[str]) -> str:
    if match["query"]:
        return match["query"].partition("=")[0] + "=***"
    return re.split(r"\W", match["header"])[0] + " ***" if match["header"] else "***"


class _Text(logging.Formatter):
    """2026-11-23 12:00:00 WARNING the message"""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone()
        line = f"{at:%Y-%m-%d %H:%M:%S} {record.levelname:<7} {clean(record.getMessage())}"
        return line + (f" ({_where(record.exc_info[1])})" if record.exc_info and record.exc_info[1] else "")


class _Json(logging.Formatter):
    """{"time": "2026-11-23T12:00:00.123Z", "level": "warning", "logger": "aggregator", "message": "…", …fields}"""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event: dict[str, object] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _OWN:
                event[name] = value if isinstance(value, bool | int | float | None) else clean(str(value))
        if record.exc_info and record.exc_info[1]:
            event["error"] = _where(record.exc_info[1])
            lines = "".join(traceback.format_exception(record.exc_info[1])).splitlines()
            event["traceback"] = [clean(line) for line in lines]
        return json.dumps(event, ensure_ascii=False)


def _where(error: BaseException) -> str:
    """What went wrong and in which line of ours, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    at = next((f for f in reversed(frames) if "aggregator" in f.filename), frames[-1] if frames else None)
    place = f" at {at.filename.rpartition('/')[2]}:{at.lineno}" if at is not None else ""
    return clean(f"{type(error).__name__}: {error}{place}")
