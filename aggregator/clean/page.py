"""A page in the making: goes along the tokens of a document and writes the pieces that stay, as runs of text and media."""

from __future__ import annotations

import re

from aggregator.clean import embeds, furniture, images, links, tokens
from aggregator.clean.furniture import Block, Blocks, Surroundings
from aggregator.clean.sanitize import ATTRIBUTES, EVERYWHERE, NAME, TAGS, language_class
from aggregator.clean.tidy import Piece
from aggregator.clean.tokens import BLOCKS, MATHML, VOID, attributes, escape, escape_value, plain
from aggregator.model import Removal

_DROPPED = frozenset(
    (
        "script style template object applet svg button select textarea datalist title head canvas frameset "
        "annotation annotation-xml mglyph malignmark map noembed noframes iframe embed"
    ).split()
)
_NOTHING = frozenset("input link meta base basefont param area frame keygen bgsound".split())  # void, and not shown
_RENAMED = {
    "strike": "s", "tt": "code", "acronym": "abbr", "big": "span", "center": "div", "dir": "ul", "menu": "ul",
    "form": "div", "fieldset": "div", "legend": "p", "marquee": "div", "search": "div", "dialog": "div", "listing": "pre",
    "amp-img": "img", "amp-anim": "img", "amp-video": "video", "amp-audio": "audio", "amp-iframe": "iframe",
}  # fmt: skip
_MATH_LEAVES = ("mi", "mo", "mn", "ms", "mtext")
_PLAYERS = frozenset({"video", "audio"})
_PROTECTING = frozenset("pre table blockquote figure code".split())
# Allowed elements without a meaning for the walk, and how they are written.
_EASY: dict[str, Piece] = {
    end + tag: (end + tag, f"<{end}{tag}>")
    for tag in "p em strong b i u s sub sup small mark ul ol li dl dd div section article kbd samp var cite".split()
    for end in ("", "/")
}
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6 dt summary caption".split())
_MEDIA = frozenset("picture video audio math hr".split())
_PHRASING_ONLY = frozenset("p h1 h2 h3 h4 h5 h6 a pre span em strong b i summary caption".split())
_LINKS = ("http", "https", "mailto", "tel")
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)\s*(?:!|;|$)", re.I)
_NO_PLAYER = re.compile(r"your browser (?:does|can|is|may)", re.I)
_PERMALINKS = frozenset("# ¶ § 🔗 ⚓ ∞".split())
_YOUTUBE = frozenset({"amp-youtube", "lite-youtube", "youtube-video"})
_FLAGS = frozenset("controls loop open reversed default".split())
_NUMBERS = frozenset("width height colspan rowspan span start value".split())
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d+)?(?:px|%)?")
_ID = re.compile(r' (?:id|name)="([^"]+)"')
_FRAGMENT = re.compile(r' href="[^"]*#([^"#]+)"')
_BASE = re.compile(r'<base(?: [^>]*)? href="([^"]*)"', re.I)
_DEEPEST = 120  # elements; what is deeper keeps its text and loses its tags
_SHORT_FORM = 300  # characters; a longer form is a page wrapped in one


# An open element: the tag as it was; as it is written, "" where only its content is; its first piece; the hint before it.
_Element = tuple[str, str, int, str | None]


class Run:
    """Pieces that stand in one line of the page, in the making of a Block."""

    __slots__ = ("addresses", "heading", "hint", "linked", "media", "pieces", "protected")

    def __init__(self, protected: bool, heading: bool, hint: str | None) -> None:
        self.pieces: list[int] = []
        self.addresses: list[str] = []
        self.media: list[int] = []
        self.linked = 0  # characters in links
        self.protected = protected
        self.heading = heading
        self.hint = hint

    def block(self, out: list[Piece | None]) -> Block:
        """What the rules look at; `out` are the page's pieces."""
        text = "".join([piece[1] for index in self.pieces if (piece := out[index]) is not None])
        linked = self.linked > 0 and self.linked >= len(text) - 4
        text = " ".join(plain(text).split())
        return Block(text, bool(self.media), self.protected, linked, self.heading, self.hint, tuple(self.addresses))


class LazyBlocks:
    """The blocks of runs, each made when it is looked at."""

    def __init__(self, page: Page) -> None:
        self._runs, self._out = page.runs, page.out
        self._made: dict[int, Block] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, index: int) -> Block:
        if index not in self._made:
            self._made[index] = self._runs[index].block(self._out)
        return self._made[index]


class Page:
    """Goes along the tokens and writes pieces, with the runs of text that they make."""

    def __init__(self, base: str, html: str) -> None:
        self.html = html
        self.base = _own_base(base, html)
        self.page = self.base.partition("#")[0]
        self.out: list[Piece | None] = []
        self.runs: list[Run] = []
        self.current = Run(False, False, None)
        self.forms: list[Removal] = []
        self.pictures: list[tuple[int, str]] = []  # images that may lead: index of the piece, address
        self.targets = set(_ID.findall(html)) & set(_FRAGMENT.findall(html)) if "#" in html else set()
        self._open: list[_Element] = []
        self._protecting = 0
        self._headings = 0
        self._inside = dict.fromkeys(TAGS, 0)  # elements open, by the name they get
        self._noscript = 0
        self._special = 0  # of <noscript> and <math> open: elements in which others have no place
        self._players = 0
        self._hint: str | None = None
        self._shown: set[str] = set()  # addresses of images
        self._lazy: bool | None = None  # of the last image: whether one that loads late was made right
        self._candidates = ""  # of the <source> before a picture's <img>

    def run(self) -> None:
        skipped, depth = "", 0
        for raw, raw_markup, content, end, tag, markup, text in tokens.parts(self.html):
            if depth:
                if tag == skipped:
                    depth += -1 if end else 1
            elif text:
                self._text(text)
            elif raw:
                self._raw(raw, attributes(raw_markup), content)
            elif end:
                if tag in _EASY and self._open and self._open[-1][1] == tag:
                    self._easy_end(tag)
                else:
                    self._end(tag)
            elif not markup and tag in _EASY and len(self._open) < _DEEPEST and not self._special:
                self._easy_start(tag)
            elif tag and not self._start(tag, attributes(markup)) and tag not in VOID:
                skipped, depth = tag, 1
        while self._open:
            self._end(self._open[-1][0])
        self._close()

    def _easy_start(self, tag: str) -> None:
        """As `_start`, for the many elements without attributes that nothing is to be known of."""
        if tag in BLOCKS:
            self._close()
        self._open.append((tag, tag, len(self.out), self._hint))
        self.out.append(_EASY[tag])

    def _easy_end(self, tag: str) -> None:
        hint = self._open.pop()[3]
        if tag in BLOCKS:
            self._close()
        self.out.append(_EASY["/" + tag])
        if self._hint is not hint:
            self._close()
            self._hint = self.current.hint = hint

    def take_out(self, run: Run) -> None:
        """Removes what a run shows."""
        for index in run.pieces:
            self.out[index] = None
        for index in run.media if run.hint is not None else ():
            piece = self.out[index]
            self.out[index] = None
            if piece is None or piece[0] in VOID:
                continue
            end = "/" + piece[0]  # none of <picture>, <video>, <audio> and <math> is ever inside its like
            while index + 1 < len(self.out) and (piece is None or piece[0] != end):
                index += 1
                piece, self.out[index] = self.out[index], None

    def cut_tail(self, blocks: Blocks, found: dict[int, str], around: Surroundings) -> list[Removal]:
        """Removes furniture that ends the last block, after a full stop."""
        removed: list[Removal] = []
        last = next((i for i in range(len(blocks) - 1, -1, -1) if i not in found and blocks[i].text), None)
        if last is None or blocks[last].protected or blocks[last].heading:
            return removed
        text = blocks[last].text
        while (cut := furniture.tail(text, around)) is not None:
            start, rule = cut
            left = sum(len(blocks[index].text) for index in range(len(blocks)) if index not in found and index != last)
            if left + start < (1 - furniture.MOST) * (left + len(blocks[last].text)):
                break
            removed.insert(0, Removal(rule, text[start:]))
            text = text[:start].rstrip()
        if removed:
            self._keep(self.runs[last], len("".join(text.split())))
        return removed

    def _keep(self, run: Run, most: int) -> None:
        """Keeps the first `most` letters of a run."""
        for index in run.pieces:
            piece = self.out[index]
            if piece is None:
                continue
            value = plain(piece[1])
            letters = 0
            for at, letter in enumerate(value):
                if letters == most and not letter.isspace():
                    self.out[index] = ("", escape(value[:at].rstrip())) if at else None
                    break
                letters += not letter.isspace()
            most -= letters

    # What stands in the page.

    def _text(self, text: str) -> None:
        if self._noscript or (self._players and _NO_PLAYER.search(text)):
            return
        run = self.current
        if not run.pieces and text.isspace():
            self.out.append(("", text))
            return
        if self._lazy is not None and not text.isspace():
            self._lazy = None
        run.pieces.append(len(self.out))
        if self._inside["a"]:
            run.linked += len(text)
        self.out.append(("", text))

    def _raw(self, tag: str, values: dict[str, str], content: str) -> None:
        if tag in ("xmp", "plaintext"):
            self._start("pre", {})
            self._text(escape(content.lstrip("\n")))
            self._end("pre")
        elif tag in ("iframe", "script") and not self._noscript and not _hidden(values):
            self._embed(embeds.embed(values, self.base, known=tag == "script"))

    def _embed(self, embed: embeds.Embed | None) -> None:
        if embed is None or embed.url in self._shown:
            return
        self._shown.add(embed.url)
        if self._inside["math"] or self._noscript:
            return
        alone = not any(name in _PHRASING_ONLY for _, name, _, _ in self._open)
        if alone:
            self._start("p", {})
        linked = self._inside["a"] > 0
        if not linked:
            self._start("a", {"href": embed.url})
        self._text(escape(embed.title))
        if not linked:
            self._end("a")
        if alone:
            self.current.media.append(len(self.out) - 1)
            self._end("p")

    def _start(self, tag: str, values: dict[str, str]) -> bool:
        """Writes a start tag; False where the element and all in it is dropped."""
        if tag == "br":
            if not self._noscript:
                self.out.append(("br", "<br>"))
                self._close()
            return True
        name = _RENAMED.get(tag, tag)
        if tag in _NOTHING or name in _DROPPED or _hidden(values):
            return self._instead(tag, name, values)
        if self._noscript and name not in ("img", "noscript"):
            self._push(tag, "")
            return True
        if name == "img":
            self._image(values)
            if tag != "img":
                self._push(tag, "")
            return True
        if tag in _YOUTUBE and (video := values.get("data-videoid") or values.get("videoid")):
            self._embed(embeds.embed({"src": f"https://www.youtube.com/embed/{video}"} | _titled(values), self.base))
            return False
        if tag in BLOCKS:
            self._close()
        kept = self._kept(name, values)
        element = self._push(tag, name if self._allowed(name, kept) else "")
        if "class" in values or "id" in values:
            self._hint = self.current.hint = self._hint or furniture.hint(
                f"{values.get('class', '')} {values.get('id', '')}"[:500]
            )
        if not element[1]:
            return True
        if name == "source":
            self._candidates = kept.get("srcset", self._candidates) if self._inside["picture"] else ""
        markup = "".join([f' {key}="{escape_value(value)}"' for key, value in kept.items()]) if kept else ""
        self.out.append((name, f"<{name}{markup}>"))
        if name in _MEDIA:
            self.current.media.append(len(self.out) - 1)
        if name == "a" and "href" in kept:
            self.current.addresses.append(kept["href"])
        if name == "hr":
            self._close()
        if tag in VOID:
            self._pop()
        return True

    def _instead(self, tag: str, name: str, values: dict[str, str]) -> bool:
        """What stands for an element that may not be shown; False where its content goes, too."""
        if _hidden(values):
            if tag == "img":
                self._lazy = False  # a script was to show it; a <noscript> after it may
            return tag in VOID
        if name in ("object", "embed", "iframe"):
            if values.get("type", "").startswith("image/") and values.get("data"):
                self._image({"src": values["data"]} | _titled(values))
                return False
            embed = embeds.embed(values, self.base, known=tag == "object" and "type" not in values)
            self._embed(embed)
            if embed is None and name == "object":
                self._push(tag, "")  # what it holds is for those who can't show it: us
                return True
        return tag in VOID

    def _image(self, values: dict[str, str]) -> None:
        kept = images.image(values, self.base)
        if kept is None and self._inside["picture"] and self._candidates and "src" not in values:
            kept = images.image(values | {"src": images.largest(self._candidates) or ""}, self.base)
        if self._noscript and (kept is None or self._lazy or kept["src"] in self._shown):
            return
        self._lazy = kept is not None if images.is_lazy(values) else None
        if kept is None or self._inside["math"]:
            return
        self._candidates = ""
        self._shown.add(kept["src"])
        kept = self._kept("img", kept)
        if images.may_lead(values, kept["src"]):
            self.pictures.append((len(self.out), kept["src"]))
        self.current.media.append(len(self.out))
        self.current.addresses.append(kept["src"])
        self.out.append(
            ("img", "<img" + "".join(f' {key}="{escape_value(value)}"' for key, value in kept.items()) + ">")
        )

    def _end(self, tag: str) -> None:
        if not any(element[0] == tag for element in reversed(self._open)):
            return
        while self._pop() != tag:
            pass

    def _push(self, source: str, name: str) -> _Element:
        element = (source, name, len(self.out), self._hint)
        self._open.append(element)
        if source in ("noscript", "math"):
            self._special += 1
            self._noscript += source == "noscript"
        if name:
            self._inside[name] += 1
            if name in _PLAYERS:
                self._players += 1
            if name in _PROTECTING:
                self._protecting += 1
                self.current.protected = True
            if name in _HEADINGS:
                self._headings += 1
                self.current.heading = True
        return element

    def _pop(self) -> str:
        element = self._open.pop()
        source, name, first, hint = element
        if source in ("noscript", "math"):
            self._special -= 1
            self._noscript -= source == "noscript"
        if source in BLOCKS:
            self._close()
        if name:
            self._inside[name] -= 1
            if name in _PLAYERS:
                self._players -= 1
            if name in _PROTECTING:
                self._protecting -= 1
            if name in _HEADINGS:
                self._headings -= 1
            if name not in VOID:
                self.out.append(("/" + name, f"</{name}>"))
            if name == "a":
                self._link_ends(first)
            elif name in _PLAYERS:
                self._player_ends(first)
        if source == "form":
            self._form_ends(first)
        if self._hint is not hint:
            self._close()
            self._hint = self.current.hint = hint
        return source

    def _close(self) -> None:
        """Ends the run: what follows stands in another line."""
        current = self.current
        if current.pieces or current.media:
            self.runs.append(current)
            self.current = Run(self._protecting > 0, self._headings > 0, self._hint)
        else:
            current.protected, current.heading, current.hint = self._protecting > 0, self._headings > 0, self._hint

    def _link_ends(self, first: int) -> None:
        """A sign such as "¶" that only links to the heading it stands in goes."""
        inside = self.out[first + 1 : -1]
        if len(inside) == 1 and inside[0] is not None and inside[0][1].strip() in _PERMALINKS:
            start = self.out[first]
            if start is not None and 'href="' in start[1] and "#" in start[1] and self._headings:
                self.out[first:] = [None] * (len(self.out) - first)

    def _player_ends(self, first: int) -> None:
        start = self.out[first]
        if start is None or ' src="' in start[1]:
            return
        if any(piece is not None and piece[0] == "source" for piece in self.out[first:]):
            return
        self.out[first] = self.out[-1] = None  # nothing to play: what is inside for such a case stays

    def _form_ends(self, first: int) -> None:
        """A short form is a box to fill in, not text; a long one is wrapped around a page."""
        runs: list[Run] = []
        for run in reversed(self.runs):
            if (run.pieces or run.media)[0] < first:
                break
            runs.insert(0, run)
        text = " ".join(filter(None, (run.block(self.out).text for run in runs)))
        if len(text) > _SHORT_FORM or any(run.media for run in runs):
            return
        del self.runs[len(self.runs) - len(runs) :]
        self.out[first:] = [None] * (len(self.out) - first)
        if text:
            self.forms.append(Removal("form", text))

    def _allowed(self, name: str, kept: dict[str, str]) -> bool:
        if name not in TAGS or len(self._open) >= _DEEPEST:
            return False
        if name == "math":
            return not self._inside["math"]
        if (name in MATHML) != bool(self._inside["math"]):
            return False
        if name in MATHML and any(self._inside[leaf] for leaf in _MATH_LEAVES):
            return False  # HTML begins inside these (HTML §13.2.6, MathML text integration points)
        if name in ("a", "span", "source", "track"):
            return bool(kept) and (name != "a" or "href" in kept or "id" in kept) and (name != "track" or "src" in kept)
        return name not in ("picture", "video", "audio") or not self._inside[name]

    def _kept(self, name: str, values: dict[str, str]) -> dict[str, str]:
        """The attributes that stay, made right."""
        kept: dict[str, str] = {}
        if not values and name not in ("video", "audio"):
            return kept
        allowed = ATTRIBUTES.get(name, frozenset())
        if "lang" not in values and "xml:lang" in values:
            values = values | {"lang": values["xml:lang"]}
        if "id" not in values and name == "a" and "name" in values:
            values = values | {"id": values["name"]}
        for key, value in values.items():
            if key not in allowed and key not in EVERYWHERE:
                continue
            made = self._value(name, key, value)
            if made is not None:
                kept[key] = made
        if name in ("video", "audio"):
            kept.setdefault("controls", "")
            if "src" not in kept and (source := links.absolute(self.base, values.get("data-src"))):
                kept["src"] = source
        elif name == "source":
            if self._inside["picture"]:
                kept.pop("src", None)
                if candidates := images.srcset(images.candidates(values), self.base):
                    kept = {"srcset": candidates} | {key: kept[key] for key in kept if key != "srcset"}
            if "src" not in kept and "srcset" not in kept:
                return {}
        return kept

    def _value(self, name: str, key: str, value: str) -> str | None:
        match key:
            case "href":
                return self._href(value)
            case "cite":
                return links.resolve(self.base, value)
            case "src" | "poster":
                return links.absolute(self.base, value)
            case "srcset":
                return images.srcset(value, self.base) or None
            case "class":
                return language_class(value)
            case "id":
                return value if value in self.targets and NAME.fullmatch(value) else None
            case "title" | "lang" | "dir" | "datetime" | "alttext":
                return value.strip() or None
        if key in _FLAGS and name != "mo":
            return ""
        if key in _NUMBERS and name != "data":
            return value.strip() if _NUMBER.fullmatch(value.strip()) else None
        return value

    def _href(self, value: str) -> str | None:
        """A link's target; one to a place in this text stays that, also where the feed has made it absolute."""
        address, mark, fragment = value.strip().partition("#")
        here = not address or links.absolute(self.base, address) == self.page
        if mark and here and fragment in self.targets and NAME.fullmatch(fragment):
            return "#" + fragment
        return links.resolve(self.base, value, _LINKS)


def _hidden(values: dict[str, str]) -> bool:
    if not values:
        return False
    if "hidden" in values or ("style" in values and _HIDDEN.search(values["style"]) is not None):
        return True
    # KaTeX and MathJax write a formula twice: as MathML, and drawn for eyes only.
    return values.get("aria-hidden") == "true" and "katex-html" in values.get("class", "")


def _titled(values: dict[str, str]) -> dict[str, str]:
    return {"title": values["title"]} if values.get("title") else {}


def _own_base(base: str, html: str) -> str:
    """The base of relative links: a <base> in the document is relative to what it would be without (HTML §4.2.3)."""
    found = _BASE.search(html) if "<base" in html else None
    return (links.absolute(base, plain(found[1])) if found else None) or base
