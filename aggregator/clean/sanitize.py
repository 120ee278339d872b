"""The last step of cleaning: nh3 with a fixed allow-list. Nothing edits the string after it."""

from __future__ import annotations

import nh3

_EVERYWHERE = {"lang", "dir", "title"}
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href", "hreflang"},
    "abbr": set(),
    "audio": {"src", "controls", "preload"},
    "blockquote": {"cite"},
    "code": {"class"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"cite", "datetime"},
    "details": {"open"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", "loading"},
    "ins": {"cite", "datetime"},
    "li": {"value"},
    "ol": {"start", "reversed", "type"},
    "pre": {"class"},
    "q": {"cite"},
    "source": {"src", "srcset", "sizes", "type", "media"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope", "abbr"},
    "time": {"datetime"},
    "track": {"src", "kind", "srclang", "label"},
    "video": {"src", "poster", "controls", "preload", "width", "height"},
}
_TAGS = set(_ATTRIBUTES) - {"*"} | set(
    (
        "b bdi bdo br caption cite dd dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i kbd mark p picture "
        "rp rt ruby s samp small span strong sub summary sup table tbody tfoot thead tr u ul var wbr math mi mn mo "
        "ms mtext mrow mfrac msqrt mroot mstyle mpadded mphantom msub msup msubsup munder mover munderover "
        "mmultiscripts mtable mtr mtd semantics"
    ).split()
)
_DROPPED_WITH_CONTENT = set(
    "script style template iframe object noscript svg title select textarea annotation-xml annotation".split()
)

_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_DROPPED_WITH_CONTENT,
    attributes=_ATTRIBUTES,
    attribute_filter=lambda tag, name, value: _language_class(value) if name == "class" else value,
    link_rel=None,
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)


def sanitize(html: str) -> str:
    """Safe HTML: what is not on the allow-list is gone."""
    return _CLEANER.clean(html).strip()


def _language_class(value: str) -> str | None:
    """Of a class attribute on code only the highlighter's language stays."""
    names = [name for name in value.split() if name.startswith(("language-", "lang-"))]
    return " ".join(names) or None
