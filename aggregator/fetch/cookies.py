"""Cookies within one poll: some sites set one and redirect to see it again. Nothing is kept between polls."""

from __future__ import annotations

import email.message
import http.cookiejar
import urllib.request

from aggregator.fetch.address import Address


class Cookies:
    """The standard library's jar, fed with our addresses and header fields."""

    def __init__(self) -> None:
        self._jar = http.cookiejar.CookieJar()

    def take(self, address: Address, headers: list[tuple[bytes, bytes]]) -> None:
        """Keeps what a response sets."""
        message = email.message.Message()
        for name, value in headers:
            if name.lower() == b"set-cookie":
                message["Set-Cookie"] = value.decode("latin-1")
        if "Set-Cookie" in message:
            self._jar.extract_cookies(_Answer(message), _request(address))  # type: ignore[arg-type]

    def field(self, address: Address) -> str | None:
        """The Cookie field for a request, if there is one."""
        request = _request(address)
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")


class _Answer:
    """What a jar wants of a response."""

    def __init__(self, message: email.message.Message) -> None:
        self._message = message

    def info(self) -> email.message.Message:
        return self._message


def _request(address: Address) -> urllib.request.Request:
    return urllib.request.Request(str(address))  # noqa: S310 - it is never opened
