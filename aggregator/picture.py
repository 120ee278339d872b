"""The picture that stands for an article: found in its cleaned HTML when it is shown, so that nothing is kept twice."""

from __future__ import annotations

import re
from html import unescape

_IMG = re.compile(r'<img(?=[\s>])((?>(?:[^<>"]++|"[^"]*+")*))>')
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
_LEAST_PIXELS = 60  # of a side; what is smaller is a button or a face
_LONGEST = 1000  # characters of an address
_ICON = re.compile(r"emoji|smil(?:ey|ie)|avatar|\bicons?\b|favicon|\blogo\b|badge|sprite|feedburner")


def first(html: str) -> str | None:
    """The address of the first picture that is meant to be seen; None where there is none."""
    for image in _IMG.finditer(html) if "<img" in html else ():
        attributes = dict(_ATTRIBUTE.findall(image[1]))
        source = unescape(attributes.get("src", ""))
        sides = (attributes.get("width", ""), attributes.get("height", ""))
        tiny = any(side.isascii() and side.isdigit() and int(side[:6]) < _LEAST_PIXELS for side in sides)
        shown = not tiny and _ICON.search(source.lower()) is None
        if shown and source.startswith(("https://", "http://")) and len(source) <= _LONGEST:
            return source
    return None
