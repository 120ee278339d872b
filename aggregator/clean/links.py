"""Addresses in articles: resolved, led past click counters, without tracking parameters, and only of safe kinds.

What a rule does not touch stays byte for byte: a signed address breaks when its query is written anew.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urljoin, urlsplit

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_ABSOLUTE = re.compile(r"https?://[^/?#\\]", re.I)
_PLAIN = re.compile(r"(https?://[a-z0-9][a-z0-9.-]*)(?:/[\w~./:@!$&'()*+,;=%?#-]*)?", re.ASCII)
_PLAIN_PATH = re.compile(
    r"/(?:[\w~:@!$&'()*+,;=%-][\w~:@!$&'()*+,;=%/-]*(?:\.\w+)?)?(?:[?#][\w~./:@!$&'()*+,;=%?-]*)?", re.ASCII
)
# A URL parser takes these out wherever they stand (WHATWG URL §4.4); so "java\nscript:" is "javascript:".
_IGNORED = re.compile(r"[\t\r\n]")
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#:@]+)(?::\d*)?", re.I)
_EDGES = "".join(map(chr, range(0x21)))  # C0 controls and space, stripped from both ends
# What may stand in no address; a browser escapes it, and so do we, as UTF-8.
_UNSAFE = re.compile(r"[\s\"<>`\\\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_SEPARATOR = re.compile("&amp;|[&;]")  # of pairs in a query
_PAIR = re.compile("(?:^|&amp;|[&;])[^&;]*")
_MOST_UNWRAPPED = 4  # counters around one address
_LONGEST = 16_384
_LONGEST_HOST = 255  # RFC 1035 §2.3.4
_LONGEST_QUERY = 250  # that is remembered
_LONGEST_NAME = 100  # of a parameter that is remembered


@functools.lru_cache(maxsize=256)
def _origin(base: str) -> str | None:
    """ "https://host" of a base that has nothing odd in it."""
    found = _PLAIN.fullmatch(base)
    return found[1] if found else None


def absolute(base: str, href: str | None, schemes: tuple[str, ...] = ("http", "https")) -> str | None:
    """The absolute form of `href`, else untouched; None where it is no address of one of `schemes`."""
    if not href or len(href) > _LONGEST:
        return None
    if _PLAIN.fullmatch(href):  # most are, and need no parsing
        return href
    if href[0] == "/" and _PLAIN_PATH.fullmatch(href) and (origin := _origin(base)) is not None:
        return origin + href
    href = _IGNORED.sub("", href.strip(_EDGES))
    if not href:
        return None
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


@dataclass(frozen=True, slots=True)
class Redirect:
    """A service that counts clicks and sends on: the target is in `parameter`, or between `path` and `until`.

    In host and path a * stands for any text; several parameters are parted by "|", "?" is the whole query.
    """

    host: str
    path: str
    parameter: str | None
    until: str = ""


class Trackers:
    """What follows readers around, as data (rules/trackers.yaml), and addresses without it."""

    def __init__(
        self, parameters: Iterable[str], signed: Iterable[str], hosts: Iterable[str], redirects: Iterable[Redirect]
    ) -> None:
        """`parameters` of a query only track, `signed` ones forbid to touch it, images from `hosts` count readers."""
        self.parameters = re.compile("|".join(map(_wild, parameters)), re.I)
        self.signed = re.compile("|".join(map(_wild, signed)), re.I)
        self.redirects = tuple(redirects)  # compiled when a host of theirs is seen: few ever are
        hosts = tuple(hosts)
        self._counters = frozenset(host for host in hosts if "/" not in host)
        self._counting_paths = tuple(host for host in hosts if "/" in host)
        self._kind = functools.lru_cache(maxsize=512)(self._kind_of)
        self._query = functools.lru_cache(maxsize=256)(self._query_of)  # of a feed's links it is mostly the same
        self._counting_at = functools.lru_cache(maxsize=512)(self._counting_of)
        self._redirects_at = functools.lru_cache(maxsize=512)(self._redirects_of)

    def resolve(self, base: str, href: str | None, schemes: tuple[str, ...] = ("http", "https")) -> str | None:
        """The absolute form of `href`, past counters and without trackers; None where it is no address of `schemes`."""
        url = absolute(base, href, schemes)
        return url if url is None or url[:4].lower() != "http" else self.direct(url)

    def direct(self, url: str) -> str:
        """Where a link leads in the end, as far as the link itself says, without tracking parameters."""
        for _ in range(_MOST_UNWRAPPED):
            target = self._target(url) if "?" in url or url.count("/") > 4 else None
            if target is None or target == url:
                break
            url = target
        return self.without_trackers(url)

    def without_trackers(self, url: str) -> str:
        """The URL without tracking parameters. A signed one stays as it is, and of the others the rest of the query."""
        if "?" not in url and "=" not in url:
            return url
        head, mark, fragment = url.partition("#") if "#" in url else (url, "", "")
        if "=" in fragment and all(
            self._kind(pair.partition("=")[0][:_LONGEST_NAME]) == "tracks" for pair in fragment.split("&")
        ):
            mark = fragment = ""
        head, question, query = head.partition("?")
        if question:
            kept = self._query(query) if len(query) <= _LONGEST_QUERY else self._query_of(query)
            question, query = question if kept or not query else "", kept
        return head + question + query + mark + fragment

    def counts_readers(self, url: str) -> bool:
        """Whether an image address is one that only counts its readers."""
        found = _HOST.match(url)
        if found is None:
            return False
        host = found[1].lower()
        counting = self._counting_at(host) if len(host) <= _LONGEST_HOST else self._counting_of(host)
        return url.startswith(counting, found.end())

    def _target(self, url: str) -> str | None:
        authority = url.split("/", 3)[2]
        known = self._redirects_at(authority) if len(authority) <= _LONGEST_HOST else ()
        if not known:
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        for path, redirect in known:
            found = path.match(parts.path)
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

    def _kind_of(self, name: str) -> Literal["tracks", "signs", ""]:
        """What a query parameter of this name does; the separator before it may be with it."""
        name = _SEPARATOR.sub("", name, count=1)
        if not name:
            return ""
        if self.signed.fullmatch(name):
            return "signs"
        return "tracks" if self.parameters.fullmatch(unquote(name)) else ""

    def _counting_of(self, host: str) -> tuple[str, ...]:
        """What the paths of images that only count readers begin with at a host; all begin with ""."""
        domain = host
        while domain:
            if domain in self._counters:
                return ("",)
            domain = domain.partition(".")[2]
        return tuple(path.removeprefix(host) for path in self._counting_paths if path.startswith(f"{host}/"))

    def _query_of(self, query: str) -> str:
        """A query without tracking parameters."""
        pairs = _PAIR.findall(query) if ";" in query else query.replace("&", " &").split(" ")
        kinds = [self._kind(pair.partition("=")[0][:_LONGEST_NAME]) for pair in pairs]
        if "tracks" not in kinds or "signs" in kinds:
            return query
        kept = "".join([pair for pair, kind in zip(pairs, kinds, strict=True) if kind != "tracks"])
        return kept[5 if kept.startswith("&amp;") else 1 :] if kinds[0] == "tracks" else kept

    def _redirects_of(self, authority: str) -> tuple[tuple[re.Pattern[str], Redirect], ...]:
        host = authority.rpartition("@")[2].partition(":")[0].lower()
        return tuple((re.compile(_wild(one.path), re.I), one) for one in self.redirects if _is_like(host, one.host))


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


def _is_like(text: str, name: str) -> bool:
    return re.fullmatch(_wild(name), text) is not None if "*" in name else text == name


def _wild(name: str) -> str:
    return re.escape(name).replace(r"\*", ".*")
