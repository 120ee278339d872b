"""What cleaning costs and how much it gets right, beside nh3, bleach, lxml_html_clean and feedparser's sanitiser.

python -m bench.clean                   all; the peers that are not installed are left out
python -m bench.clean --limits          also the bad input of the limits (about a minute)
python -m bench.clean --feeds FOLDER    also the articles of the feed documents in a folder

All times are of one run, best of many; what counts is the ratio to nh3 alone. The cases are those of tests/data/clean:
the rivals are judged by the classes that a sanitiser is for.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import nh3

from aggregator import parse
from aggregator.clean import Site, clean
from aggregator.errors import ParseError
from aggregator.model import Entry, Response, Text
from bench import farm

Cleaner = Callable[[str], str]
DATA = Path(__file__).parent.parent / "tests/data/clean"
BASE = "https://site.example/a/b"
PARAGRAPH = (
    "<p>The harbour board agreed on Monday to <a href='/plan?utm_source=rss&amp;id={n}'>rebuild</a> the northern "
    "<em>mole</em> before the winter storms arrive. Work begins in March and will take two summers, the board said after "
    "its meeting in the old customs house &amp; before the next one. Engineers found cracks in {n} of the caissons.</p>\n"
)
ARTICLE = (
    "<h2>Mole to be mended</h2>"
    + "".join(PARAGRAPH.format(n=n) for n in range(13))
    + "<figure><img src='/a.jpg' alt='The mole'><figcaption>The mole</figcaption></figure><ul><li>one</li><li>two</li></ul>"
)
LIMITS = {
    "5 MB of paragraphs": "<p>The harbour board agreed on Monday</p>" * 125_000,
    "10,000 nested tags": "<div>" * 10_000 + "deep",
    "300,000 attributes": "<p " + " ".join(f"a{n}=1" for n in range(300_000)) + ">deep",
    "500,000 bare ampersands": "&" * 500_000,
    "20,000 open <b class=…>, 20,000 <p>": "".join(f"<b class=c{n}>" for n in range(20_000)) + "<p>x</p>" * 20_000,
}


def ours(html: str) -> str:
    return clean(Entry("g", BASE, content=Text(html, True, BASE)), Site("https://site.example/feed")).content_html


def rivals() -> dict[str, Cleaner]:
    found: dict[str, Cleaner] = {"aggregator": ours, "nh3": nh3.clean}
    with contextlib.suppress(ImportError):
        found["bleach"] = importlib.import_module("bleach").clean
    with contextlib.suppress(ImportError):
        found["lxml_html_clean"] = importlib.import_module("lxml_html_clean").clean_html
    with contextlib.suppress(ImportError, AttributeError):
        sanitize = importlib.import_module("feedparser.sanitizer")._sanitize_html
        found["feedparser"] = lambda html: str(sanitize(html, "utf-8", "text/html"))
    return found


def best(cleaner: Cleaner, html: str) -> float:
    """Seconds of CPU, the best of many."""
    least = float("inf")
    for _ in range(200):  # short ones: of a busy machine's time some are quiet
        start = time.process_time()
        for _ in range(3):
            cleaner(html)
        least = min(least, (time.process_time() - start) / 3)
    return least


def real(folder: Path) -> list[Entry]:
    """The entries of the feed documents in a folder that hold HTML."""
    found: list[Entry] = []
    for path in sorted(folder.iterdir()):
        response = Response(f"https://feeds.example/{path.name}", 200, (), path.read_bytes())
        with contextlib.suppress(ParseError):
            found += [entry for entry in parse.changes(response, {}, b"").feed.entries if html_of(entry)]
    return found


def html_of(entry: Entry) -> str:
    text = entry.content if entry.content.value.strip() else entry.summary
    return text.value if text.html and "<" in text.value else ""


def whole(cleaner: Callable[[Entry], object], entries: list[Entry]) -> float:
    """Seconds of CPU for all of them, the best of some."""
    least = float("inf")
    for _ in range(5):
        start = time.process_time()
        for entry in entries:
            cleaner(entry)
        least = min(least, time.process_time() - start)
    return least


def score(cleaner: Cleaner) -> dict[str, tuple[int, int]]:
    """(right, of) for each class of cases; a case is right when what must remain does and what must not does not."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path in sorted(DATA.glob("*/*.txt")):
        head, _, html = path.read_text(encoding="utf-8").partition("---\n")
        wanted = [line.split(": ", 1) for line in head.splitlines()]
        if {"plain", "base", "html", "text"} & {key for key, _ in wanted}:
            continue  # of more than a sanitiser is for
        html = re.sub(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))", lambda found: chr(int(found[1] or found[2], 16)), html)
        try:
            made = cleaner(html)
            right = all(
                value in made if key == "has" else value.lower() not in made.lower()
                for key, value in wanted
                if key in ("has", "lacks")
            )
        except Exception:  # noqa: BLE001 - a rival that raises has not cleaned it
            right = False
        counts[path.parent.name][0] += right
        counts[path.parent.name][1] += 1
    return {name: (right, of) for name, (right, of) in counts.items()}


def main() -> None:
    cleaners = rivals()
    base = best(nh3.clean, ARTICLE)
    scores = {name: score(cleaner) for name, cleaner in cleaners.items()}
    classes = sorted({name for found in scores.values() for name in found})
    print(f"an article of {len(ARTICLE)} characters; nh3 alone {base * 1e6:.0f} µs")
    print(f"{'':18}{'times nh3':>10}  " + "".join(f"{name:>11}" for name in classes))
    for name, cleaner in cleaners.items():
        cells = "".join(f"{'{}/{}'.format(*scores[name][kind]):>11}" for kind in classes)
        print(f"{name:18}{best(cleaner, ARTICLE) / base:>10.1f}  {cells}")
    for name, html in (("an article of the farm", farm.article(3, 7)[1]), ("the article", ARTICLE)):
        alone, all_of_it = best(nh3.clean, html), best(ours, html)
        print(f"{name}: {len(html)} characters, {all_of_it * 1e6:.0f} µs, {all_of_it / alone:.1f} times nh3")
    if "--feeds" in sys.argv:
        entries = real(Path(sys.argv[sys.argv.index("--feeds") + 1]))
        site, size = Site("https://feeds.example/"), sum(len(html_of(entry)) for entry in entries)
        alone = whole(lambda entry: nh3.clean(html_of(entry)), entries)
        all_of_it = whole(lambda entry: clean(entry, site), entries)
        each = f"{size / len(entries):.0f} characters and {all_of_it / len(entries) * 1e6:.0f} µs on average"
        print(f"{len(entries)} articles of real feeds: {each}, {all_of_it / alone:.1f} times nh3")
    if "--limits" in sys.argv:
        for name, html in LIMITS.items():
            start = time.process_time()
            ours(html)
            print(f"{name:40}{time.process_time() - start:6.2f} s")


if __name__ == "__main__":
    main()
