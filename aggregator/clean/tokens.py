"""HTML as a flat list of tokens: one parse, then everything is a walk along a list. No recursion, whatever the depth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser

from aggregator.clean.characters import collapsed, legal
from aggregator.clean.defuse import defuse

# Elements that begin and end a line of their own; all others run on in the line.
BLOCKS = frozenset(
    (
        "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
        "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li listing main marquee menu nav ol p plaintext "
        "pre search section summary table tbody td tfoot th thead tr ul xmp"
    ).split()
)
LINES = frozenset("li dt dd tr td th caption".split())  # parted by one line break in text, other blocks by two
GAPS = {tag: "\n" if tag in LINES else "\n\n" for tag in BLOCKS} | {"br": "\n"}  # what parts texts around an element
VOID = frozenset("area base basefont br col embed frame hr img input link meta param source track wbr".split())
MATHML = frozenset(
    (
        "math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle mpadded mphantom merror menclose msub msup msubsup "
        "munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr semantics"
    ).split()
)
HIDDEN = frozenset("script style template noscript svg title select textarea datalist head".split())

# The parser's own serialisation is regular: names in lower case, values in double quotes, in which "<" and ">" are
# escaped, and "<" else only in tags and raw text. (A serialiser that were wrong would cost an article its looks, not its
# reader's safety: nh3 comes last.)
_TOKEN = re.compile(
    r"(?:<(?:"
    r"(script|style|xmp|iframe|noembed|noframes|plaintext)((?:\s[^>]*+)?)>(.*?)</\1>"
    r"|(/?[a-zA-Z][^\s>]*+)([^>]*+)>"
    r"|!--.*?-->|[!?][^>]*+>|)|\A)"
    r"([^<]*+)",
    re.S,
)
_LARGE = 200_000  # characters, from which on a list of all tokens would need much memory
_ATTRIBUTE = re.compile(r"\s+([^\s/>][^\s/>=]*+)=\"([^\"]*+)\"")

_LINE_TAG, _BLOCK_TAG = (
    re.compile(rf"</?(?:{'|'.join(sorted(tag for tag in GAPS if GAPS[tag] == gap))})\b[^>]*+>")
    for gap in ("\n", "\n\n")
)
_TAG = re.compile("<[^>]*+>")

Token = tuple[str, str, str, str, str, str]  # raw tag, its attributes, its text; tag or "/tag", attributes; text after


def serialised(html: str) -> str:
    """An HTML fragment as a browser would read it, written regularly."""
    body = LexborHTMLParser("<!DOCTYPE html><body>" + defuse(legal(html))).body
    # A reference such as &#1; or &#xFFFE; becomes a character only in the parser.
    written = (body.inner_html or "") if body is not None else ""
    return legal(written) if "#" in html and "&#" in html else written


def parts(serialised: str) -> Iterable[Token]:
    """The tokens of what `serialised` gives: a tag, or something raw, and the text after it, which is escaped (`plain`)."""
    if len(serialised) < _LARGE:
        return _TOKEN.findall(serialised)
    return (match.groups("") for match in _TOKEN.finditer(serialised))  # type: ignore[misc]


def attributes(markup: str) -> dict[str, str]:
    """The attributes of a token; the parser writes the names of HTML's in lower case."""
    if not markup:
        return {}
    found = dict(_ATTRIBUTE.findall(markup))
    return {name: plain(value) for name, value in found.items()} if "&" in markup else found


def plain(text: str) -> str:
    """A text or value of a token without its escapes."""
    if "&" not in text:
        return text
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&nbsp;", "\xa0")
    return text.replace("&amp;", "&")


def escape(text: str) -> str:
    """A text as nh3 would write it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\xa0", "&nbsp;") if "\xa0" in text else text


def escape_value(value: str) -> str:
    """An attribute's value as nh3 would write it."""
    return escape(value).replace('"', "&quot;")


def text(html: str) -> str:
    """The readable text of HTML: blocks parted by blank lines, list items and cells by line breaks, words never glued."""
    return joined(visible(serialised(html)))


def written(html: str) -> str:
    """As `text`, of HTML that is as regular as `serialised` gives it, without anything hidden: nothing is parsed."""
    if "<pre" in html:
        return joined(visible(html))
    flat = plain(_TAG.sub("", _BLOCK_TAG.sub("\x1d", _LINE_TAG.sub("\x1e", html))))
    return "\n\n".join(filter(None, map(_lines, flat.split("\x1d"))))


def _lines(block: str) -> str:
    if "\x1e" not in block:
        return collapsed(block)
    return "\n".join(filter(None, map(collapsed, block.split("\x1e"))))


def joined(pieces: Iterable[tuple[str, str]]) -> str:
    """The text of (tag, text) pairs: tag is "" for a text (escaped), "p" where an element begins, "/p" where it ends."""
    result: list[str] = []
    gap = ""
    pre = 0
    for tag, value in pieces:
        if not tag:
            value = plain(value)
            words = value if pre else collapsed(value)
            if not words:
                if value and not gap:
                    gap = " "
                continue
            if result and (gap or (not pre and value[0].isspace())):
                result.append(gap or " ")
            result.append(words)
            gap = " " if not pre and value[-1].isspace() else ""
            continue
        name = tag.lstrip("/")
        if name == "pre":
            pre += -1 if tag[0] == "/" else 1
        gap = max(gap, GAPS.get(name, ""), key=len)
    return "".join(result).strip()


def visible(serialised: str) -> Iterator[tuple[str, str]]:
    """What `joined` takes, of what `serialised` gives."""
    skipped, depth = "", 0
    for raw, _, content, tag, _, value in parts(serialised):
        if depth:
            depth += (tag == skipped) - (tag == "/" + skipped)
        elif tag in HIDDEN:
            skipped, depth = tag, 1
        elif tag:
            yield tag, ""
        elif raw in ("xmp", "plaintext"):
            yield from (("pre", ""), ("", escape(content)), ("/pre", ""))
        if value and not depth:
            yield "", value
