"""The page about feeds.yaml, made from the schema, so that it can't say anything else.

python -m aggregator.config.reference > docs/configuration.md
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from aggregator.config.schema import DOCS, Config, HttpUrl, Listen, Name, Pattern, Size
from aggregator.model import OwnRules, Subscription

_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
    datetime: "date or time",
    Path: "path",
    OwnRules: "path",
    Size: "size",
    Pattern: "regular expression",
    Name: "name",
    HttpUrl: "address",
    Listen | Literal[False]: "host:port or false",
    timedelta | Literal["forever"]: "forever or duration",
    tuple[str, str]: "header",
}

_HEAD = """\
# Configuration

<!-- Made by `python -m aggregator.config.reference`; a test holds it to the code. -->

`feeds.yaml` holds everything. `aggregator check` says whether it is right: a line for each fault, with file, line, key
and what was meant. The daemon reads the file again when it changes; a file with faults is reported and the last good
one stays in force.

```yaml
output:
  title: Press releases, each once
feeds:
  - https://example.org/feed.xml          # a bare address is a feed
  - url: https://example.com/rss          # or a mapping, with any key of a feed
    tags: [press]
    role: origin
```

Durations are `90s`, `30m`, `2h`, `7d` or `2w`; sizes are `512KiB` or `10MiB`. Paths are relative to the file.
Where a list of words may stand, one word will do.
"""

_ENVIRONMENT = """\
## Environment

`AGGREGATOR_<SECTION>__<KEY>` overrides a key of a section, as in `AGGREGATOR_FETCH__TIMEOUT=10s`;
`AGGREGATOR_DATABASE` the database; `AGGREGATOR_DEFAULTS__INTERVAL` a default of the feeds. A list is written
`[a, b]`. With `_FILE` behind it the variable names a file that holds the value, as in
`AGGREGATOR_SERVER__AUTH_FILE=/run/secrets/auth`. `AGGREGATOR_CONFIG` names the configuration file itself, and
`AGGREGATOR_DEBUG=1` shows tracebacks.

A `user:password@` in a feed's address is sent as Basic authentication and kept out of the database and the log.
"""


def keys() -> Iterator[tuple[str, str, str, str]]:
    """(dotted key, type, default, documentation) of every key, in the order of the file."""
    for name, hint, default in _fields(Config):
        if name not in ("feeds", "file"):
            yield from _key(name, hint, default)
    yield "defaults", "mapping", "", DOCS["defaults"]
    yield "feeds", "list", "", DOCS["feeds"]
    for name, hint, default in _fields(Subscription):
        yield from _key(f"feeds.{name}", hint, default)


def reference() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD]
    for key, kind, default, text in keys():
        if kind in ("section", "mapping", "list", "list of mappings") and "." not in key:
            parts.append(f"\n## `{key}`\n\n{text}\n")
            if key != "defaults":
                parts.append("\n| key | is | default | |\n|---|---|---|---|\n")
        elif "." not in key:
            parts.append(f"\n## `{key}`\n\n{text} Default: `{default}`.\n")
        else:
            shown = f"`{default}`" if default else "–"
            parts.append(f"| `{key.split('.', 1)[1]}` | {kind} | {shown} | {text} |\n")
    return "".join([*parts, "\n", _ENVIRONMENT])


def _key(key: str, hint: Any, default: Any) -> Iterator[tuple[str, str, str, str]]:
    yield key, _kind(hint), _default(default), DOCS[key]
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
    if dataclasses.is_dataclass(inner):
        for name, type_, value in _fields(inner):
            yield from _key(f"{key}.{name}", type_, value)


def _fields(cls: Any) -> Iterator[tuple[str, Any, Any]]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        yield field.name, hints[field.name], field.default


def _kind(hint: Any) -> str:
    if hint in _WORDS:
        return _WORDS[hint]
    if dataclasses.is_dataclass(hint):
        return "section"
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        inner = arguments[0]
        if dataclasses.is_dataclass(inner):
            return "list of mappings"
        return "mapping of texts" if inner == tuple[str, str] else f"list of {_WORDS[inner]}s"
    if types.NoneType in arguments:
        rest = [argument for argument in arguments if argument is not types.NoneType]
        return _kind(rest[0]) if len(rest) == 1 else " or ".join(map(str, rest))
    return " or ".join(map(str, arguments))  # a Literal


def _default(value: Any) -> str:
    if value is dataclasses.MISSING or dataclasses.is_dataclass(value):
        return "" if not isinstance(value, Listen) else str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        size, unit = next((s, u) for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % s == 0)
        text = f"{seconds // size}{unit}"
        return "24h" if text == "1d" else text
    if isinstance(value, tuple):
        return "[]"
    if isinstance(value, int) and value >= 2**20 and value % 2**20 == 0:
        return f"{value // 2**20}MiB"
    return re.sub(r"\s+", " ", str(value))


if __name__ == "__main__":
    sys.stdout.write(reference())
