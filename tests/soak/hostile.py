"""Documents and servers that mean harm, each polled beside a good feed by the real program.

    python -m tests.soak.hostile [NAME...]

Prints for each how long the poll took, the peak memory of the process tree, and what was recorded. The bar: 35 s,
300 MiB, the good feed stored, nothing of a terminal's language printed, the file whole.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread

from tests.quiet import Quiet

Headers = dict[str, str]
MOST_SECONDS, MOST_MIB = 35.0, 300.0
# As installed without extras: sqlite-utils imports pandas where it finds it, and that is 40 MiB of nobody's concern.
PLAIN = "import sys; sys.modules.update(dict.fromkeys(('numpy', 'pandas'))); from aggregator.cli import main; main()"


def rss(*items: str, head: str = "") -> bytes:
    """An RSS document of these items' inner XML."""
    inner = "".join(f"<item>{item}</item>" for item in items)
    return (
        f"<?xml version='1.0'?>{head}<rss version='2.0'><channel><title>Hostile</title>{inner}</channel></rss>".encode(
            "utf-8", "surrogatepass"
        )
    )


def item(title: str = "A title", html: str = "Some text", guid: str = "1") -> str:
    return f"<title>{title}</title><guid isPermaLink='false'>{guid}</guid><description>{html}</description>"


def entity_bomb() -> bytes:
    lines = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
    return rss(item("&a11;"), head=f"<!DOCTYPE rss [<!ENTITY a0 'ha'>{lines}]>")


def entity_chain() -> bytes:
    lines = "".join(f"<!ENTITY a{n} '&a{n + 1};'>" for n in range(100_000))
    return rss(item("&a0;"), head=f"<!DOCTYPE rss [{lines}]>")


def external_entity() -> bytes:
    return rss(item("&file;"), head="<!DOCTYPE rss [<!ENTITY file SYSTEM 'file:///etc/passwd'>]>")


def many_attributes() -> bytes:
    attributes = " ".join(f"a{n}='x'" for n in range(300_000))
    return rss(f"<title {attributes}>T</title><guid>1</guid>", item(guid="2"))


def many_html_attributes() -> bytes:
    attributes = " ".join(f"a{n}=x" for n in range(300_000))
    return rss(item(html=f"&lt;p {attributes}&gt;Text&lt;/p&gt;"), item(guid="2"))


def many_categories() -> bytes:
    return rss(item() + "".join(f"<category>c{n}</category>" for n in range(200_000)), item(guid="2"))


def deep_xml() -> bytes:
    return rss(item() + "<x>" * 100_000 + "</x>" * 100_000, item(guid="2"))


def deep_html() -> bytes:
    return rss(item(html="&lt;div&gt;" * 100_000 + "deep"), item(guid="2"))


def many_entries() -> bytes:
    return rss(*(f"<title>E{n}</title><description>Text {n}</description><guid>{n}</guid>" for n in range(100_000)))


def many_same_entries() -> bytes:
    return rss(*[item()] * 60_000, item(guid="2"))


def many_damaged_entries() -> bytes:
    return rss(*(f"<title>E{n}</title><b>Text {n}<guid>{n}</guid>" for n in range(60_000)))


def json_many_entries() -> bytes:
    items = [{"id": str(n), "content_text": f"Text {n}"} for n in range(100_000)]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def huge_entry() -> bytes:
    return rss(item(html="word " * 1_900_000), item(guid="2"))


def huge_entry_of_other_words() -> bytes:
    dice = random.Random(9)
    return rss(item(html=" ".join(f"{dice.randrange(16**6):x}" for _ in range(1_350_000))), item(guid="2"))


def huge_entry_of_wide_characters() -> bytes:
    # One character beyond the basic plane, and Python holds each of them in four bytes.
    return rss(item(html="\U0001f600 " + "word " * 1_900_000), item(guid="2"))


def huge_picture() -> bytes:
    return rss(item(html=f"Before &lt;img src='data:image/png;base64,{'A' * 6_000_000}'&gt; after"), item(guid="2"))


def large_entries() -> bytes:
    paragraph = "&lt;p&gt;The harbour board agreed on Monday.&lt;/p&gt;"
    return rss(*(item(f"Entry {n}", paragraph * 18_000 + str(n), str(n)) for n in range(10)))


def json_huge_entry() -> bytes:
    items = [{"id": "1", "content_html": "word " * 1_900_000}, {"id": "2", "content_text": "short"}]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def huge_everything() -> bytes:
    long = "w" * 1_000_000
    return rss(item(long, long, long) + f"<author>{long}</author><category>{long}</category><link>http://x.example/{long}"
               f"</link><enclosure url='http://x.example/{long}'/><comments>{long}</comments>", item(guid="2"))  # fmt: skip


def huge_guid() -> bytes:
    return rss(item(guid="g" * 1_000_000), item(guid="2"))


def huge_title() -> bytes:
    return rss(item(title="t" * 5_000_000), item(guid="2"))


def ampersands() -> bytes:
    return rss(item(html="&amp;" * 500_000), item(guid="2"))


def tags_never_closed() -> bytes:
    return rss(item(html="&lt;a href=x&gt;" * 200_000), item(guid="2"))


def control_characters() -> bytes:
    return rss(item("A\x00B\x07C\x1b[31mD\x9b2J\u202eE\ud800F", guid="\x1b]0;x\x07"), item(guid="2"))


def json_deep() -> bytes:
    return b'{"version":"https://jsonfeed.org/version/1.1","items":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


def json_numbers() -> bytes:
    return b'{"version":"https://jsonfeed.org/version/1.1","items":[{"id":' + b"9" * 2_000_000 + b"}]}"


def wild_dates() -> bytes:
    days = (
        "Mon, 99 Foo 99999 99:99:99 +9999",
        "-0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0000-00-00",
        "9" * 400,
        "0001-01-01T00:00:00+23:00",
        "Sat, 01 Jan 0001 00:00:00 +2359",
        "9999-12-31T23:59:59Z",
        "1969-12-31T23:59:59Z",
    )
    return rss(*(item(guid=str(n)) + f"<pubDate>{day}</pubDate>" for n, day in enumerate(days)))


def metacharacters() -> bytes:
    evil = "../../x'; DROP TABLE articles; -- *[{!&amp;}]: | > %s $(reboot) `id`"
    return rss(item(evil, evil, evil) + f"<category>{evil}</category><author>{evil}</author>", item(guid="2"))


def wicked_links() -> bytes:
    links = (
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "http://[",
        "http://a b/",
        "\\\\unc\\x",
    )
    return rss(*(item(guid=str(n)) + f"<link>{link}</link><enclosure url='{link}'/>" for n, link in enumerate(links)))


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    made.__name__: made
    for made in (
        entity_bomb, entity_chain, external_entity, many_attributes, many_html_attributes, many_categories, deep_xml,
        deep_html, many_entries, many_same_entries, many_damaged_entries, json_many_entries, huge_entry,
        huge_entry_of_other_words, huge_entry_of_wide_characters, huge_picture, large_entries, json_huge_entry,
        huge_everything, huge_guid, huge_title, ampersands, tags_never_closed, control_characters, json_deep,
        json_numbers, wild_dates, metacharacters, wicked_links,
    )
}  # fmt: skip
# Nothing of these can be read; of all others, at least one entry must be stored.
UNREADABLE = {"json_deep", "json_numbers"}


def gzip_bomb(answer: Answer) -> None:
    answer.send({"Content-Encoding": "gzip"}, gzip.compress(b"\0" * 200 * 2**20, 6))


def deflate_bomb(answer: Answer) -> None:
    answer.send({"Content-Encoding": "deflate"}, zlib.compress(b" " * 200 * 2**20, 9))


def huge_body(answer: Answer) -> None:
    answer.begin({})
    for _ in range(200):
        answer.wfile.write(b"x" * 2**20)


def entry_of_50_mb(answer: Answer) -> None:
    answer.send({"Content-Encoding": "gzip"}, gzip.compress(rss(item(html="word " * 10_000_000), item(guid="2")), 1))


def endless_body(answer: Answer) -> None:
    answer.begin({})
    while True:
        answer.wfile.write(b"<!-- and so on -->" * 1000)


def dripping_body(answer: Answer) -> None:
    answer.begin({})
    while True:
        answer.wfile.write(b" ")
        time.sleep(0.5)


def dripping_headers(answer: Answer) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        answer.wfile.write(b"X: y\r\n")
        time.sleep(0.5)


def huge_header(answer: Answer) -> None:
    answer.send({"X-Long": "y" * 10_000_000}, rss(item()))


def absurd_headers(answer: Answer) -> None:
    answer.send(
        {"Retry-After": "9" * 30, "Age": "-1", "Cache-Control": "max-age=" + "9" * 30, "Expires": "Mon, 01 Jan 99999",
         "Last-Modified": "\xff\xfe", "ETag": '"' + "e" * 60_000},
        rss(item()),
    )  # fmt: skip


def too_many_requests(answer: Answer) -> None:
    answer.send({"Retry-After": "9" * 30}, b"", 503)


def circular_redirect(answer: Answer) -> None:
    answer.send({"Location": answer.path}, b"", 302)


def redirect_to_metadata(answer: Answer) -> None:
    answer.send({"Location": "http://169.254.169.254/latest/meta-data/"}, b"", 301)


def redirect_to_file(answer: Answer) -> None:
    answer.send({"Location": "file:///etc/passwd"}, b"", 302)


def cut_short(answer: Answer) -> None:
    body = rss(item())
    answer.begin({"Content-Length": str(len(body) * 2)})
    answer.wfile.write(body)


def no_http(answer: Answer) -> None:
    answer.wfile.write(os.urandom(5000))


SERVERS: dict[str, Callable[[Answer], None]] = {
    done.__name__: done
    for done in (
        gzip_bomb, deflate_bomb, huge_body, entry_of_50_mb, endless_body, dripping_body, dripping_headers, huge_header,
        absurd_headers,
        too_many_requests, circular_redirect, redirect_to_metadata, redirect_to_file, cut_short, no_http,
    )
}  # fmt: skip
ALL = (*DOCUMENTS, *SERVERS)


class Answer(BaseHTTPRequestHandler):
    """/good is a good feed; every other path is named after the harm it does."""

    protocol_version = "HTTP/1.1"
    documents: dict[str, bytes] = {}  # noqa: RUF012 - made once, whatever asks

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.close_connection = True
        if name in SERVERS:
            SERVERS[name](self)
            return
        body = rss(item("Good news")) if name == "good" else self.documents.setdefault(name, b"") or DOCUMENTS[name]()
        kind = "application/feed+json" if name.startswith("json") else "application/rss+xml"
        self.send({"Content-Type": kind}, body)

    def begin(self, headers: Headers, status: int = 200) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, headers: Headers, body: bytes, status: int = 200) -> None:
        self.begin(headers | {"Content-Length": str(len(body))}, status)
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextlib.contextmanager
def site() -> Iterator[int]:
    """The port of a server that plays all of it."""
    server = Quiet(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Found:
    """What one poll came to."""

    seconds: float
    memory: float  # MiB, of the whole process tree at its highest
    good: bool  # the good feed was stored
    stored: int  # articles of the hostile feed
    error: str | None
    clean: bool  # no control characters in what was printed, no traceback
    intact: bool

    def harm(self, name: str) -> list[str]:
        """What is wrong with it."""
        readable = name in DOCUMENTS and name not in UNREADABLE
        wrong = {
            "slow": self.seconds > MOST_SECONDS,
            "large": self.memory > MOST_MIB,
            "the good feed was lost": not self.good,
            "nothing was read": readable and self.stored == 0,
            "no word of it": not readable and self.stored == 0 and not self.error,
            "printed what it must not": not self.clean,
            "damaged": not self.intact,
        }
        return [word for word, so in wrong.items() if so]


def poll(*names: str, program: str = PLAIN) -> dict[str, Found]:
    """Polls these beside the good feed, all in one pass; `program` is the Python that does it."""
    with tempfile.TemporaryDirectory() as name, site() as port:
        folder = Path(name)
        feeds = "".join(f"  - http://127.0.0.1:{port}/{path}\n" for path in (*names, "good"))
        (folder / "feeds.yaml").write_text(
            f"server: {{listen: false}}\nfetch: {{allow_private: ['127.0.0.1:{port}'], per_host: 50}}\nfeeds:\n{feeds}"
        )
        began, most = time.monotonic(), 0.0
        running = subprocess.Popen(
            [sys.executable, "-c", program, "poll", "--json", "-c", str(folder / "feeds.yaml")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        output: list[bytes] = []
        reading = Thread(target=lambda: output.append(running.stdout.read() if running.stdout else b""))
        reading.start()
        while running.poll() is None:
            most = max(most, _memory(running.pid))
            time.sleep(0.05)
        seconds = time.monotonic() - began
        reading.join()
        if running.stdout:
            running.stdout.close()
        text = b"".join(output).decode("utf-8", "replace")
        clean = not any(ord(c) < 32 and c != "\n" for c in text) and "\x9b" not in text and "Traceback" not in text
        with contextlib.closing(sqlite3.connect(folder / "aggregator.db")) as db:
            counts = dict(
                db.execute(
                    "SELECT configured_url, count(articles.id) FROM feeds LEFT JOIN articles ON feed_id = feeds.id GROUP BY 1"
                )
            )
            intact = db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        try:
            errors = {row["url"]: row["error"] for row in json.loads(text[text.index("[") : text.rindex("]") + 1])}
        except ValueError:
            errors = {}
        address = f"http://127.0.0.1:{port}/"
        good = counts.get(address + "good") == 1
        return {
            path: Found(seconds, most, good, counts.get(address + path, 0), errors.get(address + path), clean, intact)
            for path in names
        }


def _memory(pid: int) -> float:
    """MiB of proportional memory of a process and all below it; shared pages count once."""
    total = 0.0
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) / 1024
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            total += sum(_memory(int(child)) for child in task.read_text().split())
    return total


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    broken = 0
    for chosen in sys.argv[1:] or ALL:
        [(_, found)] = poll(chosen).items()
        harm = found.harm(chosen)
        broken += bool(harm)
        told = [f"{found.stored} stored", *([(found.error or "")[:110]] if found.error else []), *harm]
        verdict = "HARM" if harm else "fine"
        print(f"{verdict}  {chosen:22} {found.seconds:5.1f} s {found.memory:5.0f} MiB, {'; '.join(told)}", flush=True)
    print(f"{len(sys.argv[1:] or ALL)} tried, {broken} did harm")
    sys.exit(1 if broken else 0)
