"""The JSON Schema of feeds.yaml, made from the same dataclasses as everything else, for editors that check as you type.

python -m aggregator.config.jsonschema > docs/feeds.schema.json
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from aggregator.config.limits import RANGES
from aggregator.config.schema import DOCS, Config, HttpUrl, Listen, Name, Pattern, Size
from aggregator.model import OwnRules, Subscription

SCHEMA_FILE = "feeds.schema.json"

_DURATION = {"type": "string", "pattern": r"^\s*[0-9]{1,9}\s*[smhdw]\s*$"}
_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}  # `title: 2024` is a text to us
_TYPES: dict[object, dict[str, Any]] = {
    str: _TEXT,
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    timedelta: _DURATION,
    datetime: {"type": "string"},
    Path: {"type": "string"},
    OwnRules: {"type": "string"},
    Size: {"type": ["string", "integer"], "pattern": r"^\s*[0-9]{1,12}\s*[A-Za-z]*\s*$"},
    Pattern: {"type": "string"},
    Name: {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
    HttpUrl: {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://"},
    Listen | Literal[False]: {"anyOf": [{"const": False}, {"type": "string", "pattern": r":[0-9]{1,5}$"}]},
    timedelta | Literal["forever"]: {"anyOf": [{"const": "forever"}, _DURATION]},
}


def schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12)."""
    feed = _object(Subscription, "feeds")
    feed["properties"]["url"] |= _TYPES[HttpUrl]
    common = {name: value for name, value in feed["properties"].items() if name not in ("url", "title")}
    root = _object(Config, "", leave_out=("file", "feeds"))
    root["properties"]["defaults"] = {
        "description": DOCS["defaults"],
        **_or_null({"type": "object", "properties": common, "additionalProperties": False}),
    }
    root["properties"]["feeds"] = {
        "description": DOCS["feeds"],
        **_or_null({"type": "array", "items": {"anyOf": [{**_TYPES[HttpUrl], "title": "address"}, feed]}}),
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "feeds.yaml of aggregator", **root}


def schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _object(cls: Any, prefix: str, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties, required = {}, []
    for field in dataclasses.fields(cls):
        if field.name in leave_out:
            continue
        key = f"{prefix}.{field.name}" if prefix else field.name
        properties[field.name] = {"description": DOCS[key], **_bounded(_type(hints[field.name], key), key)}
        if field.default is dataclasses.MISSING:
            required.append(field.name)
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": required} if required else found


def _type(hint: Any, key: str) -> dict[str, Any]:
    if hint in _TYPES:
        return dict(_TYPES[hint])
    arguments = typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _or_null(_object(hint, key))
    if typing.get_origin(hint) is tuple:
        inner = arguments[0]
        if inner == tuple[str, str]:
            return _or_null({"type": "object", "additionalProperties": _TEXT})
        items = _object(inner, key) if dataclasses.is_dataclass(inner) else dict(_TYPES[inner])
        listed: dict[str, Any] = {"type": "array", "items": items}
        # One word where a list of words may stand.
        return {"anyOf": [listed, {"type": "null"}] + ([] if dataclasses.is_dataclass(inner) else [items])}
    if types.NoneType in arguments:
        rest = tuple(argument for argument in arguments if argument is not types.NoneType)
        return _or_null(_type(rest[0] if len(rest) == 1 else typing.Union[rest], key))  # noqa: UP007
    return {"enum": list(arguments)}  # a Literal


def _or_null(found: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [found, {"type": "null"}]}


def _bounded(found: dict[str, Any], key: str) -> dict[str, Any]:
    if found.get("type") in ("integer", "number"):
        low, high = RANGES.get(key, (0, 10**9))
        return {**found, "minimum": low, "maximum": high}
    return found


if __name__ == "__main__":
    sys.stdout.write(schema_text())
