"""What may happen to a running daemon: each fault is done to it, lasts a while, and ends; then new articles must show.

    python -m tests.soak.faults [SECONDS [FAULT...]]

Prints for each fault whether the daemon lived, how long after the fault's end a new article was published, and what it
said meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread

from tests.quiet import Quiet

Fault = Callable[["Scene"], contextlib.AbstractContextManager[None]]


class Growing:
    """A site whose every feed has one more article at each look."""

    def __init__(self, port: int = 0) -> None:
        self.count = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.count += 1
                body = _rss(self.path, site.count)
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return None

        self.server = Quiet(("127.0.0.1", port), Handler)
        self.port = int(self.server.server_address[1])
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _rss(path: str, newest: int) -> bytes:
    items = "".join(
        f"<item><title>Number {n} of {path}</title><guid isPermaLink='false'>tag:x.example,2026:{path}/{n}</guid>"
        f"<description>This is number {n} of the list that {path} keeps.</description></item>"
        for n in range(newest, max(0, newest - 5), -1)
    )
    return f"<rss version='2.0'><channel><title>Growing {path}</title>{items}</channel></rss>".encode()


@dataclass
class Scene:
    """A daemon at work in a folder of its own."""

    folder: Path
    site: Growing
    port: int
    feeds: int = 1

    @property
    def database(self) -> Path:
        return self.folder / "aggregator.db"

    def configure(self, more: str = "") -> None:
        """Writes feeds.yaml."""
        feeds = "".join(f"  - http://127.0.0.1:{self.site.port}/{number}\n" for number in range(self.feeds))
        (self.folder / "feeds.yaml").write_text(
            f"server: {{listen: 127.0.0.1:{self.port}}}\noutput: {{items: 400}}\n"
            "fetch: {allow_private: [127.0.0.1], timeout: 5s, per_host: 50}\n"
            f"defaults: {{interval: 1s, min_interval: 1s, jitter: 0}}\n{more}feeds:\n{feeds}"
        )

    def shown(self) -> set[str]:
        """The titles in the merged feed; none where nobody answers."""
        address = f"http://127.0.0.1:{self.port}/feed.rss"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
            return set(re.findall(r"<title>(Number \d+ of [^<]*)<", answer.read().decode()))
        return set()

    def newest(self) -> int:
        """The highest number that the merged feed shows."""
        return max((int(title.split()[1]) for title in self.shown()), default=0)

    def wait_for(self, number: int, seconds: float) -> float:
        """Seconds until the merged feed shows a number above `number`; raises TimeoutError."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.newest() > number:
                return time.monotonic() - began
            time.sleep(0.1)
        raise TimeoutError(f"nothing above number {number} was published in {seconds:g} s")


@dataclass
class Outcome:
    """What became of it."""

    alive: bool
    recovered: float | None  # seconds after the fault's end
    log: list[str]  # what was said, from the fault's begin on
    stopped: int | None  # exit code after SIGTERM
    intact: bool  # the file is whole, and has all that was shown

    @property
    def fine(self) -> bool:
        noise = [line for line in self.log if "Traceback" in line]
        return self.alive and self.recovered is not None and self.stopped == 0 and self.intact and not noise


@contextlib.contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Another program holds the database."""
    with contextlib.closing(sqlite3.connect(scene.database, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def replaced(scene: Scene) -> Iterator[None]:
    """Another file stands under the database's name for a while."""
    kept = scene.folder / "kept.db"
    scene.database.rename(kept)
    scene.database.write_bytes(os.urandom(65536))
    yield
    if scene.database.read_bytes()[:15] == b"SQLite format 3":
        raise AssertionError("the file was overwritten")
    kept.rename(scene.database)


@contextlib.contextmanager
def truncated(scene: Scene) -> Iterator[None]:
    """The file is cut to half its size, and a backup is put in its place later."""
    backup = scene.folder / "backup.db"
    with (
        contextlib.closing(sqlite3.connect(scene.database)) as source,
        contextlib.closing(sqlite3.connect(backup)) as to,
    ):
        source.backup(to)
    os.truncate(scene.database, scene.database.stat().st_size // 2)
    yield
    for name in ("-wal", "-shm"):
        Path(f"{scene.database}{name}").unlink(missing_ok=True)
    backup.replace(scene.database)


@contextlib.contextmanager
def removed(scene: Scene) -> Iterator[None]:
    """Somebody deletes the database; it begins anew."""
    for name in ("", "-wal", "-shm"):
        Path(f"{scene.database}{name}").unlink(missing_ok=True)
    yield


@contextlib.contextmanager
def silent_server(scene: Scene) -> Iterator[None]:
    """The feed's server is down and comes back."""
    port = scene.site.port
    count = scene.site.count
    scene.site.close()
    yield
    scene.site = Growing(port)
    scene.site.count = count


@contextlib.contextmanager
def unpublishable(scene: Scene) -> Iterator[None]:
    """The output folder is a file for a while."""
    output = scene.folder / "public"
    output.rename(scene.folder / "kept")
    output.write_text("not a folder")
    yield
    output.unlink()
    (scene.folder / "kept").rename(output)


@contextlib.contextmanager
def read_only(scene: Scene) -> Iterator[None]:
    """Nobody may write the folder or make files in it. Root may all the same, unless it was started without: `campaign`."""
    modes = {}
    for path in (scene.folder, *scene.folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a file that was being written, and has its name by now
            modes[path] = path.stat().st_mode
            path.chmod(modes[path] & ~0o222)
    yield
    for path, mode in modes.items():
        path.chmod(mode)


@contextlib.contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """Not a byte is left. Needs a small disk of its own: see `campaign`."""
    ballast = scene.folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            if file.write(b"x" * 4096) < 4096:
                break
    yield
    ballast.unlink()


@contextlib.contextmanager
def stopped_clock(scene: Scene) -> Iterator[None]:
    """The machine is suspended: the process does not run, time goes on."""
    pid = int((scene.folder / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def few_files(scene: Scene) -> Iterator[None]:
    """200 feeds; the daemon was started with 64 file descriptors, see `campaign`."""
    scene.feeds = 200
    scene.configure()
    yield


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        locked, replaced, truncated, removed, silent_server, unpublishable, read_only, full_disk, stopped_clock, few_files,
    )
}  # fmt: skip


def can_mount() -> bool:
    """Whether this machine lets us make a small disk."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
        )
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


def _as_others() -> list[str]:
    """What a command begins with so that permissions count for it, as they do for everybody but root."""
    return ["setpriv", "--bounding-set=-dac_override"] if os.getuid() == 0 and shutil.which("setpriv") else []


@contextlib.contextmanager
def _disk(small: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    if small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        if small:
            subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def campaign(name: str, seconds: float) -> Outcome:
    """A daemon, the fault for so long, and what became of it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with _disk(name == "full_disk") as folder:
        scene, stopped, shown = Scene(folder, Growing(), port), None, set[str]()
        scene.configure()
        log = Path(tempfile.mkstemp()[1])
        with log.open("wb") as errors:
            daemon = subprocess.Popen(
                [*_as_others(), sys.executable, "-m", "aggregator", "run", "-c", str(folder / "feeds.yaml")],
                stderr=errors, stdout=errors, cwd=Path(__file__).parents[2],
            )  # fmt: skip
            if name == "few_files":
                resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, 64))  # before it has come to look
        try:
            (folder / "pid").write_text(str(daemon.pid))
            scene.wait_for(0, 30)
            before = len(log.read_text().splitlines())
            with FAULTS[name](scene):
                time.sleep(seconds)
            recovered = None
            with contextlib.suppress(TimeoutError):
                recovered = scene.wait_for(scene.site.count, 30)
            time.sleep(3)  # another file under the database's name is noticed within two ticks
            alive = daemon.poll() is None
            shown = scene.shown()
        finally:
            daemon.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                stopped = daemon.wait(20)
            daemon.kill()
            scene.site.close()
        said = log.read_text().splitlines()[before:]
        log.unlink()
        with contextlib.closing(sqlite3.connect(scene.database)) as db:
            try:
                kept = {title for (title,) in db.execute("SELECT title FROM articles")}
                intact = db.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and shown <= kept
            except sqlite3.DatabaseError:
                intact = False
    return Outcome(alive, recovered, said, stopped, intact)


if __name__ == "__main__":
    harm = 0
    for chosen in sys.argv[2:] or [name for name in FAULTS if name != "full_disk" or can_mount()]:
        found = campaign(chosen, float(sys.argv[1]) if len(sys.argv) > 1 else 60)
        harm += not found.fine
        took = "never" if found.recovered is None else f"{found.recovered:.1f} s"
        print(f"{'fine' if found.fine else 'HARM'}  {chosen:14} alive {found.alive}, recovered after {took}, "
              f"exit code {found.stopped}, intact {found.intact}, {len(found.log)} lines said")  # fmt: skip
        for line in found.log if not found.fine else [line for line in found.log if " INFO " not in line][:3]:
            print(f"      {line}")
    sys.exit(1 if harm else 0)
