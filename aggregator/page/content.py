"""An article's sanitised HTML inside a page of ours: its headings below ours, its pictures without a rush.

The sanitiser's rule is that nothing edits the string after it. What is done here keeps that: only the digit of a heading
changes, and to pictures and players come attributes without a quote or an angle bracket, so that no tag can be opened or
closed by it.
"""

from __future__ import annotations

import re

# The sanitiser writes attributes in double quotes, with quotes inside them escaped.
_REST = r'(?=[\s>])((?>(?:[^<>"]++|"[^"]*+")*))>'
_TAG = re.compile(rf"<(/?)(h[1-6]|img|audio|video){_REST}")
# A link that holds pictures only: without words for these, nobody who can't see them knows of it.
_PICTURE_LINK = re.compile(rf"<a{_REST}(?>(?:\s|<img{_REST})*)</a>")
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


def embed(html: str, below: int) -> str:
    """The HTML with its headings under one of level `below`, none skipped; no picture without words, none in a hurry."""
    levels: list[tuple[int, int]] = []  # the headings that hold the next one: (level there, level here)
    open_headings: list[int] = []

    def change(tag: re.Match[str]) -> str:
        end, name, rest = tag.groups()
        if name in ("audio", "video"):
            return tag[0] if end or re.search(r"\scontrols\b", rest) else f"<{name} controls{rest}>"
        if name == "img":
            present = dict(_ATTRIBUTE.findall(rest))
            alt = "" if "alt" in present else " alt=Picture"
            lazy = "" if "loading" in present else " loading=lazy"
            return f"<img{alt}{lazy}{rest}>"
        if end:
            return f"</h{open_headings.pop() if open_headings else min(6, below + 1)}>"
        level = int(name[1])
        while levels and levels[-1][0] >= level:
            levels.pop()
        here = min(6, (levels[-1][1] if levels else below) + 1)
        levels.append((level, here))
        open_headings.append(here)
        return f"<h{here}{rest}>"

    return _PICTURE_LINK.sub(lambda link: link[0].replace(' alt=""', " alt=Picture"), _TAG.sub(change, html))


def is_web_address(url: str) -> bool:
    """Whether an address may be put into a page: http or https, of a sensible length."""
    return url.startswith(("https://", "http://")) and len(url) <= 1000
