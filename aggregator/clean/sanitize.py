"""The last step of cleaning: nh3 with a fixed allow-list. Nothing edits the string after it."""

from __future__ import annotations

import re

import nh3

EVERYWHERE = frozenset({"lang", "dir", "title", "id"})
ATTRIBUTES: dict[str, frozenset[str]] = {
    tag: frozenset(names.split())
    for tag, names in {
        "a": "href hreflang",
        "abbr": "",
        "audio": "src controls preload loop",
        "blockquote": "cite",
        "code": "class",
        "col": "span",
        "colgroup": "span",
        "data": "value",
        "del": "cite datetime",
        "details": "open",
        "img": "src srcset sizes alt width height loading",
        "ins": "cite datetime",
        "li": "value",
        "math": "display alttext",
        "mi": "mathvariant",
        "mo": "stretchy fence separator accent form",
        "mover": "accent",
        "mspace": "width",
        "mtable": "columnalign",
        "mtd": "columnspan rowspan",
        "munder": "accentunder",
        "ol": "start reversed type",
        "pre": "class",
        "q": "cite",
        "source": "src srcset sizes type media width height",
        "td": "colspan rowspan headers",
        "th": "colspan rowspan headers scope abbr",
        "time": "datetime",
        "track": "src kind srclang label default",
        "video": "src poster controls preload loop width height",
    }.items()
}
TAGS = frozenset(ATTRIBUTES) | frozenset(
    (
        "address article aside b bdi bdo br caption cite dd dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 "
        "header hgroup hr i kbd main mark nav p picture rp rt ruby s samp section small span strong sub summary sup "
        "table tbody tfoot thead tr u ul var wbr mn ms mtext mrow mfrac msqrt mroot mstyle mpadded mphantom msub msup "
        "msubsup munderover mmultiscripts mprescripts none mtr mlabeledtr merror menclose semantics"
    ).split()
)
DROPPED_WITH_CONTENT = frozenset(
    "script style template iframe object noscript svg title select textarea annotation-xml annotation".split()
)
ADDRESSES = frozenset("href src cite poster".split())
_SAFE = re.compile(r"(?:https?|mailto|tel):[^\s\x00-\x1f]", re.I)
# A name with a digit or a hyphen is never one that scripts find as `document.name` or `window.name`.
NAME = re.compile(r"(?=[^-:_.\d]*[-:_.\d])[\w:.-]{1,100}")
_LANGUAGES = ("language-", "lang-")


def sanitize(html: str) -> str:
    """Safe HTML: what is not on the allow-list is gone."""
    filtered = _NEEDS_FILTER.search(html) is not None
    return (_WITH_FILTER if filtered else _PLAIN).clean(html).strip()


def language_class(value: str) -> str | None:
    """Of a class attribute on code only the highlighter's language stays."""
    return " ".join(name for name in value.split() if name.startswith(_LANGUAGES)) or None


def _filter(tag: str, name: str, value: str) -> str | None:
    if name in ADDRESSES:
        return value if _SAFE.match(value) or (tag == "a" and value[:1] == "#") else None
    if name == "srcset":
        return value if all(_SAFE.match(part.strip()) for part in value.split(", ")) else None
    if name == "class":
        return language_class(value)
    if name == "id":
        return value if NAME.fullmatch(value) else None
    return value


# A call back into Python for each attribute costs more than all else, so texts without these (and without "#…") go
# without: where one were overlooked, the cleaner would drop it.
_FILTERED = frozenset("class id srcset cite poster".split())
# It begins with what few letters are, so that it is found faster than any of the names.
_NEEDS_FILTER = re.compile(f'="(?:#|{"|".join(f"(?<= {name}=.)" for name in sorted(_FILTERED))})')


def _cleaner(filtered: bool) -> nh3.Cleaner:
    left_out = frozenset() if filtered else _FILTERED
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(DROPPED_WITH_CONTENT),
        attributes={"*": set(EVERYWHERE - left_out)}
        | {tag: set(names - left_out) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_filter if filtered else None,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
        # Only to keep "#note-1": the filter lets no other relative address through.
        url_relative="pass_through" if filtered else "deny",
    )


_PLAIN = _cleaner(filtered=False)
_WITH_FILTER = _cleaner(filtered=True)
