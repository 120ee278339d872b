"""The only door of feedparser: a well-formed document in, its dictionaries out. Imported when a document needs it.

feedparser's own parse() would decode, repair and resolve a second time, and differently; here its strict parser reads
what `repair` has made well-formed. Its sanitiser can be bypassed, so it is off: `clean` does that.
"""

from __future__ import annotations

import io
import warnings
import xml.sax
import xml.sax.handler
from collections.abc import Callable
from typing import Any

from feedparser.api import StrictFeedParser
from feedparser.datetimes import _parse_date

from aggregator.parse.known import Found


class _Reader(StrictFeedParser):  # type: ignore[misc]
    """feedparser's strict parser, where it goes too far."""

    # An id is compared letter by letter (RFC 4287 §4.2.6.1), so it is never resolved.
    can_be_relative_uri = StrictFeedParser.can_be_relative_uri - {"id"}
    resolve_relative_uris = False
    sanitize_html = False

    _floor = 0  # of the stack of open elements, at the start of the entry

    # feedparser loses count where elements nest that it does not expect to, and what comes after suffers for it:
    # here each entry begins with a clean slate.
    def _start_item(self, attributes: dict[str, str]) -> None:
        self._forget()
        self._floor = len(self.elementstack)
        super()._start_item(attributes)

    def _end_item(self) -> None:
        super()._end_item()
        del self.elementstack[self._floor :]
        self._forget()

    _start_entry = _start_item
    _end_entry = _end_item

    def _end_guid(self) -> None:
        self._save("permalink", bool(self.guidislink))
        super()._end_guid()

    _end_id = _end_guid

    def _forget(self) -> None:
        self.incontent = self.inauthor = self.incontributor = self.inpublisher = self.insource = 0
        self.inimage = self.intextinput = self.svgOK = self.hasContent = 0
        self._summaryKey = None
        self.contentparams.clear()
        self.sourcedata.clear()

    def _sync_author_detail(self, key: str = "author") -> None:
        """feedparser takes mail addresses apart by a pattern that knows only short top-level domains."""
        context = self._get_context()
        people, text = dict.get(context, f"{key}s"), dict.get(context, key)
        if people and not people[-1] and text:
            people[-1]["name"] = text

    # These are of a medium or of a podcast episode; feedparser takes them for the entry's own text.
    def _start_media_description(self, attributes: dict[str, str]) -> None:
        self.push("media_description", 1)

    def _end_media_description(self) -> None:
        self.pop("media_description")

    def _start_itunes_summary(self, attributes: dict[str, str]) -> None:
        self.push("itunes_summary", 1)

    def _end_itunes_summary(self) -> None:
        self.pop("itunes_summary")


looks_like_html: Callable[[str], bool] = _Reader.looks_like_html


def moment(text: str) -> Any:
    """The time tuple in UTC that feedparser finds in a text, or None."""
    return _parse_date(text)


def read(data: bytes, base: str) -> Found:
    """What feedparser finds in a well-formed document. Raises whatever feedparser raises.

    Addresses and bases are resolved against `base` and those that the document names; where it names none, `base` should
    be empty, since feedparser resolves it anew at each element, which doubles its time.
    """
    reader = _Reader(base, None, "utf-8")
    parser = xml.sax.make_parser()  # noqa: S317 - without DOCTYPE, which `repair` took off, there are no entities to grow
    parser.setFeature(xml.sax.handler.feature_namespaces, True)
    parser.setFeature(xml.sax.handler.feature_external_ges, False)
    parser.setContentHandler(reader)
    parser.setErrorHandler(reader)
    source = xml.sax.xmlreader.InputSource()
    source.setEncoding("utf-8")
    source.setByteStream(io.BytesIO(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feedparser warns about the document, not about us
        parser.parse(source)
    return Found(reader.version, reader.feeddata, reader.entries)
