"""A page as it is sent back: its header fields, compressed where that is taken, not at all where the client has it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from aggregator import page
from aggregator.server import content_coding, is_fresh
from aggregator.site import etag_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    body: str
    status: int = 200
    policy: str = page.POLICY


def respond(request: Request, answer: Answer) -> Response:
    """The response with a page in it, or the one that says that the client has it."""
    body = answer.body.encode("utf-8", "replace")
    zipped = content_coding(request.headers.get("accept-encoding")) == "gzip"
    etag = etag_of(body)
    headers = {
        "Cache-Control": "no-cache",  # may be kept, but asked about each time
        "Content-Security-Policy": answer.policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": f'"{etag}{"-gz" if zipped else ""}"',
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding, Save-Data, Sec-GPC",
        "X-Content-Type-Options": "nosniff",
    }
    if answer.status == 200 and is_fresh(request.headers.get("if-none-match"), None, etag, datetime.now(UTC)):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = "text/html; charset=utf-8"
    if zipped:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 5, mtime=0)
    return Response(body, answer.status, headers)


def not_allowed() -> Response:
    """The response to a method that no page knows."""
    return PlainTextResponse(
        "405: only GET and HEAD\n", 405, {"Allow": "GET, HEAD", "X-Content-Type-Options": "nosniff"}
    )


def asset(name: str, request: Request) -> Response | None:
    """The response with a style sheet, script or picture; None where there is none of that name."""
    found = page.STATIC.get(name)
    if found is None:
        return None
    known = request.query_params.get("v") == found.version
    return Response(found.body, headers={
        "Content-Type": found.type,
        "Cache-Control": "public, max-age=31536000, immutable" if known else "no-cache",
        "X-Content-Type-Options": "nosniff",
    })  # fmt: skip
