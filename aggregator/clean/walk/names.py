"""Elements by what the walk does with them, and how those without attributes are written."""

from __future__ import annotations

from aggregator.clean.tokens import GAPS

# Not shown, or shown by what stands for them: the element goes with all it holds.
GONE = frozenset(
    (
        "script style template object applet svg button select textarea datalist title head canvas frameset "
        "annotation annotation-xml mglyph malignmark map noembed noframes iframe embed "
        "input link meta base basefont param area frame keygen bgsound"
    ).split()
)
RENAMED = {
    "strike": "s", "tt": "code", "acronym": "abbr", "big": "span", "center": "div", "dir": "ul", "menu": "ul",
    "form": "div", "fieldset": "div", "legend": "p", "marquee": "div", "search": "div", "dialog": "div", "listing": "pre",
    "amp-img": "img", "amp-anim": "img", "amp-video": "video", "amp-audio": "audio", "amp-iframe": "iframe",
}  # fmt: skip
MATH_LEAVES = ("mi", "mo", "mn", "ms", "mtext")
PLAYERS = frozenset({"video", "audio"})
PROTECTING = frozenset("pre table blockquote figure code".split())
HEADINGS = frozenset("h1 h2 h3 h4 h5 h6 dt summary caption".split())
COUNTED = PLAYERS | PROTECTING | HEADINGS  # inside of which things differ
MEDIA = frozenset("picture video audio math hr".split())
PHRASING_ONLY = frozenset("p h1 h2 h3 h4 h5 h6 a pre span em strong b i summary caption".split())
YOUTUBE = frozenset({"amp-youtube", "lite-youtube", "youtube-video"})

# Allowed elements without a meaning for the walk, by tag: as it is written, and what it parts texts by.
_EASY = "p em strong b i u s sub sup small mark ul ol li dl dd div section article kbd samp var cite".split()
EASY = {tag: (f"<{tag}>", GAPS.get(tag, "")) for tag in _EASY}
EASY_ENDS = {f"/{tag}": (tag, f"</{tag}>", GAPS.get(tag, "")) for tag in _EASY}  # with its name first
