"""Markup made harmless for a parser before it is parsed: in time linear in its length, and without losing text.

HTML's parsing rules have three places where the work grows with the square of the input or worse: every attribute of
a tag is compared with all before it, every open element is looked through for the one that a tag closes, and every
open formatting element is opened again in each paragraph (HTML §13.2.4.3, "reconstruct the active formatting
elements"). 300,000 attributes in one tag cost a parser six minutes, 2,000 open <b class=…> before 2,000 <p> 80 MB.
"""

from __future__ import annotations

import re
from collections import Counter

MOST_ATTRIBUTES = 200  # of one tag
DEEPEST = 400  # elements open at a time
_FORMATTING_WORK = 20_000  # reopened formatting elements in a document
_SMALL = 16_384  # characters and tags below which a document can do no harm
_FEW = 600
_LONG_TAG = 2_000  # characters that fewer than MOST_ATTRIBUTES attributes of a common size need

_TAG = re.compile(
    r"<!--.*?(?:-->|--!>|\Z)"
    r"|<(?P<raw>script|style|xmp|iframe|noembed|noframes|textarea|title)\b.*?(?:</(?P=raw)(?=[\s/>])|\Z)"
    r"|<(?!br\s*/?>)(?P<end>/?)(?P<name>[a-z][^\s/>]*+)"
    r"""(?P<attributes>(?>(?:[\s/]++|[^\s/>][^\s/>=]*+(?>(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+))?))*))>?""",
    re.I | re.S,
)
_ATTRIBUTE = re.compile(
    r"""[\s/]*+[^\s/>][^\s/>=]*+(?>(?:\s*+=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+))?)""", re.S
)
# Closed by their neighbours, not only by an end tag; none of them nests without one of the others between.
_SELF_CLOSING = frozenset(
    (
        "p li dt dd tr td th thead tbody tfoot colgroup rp rt area base br col embed hr img input link "
        "meta param source track wbr body html head"
    ).split()
)
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_REOPENING = frozenset("p div li dd dt td th h1 h2 h3 h4 h5 h6 blockquote section article pre ul ol".split())


def defuse(html: str) -> str:
    """The same document, as every parser can bear it: tags too many are dropped, the text between them never."""
    if len(html) < _SMALL and html.count("<") < _FEW:
        return html
    return _Scan().run(html)


class _Scan:
    def __init__(self) -> None:
        self.open: list[str] = []
        self.dropped: Counter[str] = Counter()  # start tags dropped for their depth; as many end tags go with them
        self.formatting: list[str] = []
        self.work = 0

    def run(self, html: str) -> str:
        pieces: list[str] = []
        last = 0
        for match in _TAG.finditer(html):
            if match["name"] is None:
                continue
            old = match[0]
            new = self._tag(match, match["name"].lower())
            if new != old:
                pieces += (html[last : match.start()], new)
                last = match.end()
        pieces.append(html[last:])
        return "".join(pieces)

    def _tag(self, match: re.Match[str], name: str) -> str:
        text = match[0]
        if name in _FORMATTING:
            return self._formatting(match, name)
        if name in _SELF_CLOSING:
            if match["end"]:
                return text
            return self._reopening(name) + self._attributes(match)
        if match["end"]:
            if self.dropped[name]:
                self.dropped[name] -= 1
                return ""
            if name in self.open:
                while self.open.pop() != name:
                    pass
            return text
        if len(self.open) >= DEEPEST:
            self.dropped[name] += 1
            return " "
        self.open.append(name)
        return self._reopening(name) + self._attributes(match)

    def _formatting(self, match: re.Match[str], name: str) -> str:
        if match["end"]:
            if name in self.formatting:
                self.formatting.remove(name)
                return match[0]
            return match[0] if self.work <= _FORMATTING_WORK else ""
        if self.work > _FORMATTING_WORK or len(self.formatting) >= DEEPEST:
            return ""
        if name == "a" and "a" in self.formatting:
            self.formatting.remove("a")  # a link closes the one before
        self.formatting.append(name)
        return self._attributes(match)

    def _reopening(self, name: str) -> str:
        """End tags for the formatting elements that would be opened again once too often."""
        if not self.formatting or name not in _REOPENING:
            return ""
        self.work += len(self.formatting)
        if self.work <= _FORMATTING_WORK:
            return ""
        ends = "".join(f"</{name}>" for name in reversed(self.formatting))
        self.formatting.clear()
        return ends

    def _attributes(self, match: re.Match[str]) -> str:
        text = match[0]
        if len(text) < _LONG_TAG:
            return text
        attributes = match["attributes"]
        end = 0
        for number, attribute in enumerate(_ATTRIBUTE.finditer(attributes)):
            if number == MOST_ATTRIBUTES:
                return f"<{match['name']}{attributes[:end]}>"
            end = attribute.end()
        return text
