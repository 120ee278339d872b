"""What feedparser makes of names and texts, written down: an ordinary document does not need feedparser, and a sixth of a
worker's start is to load it. Tests hold these to its own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

# Formats by its short names.
FORMATS = {
    "": "unknown RSS",
    "rss090": "RSS 0.90", "rss091n": "RSS 0.91 (Netscape)", "rss091u": "RSS 0.91 (Userland)", "rss092": "RSS 0.92",
    "rss093": "RSS 0.93", "rss094": "RSS 0.94", "rss20": "RSS 2.0", "rss10": "RSS 1.0",
    "rss": "RSS (unknown version)", "atom01": "Atom 0.1", "atom02": "Atom 0.2", "atom03": "Atom 0.3",
    "atom10": "Atom 1.0", "atom": "Atom (unknown version)", "cdf": "CDF",
}  # fmt: skip
# Namespaces by the prefix that it calls them by; those without are the formats' own.
_NAMESPACES = {
    "": "http://backend.userland.com/rss http://blogs.law.harvard.edu/tech/rss http://example.com/necho "
    "http://example.com/newformat# http://my.netscape.com/rdf/simple/0.9/ http://purl.org/atom/ns# "
    "http://purl.org/echo/ http://purl.org/pie/ http://purl.org/rss/1.0/ http://purl.org/rss/1.0/modules/rss091# "
    "http://www.w3.org/2005/atom uri/of/echo/namespace#",
    "admin": "http://webns.net/mvcb/",
    "ag": "http://purl.org/rss/1.0/modules/aggregation/",
    "annotate": "http://purl.org/rss/1.0/modules/annotate/",
    "audio": "http://media.tangent.org/rss/1.0/",
    "blogChannel": "http://backend.userland.com/blogchannelmodule",
    "cc": "http://creativecommons.org/ns#license http://web.resource.org/cc/",
    "co": "http://purl.org/rss/1.0/modules/company",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "cp": "http://my.theinfo.org/changed/1.0/rss/",
    "creativeCommons": "http://backend.userland.com/creativecommonsrssmodule "
    "http://cyber.law.harvard.edu/rss/creativecommonsrssmodule.html",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "email": "http://purl.org/rss/1.0/modules/email/",
    "ev": "http://purl.org/rss/1.0/modules/event/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "fm": "http://freshmeat.net/rss/fm/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "georss": "http://www.georss.org/georss",
    "gml": "http://www.opengis.net/gml",
    "icbm": "http://postneo.com/icbm/",
    "image": "http://purl.org/rss/1.0/modules/image/",
    "itunes": "http://example.com/dtds/podcast-1.0.dtd http://www.itunes.com/dtds/podcast-1.0.dtd",
    "l": "http://purl.org/rss/1.0/modules/link/",
    "media": "http://search.yahoo.com/mrss http://search.yahoo.com/mrss/",
    "pingback": "http://madskills.com/public/xml/rss/module/pingback/",
    "prism": "http://prismstandard.org/namespaces/1.2/basic/",
    "psc": "http://podlove.org/simple-chapters",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "ref": "http://purl.org/rss/1.0/modules/reference/",
    "reqv": "http://purl.org/rss/1.0/modules/richequiv/",
    "search": "http://purl.org/rss/1.0/modules/search/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "soap": "http://schemas.xmlsoap.org/soap/envelope/",
    "ss": "http://purl.org/rss/1.0/modules/servicestatus/",
    "str": "http://hacks.benhammersley.com/rss/streaming/",
    "sub": "http://purl.org/rss/1.0/modules/subscription/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "szf": "http://schemas.pocketsoap.com/rss/mydescmodule/",
    "taxo": "http://purl.org/rss/1.0/modules/taxonomy/",
    "thr": "http://purl.org/rss/1.0/modules/threading/",
    "ti": "http://purl.org/rss/1.0/modules/textinput/",
    "trackback": "http://madskills.com/public/xml/rss/module/trackback/",
    "wfw": "http://wellformedweb.org/commentapi/",
    "wiki": "http://purl.org/rss/1.0/modules/wiki/",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "xlink": "http://www.w3.org/1999/xlink",
    "xml": "http://www.w3.org/xml/1998/namespace",
}
NAMESPACES = {uri: prefix for prefix, uris in _NAMESPACES.items() for uri in uris.split()}
PREFIXES = frozenset(_NAMESPACES) - {""}
# Names of elements that it has a use for, or that its dictionaries are asked for.
_NAMES = (
    "abstract author_detail authors cc_license channel cloud content_encoded copyright creativecommons_license "
    "dc_author dc_contributor dc_creator dc_date dc_description dc_language dc_publisher dc_rights dc_subject "
    "dc_title dcterms_created dcterms_issued dcterms_modified dcterms_valid enclosure entry expirationdate feed "
    "feedburner_browserfriendly feedburner_origlink fullitem generator georss_box georss_line georss_point "
    "georss_polygon georss_where georssgeom gml_exterior gml_linearring gml_linestring gml_point gml_polygon gml_pos "
    "gml_poslist guid guidislink height homepage id info item itunes_author itunes_category itunes_email itunes_image "
    "itunes_link itunes_name itunes_owner itunes_subtitle itunes_summary keywords lastbuilddate links managingeditor "
    "media_category media_content media_credit media_description media_group media_license media_player media_rating "
    "media_restriction media_thumbnail media_title newlocation permalink psc_chapter psc_chapters pubdate published "
    "rss source summary_detail tagline tags textinput title_detail ttl updated uri url webmaster width xhtml_body "
).split()
# Those may mean something to it under any prefix: prefix and name are one word to it.
MEANT = frozenset("_".join(name.split("_")[n:]) for name in _NAMES for n in range(name.count("_") + 1))

_SLASHES = re.compile(r"([A-Za-z][A-Za-z0-9+-.]*://)/+")  # it takes surplus ones out
_REFERENCE = re.compile(r"&([A-Za-z0-9_]+);")
_MAYBE_HTML = re.compile(r"</\w+>|&#?\w+;")
_WINDOWS = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
_WINDOWS = {code: character for code, character in _WINDOWS.items() if character != "\ufffd"}


def cleaned(text: str) -> str:
    """A text: UTF-8 in UTF-8 and windows-1252 in ISO 8859-1 are undone."""
    text = text.strip()
    if text.isascii():
        return text
    with contextlib.suppress(UnicodeError):
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(_WINDOWS)


def address(text: str) -> str:
    """The text of an element that is an address."""
    text = _with_two_slashes(cleaned(text))
    return _REFERENCE.sub(r"&\g<1>", text) if "&" in text else text


def _with_two_slashes(address: str) -> str:
    surplus = _SLASHES.match(address) if ":///" in address else None
    return surplus[1] + address[surplus.end() :] if surplus else address


def link(attributes: Mapping[str, str]) -> dict[str, str] | None:
    """An Atom link; None where it has no address."""
    found = {key.lower(): value.lower() if key in ("rel", "type") else value for key, value in attributes.items()}
    if not found.get("href"):
        return None
    found["href"] = _with_two_slashes(found["href"])
    found.setdefault("rel", "alternate")
    found.setdefault("type", "application/atom+xml" if found["rel"] == "self" else "text/html")
    return found


def is_page(link: Mapping[str, str]) -> bool:
    """Whether it takes an Atom link for the address of the entry's, or the feed's, page."""
    return link["rel"] == "alternate" and link["type"] in ("text/html", "html", "xhtml", "application/xhtml+xml")


def looks_like_html(text: str) -> bool:
    """Whether it takes a text for HTML that does not say what it is."""
    if not _MAYBE_HTML.search(text):
        return False
    from aggregator.parse import reader  # the few that have markup or a reference are for feedparser itself

    return reader.looks_like_html(text)
