"""Addresses in articles: resolved, led past click counters, without tracking parameters, and only of safe kinds.

What a rule does not touch stays byte for byte: a signed address breaks when its query is written anew.
"""

from __future__ import annotations

import base64
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from aggregator import yamlfile

_RULES = Path(__file__).parent / "rules" / "trackers.yaml"
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_ABSOLUTE = re.compile(r"https?://[^/?#\\]", re.I)
_PLAIN = re.compile(r"(https?://[a-z0-9][a-z0-9.-]*)(?:/[\w~./:@!$&'()*+,;=%?#-]*)?", re.ASCII)
_PLAIN_PATH = re.compile(
    r"/(?:[\w~:@!$&'()*+,;=%-][\w~:@!$&'()*+,;=%/-]*(?:\.\w+)?)?(?:[?#][\w~./:@!$&'()*+,;=%?-]*)?", re.ASCII
)
# A URL parser takes these out wherever they stand (WHATWG URL §4.4); so "java\nscript:" is "javascript:".
_IGNORED = re.compile(r"[\t\r\n]")
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#:@]+)", re.I)
_EDGES = "".join(map(chr, range(0x21)))  # C0 controls and space, stripped from both ends
# What may stand in no address; a browser escapes it, and so do we, as UTF-8.
_UNSAFE = re.compile(r"[\s\"<>`\\\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_MOST_UNWRAPPED = 4  # counters around one address
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Redirect:
    """A service that counts clicks and sends on: the target is in `parameter`, or between `path` and `until`."""

    host: re.Pattern[str]
    path: re.Pattern[str]
    parameter: str | None
    until: str


@dataclass(frozen=True, slots=True)
class Trackers:
    """The data of rules/trackers.yaml."""

    parameters: re.Pattern[str]
    signed: re.Pattern[str]
    hosts: frozenset[str]
    redirects: tuple[Redirect, ...]


@functools.lru_cache(maxsize=2048)
def _origin(base: str) -> str | None:
    """ "https://host" of a base that has nothing odd in it."""
    found = _PLAIN.fullmatch(base)
    return found[1] if found else None


def absolute(base: str, href: str | None, schemes: tuple[str, ...] = ("http", "https")) -> str | None:
    """The absolute form of `href`, else untouched; None where it is no address of one of `schemes`."""
    href = _IGNORED.sub("", (href or "").strip(_EDGES))
    if not href or len(href) > _LONGEST:
        return None
    if _PLAIN.fullmatch(href):  # most are, and need no parsing
        return href
    if _PLAIN_PATH.fullmatch(href) and (origin := _origin(base)) is not None:
        return origin + href
    try:
        if _ABSOLUTE.match(href) is None and (_SCHEME.match(href) is None or href[:5].lower() in ("http:", "https")):
            href = urljoin(base, href.replace("\\", "/"))
        parts = urlsplit(href)
        _ = parts.port  # a bad port raises only when looked at
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in schemes or (scheme in ("http", "https") and not parts.hostname):
        return None
    return _UNSAFE.sub(lambda match: quote(match[0], errors="replace"), href)


def resolve(base: str, href: str | None, schemes: tuple[str, ...] = ("http", "https")) -> str | None:
    """The absolute form of `href`, past click counters and without trackers; None where it is no address of `schemes`."""
    url = absolute(base, href, schemes)
    return url if url is None or url[:4].lower() != "http" else direct(url)


def direct(url: str) -> str:
    """Where a link leads in the end, as far as the link itself says, without tracking parameters."""
    for _ in range(_MOST_UNWRAPPED):
        target = _target(url) if "?" in url or url.count("/") > 4 else None
        if target is None or target == url:
            break
        url = target
    return without_trackers(url)


def without_trackers(url: str) -> str:
    """The URL without tracking parameters. A signed one stays as it is, and of the others the rest of the query."""
    if "?" not in url and "#" not in url:
        return url
    if "=" not in url and "?" not in url:
        return url
    head, mark, fragment = url.partition("#")
    if "=" in fragment and all(_tracks(pair.partition("=")[0]) for pair in fragment.split("&")):
        mark = fragment = ""
    head, question, query = head.partition("?")
    if question and _trackers().signed.search("&" + query) is None:
        pairs = re.split("(&amp;|[&;])", query)  # pair, separator, pair, …
        kept = [number for number in range(0, len(pairs), 2) if not _tracks(pairs[number].partition("=")[0])]
        if len(kept) < (len(pairs) + 1) // 2:
            query = "".join(
                pairs[number] if number == kept[0] else pairs[number - 1] + pairs[number] for number in kept
            )
            question = "?" if query else ""
    return head + question + query + mark + fragment


def counts_readers(url: str) -> bool:
    """Whether an image address is one that only counts its readers."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    known = _trackers().hosts
    if any(host == name or host.endswith("." + name) for name in known if "/" not in name):
        return True
    address = host + parts.path
    return any(address.startswith(name) for name in known if "/" in name)


@functools.lru_cache(maxsize=8192)
def _tracks(name: str) -> bool:
    """Whether a query parameter of this name only tracks."""
    return bool(name) and _trackers().parameters.fullmatch(unquote(name)) is not None


def _target(url: str) -> str | None:
    host = _HOST.match(url)
    known = _redirects_of(host[1].lower()) if host else ()
    if not known:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    for redirect in known:
        found = redirect.path.match(parts.path)
        if found is None:
            continue
        if redirect.parameter is None:
            inside = parts.path[found.end() :] + (f"?{parts.query}" if parts.query else "")
            inside = inside.partition(redirect.until)[0] if redirect.until else inside
        elif redirect.parameter == "?":
            inside = parts.query
        else:
            inside = _parameter(parts.query, redirect.parameter)
        for target in (inside, unquote(inside)):
            if target.startswith("//"):
                target = "https:" + target
            if _ABSOLUTE.match(target) and (address := absolute("", target)) is not None:
                return address
            if redirect.parameter and (address := _base64(target)) is not None:
                return address
    return None


@functools.lru_cache(maxsize=4096)
def _redirects_of(host: str) -> tuple[Redirect, ...]:
    return tuple(redirect for redirect in _trackers().redirects if redirect.host.fullmatch(host))


def _parameter(query: str, names: str) -> str:
    """The decoded value of the first of `names` ("a|b") in a query."""
    for pair in re.split("&amp;|&", query):
        name, _, value = pair.partition("=")
        if name.lower() in names.split("|"):
            return unquote(value)
    return ""


def _base64(text: str) -> str | None:
    if not re.fullmatch(r"(?:a1)?aHR0c[\w+/=-]{8,4000}", text):
        return None
    text = text.removeprefix("a1").translate({45: 43, 95: 47})
    try:
        return absolute("", base64.b64decode(text + "=" * (-len(text) % 4)).decode())
    except ValueError:
        return None


@functools.cache
def _trackers() -> Trackers:
    data = yamlfile.plain(yamlfile.read(_RULES))
    assert isinstance(data, dict)
    redirects = [
        Redirect(
            re.compile(_wild(row["host"])),
            re.compile(_wild(row["path"]), re.I),
            str(row["parameter"]).lower() if row["parameter"] else None,
            str(row.get("until") or ""),
        )
        for row in data["redirects"]
    ]
    return Trackers(
        re.compile("|".join(map(_wild, data["parameters"])), re.I),
        re.compile("[&;](?:" + "|".join(map(_wild, data["signed"])) + ")=", re.I),
        frozenset(data["hosts"]),
        tuple(redirects),
    )


def _wild(name: str) -> str:
    return re.escape(name).replace(r"\*", ".*")
