"""Addresses in articles: resolved, without tracking parameters, and only of the kinds a reader may follow."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from aggregator import yamlfile

_RULES = Path(__file__).parent / "rules" / "trackers.yaml"
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


def resolve(base: str, href: str | None, schemes: tuple[str, ...] = ("http", "https")) -> str | None:
    """The absolute form of `href`, without trackers; None where it is no address of one of `schemes`."""
    href = re.sub(r"[\t\r\n\x00-\x1f\x7f]", "", (href or "").strip())
    if not href:
        return None
    try:
        url = href if _SCHEME.match(href) and not href.lower().startswith(("http:", "https:")) else urljoin(base, href)
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in schemes or (parts.scheme.lower() != "mailto" and not parts.hostname):
        return None
    return without_trackers(url).replace(" ", "%20").replace('"', "%22").replace("<", "%3C").replace(">", "%3E")


def without_trackers(url: str) -> str:
    """The URL without tracking parameters. The rest of the query stays byte for byte: signed URLs break otherwise."""
    if "?" not in url:
        return url
    head, _, rest = url.partition("?")
    query, mark, fragment = rest.partition("#")
    pattern, _ = _trackers()
    kept = [pair for pair in query.split("&") if not pattern.fullmatch(pair.partition("=")[0])]
    if len(kept) == len(query.split("&")):
        return url
    return head + ("?" + "&".join(kept) if any(kept) else "") + mark + fragment


def counts_readers(url: str) -> bool:
    """Whether an image address is one that only counts its readers."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    _, hosts = _trackers()
    return any(host == known or f"{host}{parts.path}".startswith(known + "/") for known in hosts)


@functools.cache
def _trackers() -> tuple[re.Pattern[str], frozenset[str]]:
    data = yamlfile.plain(yamlfile.read(_RULES))
    assert isinstance(data, dict)
    names = (re.escape(name).replace(r"\*", ".*") for name in data["parameters"])
    return re.compile("|".join(names), re.I), frozenset(data["hosts"])
