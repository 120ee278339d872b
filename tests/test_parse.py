"""Each file in data/parse is a case: what is expected, as JSON, a line of dashes, and the document as it came.

Only what a case names is compared. Texts that begin with "~" need only be found inside, ids that end in ":" or "#"
only begin so (a digest follows).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aggregator.errors import ParseError
from aggregator.model import Entry, Feed, Response
from aggregator.parse import changes, parse
from tests.conftest import DATA

CASES = sorted((DATA / "parse").glob("*.case"))
URL = "http://feed.example/dir/feed"


def load(path: Path) -> tuple[dict[str, Any], Response]:
    expected, _, body = path.read_bytes().partition(b"\n----\n")
    case: dict[str, Any] = json.loads(expected)
    headers = (("content-type", case["content_type"]),) if "content_type" in case else ()
    return case, Response(case.get("url", URL), 200, headers, body)


def shown(entry: Entry) -> dict[str, Any]:
    """An entry in the words of the cases."""
    source = entry.source
    return {
        "guid": entry.guid,
        "url": entry.url,
        "author": entry.author,
        "published": entry.published and entry.published.isoformat(),
        "updated": entry.updated and entry.updated.isoformat(),
        "categories": list(entry.categories),
        "enclosures": [[e.url, e.type, e.length] for e in entry.enclosures],
        "language": entry.language,
        "source": source and [source.title, source.url, source.home_page_url],
        "via": list(entry.via),
        **{name: getattr(entry, name).value for name in ("title", "summary", "content")},
        **{f"{name}_html": getattr(entry, name).html for name in ("title", "summary", "content")},
        **{f"{name}_base": getattr(entry, name).base for name in ("title", "summary", "content")},
    }


def alike(expected: object, found: object) -> bool:
    if isinstance(expected, str) and isinstance(found, str):
        if expected.startswith("~"):
            return expected[1:] in found
        if expected.endswith((":", "#")):
            return found.startswith(expected)
    return expected == found


def differences(case: dict[str, Any], feed: Feed) -> list[str]:
    wrong = []
    heads: dict[str, Any] = {name: getattr(feed, name) for name in ("title", "home_page_url", "guid", "language")}
    heads["ttl"] = feed.ttl and feed.ttl.total_seconds()
    wrong += [f"feed.{k}: {heads[k]!r}, not {v!r}" for k, v in case.get("feed", {}).items() if not alike(v, heads[k])]
    found = [shown(entry) for entry in feed.entries]
    if "entries" in case:
        if len(found) != len(case["entries"]):
            wrong.append(f"{len(found)} entries, not {len(case['entries'])}: {[e['guid'] for e in found]}")
        for number, (expected, entry) in enumerate(zip(case["entries"], found, strict=False)):
            wrong += [
                f"entries[{number}].{k}: {entry[k]!r}, not {v!r}" for k, v in expected.items() if not alike(v, entry[k])
            ]
    if "flaws" in case and (
        len(feed.flaws) != len(case["flaws"])
        or any(word not in flaw for word, flaw in zip(case["flaws"], feed.flaws, strict=True))
    ):
        wrong.append(f"flaws: {feed.flaws}, not {case['flaws']}")
    if feed.complete != case.get("complete", True):
        wrong.append(f"complete: {feed.complete}")
    return wrong


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case, response = load(path)
    if "error" in case:
        with pytest.raises(ParseError) as raised:
            parse(response)
        assert case["error"] in str(raised.value)
        return
    assert differences(case, parse(response)) == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_read_again_brings_nothing_new_and_forgets_nothing(path: Path) -> None:
    case, response = load(path)
    if "error" in case:
        return
    first = changes(response)
    again = changes(response, first.sources)
    assert (again.guids, again.sources) == (first.guids, first.sources)
    assert again.feed.flaws == first.feed.flaws
    if first.sources:
        assert again.feed.entries == ()
