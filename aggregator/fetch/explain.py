"""What went wrong, in words; no address, no header and no body of a request or an answer stands in them."""

from __future__ import annotations

import os
import ssl

import h11

from aggregator.errors import FetchError
from aggregator.fetch.library import httpx
from aggregator.fetch.wire import Broken


def explain(error: BaseException, answered: bool) -> FetchError:
    """The true cause of a failure. `answered`: the header of an answer had come, so the server is there."""
    return FetchError(_words(error, answered), unreachable=not answered and _is_network(error))


def _is_network(error: BaseException) -> bool:
    return isinstance(error, (Broken, OSError)) and not isinstance(error, ssl.SSLError)


def _cause(error: BaseException) -> BaseException:
    seen = [error]
    while (deeper := seen[-1].__cause__ or seen[-1].__context__) is not None and deeper not in seen:
        seen.append(deeper)
        if isinstance(deeper, ssl.SSLError) or (isinstance(deeper, OSError) and deeper.errno):
            return deeper
    return error


def _words(error: BaseException, answered: bool) -> str:
    cause = _cause(error)
    match cause:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {cause.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {(cause.reason or 'no handshake').lower().replace('_', ' ')}"
    message = str(error)
    match error:
        case httpx.InvalidURL():
            return "the address is not valid"
        case Broken() if message:
            return f"the proxy refused: {message[:100]}"
        case Broken() if isinstance(error.__cause__, TimeoutError) and not error.__cause__.errno:
            return "no connection: the host does not answer"
        case Broken():
            return f"no connection: {_system(cause)}"
        case h11.RemoteProtocolError() if "without sending a response" in message:
            return "the server closed the connection without an answer"
        case h11.RemoteProtocolError() if "without sending complete" in message:
            return f"the body is incomplete: the connection closed before its end {message[message.find('(') :]}"
        case h11.RemoteProtocolError() if "buffer too long" in message:
            return "the header of the answer is larger than 100 KiB"
        case h11.RemoteProtocolError():
            return f"the answer is not proper HTTP: {message.partition(':')[0][:100]}"
        case h11.LocalProtocolError():
            return "the request can't be sent: a header field of it is not valid"
        case OSError() if answered:
            return f"the body is incomplete: {_system(cause, 'the connection broke')}"
        case OSError():
            return f"the connection broke: {_system(cause)}"
    return f"{type(error).__name__} (this should not happen)"


def _system(cause: BaseException, otherwise: str = "it was closed") -> str:
    number = getattr(cause, "errno", None)
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else otherwise
