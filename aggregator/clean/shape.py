"""What an entry holds, made one HTML fragment: plain text, HTML escaped once too often, and what is too long."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable

from aggregator.clean import tokens
from aggregator.clean.characters import legal
from aggregator.clean.defuse import defuse
from aggregator.clean.steps import Stepwise
from aggregator.clean.walk import Cleaned
from aggregator.model import Text

LONGEST = 2**20  # characters of an entry's HTML; the rest is kept as text, marked
_NEAR = 4096  # characters before that in which a better place to cut is looked for
_MARK = "<p>[…]</p>"
_REST = _MARK + "<pre>"
_TAG = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9-]{0,30}(?:[\s/][^<>]*)?|!--.*?--)>", re.S)
_ESCAPED_TAG = re.compile(
    r"&lt;(/?)(a|abbr|article|b|blockquote|br|center|code|dd|div|dl|dt|em|figcaption|figure|font|h[1-6]|hr|i|iframe|"
    r"img|li|ol|p|pre|section|small|span|strong|sub|sup|table|tbody|td|th|thead|tr|u|ul|video)"
    r"((?:\s(?:(?!&lt;|&gt;|<|>).){0,2000})?/?)&gt;",
    re.I | re.S,
)
_SPEAKS_OF_CODE = re.compile(r"&lt;(?:!doctype|html|head|body|script|style|\?|template)|\n[ \t]+&lt;", re.I)
_ENTITY = re.compile(
    r"&(?:#\d{2,7}|#x[0-9a-f]{2,6}|amp|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip|eacute|[aou]uml|szlig);", re.I
)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.S)
_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")


def html(text: Text) -> str:
    """The HTML of a text construct."""
    value = text.value
    if not text.html:
        return _paragraphs(entities.escape(legal(value), quote=False))
    value = _CDATA.sub(r"\1", value) if "<![CDATA[" in value else value
    if _TAG.search(value) is not None:
        return value
    for _ in range(2):
        if "&lt;" not in value or not _is_escaped_html(value):
            break
        value = legal(entities.unescape(value))
    if _TAG.search(value) is None and "\n\n" in value.strip().replace("\r", ""):
        return _paragraphs(value.replace("<", "&lt;"))  # plain text that a feed calls HTML
    return value


def unescaped(title: str) -> str:
    """A line of text in which an entity was left over by escaping twice, without it."""
    return entities.unescape(title) if _ENTITY.search(title) else title


def whole(markup: str, transform: Callable[[str], Stepwise[Cleaned]]) -> Stepwise[Cleaned]:
    """What `transform` makes of markup; of one that is too long its beginning, and the text of the rest, marked."""
    if len(markup) <= LONGEST:
        done = yield from transform(markup)
        if "<" not in done.html and html(Text(done.html)) != done.html:
            # Had tags, and has none that a reader would see; so that nobody takes it for plain text, it gets one.
            done = yield from transform(f"<p>{done.html}</p>")
        return done
    markup = defuse(markup)
    cut = markup.find(_REST, 0, LONGEST + len(_REST))
    if cut >= 0 and "<" not in (kept := markup[cut + len(_REST) :].removesuffix("</pre>")):
        rest = tokens.plain(kept)  # what we have made of it before
    else:
        cut = _end_of_piece(markup, 0)
        rest = _text(markup, cut)
    done = yield from transform(markup[:cut])
    if len(done.html) > LONGEST:
        # Cleaning can lengthen (addresses become absolute): then all of it is text.
        done, rest = (yield from transform("")), f"{done.text}\n\n{rest}"
    if not rest:
        return done
    text = "\n\n".join(filter(None, (done.text, "[…]", rest)))
    return Cleaned(f"{done.html}{_REST}{tokens.escape(rest)}</pre>", text, done.removed, done.credits, done.edges)


def _text(markup: str, start: int) -> str:
    """The text of markup from `start` on, read in pieces: a parser, and a list of words, need many times their size."""
    found: list[str] = []
    while start < len(markup):
        end = _end_of_piece(markup, start)
        if piece := tokens.text(markup[start:end]):
            found += (_gap(markup, start) if found else "", piece)
        start = end
    return "".join(found)


def _end_of_piece(markup: str, start: int) -> int:
    """Where to cut: not inside a tag, however long, and rather where a block begins or between words than inside one."""
    end = start + LONGEST - _NEAR  # cleaning may lengthen it a little
    if end >= len(markup):
        return len(markup)
    opening = markup.rfind("<", start, end)
    if opening > markup.rfind(">", start, end):
        if opening == start:
            return markup.find(">", end) + 1 or len(markup)
        end = opening
    for signs in (("<p", "<div", "<li", "<h", "<tr", "\n"), (" ",)):
        near = max(markup.rfind(sign, max(start, end - _NEAR), end) for sign in signs)
        if near > start:
            return near
    return end


def _gap(markup: str, at: int) -> str:
    """What parts the text of two pieces."""
    tag = re.match(r"</?([a-zA-Z][a-zA-Z0-9]*)", markup[at : at + 20])
    if tag is not None and tag[1].lower() in tokens.BLOCKS:
        return "\n\n"
    return " " if markup[at - 1].isspace() or markup[at].isspace() else ""


def _is_escaped_html(value: str) -> bool:
    """Whether text without a real tag is HTML escaped once too often, not a text about HTML.

    It is when its escaped tags are paired, and it either is wrapped in them as a whole or has links, images or
    paragraphs with attributes and addresses such as nobody writes in prose.
    """
    if _SPEAKS_OF_CODE.search(value):
        return False
    found = _ESCAPED_TAG.findall(value)
    names = [name.lower() for end, name, _ in found if not end]
    ends = [name.lower() for end, name, _ in found if end]
    paired = sum(names.count(name) > 0 for name in set(ends))
    text = value.strip()
    wrapped = text[:4] == "&lt;" and _ESCAPED_TAG.match(text) is not None and text.endswith("&gt;")
    if wrapped and (paired or {"br", "img"} & set(names)):
        return True
    addressed = re.search(
        r"&lt;(?:a|img)\s[^<>]{0,300}?(?:href|src)=(?:&quot;|&#34;|[\"']|&#39;)?(?:https?:)?/", value, re.I
    )
    return (
        (addressed is not None and (paired > 0 or "img" in names))
        or (ends.count("p") >= 2 and paired > 0)
        or names.count("br") >= 3
    )


def _paragraphs(escaped: str) -> str:
    parts = _PARAGRAPHS.split(escaped.replace("\r\n", "\n").replace("\r", "\n").strip())
    return "".join("<p>" + part.strip().replace("\n", "<br>") + "</p>" for part in parts if part.strip())
