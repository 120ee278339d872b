"""What a person can do about a feed that fails, from its last answer. Pure."""

from __future__ import annotations

import re

_BY_STATUS = {
    301: "set `url:` to the address it has moved to",
    401: "it wants a password: write it into `url:` as user:password@, or into `headers:`",
    402: "it wants to be paid for; ask the publisher, or remove it",
    403: "the site refuses us: set `fetch.contact`, poll less often, or ask the publisher",
    404: "the feed is not there any more: `aggregator add` its site again, then `aggregator remove` this address",
    406: "the site wants other headers: try `headers: {Accept: …}`",
    410: "the publisher has ended it: `aggregator remove` it",
    429: "it is polled too often: give it a longer `interval:`",
    451: "it is blocked for legal reasons; `aggregator remove` it, or poll from elsewhere",
}

_BY_WORDS = (
    (r"can't find the host", "check the spelling of the address, and the name server of this machine"),
    (r"not a public address", "if it is yours, allow it: `fetch.allow_private`"),
    (r"certificate", "the publisher's certificate is faulty: tell them, or see whether this machine's clock is right"),
    (r"TLS", "the site speaks no TLS we know: try its http:// address"),
    (r"no complete answer within|timed out", "nothing to do if it passes; a slow site needs a longer `fetch.timeout`"),
    (r"refused|unreachable|no route", "the server is down or behind a firewall; it is tried again by itself"),
    (r"larger than|max_body", "raise `fetch.max_body` if the feed is meant to be that large"),
    (r"redirect", "open the address in a browser, and set `url:` to where the feed is now"),
    (r"web page.*it names|it names", "set `url:` to one of the feeds it names"),
    (r"web page|no RSS|not a feed|no feed", "`aggregator add` the site's address: it finds the feed behind a page"),
    (r"could not be stored|not stored|can't write|disk", "see `aggregator healthcheck`"),
    (
        r"could not be read within|MiB",
        "the document is too much to read: tell the publisher, or `aggregator remove` it",
    ),
)


def advice(state: str, status: int | None, error: str | None, failures: int) -> str:
    """One line for a person; empty where there is nothing to do."""
    if state == "gone":
        return _BY_STATUS[410]
    if state == "disabled":
        return "it is not in feeds.yaml any more, or has `enabled: false`"
    if not error:
        return ""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and status >= 500:
        hint = "the site has trouble; it is tried again by itself"
        return hint if failures < 50 else f"{hint}, but has been for long: `aggregator remove` it if it is dead"
    found = next((words for pattern, words in _BY_WORDS if re.search(pattern, error, re.IGNORECASE)), None)
    return found or "it is tried again by itself"
