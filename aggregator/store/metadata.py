"""Metadata for datasette, made from the schema's documentation and the examples, so that it can't go stale."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aggregator.store import examples
from aggregator.store.schema import DOCS, PRIVATE

# How datasette opens what people look at first.
_LOOKS: dict[str, dict[str, Any]] = {
    "articles": {"sort_desc": "published_at", "label_column": "title", "size": 20, "facets": ["feed_id", "language"]},
    "stories": {"sort_desc": "published_at", "label_column": "title", "facets": ["copies"]},
    "feeds": {"sort": "title", "label_column": "title", "facets": ["state", "role"]},
    "fetches": {"sort_desc": "fetched_at", "facets": ["http_status", "feed_id"]},
    "latest": {"facets": ["feed"]},
    "duplicates": {"facets": ["copy_feed", "kept_feed", "kind"]},
    "feed_health": {"facets": ["health"]},
    "examples": {"label_column": "name"},
}


def metadata(database: str = "aggregator") -> str:
    """metadata.yaml for `datasette DATABASE.db -m metadata.yaml`; `database` is the file's name without its suffix."""
    tables: dict[str, Any] = {}
    for name, fields in DOCS.items():
        columns = {field: text for field, text in fields.items() if field is not None}
        tables[name] = {"description": fields[None], **_LOOKS.get(name, {}), "columns": columns}
    tables |= {name: {"hidden": True} for name in PRIVATE}
    data = {
        "title": "Press releases and their copies",
        "description": "Articles of many feeds, each story once, led by its origin. Times are UTC.",
        "databases": {
            database: {
                "description": "Start with latest, duplicates and feed_health, or with one of the queries.",
                "tables": tables,
                "queries": {
                    example.name: {"title": example.question, "sql": example.sql} for example in examples.load()
                },
            }
        },
    }
    head = "# Made by `aggregator examples --metadata`. Use: datasette aggregator.db -m metadata.yaml\n"
    return head + "\n".join(_yaml(data, 0)) + "\n"


def _yaml(data: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Mappings, flow lists and strings; a JSON string is a YAML string, and several lines are a block."""
    space = "  " * depth
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield f"{space}{key}:"
            yield from _yaml(value, depth + 1)
        elif isinstance(value, str) and "\n" in value:
            yield f"{space}{key}: |-"
            yield from (f"{space}  {line}" for line in value.splitlines())
        else:
            yield f"{space}{key}: {json.dumps(value, ensure_ascii=False)}"
