"""Text -> text that an XML parser takes: repaired where a person could read it. Nothing here knows what a feed means.

prolog      what stands before the root goes: junk, XML declaration, DOCTYPE (entity chains crash or starve expat)
characters  what XML 1.0 §2.2 and §4.1 forbid: controls, undefined entities, bare ampersands, undeclared prefixes
mend        tags: unclosed, unopened, unquoted; a stray "<"
"""

from __future__ import annotations

import html
import html.entities
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

_ROOT = re.compile(
    r"<(?:[A-Za-z_][\w.-]{0,30}:)?(?:rss|feed|rdf|channel)[\s>]"
    r"|<(?:[A-Za-z_][\w.-]{0,30}:)?entry\s[^<>]{0,2000}http://www\.w3\.org/2005/Atom",
    re.I,
)
_LONGEST_PROLOG = 200_000  # characters
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]{0,2000}(?:\[.*?\]\s*)?>", re.S | re.I)
_DECLARATION = re.compile(r"<\?xml\s[^<>]*>", re.I)
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]{0,60})\s+(?:\"([^\"%<]{0,1000})\"|'([^'%<]{0,1000})')\s*>")
_MOST_ENTITIES = 300

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A section that another begins in was never closed; and looking no further keeps the search linear.
_OPAQUE = r"<!\[CDATA\[(?:(?!<!\[CDATA\[).)*?\]\]>|<!--(?:(?!<!--).)*?-->"
_REFERENCES = re.compile(
    _OPAQUE + r"|&\#(?:[xX][dD][89aAbB][\da-fA-F]{2}|5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d);"
    r"&\#(?:[xX][\da-fA-F]{4}|\d{5});"
    r"|&(?!(?:amp|lt|gt|quot|apos);)(?:\#([0-9]{1,9}|[xX][0-9a-fA-F]{1,8});?|([A-Za-z_][\w.-]{0,60});|)",
    re.S,
)
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]{0,60}):[A-Za-z_]")
_ATTRIBUTE_PREFIX = re.compile(r"[\s\"']([A-Za-z_][\w.-]{0,60}):[\w.-]{1,60}\s*=\s*[\"']")
_RSS = "http://purl.org/rss/1.0/"
_KNOWN_PREFIXES = {
    "a10": "http://www.w3.org/2005/Atom",
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "itunes": "http://www.itunes.com/DTDs/PodCast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rss": _RSS,
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "thr": "http://purl.org/syndication/thread/1.0",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "xlink": "http://www.w3.org/1999/xlink",
}

_TOKEN = re.compile(
    r"<!\[CDATA\[(?P<cdata>(?:(?!<!\[CDATA\[).)*?)\]\]>|(?P<open><!\[CDATA\[)|(?P<drop><!--(?:(?!<!--).)*?-->|<\?[^<>]*\?>)"
    r"|<(?P<end>/?)(?P<name>[A-Za-z_][\w.:-]{0,100})(?P<attributes>(?>(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*))>"
    r"|<(?P<end2>/?)(?P<name2>[A-Za-z_][\w.:-]{0,100})(?P<attributes2>(?:[\s/][^<>]*)?)>|(?P<less><)|\]\](?P<close>>)",
    re.S,
)
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.:-]{0,100})(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?")
_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "param", "wbr"})
# Children of an entry that hold text alone: where one begins while another is open, that one's end tag is missing.
_LEAVES = frozenset({"title", "link", "guid", "id", "pubdate", "published", "updated", "description", "category",
                     "comments", "summary", "dc:creator", "dc:date", "content:encoded"})  # fmt: skip
_CHILDREN = _LEAVES | {"author", "content", "enclosure", "source", "item", "entry", "channel"}


@dataclass(frozen=True, slots=True)
class Prolog:
    """What `prolog` found: the document from its root element on, and the entities its DOCTYPE defines."""

    text: str
    entities: Mapping[str, str]
    junk: bool  # whether something stood before the root that has no place there


def prolog(text: str) -> Prolog:
    """Takes off what stands before the root element; the small plain entities of a DOCTYPE are kept aside."""
    start = next((m.start() for m in _ROOT.finditer(text, 0, _LONGEST_PROLOG) if not _inside(text[: m.start()])), None)
    if start is None:
        # Not a feed; but what it is instead can be told better without these.
        return Prolog(_DOCTYPE.sub("", _DECLARATION.sub("", text, count=1), count=1).lstrip(), {}, False)
    lead = text[:start]
    entities: dict[str, str] = {}
    if "<!ENTITY" in lead:
        for match in _ENTITY.finditer(lead):
            value = match[2] if match[2] is not None else match[3]
            # One that names others could grow without bound.
            if len(entities) < _MOST_ENTITIES and not re.search(r"&(?!#|amp;|lt;|gt;|quot;|apos;)", value):
                entities.setdefault(match[1], html.unescape(html.unescape(value)))
    junk = re.sub(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE.*", "", lead, flags=re.S | re.I).strip("\ufeff \t\r\n")
    declared_late = lead.lstrip("\ufeff") != lead.lstrip("\ufeff \t\r\n") and "<?xml" in lead[:1000]
    # Line breaks stay, so that an error names the line where it stands.
    return Prolog("\n" * lead.count("\n") + text[start:], entities, bool(junk) or declared_late)


def _inside(lead: str) -> bool:
    """Whether a comment or a DOCTYPE is still open at the end of `lead`."""
    if lead.rfind("<!--") > lead.rfind("-->"):
        return True
    doctype = lead.upper().rfind("<!DOCTYPE")
    return doctype >= 0 and re.search(r"\]\s*>" if "[" in lead[doctype:] else ">", lead[doctype:]) is None


def characters(text: str, entities: Mapping[str, str]) -> str:
    """The text without characters and references that XML forbids; entities become the characters they mean."""

    def mended(match: re.Match[str]) -> str:
        whole: str = match[0]
        if whole.startswith("<"):
            return whole
        if match[1] is not None:
            return _escaped(_character(match[1]))
        if (name := match[2]) is not None:
            if name in entities:
                return _escaped(entities[name])
            if name + ";" in html.entities.html5:
                return _escaped(html.entities.html5[name + ";"])
            return "&amp;" + whole[1:]
        if len(whole) > 1:
            return _pair(whole)
        return "&amp;"

    return _with_prefixes(_REFERENCES.sub(mended, _ILLEGAL.sub("", text)))


def _character(number: str) -> str:
    code = int(number[1:], 16) if number[0] in "xX" else int(number)
    if 0x80 <= code <= 0x9F:
        return bytes([code]).decode("cp1252", "ignore")  # as HTML reads them
    if code > 0x10FFFF or _ILLEGAL.match(chr(code)):
        return ""
    return chr(code)


def _pair(references: str) -> str:
    """Two references, which may be one character written as the surrogates of UTF-16."""
    high, low = (int(n[1:], 16) if n[0] in "xX" else int(n) for n in re.findall(r"#([^;]+);", references))
    if 0xD800 <= high <= 0xDBFF and 0xDC00 <= low <= 0xDFFF:
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return "".join(_escaped(_character(n)) for n in re.findall(r"#([^;]+);", references))


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _with_prefixes(text: str) -> str:
    """The text with namespace prefixes declared that it uses and does not declare."""
    plain = re.sub(_OPAQUE, "", text, flags=re.S)
    head = re.split(r"<(?:[\w.-]+:)?(?:item|entry)[\s>]", plain, maxsplit=1)[0]
    used = set(_PREFIX.findall(plain))
    used.update(prefix for tag in re.findall(r"<[A-Za-z][^<>]*>", plain) for prefix in _ATTRIBUTE_PREFIX.findall(tag))
    missing = sorted(p for p in used - {"xml", "xmlns"} if not re.search(rf"\bxmlns:{re.escape(p)}\s*=", head))
    root = re.search(r"<[A-Za-z_][\w.:-]*", text)
    if not missing or root is None:
        return text
    # An entry under a prefix that nobody declared is meant as a plain RSS one.
    plainly = {p for p in missing if re.search(rf"<{re.escape(p)}:(?:item|entry|channel)\b", plain)}
    declared = "".join(
        f' xmlns:{p}="{_KNOWN_PREFIXES.get(p) or (_RSS if p in plainly else f"urn:undeclared:{p}")}"' for p in missing
    )
    return text[: root.end()] + declared + text[root.end() :]


def mend(text: str) -> tuple[str, list[str]]:
    """A piece of XML with its tags set right, and the elements that are open at its end, outermost first."""
    out: list[str] = []
    stack: list[str] = []
    depths: Counter[str] = Counter()  # how many of a name are open: a stray end tag must not cost a walk up the stack
    position = 0
    while match := _TOKEN.search(text, position):
        out.append(text[position : match.start()])
        position = match.end()
        if match["cdata"] is not None:
            out.append(match[0])
        elif match["open"]:
            # A CDATA section without end: it ends where the element does that it stands in.
            name = stack[-1] if stack else ""
            end = text.find(f"</{name}", position) if name else -1
            end = len(text) if end < 0 else end
            out.append(_escaped(text[position:end].replace("<![CDATA[", "").replace("]]>", "")))
            position = end
        elif match["less"]:
            out.append("&lt;")
        elif match["close"]:
            out.append("]]&gt;")
        elif not match["drop"]:
            name = match["name"] or match["name2"]
            attributes = match["attributes"] if match["name"] else match["attributes2"]
            if match["end"] or match["end2"]:
                out.append(_closed(name, stack, depths))
            else:
                out.append(_opened(name, attributes, stack, depths))
    out.append(text[position:])
    return "".join(out), stack


def _closed(name: str, stack: list[str], depths: Counter[str]) -> str:
    ends = ""
    while depths[name.lower()]:  # else it is the end of something that was never begun
        ends += f"</{(last := stack.pop())}>"
        depths[last.lower()] -= 1
        if last.lower() == name.lower():
            break
    return ends


def _opened(name: str, attributes: str, stack: list[str], depths: Counter[str]) -> str:
    before = ""
    while stack and stack[-1].lower() in _LEAVES and name.lower() in _CHILDREN:
        before += _closed(stack[-1], stack, depths)
    empty = attributes.rstrip().endswith("/") or name.lower() in _VOID
    seen: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(attributes.rstrip().removesuffix("/")):
        value = match[1] if match[2] is None else match[2]
        value = value[1:-1] if value[:1] in "\"'" and len(value) > 1 else value
        seen.setdefault(match[1], value.replace('"', "&quot;").replace("<", "&lt;"))
    if not empty:
        stack.append(name)
        depths[name.lower()] += 1
    written = "".join(f' {key}="{value}"' for key, value in seen.items())
    return f"{before}<{name}{written}{'/' if empty else ''}>"
