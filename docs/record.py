"""Records the first five minutes in a real terminal, against the sample publishers: docs/first-five-minutes.md.

python -m docs.record > docs/first-five-minutes.md
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from aggregator.demo import Demo
from tests.terminal import terminal

_HEAD = """\
# The first five minutes

<!-- Made by `python -m docs.record` from what a real terminal showed. -->

Recorded against the sample publishers of `aggregator demo`, which are on this machine: that is why the addresses are
on 127.0.0.1, and why `AGGREGATOR_FETCH__ALLOW_PRIVATE` is set. Yours are out in the world and need neither.
"""

_OPML = """<opml version="2.0"><body><outline text="News">{}</outline>
<outline type="rss" text="A row without an address"/></body></opml>
"""


def record(folder: Path) -> str:
    """The page."""
    with Demo(folder / "demo") as sample:
        home = folder / "home"
        home.mkdir()
        first, *others = sample.publishers
        rows = "".join(f'<outline type="rss" text="" xmlUrl="{other.feed_url}"/>' for other in others)
        (home / "subs.opml").write_text(_OPML.format(rows), encoding="utf-8")
        environ = {
            "AGGREGATOR_FETCH__ALLOW_PRIVATE": "[127.0.0.1]",
            "AGGREGATOR_FETCH__PER_HOST": "8",
            "COLUMNS": "120",
        }
        os.environ.update(environ)
        shown = [_HEAD]
        for words in (
            "init",
            f"add {first.home} --tag press --role origin",
            "import subs.opml",
            "check",
            "poll",
            "poll",
            "stories --copied -n 3",
            "status",
        ):
            result = terminal(*shlex.split(words), cwd=home, environ=environ)
            shown.append(f"```console\n$ aggregator {words}\n{_settled(result.text)}\n```\n")
            if result.code:
                sys.exit(f"`aggregator {words}` ended with {result.code}: {result.text}")
        shown.append(
            f"What `feeds.yaml` looks like now, its comments in place:\n\n```yaml\n{_tail(home / 'feeds.yaml')}\n```\n"
        )
        shown.append(f"And the daemon:\n\n```console\n{_run(home)}\n```\n")
    return "\n".join(shown)


def _settled(text: str) -> str:
    """What the terminal showed in the end: the bar, which is wiped out, left out."""
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line.rpartition("\r")[2]) for line in text.split("\n")]
    lines = [line.rstrip().replace(f"{sys.executable} -m ", "") for line in lines if "━" not in line]
    return "\n".join(line for number, line in enumerate(lines) if line or (number and lines[number - 1])).strip("\n")


def _tail(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return text[text.index("\nfeeds:") + 1 :].strip()


def _run(home: Path) -> str:
    process = subprocess.Popen([sys.executable, "-m", "aggregator", "run"], cwd=home, stderr=subprocess.PIPE, text=True)
    for _ in range(100):
        time.sleep(0.2)
        try:
            with urllib.request.urlopen("http://127.0.0.1:8080/readyz", timeout=5) as response:
                ready = response.read().decode()
            break
        except OSError:
            continue
    else:
        sys.exit("the daemon did not become ready")
    with urllib.request.urlopen("http://127.0.0.1:8080/feed.atom", timeout=5) as response:
        kind, size = response.headers["Content-Type"], len(response.read())
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    log = log.strip().replace(str(home), "~/feeds")
    return (
        f"$ aggregator run &\n$ curl http://127.0.0.1:8080/readyz\n{ready}$ curl -so feed.atom -w '%{{content_type}}, "
        f"%{{size_download}} bytes\\n' http://127.0.0.1:8080/feed.atom\n{kind}, {size} bytes\n$ kill %1\n{log}"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(record(Path(folder)))
