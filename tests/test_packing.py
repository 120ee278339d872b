"""What the file keeps of an entry: JSON that anybody can read, and from which it comes back."""

from __future__ import annotations

import json
import zlib
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Enclosure, Entry, Source, Text
from aggregator.packing import packed, unpacked

TEXT = st.text(max_size=5)
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
MAYBE = TEXT | st.none()
MOMENT = st.datetimes(timezones=st.just(UTC)) | st.none()
CONSTRUCT = st.builds(Text, TEXT, st.booleans(), MAYBE)
ENCLOSURE = st.builds(Enclosure, TEXT, MAYBE, st.integers(0) | st.none())
ENTRY = st.builds(
    Entry, TEXT, MAYBE, CONSTRUCT, CONSTRUCT, CONSTRUCT, MAYBE, MOMENT, MOMENT, TEXTS, st.lists(ENCLOSURE).map(tuple), MAYBE,
    st.builds(Source, MAYBE, MAYBE, MAYBE, MAYBE) | st.none(), TEXTS,
)  # fmt: skip


def fields(value: object) -> object:
    """A noun as a dictionary, and those in it."""
    if isinstance(value, Entry | Text | Enclosure | Source):
        return {name: fields(of) for name, of in value._asdict().items()}
    return [fields(one) for one in value] if isinstance(value, tuple) else value


@given(ENTRY)
def test_an_entry_is_written_as_json_of_its_fields(entry: Entry) -> None:
    written = zlib.decompress(packed(entry)).decode()
    expected = json.dumps(fields(entry), ensure_ascii=False, default=str)
    assert written == expected.encode("utf-8", "replace").decode()


@given(ENTRY)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert unpacked(packed(entry)) == entry


def test_an_entry_of_another_version_comes_back_as_far_as_it_is_known() -> None:
    said = json.loads(zlib.decompress(packed(Entry("g", "http://x.example/", Text("A title", False)))))
    del said["via"], said["language"]
    assert unpacked(zlib.compress(json.dumps(said | {"mood": "merry"}).encode())) == Entry(
        "g", "http://x.example/", Text("A title", False)
    )
