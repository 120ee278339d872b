"""A daemon's month in minutes: its clock jumps from one poll to the next; servers, network, disk and memory are real.

python -m tests.soak.month [DAYS]      prints a line per virtual day; the suite runs two days of it.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from aggregator.daemon import Daemon
from aggregator.engine import Here
from tests.conftest import Post, Web, config_for, rss

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(hours=1)
POST_EVERY = timedelta(hours=4)
KINDS = ("steady", "quiet", "flaky", "broken", "gone")
PER_KIND = 2


@dataclass
class Day:
    """How it stood at the end of a day."""

    memory: int  # KiB, resident
    handles: int
    tasks: int
    polls: int
    wal: int  # bytes


@dataclass
class Month:
    """What happened."""

    days: list[Day] = field(default_factory=list)
    polled: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))  # by path, virtual times
    articles: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    lag: timedelta = timedelta()
    now: datetime = START


def play(web: Web, month: Month) -> list[str]:
    """Publishers of all kinds; gives their addresses."""

    def page(kind: str, path: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            web.seen.clear()  # what the test remembers must not look like what the daemon forgets to forget
            count = len(month.polled[path])
            month.polled[path].append(month.now)
            status, body, etag = 200, b"", None
            if kind == "quiet":
                body, etag = rss(Post("Only", link=f"http://x.example{path}")), '"1"'
            elif (kind == "flaky" and count % 5 == 4) or kind == "broken":
                status = 503 if kind == "flaky" else 200
                body = b"<rss><channel><item><title>torn" if kind == "broken" else b""
            elif kind == "gone" and month.now > START + timedelta(days=1):
                status = 410
            else:
                newest = (month.now - START) // POST_EVERY
                numbers = range(max(0, newest - 19), newest + 1)
                posts = [
                    Post(f"{path} {n}", f"<p>Text {n} of {path}.</p>", f"http://x.example{path}/{n}") for n in numbers
                ]
                body = rss(*reversed(posts))
            if etag is not None and handler.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            handler.send_response(status)
            if etag:
                handler.send_header("ETag", etag)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        web.pages[path] = answer

    paths = [f"/{kind}{number}" for kind in KINDS for number in range(PER_KIND)]
    for path in paths:
        page(path[1:-1], path)
    return [web.url(path) for path in paths]


async def live(folder: Path, days: int, tell: bool = False) -> Month:
    """Lives through `days` virtual days."""
    month, web = Month(), Web()
    try:
        config = config_for(folder, *play(web, month), more="defaults: {interval: 1h}\noutput: {items: 20}\n")
        daemon = Daemon(config, clock=lambda: month.now, engine=Here())
        async with daemon.opened():
            while month.now < START + timedelta(days=days):
                await daemon.tick()
                while daemon._tasks:
                    await asyncio.gather(*list(daemon._tasks))
                day = (month.now - START).days
                due = await daemon.aggregator.read(
                    lambda read: read.connection.execute(
                        "SELECT min(next_poll_at) FROM feeds WHERE state = 'active'"
                    ).fetchone()[0]
                )
                soon = datetime.strptime(due, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC)
                month.lag = max(month.lag, month.now - soon)
                month.now = max(month.now + timedelta(seconds=1), soon)
                if (month.now - START).days > day:
                    month.days.append(_day(daemon, config.database))
                    if tell:
                        print(f"day {len(month.days):>2}: {month.days[-1]}", flush=True)
            connection = daemon.aggregator.store.connection
            month.articles = dict(
                connection.execute("SELECT replace(feeds.url, ?, ''), count(*) FROM articles JOIN feeds ON feeds.id = feed_id "
                                   "GROUP BY feed_id", (web.url(""),)).fetchall()
            )  # fmt: skip
            month.duplicates = connection.execute(
                "SELECT count(*) - count(DISTINCT feed_id || ' ' || url) FROM articles"
            ).fetchone()[0]
    finally:
        web.close()
    return month


def _day(daemon: Daemon, database: Path) -> Day:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    handles = len(list(Path("/proc/self/fd").iterdir()))
    polls = daemon.aggregator.store.connection.execute("SELECT count(*) FROM fetches").fetchone()[0]
    return Day(resident, handles, len(asyncio.all_tasks()), polls, Path(f"{database}-wal").stat().st_size)


def judge(month: Month, days: int) -> list[str]:
    """What is wrong; empty when all is well."""
    wrong = []
    hours = days * 24
    for path, times in month.polled.items():
        gaps = [after - before for before, after in itertools.pairwise(times)]
        kind = path[1:-1]
        if kind == "gone":
            if len(times) > 26:
                wrong.append(f"{path}: polled {len(times)} times, though it said 410")
            continue
        if kind in ("steady", "quiet"):
            if not hours / 1.25 <= len(times) <= hours + 1:
                wrong.append(f"{path}: polled {len(times)} times in {hours} hours")
            if gaps and not INTERVAL - timedelta(seconds=2) <= min(gaps) <= max(gaps) <= INTERVAL * 1.2 + timedelta(
                minutes=1
            ):
                wrong.append(f"{path}: gaps from {min(gaps)} to {max(gaps)}")
            if times[-1] < month.now - INTERVAL * 1.3:
                wrong.append(f"{path}: lost, last polled {times[-1]}")
        elif gaps and max(gaps) > timedelta(hours=30):
            wrong.append(f"{path}: not polled for {max(gaps)}")
        if kind == "steady":
            # What was published since its last poll can't be here yet.
            expected = (times[-1] - START) // POST_EVERY + 1
            if month.articles.get(path) != expected:
                wrong.append(f"{path}: {month.articles.get(path)} articles, not {expected}")
    if len(month.polled) != len(KINDS) * PER_KIND:
        wrong.append(f"only {len(month.polled)} feeds were ever polled")
    if month.duplicates:
        wrong.append(f"{month.duplicates} articles are stored twice")
    if month.lag > timedelta(minutes=1):
        wrong.append(f"a poll began {month.lag} late")
    first, last = month.days[0], month.days[-1]
    for name in ("handles", "tasks"):
        if getattr(last, name) > getattr(first, name) + 4:
            wrong.append(f"{name} grew from {getattr(first, name)} to {getattr(last, name)}")
    if days >= 10:
        settled = month.days[days // 3]
        if last.memory > settled.memory * 1.05:
            wrong.append(f"memory grew from {settled.memory} KiB to {last.memory} KiB")
    if last.wal > 64 * 2**20:
        wrong.append(f"the write-ahead log has {last.wal} bytes")
    return wrong


def main() -> int:
    """A month, or as many days as the first argument says."""
    logging.getLogger("aggregator").setLevel(logging.ERROR)
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        month = asyncio.run(live(Path(folder), days, tell=True))
    wrong = judge(month, days)
    polls = sum(map(len, month.polled.values()))
    print(
        f"{days} days, {polls} polls, {sum(month.articles.values())} articles, worst lag {month.lag.total_seconds():g} s"
    )
    print("\n".join(wrong) or "nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
