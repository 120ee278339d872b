"""How long a change of feeds.yaml takes until it is in force, beside what the parts of it cost. Shares, in one run.

python -m bench.reload [FEEDS]
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from aggregator import config as configuration
from aggregator import feedsfile
from aggregator.daemon import Daemon
from aggregator.feedsfile import NewFeed


async def measure(folder: Path, feeds: int) -> None:
    """Prints what adding one feed to so many costs."""
    file = folder / "feeds.yaml"
    # Feeds that are switched off are read, compared and stored like all others, and nobody is asked for them.
    rows = "".join(f"  - {{url: 'http://127.0.0.1:1/{n}', title: Feed {n}, tags: [a, b]}}\n" for n in range(feeds))
    file.write_text(f"server: {{listen: false}}\ndefaults: {{enabled: false}}\nfeeds:\n{rows}", encoding="utf-8")
    daemon = Daemon(configuration.load(file, {}))
    async with daemon.opened():
        await daemon.tick()
        daemon.files.ask()  # the first reload is not counted
        following = asyncio.create_task(daemon._follow_file())
        await asyncio.sleep(1)
        took = []
        for number in range(5):
            start = time.perf_counter()
            feedsfile.add(file, [NewFeed(f"http://127.0.0.1:1/new{number}")])
            written = time.perf_counter()
            while len(daemon.config.feeds) != feeds + number + 1:  # noqa: ASYNC110 - seen from outside, as a person would
                await asyncio.sleep(0.005)
            took.append((written - start, time.perf_counter() - written))
        following.cancel()
        start = time.perf_counter()
        configuration.load(file, {})
        read = time.perf_counter() - start
    writing, waiting = (sorted(times)[2] for times in zip(*took, strict=True))
    print(f"{feeds} feeds: written by `add` in {writing:.2f} s, in force {waiting:.2f} s later (median of 5), ")
    print(
        f"of which reading the file is {read:.2f} s ({100 * read / waiting:.0f} %), and waiting for two equal looks up to 0.50 s"
    )


if __name__ == "__main__":
    logging.getLogger("aggregator").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
