"""A feed's own head where it can be read at a glance: ordinary RSS 2.0, RSS 1.0 and Atom 1.0, in the dictionary that feedparser
would give (as far as `xml` asks for it). As in `plain`, whatever is in any other form is left to feedparser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aggregator.parse import words
from aggregator.parse.elements import ATOM, DC, RDF, RSS1, XML

_LANGUAGE = f"{XML}lang"

_BESIDES = {f"{DC}{name}": "besides" for name in ("date", "rights", "publisher", "subject")}
_CORE = {name: name for name in ("title", "link", "language", "ttl", "image", "generator", "category", "cloud")} | dict.fromkeys(
    ("description", "copyright", "managingEditor", "webMaster", "pubDate", "lastBuildDate"), "besides"
)  # fmt: skip
_EVERYWHERE = _BESIDES | {f"{DC}language": "language", f"{ATOM}link": "atom_link"}
_PICTURE = ("title", "link", "url", "width", "height", "description")
# What may stand in what, by expat's names. "besides" is what nobody asks for; "other" is what means nothing to feedparser.
_INSIDE: dict[str, dict[str, str]] = {
    "": {"rss": "rss", f"{RDF}RDF": "rdf", f"{ATOM}feed": "feed"},
    "rss": {"channel": "channel"},
    "rdf": {f"{RSS1}channel": "channel", f"{RSS1}image": "image"},
    "channel": _EVERYWHERE | {f"{DC}creator": "besides"} | _CORE | {RSS1 + name: what for name, what in _CORE.items()},
    "feed": _EVERYWHERE
    | {f"{ATOM}{name}": name for name in ("title", "id", "generator", "category")}
    | {f"{ATOM}{name}": "besides" for name in ("subtitle", "rights", "updated")}
    | {f"{ATOM}author": "person"},
    "person": {f"{ATOM}{name}": name for name in ("name", "email", "uri")},
    "image": {prefix + name: "besides" for name in _PICTURE for prefix in ("", RSS1)},
    "other": {},
}
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "rss": frozenset(("version", _LANGUAGE)),
    "rdf": frozenset((_LANGUAGE,)),
    "feed": frozenset((_LANGUAGE,)),
    "channel": frozenset((f"{RDF}about",)),
    "image": frozenset((f"{RDF}about", f"{RDF}resource")),
    "title": frozenset(("type",)),
    "besides": frozenset(("type",)),
    "generator": frozenset(("uri", "url", "version")),
    "category": frozenset(("term", "label", "scheme", "domain")),
    "cloud": frozenset(("domain", "port", "path", "registerProcedure", "protocol")),
    "atom_link": frozenset(("href", "rel", "type", "title", "length", "hreflang")),
}
_NONE: frozenset[str] = frozenset()
_ONCE = ("rss", "rdf", "feed", "channel", "title", "language", "ttl", "id")
_ATOM_TITLES = ("text", "html", "text/plain", "text/html", None)


@dataclass(slots=True)
class Head:
    """What was found of the head. `usual`: it is what feedparser would find."""

    found: dict[str, Any] = field(default_factory=dict)
    usual: bool = True
    path: list[str] = field(default_factory=lambda: [""])  # what the open elements are
    done: set[str] = field(default_factory=set)
    attributes: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)  # of text since the last tag

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element outside of all entries begins."""
        inside = _INSIDE.get(self.path[-1])
        what = inside.get(name, "other") if inside is not None else None
        if what is None or (self.path[-1] == "person" and "".join(self.pieces).strip()):
            self.usual = False  # something in what should be text alone
        elif what == "other":
            if name.rpartition(" ")[2].lower() in words.MEANT or self.path[-1] in ("", "person", "image"):
                self.usual = False
        elif not attributes.keys() <= _ATTRIBUTES.get(what, _NONE):
            self.usual = False
        elif what in _ONCE:
            if what in self.done:
                self.usual = False
            self.done.add(what)
        elif what == "person":
            self.found.setdefault("authors", []).append({})
        elif what == "image" and "title" not in self.done:
            self.usual = False  # feedparser may take its title for the feed's
        if what in ("rss", "feed") and (language := attributes.get(_LANGUAGE)):
            self.found["language"] = language.replace("_", "-")
        self.path.append(what or "other")
        self.attributes = attributes
        self.pieces.clear()

    def end(self) -> None:
        """The element ends."""
        what = self.path.pop()
        if self.usual:
            self.element(what, "".join(self.pieces), self.attributes)
        self.pieces.clear()

    def element(self, what: str, text: str, attributes: dict[str, str]) -> None:
        """Puts into `found` what feedparser would."""
        match what:
            case "title":
                self.usual = attributes.get("type") in _ATOM_TITLES
                self.found["title"] = words.cleaned(text)
            case "language" | "ttl":
                self.found[what] = words.cleaned(text)
            case "id":
                self.found["id"] = words.cleaned(text)
                self.found.setdefault("link", self.found["id"])
            case "link":
                self.found["link"] = words.address(text)
                link = {"rel": "alternate", "type": "text/html", "href": self.found["link"]}
                self.found.setdefault("links", []).append(link)
            case "atom_link":
                linked = words.link(attributes)
                if linked is None:
                    self.usual = False
                    return
                if words.is_page(linked):
                    self.found["link"] = linked["href"]
                self.found.setdefault("links", []).append(linked)
            case "name" | "email":
                if what in self.found["authors"][-1]:
                    self.usual = False
                self.found["authors"][-1][what] = text.strip()
            case "person" if text.strip():
                self.usual = False
