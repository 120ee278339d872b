"""One value of feeds.yaml from its text. Each function raises ValueError with what the value must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from aggregator import filters
from aggregator.config.schema import HttpUrl, Listen, Name, Pattern, Size

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,9})\s*([smhdw])", text.strip())
    if not match or int(match[1]) == 0:
        raise ValueError("must be a duration such as 90s, 30m, 2h or 7d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > 100 * 365 * 86400:
        raise ValueError("is longer than a century")
    return timedelta(seconds=seconds)


def _size(text: str) -> Size:
    match = re.fullmatch(r"(\d{1,12})\s*([A-Za-z]*)", text.strip())
    units = {unit.lower(): size for unit, size in _BYTES.items()}
    if not match or match[2].lower() not in units or int(match[1]) == 0:
        raise ValueError("must be a size such as 512KiB or 10MiB")
    return Size(int(match[1]) * units[match[2].lower()])


def _bool(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError("must be true or false")
    return _WORDS[text.lower()]


def _int(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise ValueError("must be a whole number") from None


def _float(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)", text):
        raise ValueError("must be a number")
    return float(text)


def pattern(text: str) -> Pattern:
    if (problem := filters.fault(text)) is not None:
        raise ValueError(problem)
    return Pattern(text)


def _name(text: str) -> Name:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise ValueError("may have letters, digits, '.', '_' and '-' only, and starts with a letter or digit")
    return Name(text)


def _http_url(text: str) -> HttpUrl:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # a bad port raises only when looked at
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine or re.search(r"[\s\x00-\x1f\x7f]", text.strip()):
        raise ValueError("must be an address that starts with http:// or https://")
    return HttpUrl(text.strip())


def _listen(text: str) -> Listen | Literal[False]:
    if _WORDS.get(text.lower()) is False:
        return False
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\s\[\]]*)):(\d{1,5})", text)
    if not match or int(match[3]) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:8080, or false")
    return Listen(match[1] or match[2] or "0.0.0.0", int(match[3]))  # noqa: S104 - ":8080" asks for all addresses


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("must be a date such as 2026-11-23, or a time such as 2026-11-23 12:00:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _keep(text: str) -> timedelta | Literal["forever"]:
    return "forever" if text == "forever" else _duration(text)


SCALARS: dict[object, Callable[[str], Any]] = {
    str: str,
    int: _int,
    float: _float,
    bool: _bool,
    timedelta: _duration,
    datetime: _moment,
    Path: Path,
    Size: _size,
    Pattern: pattern,
    Name: _name,
    HttpUrl: _http_url,
    Listen | Literal[False]: _listen,
    timedelta | Literal["forever"]: _keep,
}
