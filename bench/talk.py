"""Programs that are measured, and the farm: processes that are spoken to by lines."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


class Talk:
    """A program that is spoken to by lines."""

    def __init__(self, *command: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended")
        return line.strip()

    def say(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def farm(feeds: int, tls: bool) -> Iterator[tuple[Talk, str, dict[str, str]]]:
    """The farm, its address, and the environment in which its certificate is believed."""
    env = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["bench.farm", str(feeds)]
        if tls:
            import certifi  # type: ignore[import-not-found,unused-ignore]
            import trustme  # type: ignore[import-not-found,unused-ignore]

            authority, certificate, root = trustme.CA(), Path(folder) / "farm.pem", Path(folder) / "root.pem"
            authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
            # Among as many roots as any installation trusts: a store of one would hide what loading it costs.
            root.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
            arguments += ["--tls", str(certificate)]
            env |= {"SSL_CERT_FILE": str(root), "REQUESTS_CA_BUNDLE": str(root)}
        talk = Talk(*arguments)
        yield talk, f"{'https' if tls else 'http'}://127.0.0.1:{talk.hear()}", env
        talk.end()
