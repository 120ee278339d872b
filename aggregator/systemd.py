"""What systemd wants to hear (sd_notify(3)): a datagram to the socket it names; nothing where there is none."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Sends a state such as READY=1, WATCHDOG=1, STOPPING=1 or STATUS=…; never raises, never waits."""
    address = environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())
