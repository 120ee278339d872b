"""The real executable in a pseudo-terminal: what a person sees, and types."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """What came on the terminal (both streams), and how the program ended."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.splitlines() if line.strip()]


def terminal(
    *arguments: str, cwd: Path, answers: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Shown:
    """Runs `aggregator ...` in a terminal; when one of the texts of `answers` shows, its answer is typed once.

    The terminal is the controlling one, so Ctrl-C can be typed: "\x03".
    """
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "160", **(environ or {})}
    # The first terminal that a session's leader opens becomes the controlling one.
    program = ["sh", "-c", 'exec "$@" <"$0"', os.ttyname(slave), sys.executable, "-m", "aggregator", *arguments]
    process = subprocess.Popen(
        program, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    waiting = dict(answers or {})
    text, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.1)
        chunk = b""
        if ready:
            with contextlib.suppress(OSError):  # Linux says EIO when the other side has gone
                chunk = os.read(master, 65536)
            if not chunk:
                break
        text += chunk
        for question in [question for question in waiting if question.encode() in text]:
            os.write(master, waiting.pop(question).encode() + b"\n")
        if not ready and process.poll() is not None:
            break
    else:
        process.kill()
    code = process.wait()
    os.close(master)
    return Shown(code, text.decode("utf-8", "replace").replace("\r\n", "\n"))
