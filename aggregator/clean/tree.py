"""Walking an HTML tree in one linear pass, without recursion: hostile depth costs time, not the stack."""

from __future__ import annotations

from collections.abc import Generator

from selectolax.lexbor import LexborHTMLParser, LexborNode

# Elements that begin and end a line of their own; all others run on in the line.
BLOCKS = frozenset(
    (
        "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption "
        "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol p pre search section "
        "summary table tbody td tfoot th thead tr ul"
    ).split()
)
LINES = frozenset("li dt dd tr td th caption".split())  # parted by one line break in text, other blocks by two
_GAPS = ("", " ", "\n", "\n\n")  # the wider gap wins
MEDIA = frozenset("img picture video audio math hr iframe embed object".split())


def body(html: str) -> LexborNode:
    """The parsed body of an HTML fragment."""
    node = LexborHTMLParser("<!DOCTYPE html><body>" + html).body
    assert node is not None  # the parser makes a body for any input
    return node


def walk(root: LexborNode) -> Generator[tuple[LexborNode, bool], bool | None, None]:
    """All nodes below `root` in document order as (node, entering); elements come a second time when they end.

    Send True after an entering node to say that it was taken out of the tree or need not be entered.
    """
    depth = 0
    node = root.first_child
    while node is not None:
        following, parent = node.next, node.parent
        skipped = yield node, True
        child = None if skipped else node.first_child
        if child is not None:
            node, depth = child, depth + 1
            continue
        if not skipped and node.is_element_node:
            following = node.next
            yield node, False
        while following is None and depth:
            assert parent is not None
            node, depth = parent, depth - 1
            following, parent = node.next, node.parent
            yield node, False
        node = following


def text(html: str) -> str:
    """The readable text of HTML: blocks parted by blank lines, list items and cells by line breaks, words never glued."""
    pieces: list[str] = []
    gap = ""
    pre = 0

    def part(new: str) -> None:
        nonlocal gap
        gap = max(gap, new, key=_GAPS.index)

    for node, entering in walk(body(html)):
        if node.is_text_node:
            if entering:
                value = node.text_content or ""
                words = value if pre else " ".join(value.split())
                if not words:
                    if value and not gap and pieces:
                        gap = " "
                    continue
                if gap or (value[:1].isspace() and pieces and not pre):
                    pieces.append(gap.strip(" ") or " ")
                pieces.append(words)
                gap = " " if value[-1:].isspace() and not pre else ""
            continue
        tag = node.tag or ""
        if tag == "pre":
            pre += 1 if entering else -1
        if (tag == "br" and entering) or tag in LINES:
            part("\n")
        elif tag in BLOCKS:
            part("\n\n")
    return "".join(pieces).strip()
