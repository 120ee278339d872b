"""kill -9 at random moments, half of them in a write, against feeds whose window is two entries wide.

A feed moves on by one entry whenever the poller says by If-None-Match that it has the present window. So a poller that
stores a validator without the entries that came with it loses entries for good, and is found out.

    python -m tests.soak.crash [KILLS] [SEED]
"""

from __future__ import annotations

import gzip
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock, Thread

from tests.quiet import Quiet

FEEDS = 6
WINDOW = 2


@dataclass
class Harm:
    """What a campaign found. All but `kills`, `in_write`, `entries` and `slowest` must be nothing."""

    kills: int = 0
    in_write: int = 0  # of the kills, those between BEGIN and COMMIT or a few milliseconds after
    entries: int = 0
    lost: int = 0
    doubled: int = 0
    homeless: int = 0  # articles without a story
    corrupt: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)  # published files that were not whole
    litter: int = 0  # temporary files left behind at the end
    slowest: float = 0.0  # seconds from a start to an open database

    @property
    def harmless(self) -> bool:
        return not (self.lost or self.doubled or self.homeless or self.corrupt or self.torn or self.litter)


class Publishers:
    """Feeds that show their newest two entries and move on only when the poller has them."""

    def __init__(self) -> None:
        self.newest = [WINDOW] * FEEDS
        self.lock = Lock()
        publishers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                feed = int(self.path.strip("/"))
                with publishers.lock:
                    if self.headers["If-None-Match"] == f'"{publishers.newest[feed]}"':
                        publishers.newest[feed] += 1
                    newest = publishers.newest[feed]
                body = _rss(feed, newest)
                self.send_response(200)
                self.send_header("ETag", f'"{newest}"')
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return None

        self.server = Quiet(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def campaign(kills: int, seed: int, kind: str = "sound") -> Harm:
    """Kills a poller `kills` times and looks at what is left each time and at the end."""
    dice = random.Random(seed)
    harm = Harm()
    publishers = Publishers()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feeds = "".join(f"  - {publishers.address}/{number}\n" for number in range(FEEDS))
        file = folder / "feeds.yaml"
        file.write_text(
            f"server: {{listen: false}}\nfetch: {{allow_private: [127.0.0.1], per_host: {FEEDS}}}\nfeeds:\n{feeds}"
        )
        command = [sys.executable, "-m", "tests.soak.nursery", str(file), kind]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True
        ) as nursery:
            for number in range(kills):
                _one_life(nursery, dice, harm, in_write=number % 2 == 1)
                _look(folder, harm)
            if nursery.stdin:
                nursery.stdin.close()
        if kind == "sound":
            last = subprocess.run([sys.executable, "-m", "aggregator", "poll", "--force", "-c", str(file)], check=False,
                                  capture_output=True, text=True, timeout=60)  # fmt: skip
            if last.returncode:
                harm.corrupt.append(last.stderr)
        publishers.close()
        _count(folder, publishers, harm)
    return harm


def _one_life(nursery: subprocess.Popen[str], dice: random.Random, harm: Harm, in_write: bool) -> None:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write("\n")
    nursery.stdin.flush()
    born = time.monotonic()
    pid = 0
    wanted = dice.randint(1, 6)  # which of its transactions it dies in
    for line in nursery.stdout:
        word, *rest = line.split()
        if word == "pid":
            pid = int(rest[0])
            if not in_write:
                # Any moment, the start included.
                time.sleep(dice.uniform(0, 0.25))
                break
        elif word == "open":
            harm.slowest = max(harm.slowest, time.monotonic() - born)
        elif word == "write":
            wanted -= 1
            if pid and wanted <= 0:
                harm.in_write += 1
                time.sleep(dice.uniform(0, 0.008))
                break
        elif word == "dead":
            raise AssertionError("the poller ended by itself")
    subprocess.run(["kill", "-9", str(pid)], check=False)
    harm.kills += 1
    for line in nursery.stdout:
        if line.startswith("open"):
            harm.slowest = max(harm.slowest, time.monotonic() - born)
        if line.startswith("dead"):
            return


def _look(folder: Path, harm: Harm) -> None:
    """The published files after a kill: whole, whatever happened."""
    for path in (folder / "public").glob("feed.*"):
        data = path.read_bytes()
        try:
            if path.suffix == ".gz":
                data = gzip.decompress(data)
            if path.name in ("feed.atom", "feed.rss", "feed.atom.gz", "feed.rss.gz"):
                ET.fromstring(data)
        except (OSError, EOFError, ET.ParseError) as error:
            harm.torn.append(f"{path.name}: {error}")


def _count(folder: Path, publishers: Publishers, harm: Harm) -> None:
    database = folder / "aggregator.db"
    if not database.exists():
        harm.corrupt.append("no database")
        return
    with closing(sqlite3.connect(database)) as db:
        verdict = [row[0] for row in db.execute("PRAGMA integrity_check")]
        if verdict != ["ok"]:
            harm.corrupt += verdict
        stored = Counter(guid for (guid,) in db.execute("SELECT guid FROM articles"))
        (harm.homeless,) = db.execute("SELECT count(*) FROM articles WHERE story_id IS NULL").fetchone()
        if db.execute("PRAGMA foreign_key_check").fetchall():
            harm.corrupt.append("foreign keys")
    shown = [f"tag:x.example,2026:{feed}/{n}" for feed in range(FEEDS) for n in range(1, publishers.newest[feed] + 1)]
    harm.entries = len(shown)
    harm.lost = sum(guid not in stored for guid in shown)
    harm.doubled = sum(count - 1 for count in stored.values())
    harm.litter = len(list((folder / "public").rglob(".*")))


def _rss(feed: int, newest: int) -> bytes:
    items = "".join(
        f"<item><title>Notice {number} of desk {feed}</title><guid isPermaLink='false'>tag:x.example,2026:{feed}/{number}"
        f"</guid><link>http://x.example/{feed}/{number}</link><description>Item {number}, from desk {feed}.</description>"
        "</item>"
        for number in range(newest, newest - WINDOW, -1)
    )
    return f"<rss version='2.0'><channel><title>Desk {feed}</title>{items}</channel></rss>".encode()


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    found = campaign(arguments[0] if arguments else 1000, arguments[1] if arguments[1:] else random.randrange(2**32))
    print(found)
    sys.exit(0 if found.harmless else 1)
