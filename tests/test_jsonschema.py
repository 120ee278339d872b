"""The JSON Schema of feeds.yaml: an editor says of a file what the program says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aggregator import yamlfile
from aggregator.config import loads
from aggregator.config.jsonschema import schema, schema_text
from aggregator.config.reference import keys
from aggregator.demo import Demo
from tests.conftest import DATA

HOME = Path(__file__).parent.parent
CHECK = jsonschema.Draft202012Validator(schema())
FAULTS: list[dict[str, Any]] = list(yamlfile.rows(DATA / "config" / "faults.yaml"))


def as_an_editor(text: str) -> object:
    """YAML 1.2, as editors read it: a time is a text there."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_the_shipped_schema_is_the_one_of_the_code() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    written = (HOME / "docs" / "feeds.schema.json").read_text(encoding="utf-8")
    assert written == schema_text(), "run: python -m aggregator.config.jsonschema > docs/feeds.schema.json"


@pytest.mark.parametrize(
    "path", [HOME / "feeds.yaml", DATA / "config" / "every-key.yaml"], ids=["shipped", "every-key"]
)
def test_what_is_right_passes(path: Path) -> None:
    CHECK.validate(as_an_editor(path.read_text(encoding="utf-8")))


def test_the_demos_file_passes(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo") as demo:
        CHECK.validate(yaml.safe_load(demo.config.read_text(encoding="utf-8")))


def test_every_key_is_described() -> None:
    text = schema_text()
    for _, _, _, documentation in keys():
        assert documentation.replace('"', '\\"') in text


def test_an_unknown_key_and_a_wrong_value_are_seen() -> None:
    seen = 0
    for case in FAULTS:
        try:
            data = yaml.safe_load(case["text"])
        except (yaml.YAMLError, ValueError):
            continue
        if not any("unknown key" in fault for fault in case["faults"]):
            continue
        seen += 1
        assert not CHECK.is_valid(data), case["case"]
    assert seen > 5
    faults: tuple[Any, ...] = (
        {"fetch": {"timeout": "soon"}},
        {"output": {"items": 0}},
        {"feeds": ["ftp://x"]},
        {"feeds": [{}]},
    )
    for wrong in faults:
        assert not CHECK.is_valid(wrong), wrong


@pytest.mark.parametrize(
    "text",
    ["", "feeds:\n", "feeds: []\n", "feeds: [{url: https://x.example/, title: 2024, tags: a}]", "server: {listen: false}",
     "defaults: {interval: 2w}\n", "fetch: {max_body: 10MiB}", "retention: {keep: forever}", "retention: {keep: 1d}"],
)  # fmt: skip
def test_what_the_program_takes_the_schema_takes(text: str) -> None:
    loads(text)
    CHECK.validate(yaml.safe_load(text) or {})
