"""The elements of an ordinary entry, and the attributes they may have: by expat's names, which are namespace and name."""

from __future__ import annotations

ATOM = "http://www.w3.org/2005/Atom "
RSS1 = "http://purl.org/rss/1.0/ "
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
DC = "http://purl.org/dc/elements/1.1/ "
_CONTENT = "http://purl.org/rss/1.0/modules/content/ "
_MEDIA = "http://search.yahoo.com/mrss/ "
XML = "http://www.w3.org/XML/1998/namespace "

# What holds the entries: (kind, names of the elements around one, its own name).
KINDS = {
    "rss": ("rss", ["rss", "channel"], "item"),
    f"{RDF}RDF": ("rss", [f"{RDF}RDF"], f"{RSS1}item"),
    f"{ATOM}feed": ("atom", [f"{ATOM}feed"], f"{ATOM}entry"),
}
VERSIONS = {RSS1.strip(): "rss10", ATOM.strip().lower(): "atom10"}  # by the first of these namespaces
_EVERYWHERE = {
    f"{DC}creator": "author",
    f"{DC}date": "updated",
    f"{DC}subject": "category",
    f"{_CONTENT}encoded": "encoded",
    f"{_MEDIA}content": "media",
    f"{ATOM}link": "atom_link",
    "http://rssnamespace.org/feedburner/ext/1.0 origLink": "feedburner_origlink",
}
_CORE = {
    "title": "title", "link": "link", "guid": "guid", "description": "description", "pubDate": "published",
    "author": "author", "category": "category", "enclosure": "enclosure", "source": "source",
}  # fmt: skip
# What each element of an entry is to `plain`, by the name of the document's outermost one.
TABLES = {
    "rss": _EVERYWHERE | _CORE,
    f"{RDF}RDF": _EVERYWHERE | {f"{RSS1}{name}": what for name, what in _CORE.items()},
    f"{ATOM}feed": _EVERYWHERE
    | {f"{ATOM}{name}": name for name in ("title", "summary", "content", "published", "updated")}
    | {f"{ATOM}id": "guid", f"{ATOM}author": "person", f"{ATOM}category": "atom_category"},
}
PARTS = {f"{ATOM}name": "name", f"{ATOM}email": "email", f"{ATOM}uri": "uri"}  # of a person
# What an entry may have several of.
OFTEN = frozenset(("author", "category", "atom_category", "atom_link", "person", "media", "enclosure"))
# Of an Atom text, and what feedparser makes of them.
TYPES = {"text": "text/plain", "text/plain": "text/plain", "html": "text/html", "text/html": "text/html"}
# Those that an element may have and still be ordinary, by what it is.
ATTRIBUTES: dict[str, frozenset[str]] = {
    "guid": frozenset(("isPermaLink",)),
    "category": frozenset(("domain",)),
    "enclosure": frozenset(("url", "type", "length")),
    "source": frozenset(("url",)),
    "atom_link": frozenset(("href", "rel", "type", "title", "length", "hreflang")),
    "atom_category": frozenset(("term", "label", "scheme")),
    "media": frozenset(
        ("url", "type", "medium", "fileSize", "width", "height", "isDefault", "duration", "expression", "bitrate")
    ),
    **dict.fromkeys(("title", "summary", "content"), frozenset(("type",))),
}
