"""The walk: goes along the tokens of a document and writes the pieces that stay, as runs of text and media."""

from __future__ import annotations

import re

from aggregator.clean import images, tokens
from aggregator.clean.embeds import Embed
from aggregator.clean.rules import Rules
from aggregator.clean.sanitize import TAGS
from aggregator.clean.tidy import BREAK
from aggregator.clean.tokens import GAPS, MATHML, VOID, attributes, escape, escape_value, plain
from aggregator.clean.walk import names
from aggregator.clean.walk.sheet import Sheet, letters
from aggregator.clean.walk.values import Values, hidden, titled, written
from aggregator.clean.walk.writer import Writer

_NO_PLAYER = re.compile(r"your browser (?:does|can|is|may)", re.I)
_DEEPEST = 120  # elements; what is deeper keeps its text and loses its tags


class Page(Writer):
    """Goes along the tokens of `html`, as `tokens.serialised` gives it, and fills the sheet."""

    __slots__ = ("_candidates", "_image_before", "_shown", "html", "rules", "values")

    def __init__(self, base: str, html: str, rules: Rules) -> None:
        super().__init__()
        self.html = html
        self.rules = rules
        self.values = Values(html, base, rules.trackers)
        self._shown: set[str] = set()  # addresses of images
        self._image_before: dict[str, str] | None = None  # the attributes of an image with no text after it
        self._candidates = ""  # of the <source> before a picture's <img>

    def run(self) -> Sheet:
        """Goes along, once."""
        easy, easy_ends, stack, out = names.EASY, names.EASY_ENDS, self._open, self.out
        skipped, depth = "", 0
        for raw, raw_markup, content, tag, markup, text in tokens.parts(self.html):
            if depth:
                depth += (tag == skipped) - (tag == "/" + skipped)
                if depth:
                    continue
            elif not markup and tag in easy and not self._special and len(stack) < _DEEPEST:
                piece, gap = easy[tag]
                if gap:
                    self._close(gap)
                stack.append((tag, tag, len(out), self._hint))
                out.append(piece)
            elif tag in easy_ends and stack and stack[-1][1] == easy_ends[tag][0]:
                _, piece, gap = easy_ends[tag]
                hint = stack.pop()[3]
                if gap:
                    self._close(gap)
                out.append(piece)
                if self._hint is not hint:
                    self._set_hint(hint)
            elif tag[:1] == "/":
                self._end(tag[1:])
            elif tag == "a" and markup[:7] == ' href="' and markup.count('"') == 2:
                self._link(plain(markup[7:-1]))
            elif tag == "span" and markup[:8] == ' class="' and markup.count('"') == 2:
                self._span(plain(markup[8:-1]))
            elif tag:
                if not self._start(tag, attributes(markup)) and tag not in VOID:
                    skipped, depth = tag, 1
                    continue
            elif raw:
                self._raw(raw, attributes(raw_markup), content)
            if text:
                self._text(text)
        while stack:
            self._end(stack[-1][0])
        self._close("")
        return self.sheet

    # What stands in the page.

    def _text(self, text: str) -> None:
        if self._special and self._noscript:
            return
        if self._players and _NO_PLAYER.search(text):
            return
        run = self.current
        texts = run.texts
        if texts or not text.isspace():
            if self._image_before is not None and not text.isspace():
                self._image_before = None
            if not texts:
                run.first = len(self.out)
            texts.append(text)
            if self._inside["a"]:
                run.linked += letters(text)
        self.out.append(text)

    def _raw(self, tag: str, values: dict[str, str], content: str) -> None:
        if tag in ("xmp", "plaintext"):
            self._start("pre", {})
            self._text(escape(content.lstrip("\n")))
            self._end("pre")
        elif tag in ("iframe", "script") and not self._noscript and not hidden(values):
            self._embed(self.rules.embeds.link(values, self.values.base, known=tag == "script"))

    def _embed(self, embed: Embed | None) -> None:
        if embed is None or embed.url in self._shown:
            return
        self._shown.add(embed.url)
        if self._inside["math"] or self._noscript:
            return
        alone = not any(name in names.PHRASING_ONLY for _, name, _, _ in self._open)
        if alone:
            self._start("p", {})
        linked = self._inside["a"] > 0
        if not linked:
            self._start("a", {"href": embed.url})
        self._text(escape(embed.title))
        if not linked:
            self._end("a")
        if alone:
            self.current.embed = True
            self._end("p")

    def _start(self, tag: str, values: dict[str, str]) -> bool:
        """Writes a start tag; False where the element and all in it is dropped."""
        if tag == "br":
            if not self._noscript:
                self.out.append(BREAK)
                self._close("\n")
            return True
        name = names.RENAMED.get(tag, tag)
        if name in names.GONE or hidden(values):
            return self._instead(tag, name, values)
        if self._noscript and name not in ("img", "noscript"):
            self._push(tag, "")
            return True
        if name == "img":
            self._image(values)
            if tag != "img":
                self._push(tag, "")
            return True
        if tag in names.YOUTUBE and (video := values.get("data-videoid") or values.get("videoid")):
            frame = {"src": f"https://www.youtube.com/embed/{video}"} | titled(values)
            self._embed(self.rules.embeds.link(frame, self.values.base))
            return False
        if tag in GAPS:
            self._part(GAPS[tag])
        kept = self.values.kept(name, values, self._inside["picture"] > 0)
        name = name if self._allowed(name, kept) else ""
        self._push(tag, name)
        if not name and tag in GAPS and not self._inside["math"]:
            self.out.append(BREAK)
        if "class" in values or "id" in values:
            self._mark(values.get("class", ""), values.get("id", ""))
        if not name:
            return True
        if name == "source":
            self._candidates = kept.get("srcset", self._candidates) if self._inside["picture"] else ""
        elif name == "a" and "href" in kept:
            self.current.addresses.append(kept["href"])
        elif name in names.MEDIA:
            self.current.media.append(len(self.out))
        self.out.append(written(name, kept))
        if tag in VOID:
            self._pop()
        return True

    def _link(self, href: str) -> None:
        """As `_start`, for a link that has nothing but an address: most elements with attributes are such."""
        if self._special or len(self._open) >= _DEEPEST:
            self._start("a", {"href": href})
            return
        address = self.values.href(href)
        self._push("a", "a" if address else "")
        if address:
            self.current.addresses.append(address)
            self.out.append(f'<a href="{escape_value(address)}">')

    def _span(self, classes: str) -> None:
        """As `_start`, for a <span> with class names only, which goes: in code nearly each word is in one."""
        self._push("span", "")
        if not self._noscript:
            self._mark(classes, "")

    def _mark(self, classes: str, name: str) -> None:
        """Inside of an element that is known for furniture by its class names or id, all is."""
        self._hint = self.current.hint = self._hint or self.rules.furniture.hint(f"{classes} {name}"[:500])

    def _instead(self, tag: str, name: str, values: dict[str, str]) -> bool:
        """What stands for an element that may not be shown; False where its content goes, too."""
        if hidden(values):
            if tag == "img":
                self._image_before = None  # a script was to show it; a <noscript> after it may
            return tag in VOID
        if name in ("object", "embed", "iframe"):
            if values.get("type", "").startswith("image/") and values.get("data"):
                self._image({"src": values["data"]} | titled(values))
                return False
            known = tag == "object" and "type" not in values
            embed = self.rules.embeds.link(values, self.values.base, known)
            self._embed(embed)
            if embed is None and name == "object":
                self._push(tag, "")  # what it holds is for those who can't show it: us
                return True
        return tag in VOID

    def _image(self, values: dict[str, str]) -> None:
        base, trackers = self.values.base, self.rules.trackers
        kept = images.image(values, base, trackers)
        if kept is None and self._inside["picture"] and self._candidates and "src" not in values:
            kept = images.image(values | {"src": images.largest(self._candidates) or ""}, base, trackers)
        before = self._image_before
        if self._noscript and (
            kept is None or kept["src"] in self._shown or (before is not None and images.is_lazy(before))
        ):
            return
        self._image_before = None if kept is None else values
        if kept is None or self._inside["math"]:
            return
        self._candidates = ""
        self._shown.add(kept["src"])
        kept = self.values.of_image(kept)
        self.current.media.append(len(self.out))
        self.current.addresses.append(kept["src"])
        self.out.append(written("img", kept))

    def _allowed(self, name: str, kept: dict[str, str]) -> bool:
        if name not in TAGS or len(self._open) >= _DEEPEST:
            return False
        inside = self._inside
        if name in MATHML or inside["math"]:
            if name == "math":
                return not inside["math"]
            # HTML begins inside the leaves (HTML §13.2.6, MathML text integration points)
            return name in MATHML and inside["math"] > 0 and not any(inside[leaf] for leaf in names.MATH_LEAVES)
        if name in ("a", "span", "source", "track"):
            return bool(kept) and (name != "a" or "href" in kept or "id" in kept) and (name != "track" or "src" in kept)
        return name not in ("picture", "video", "audio") or not inside[name]
