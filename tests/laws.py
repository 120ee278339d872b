"""What holds for whatever comes out of cleaning, and inputs that look like HTML: for the suite and for the long runs."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from aggregator.clean import Site, clean, tokens
from aggregator.model import Article, Entry, Text

BASE = "https://site.example/a/b"

TAGS = (
    "p div span a b i em strong u s font center h1 ul ol li dl dt dd table tr td th tbody thead caption pre code blockquote "
    "figure figcaption img br hr iframe script style noscript template svg math mi mtext annotation-xml form input button "
    "select option textarea title video audio source picture object embed details summary ruby rt rp xmp plaintext "
    "section nav button marquee nobr base body html head frameset applet"
).split()
ATTRIBUTES = (
    'href="/x?utm_source=a&b=1"|href="#fn1"|href="javascript:alert(1)"|id="fn1"|id="location"|name=x|src="/a.png"|'
    'src="data:image/gif;base64,x"|data-src="b.png"|srcset="a.png 1x, b.png 2x"|width=1|height=1|style="display:none"|'
    'hidden|title="a&quot;<b>"|class="language-c share-buttons"|onclick=alert(1)|colspan=2|alt=""|lang=de|controls|open'
).split("|")
TEXTS = (
    "word", " ", "\n", "&amp;", "&nbsp;", "&#1;", "a & b", "<", "The post X appeared first on Y.", "Read more", "Share this",
    "x\x00y", "\ufffe", "&lt;b&gt;", "<!-- c -->", "]]>", "🙂", "<p", "</", "\ud800", "Engineers found cracks in it.",
)  # fmt: skip


def cleaned(html: str, base: str = BASE, plain: bool = False) -> Article:
    entry = Entry("g", BASE, title=Text("A title of its own"), content=Text(html, not plain, base))
    return clean(entry, Site("https://site.example/feed.xml", "https://site.example/"))


class AsXml(HTMLParser):
    """Writes HTML as XHTML, as somebody who publishes type="xhtml" would."""

    VOID = frozenset("area br col hr img input source track wbr".split())

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.names: set[str] = set()  # of attributes
        self.addresses: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "cite", "poster")]
        values = "".join(f' {name}="{escaped(value or "")}"' for name, value in attrs)
        self.out.append(f"<{tag}{values}{'/' if tag in self.VOID else ''}>")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(escaped(data))


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def check_laws(article: Article) -> None:
    """What holds for whatever comes out of cleaning."""
    again = cleaned(article.content_html)
    assert again.content_html == article.content_html, "cleaned again it is another"
    assert again.content_text == article.content_text
    assert tokens.written(article.content_html) == article.content_text, "the walk's text is another than the markup's"
    page = AsXml(article.content_html)
    ET.fromstring(f"<div>{''.join(page.out)}</div>")  # well-formed as XHTML, and escaped
    ET.fromstring(f"<content>{escaped(article.content_html)}</content>")
    for text in (article.title, article.summary, article.content_text, article.removed_text):
        ET.fromstring(f"<t>{escaped(text)}</t>")
    assert tokens.serialised(article.content_html).strip() == article.content_html, "a parser reads another tree"
    assert not re.search(
        r"<(?:script|style|svg|iframe|object|embed|form|input|noscript|template)\b", article.content_html
    )
    assert not {name for name in page.names if name.startswith("on") or name in ("style", "name", "target", "ping")}
    assert [url for url in page.addresses if not re.match(r"(?:https?|mailto|tel):|#", url, re.I)] == []


class Given(random.Random):
    """Dice whose throws are these bytes, then the lowest, so that a fuzzer sees what a byte does."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = iter(data)

    def getrandbits(self, count: int, /) -> int:
        throw = bytes(next(self._data, 0) for _ in range((count + 7) // 8))
        return int.from_bytes(throw, "big") & ((1 << count) - 1)

    def random(self) -> float:
        return next(self._data, 0) / 256


def htmlish(dice: random.Random) -> str:
    """Something like HTML. Of few elements, so that they come to stand in one another in every way."""
    tags = TAGS if dice.random() < 0.3 else [dice.choice(TAGS) for _ in range(dice.randint(2, 6))]
    if dice.random() < 0.2:
        tags = [*tags, "math", "mi", "mtext"]
    pieces = []
    for _ in range(dice.randint(1, dice.choice((6, 25)))):
        kind, tag = dice.random(), dice.choice(tags)
        if kind < 0.35:
            pieces.append(dice.choice(TEXTS) if dice.random() < 0.6 else "word")
        elif kind < 0.8:
            given = [dice.choice(ATTRIBUTES) for _ in range(dice.choice((0, 0, 0, 1, 2, 3)))]
            pieces.append(f"<{' '.join((tag, *given))}>")
        else:
            pieces.append(f"</{tag}>")
    return "".join(pieces)
