"""How fast feeds are written and served, always beside a peer in the same run: the ratio is what counts.

    pip install lxml && apt-get install nginx-light wrk
    python bench/publish.py

Writing: three formats of 50 stories; 10 000 stories against the plainest Atom writer lxml allows (no source, no copies,
no enclosures, no check). Serving: 200 clients at once, against nginx on the same file with gzip on the fly.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lxml import etree

from aggregator import publish
from aggregator.config import Listen
from aggregator.model import Copy, Enclosure, Story
from aggregator.publish import Channel
from aggregator.server import Server, application, bind
from aggregator.site import Site

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_DICE = random.Random(1)
_WORDS = ["".join(_DICE.choices("etaoinshrdlucmfwypvbgk", k=_DICE.randint(2, 11))) for _ in range(8000)]


def text(words: int) -> str:
    """HTML with about the entropy of prose: words by Zipf's law, a link here and there."""
    found = _DICE.choices(_WORDS, weights=[1 / rank for rank in range(1, len(_WORDS) + 1)], k=words)
    found[::40] = [f'<a href="https://board.example/{word}?a=1&amp;b=2">“{word}”</a>' for word in found[::40]]
    return "<p>" + "</p>\n<p>".join(" ".join(found[start : start + 60]) for start in range(0, words, 60)) + "</p>"


def story(number: int) -> Story:
    at = NOW - timedelta(minutes=7 * number)
    return Story(
        id=number, uid=f"https://board.example/{number}", title=f"Northern mole & basin {number} “to be rebuilt”",
        url=f"https://board.example/{number}", published=at, updated=at.replace(microsecond=number % 1000),
        author="Marit Oldenhove", summary="The harbour board agreed on Monday to rebuild the northern mole.",
        content_html=text(350), categories=("harbour", "storm"),
        enclosures=(Enclosure(f"https://board.example/{number}.mp3", "audio/mpeg", 12345),) if number % 5 == 0 else (),
        language="en", feed_url="https://board.example/feed.xml", feed_title="Harbour board",
        feed_home="https://board.example/", feed_guid="https://board.example/feed",
        copies=(Copy("Mole to be mended", f"https://news.example/{number}", "News", at),) if number % 3 == 0 else (),
    )  # fmt: skip


def plain_lxml(channel: Channel) -> bytes:
    """The peer."""
    feed = etree.Element("{http://www.w3.org/2005/Atom}feed", nsmap={None: "http://www.w3.org/2005/Atom"})

    def add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
        element = etree.SubElement(parent, f"{{http://www.w3.org/2005/Atom}}{name}", **attributes)
        element.text = text
        return element

    add(feed, "id", channel.address("atom"))
    add(feed, "title", channel.title)
    add(feed, "updated", NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for item in channel.stories:
        entry = add(feed, "entry")
        add(entry, "id", item.uid)
        add(entry, "title", item.title)
        add(entry, "published", item.published.strftime("%Y-%m-%dT%H:%M:%SZ"))
        add(entry, "updated", item.updated.strftime("%Y-%m-%dT%H:%M:%SZ"))
        add(entry, "link", href=item.url)
        add(add(entry, "author"), "name", item.author)
        add(entry, "summary", item.summary)
        add(entry, "content", item.content_html, type="html")
    return etree.tostring(feed, xml_declaration=True, encoding="utf-8")


def best(function: Callable[[], object], times: int) -> float:
    """Seconds of processor time of the median run: others may be busy on this machine."""
    taken = []
    for _ in range(times):
        before = time.process_time()
        function()
        taken.append(time.process_time() - before)
    return statistics.median(taken)


def writing() -> None:
    small = Channel("Planet", "https://planet.example/", "feed", tuple(map(story, range(50))))
    formats = {kind: render(small, NOW) for kind, render in publish.FORMATS.items()}
    three = best(lambda: [render(small, NOW) for render in publish.FORMATS.values()], 51)
    checks = best(lambda: [publish.fault(small, kind, body) for kind, body in formats.items()], 21)
    print(f"three formats of 50 stories: {three * 1000:.2f} ms (and {checks * 1000:.2f} ms to read them back)")
    big = Channel("Planet", "https://planet.example/", "feed", tuple(map(story, range(10_000))))
    # Turn by turn, so that a busy machine is busy for both.
    ours, theirs = [], []
    for _ in range(5):
        ours.append(best(lambda: publish.FORMATS["atom"](big, NOW), 1))
        theirs.append(best(lambda: plain_lxml(big), 1))
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(f"10 000 stories as Atom: {mine:.3f} s; a plain lxml writer {peer:.3f} s; ratio {mine / peer:.2f}")


NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes auto;
events {{ worker_connections 1024; }}
http {{
  access_log off; types {{ application/atom+xml atom; }} gzip on; gzip_types application/atom+xml;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}/public; }}
}}
"""


def load(port: int, *headers: str) -> tuple[float, float, str]:
    """Requests per second, p99 in ms, and wrk's line of failures where there is one."""
    options = [part for header in headers for part in ("-H", header)]
    command = ["wrk", "-t1", "-c200", "-d6s", "--timeout", "10s", "--latency", *options]
    out = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/feed.atom"], capture_output=True, text=True, check=True
    ).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()  # type: ignore[union-attr]
    failures = re.findall(r"(?:Socket errors|Non-2xx).*", out)
    return rate, float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit], "; ".join(failures) or "no failure"


def serving() -> None:
    if shutil.which("wrk") is None or shutil.which("nginx") is None:
        print("serving: NOT measured, wrk or nginx is not installed")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        site = Site(folder / "public")
        channel = Channel("Planet", "https://planet.example/", "feed", tuple(map(story, range(50))))
        site._put("feed.atom", lambda: publish.FORMATS["atom"](channel, NOW), NOW, False)
        document = site.documents["feed.atom"]
        print(f"serving {len(document.body):,} bytes, {len(document.compressed):,} compressed, to 200 clients at once")
        sock = bind(Listen("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
        server = Server(application(site, None, lambda: True))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True)
        thread.start()
        free = bind(Listen("127.0.0.1", 0))
        other = int(free.getsockname()[1])
        free.close()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=other))
        nginx = subprocess.Popen(["nginx", "-c", folder / "nginx.conf"])
        time.sleep(1)
        try:
            results: dict[str, list[tuple[float, float, str]]] = {"aggregator": [], "nginx": []}
            for _ in range(2):
                results["aggregator"].append(load(port, "Accept-Encoding: gzip"))
                results["nginx"].append(load(other, "Accept-Encoding: gzip"))
            for who, runs in results.items():
                for rate, p99, failures in runs:
                    print(f"  {who:10} gzip: {rate:7.0f} requests/s, p99 {p99:6.1f} ms, {failures}")
            fresh = load(port, "Accept-Encoding: gzip", f'If-None-Match: "{document.etag}-gz"')
            print(
                f"  aggregator 304:  {fresh[0]:7.0f} requests/s, p99 {fresh[1]:6.1f} ms (wrk counts 304 as an answer)"
            )
            mean = {who: statistics.mean(run[0] for run in runs) for who, runs in results.items()}
            worst = {who: statistics.mean(run[1] for run in runs) for who, runs in results.items()}
            print(
                f"  throughput: {mean['aggregator'] / mean['nginx']:.2f} times nginx's; "
                f"p99: {worst['aggregator'] / worst['nginx']:.2f} times nginx's"
            )
        finally:
            nginx.terminate()
            nginx.wait()
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    writing()
    sys.stdout.flush()
    serving()
