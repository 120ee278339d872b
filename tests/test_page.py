"""The pages: pure pieces by cases and laws, and whole pages over real HTTP. What needs a browser is in test_browser_page."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator import picture
from aggregator.clean.sanitize import sanitize
from aggregator.config import Config
from aggregator.page import Asked, Mistaken, charts, content, story, words
from aggregator.store import Before, Pages, Wanted, open_pages
from aggregator.store.pages import Slow
from tests.conftest import DATA, NOW, Answer, Post, Web, config_for, rss
from tests.served import Served, poll, serve

RELEASE = (
    "<p>The harbour board agreed on Monday to rebuild the northern mole before the winter storms arrive. Work begins in "
    "March and will take two summers, the board said after its meeting in the old customs house.</p><p>Engineers found "
    "cracks in eleven of the forty caissons last spring. “We would rather close one basin now than all of them later,” "
    "said the chair, Marit Oldenhove, who thanked the pilots for their patience.</p>"
)
FOOTER = "<p>/Public Release. This material from the originating organization/author(s) may be edited. View in full here.</p>"
COPY = RELEASE.replace("agreed on Monday", "decided on Monday") + FOOTER
HOSTILE = "</title><script>window.pwned=1</script><img src=x onerror=window.pwned=1>“' {{7*7}} \u202egnp.exe &amp;lt;b>"
EVIL_HTML = (
    '<script>window.pwned=2</script><p onclick="window.pwned=3" style="position:fixed">Words <b>stay</b>.</p>'
    '<a href="javascript:window.pwned=4">link</a><svg onload="window.pwned=5"></svg><form action="http://evil.example/">'
    '<input></form><iframe src="http://evil.example/"></iframe><base href="http://evil.example/">'
    '<h1>Big</h1><h4>Small</h4><img src="http://pictures.invalid/p.png"><style>*{display:none}</style>'
)


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (44, "just now"),
        (60, "1 minute ago"),
        (89 * 60, "89 minutes ago"),
        (3 * 3600, "3 hours ago"),
        (30 * 3600, "30 hours ago"),
        (47 * 3600, "2 days ago"),
        (20 * 86400, "20 days ago"),
        (90 * 86400, "3 months ago"),
        (900 * 86400, "2 years ago"),
        (-10, "in a moment"),
        (-1200, "in 20 minutes"),
    ],
)
def test_how_long_ago(seconds: int, said: str) -> None:
    assert words.ago(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0, "at the same time"), (2, "2 hours later"), (-0.5, "30 minutes earlier"), (72, "3 days later")],
)
def test_how_much_later(hours: float, said: str) -> None:
    assert words.later(hours) == said


def test_days_as_headings() -> None:
    today = date(2026, 1, 1)
    assert [words.day(today - timedelta(days=back), today) for back in (0, 1, 2)] == [
        "Today",
        "Yesterday",
        "Tuesday, 30 December 2025",
    ]


@pytest.mark.parametrize(("number", "said"), [(999, "999 B"), (1500, "1.5 kB"), (15_312, "15.3 kB"), (2e9, "2 GB")])
def test_sizes(number: float, said: str) -> None:
    assert words.size(int(number)) == said


def test_almost_all_is_not_all() -> None:
    assert (words.percent(0.999), words.percent(1.0)) == ("99%", "100%")


# ---- an article's HTML ----------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Start tags with their attributes, end tags and text, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.events: list[tuple[object, ...]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ours = {"img": ("alt", "loading"), "audio": ("controls",), "video": ("controls",)}.get(tag, ())
        kept = tuple((name, value) for name, value in attrs if name not in ours)
        self.events.append(("h" if re.fullmatch("h[1-6]", tag) else tag, kept))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(("/h" if re.fullmatch("h[1-6]", tag) else f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.events.append((data,))


def levels(html: str) -> list[int]:
    return [int(level) for level in re.findall(r"<h([1-6])[\s>]", html)]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>a</h1><h2>b</h2><h1>c</h1>", [2, 3, 2]),
        ("<h4>a</h4><h2>b</h2><h3>c</h3>", [2, 2, 3]),
        ("<h1>a</h1><h6>b</h6>", [2, 3]),
        ("<h1>a</h1><h2>b</h2><h3>c</h3><h4>d</h4><h5>e</h5><h6>f</h6>", [2, 3, 4, 5, 6, 6]),
    ],
)
def test_headings_go_below_ours_and_none_is_skipped(html: str, expected: list[int]) -> None:
    embedded = content.embed(html, 1)
    assert levels(embedded) == expected
    assert [int(level) for level in re.findall(r"</h([1-6])>", embedded)] == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<img src="x">', '<img alt=Picture loading=lazy src="x">'),
        ('<img alt="A mole" src="x">', '<img loading=lazy alt="A mole" src="x">'),
        ('<img alt="" src="x">', '<img loading=lazy alt="" src="x">'),
        ('<a href="y"> <img alt="" src="x"></a>', '<a href="y"> <img loading=lazy alt=Picture src="x"></a>'),
        ('<a href="y"><img alt="" src="x"> More</a>', '<a href="y"><img loading=lazy alt="" src="x"> More</a>'),
        ('<video src="x"></video>', '<video controls src="x"></video>'),
        ('<audio controls="" src="x"></audio>', '<audio controls="" src="x"></audio>'),
    ],
)
def test_pictures_have_words_and_no_hurry(html: str, expected: str) -> None:
    assert content.embed(html, 1) == expected


PIECES = st.sampled_from(
    "<h1>|</h1>|<h5 title='|<img src='http://x.example/a'| alt='|\"|'|>|<|/|=| |img|h2|<a title='<img x'>|<p>|</p>|\n|onload"
    "|<a href='http://x.example/'>|</a>|<video src='http://x.example/v'|controls|&quot;|&|word|<h3>|</h3>".split("|")
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_embedding_changes_no_tag_but_the_level_of_headings(html: str) -> None:
    safe = sanitize(html)
    embedded = content.embed(safe, 1)
    assert Tags(embedded).events == Tags(safe).events


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<p>x</p><img src="http://x.example/a.png?a=1&amp;b=2">', "http://x.example/a.png?a=1&b=2"),
        ('<img src="http://x.example/pixel.gif" width="1" height="1"><img src="http://x.example/b.png">', "http://x.example/b.png"),
        ('<img src="https://s.w.example/core/emoji/1f389.png"><img src="http://x.example/b.png">', "http://x.example/b.png"),
        ('<img src="https://x.example/a.png" width="16" height="640">', None),
        ('<img alt="no address">', None),
        (f'<img src="http://x.example/{"a" * 2000}">', None),
        ("<p>no picture</p>", None),
    ],
)  # fmt: skip
def test_the_picture_of_a_story(html: str, found: str | None) -> None:
    assert picture.first(html) == found


# ---- charts ---------------------------------------------------------------------------------------------------------


def test_flows_are_counted_and_sorted() -> None:
    found = charts.flows([(1, 2, 1.0), (1, 2, 3.0), (3, 2, -1.0), (1, 2, 8.0)])
    assert [(f.source, f.copier, f.copies, f.median_hours) for f in found] == [(1, 2, 3, 3.0), (3, 2, 1, -1.0)]


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.floats(-100, 100)), max_size=200))
def test_the_picture_of_flows_counts_every_copy_once(copies: list[tuple[int, int, float]]) -> None:
    found = charts.flows(copies)
    drawn = charts.picture(found)
    assert sum(arrow.flow.copies for arrow in drawn.arrows) + drawn.hidden == len(copies)
    assert len(drawn.left) <= charts.MOST_NODES >= len(drawn.right)
    assert all(node.y + node.height <= drawn.height for node in (*drawn.left, *drawn.right))


def test_a_sparkline_has_a_bar_for_each_day_with_something() -> None:
    assert charts.sparkline([0, 3, 0, 1]).count("M") == 2
    assert charts.sparkline([0, 0]) == ""


# ---- addresses ------------------------------------------------------------------------------------------------------

ASKED = st.builds(
    Asked,
    q=st.text(max_size=40).map(lambda text: " ".join("".join(c for c in text if c.isprintable()).split())),
    tag=st.sampled_from(["", "press", "ä & b", "a=b"]),
    feed=st.none() | st.integers(0, 10**17),
    lang=st.sampled_from(["", "de", "pt-br"]),
    copied=st.booleans(),
    before=st.sampled_from(["", "20261123120000-7"]),
)


@given(ASKED)
def test_an_address_says_all_that_was_asked(asked: Asked) -> None:
    from urllib.parse import parse_qsl

    assert Asked.parse(dict(parse_qsl(asked.address().lstrip("?.")))) == asked


@pytest.mark.parametrize(
    "parameters", [{"feed": "x"}, {"feed": "1.5"}, {"lang": "d"}, {"lang": "<b>"}, {"before": "now"}]
)
def test_what_cant_be_answered_is_said(parameters: dict[str, str]) -> None:
    with pytest.raises(Mistaken):
        Asked.parse(parameters)


# ---- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """Six feeds with stories, copies, a hostile one, an Arabic one and one that is not there."""
    web = Web()
    try:
        yield _polled(web, tmp_path_factory.mktemp("page"))
    finally:
        web.close()


def _polled(web: Web, folder: Path) -> Config:
    many = [
        Post(
            f"Story number {n}",
            f"<p>{WORDS[n % 7]} {n} and nothing else but the tide of day {n}.</p>",
            f"http://many.example/{n}",
            date=f"Mon, 02 Nov 2026 {n % 24:02}:{n % 60:02}:00 GMT",
        )
        for n in range(60)
    ]
    web.pages["/board"] = Answer(
        rss(Post("Northern mole to be rebuilt", RELEASE + '<img src="http://pictures.invalid/mole.png" width="800">',
                 "http://board.example/9", date="Mon, 23 Nov 2026 06:00:00 GMT"), title="Harbour board")
    )  # fmt: skip
    web.pages["/news"] = Answer(rss(Post("Board to mend mole", COPY, "http://news.example/1"), title="Newswire"))
    web.pages["/many"] = Answer(rss(*many, title="Tide tables"))
    web.pages["/evil"] = Answer(
        rss(Post(HOSTILE, EVIL_HTML, "http://evil.example/1", date="Sun, 22 Nov 2026 08:00:00 GMT"), title="Evil &amp;lt;i> feed")
    )  # fmt: skip
    arabic = rss(Post("المرفأ القديم", "<p>يفتح المرفأ القديم أبوابه في الربيع.</p>", "http://ar.example/1",
                      date="Sat, 21 Nov 2026 08:00:00 GMT"), title="المرفأ")  # fmt: skip
    web.pages["/ar"] = Answer(arabic.replace(b"<channel>", b"<channel><language>ar</language>"))
    web.pages["/rich"] = Answer((DATA / "page/rich.xml").read_bytes())
    config = config_for(
        folder,
        f"{{url: {web.url('/board')}, role: origin, tags: [press, sea]}}",
        f"{{url: {web.url('/news')}, role: republisher, tags: [press]}}",
        f"{{url: {web.url('/many')}, tags: [tides]}}",
        web.url("/evil"),
        web.url("/ar"),
        web.url("/missing"),
        web.url("/rich"),
        more="tags: [{name: castle, include: [المرفأ]}]\n",
    )
    poll(config)
    return config


WORDS = ["harbour", "lighthouse", "ferry", "anchor", "pilot", "buoy", "crane"]


@pytest.fixture(scope="module")
def site(config: Config) -> Iterator[Served]:
    with serve(config) as served:
        yield served


def titles(page: str) -> list[str]:
    return re.findall(r'<h3 dir="[a-z]+"><a href="story/\d+">(.*?)</a>', page)


PATHS = ["/", "/?q=mole", "/?tag=press", "/?copied=1", "/?lang=ar", "/story/1", "/story/3", "/feeds", "/feeds/1", "/feeds/6",
         "/who-copies-whom", "/about", "/story/999", "/?feed=x"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_page_keeps_the_rules(site: Served, path: str) -> None:
    page = site.get(path)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert len(page.body.encode()) < 50_000
    assert "{{" not in page.body.replace("{{7*7}}", "")

    class Rules(HTMLParser):
        headings: list[int] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = {name for name, _ in attrs}
            assert not {name for name in names if name.startswith("on") or name == "style"}
            assert tag not in (
                "style",
                "iframe",
                "object",
                "embed",
                "base",
                "input" if path.startswith("/story") else "base",
            )
            for name, value in attrs:
                if name in ("href", "src", "action"):
                    assert not re.match(r"\s*(javascript|data|vbscript):", value or "", re.I)
            if tag == "script":
                assert dict(attrs)["src"]
            if re.fullmatch("h[1-6]", tag):
                self.headings = [*self.headings, int(tag[1])]

    rules = Rules()
    rules.feed(page.body)
    assert rules.headings[0] == 1
    assert rules.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(rules.headings, rules.headings[1:], strict=False))
    assert '<html lang="en">' in page.body
    assert 'href="#main"' in page.body


def test_the_river_shows_lead_copies_and_pictures(site: Served) -> None:
    page = site.get("/").body
    assert titles(page)[0] == "Northern mole to be rebuilt"
    assert "Also in 1 place:" in page
    assert "Newswire" in page
    assert "2 hours later" in page
    assert re.search(r'<img class="thumb" src="http://pictures.invalid/mole.png" alt="" [^>]*loading="lazy"', page)
    assert '<time datetime="2026-11-23T06:00:00Z" title="23 November 2026, 06:00 UTC">6 hours ago</time>' in page
    assert 'type="application/atom+xml" title="My merged feed (Atom)" href="feed.atom"' in page


def test_a_hostile_title_is_text(site: Served) -> None:
    page = site.get("/").body
    [title] = [title for title in titles(page) if "7*7" in title]
    assert "<" not in title


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=caissons", ["Northern mole to be rebuilt"]),
        ("?q=%22northern+mole%22", ["<mark>Northern mole</mark> to be rebuilt"]),
        ("?q=rebuil*", ["Northern mole to be <mark>rebuilt</mark>"]),
        ("?tag=press", ["Northern mole to be rebuilt"]),
        ("?tag=sea&copied=1", ["Northern mole to be rebuilt"]),
        ("?tag=tides&copied=1", []),
        ("?lang=ar", ["المرفأ القديم"]),
        ("?q=decided&tag=press", ["Northern mole to be rebuilt"]),
        ("?q=nosuchwordanywhere", []),
        ("?feed=2", ["Northern mole to be rebuilt"]),
        ("?feed=999", []),
        ("?tag=unknown", []),
        ("?q=%00%01", None),
    ],
)
def test_filters(site: Served, query: str, expected: list[str] | None) -> None:
    page = site.get(f"/{query}")
    assert page.status == 200
    if expected is not None:
        assert titles(page.body) == expected
    if expected == []:
        assert 'class="empty"' in page.body


def test_a_word_that_only_a_copy_has_finds_the_story(site: Served) -> None:
    page = site.get("/?q=decided").body
    assert "Found in the copy by <bdi>Newswire</bdi>" in page
    assert "<mark>decided</mark>" in page


def test_older_pages_show_everything_once(site: Served) -> None:
    seen, path = [], "/"
    while path:
        page = site.get(path).body
        seen += re.findall(r'<h3 dir="[a-z]+"><a href="(story/\d+)"', page)
        found = re.search(r'<a rel="next" href="([^"]+)"', page)
        path = "/" + found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == len(set(seen)) == 64


def test_a_story_shows_who_published_when_and_what_they_changed(site: Served) -> None:
    page = site.get("/story/1").body
    assert "<del>agreed</del>" in page
    assert "<ins>decided</ins>" in page
    assert re.search(r"\d+% of its words are in the other", page)
    assert "2 hours later" in page
    sides = re.findall(r'<th scope="row">(.*?)</th><td><bdi>(.*?)</bdi></td><td><bdi>(.*?)</bdi>', page)
    assert sides[0] == ("Title", "Northern mole to be rebuilt", "Board to mend mole")
    assert [row[0] for row in sides] == ["Title", "Published", "Length", "In common"]
    assert all(re.fullmatch(r"\d+% of its words", share) for share in sides[3][1:])
    for command in ("aggregator explain ", "aggregator split ", "aggregator pin ", "aggregator merge "):
        assert command in page
    assert "/Public Release" in page[page.index("Removed before comparing") :]


def test_what_matching_looks_past_is_shown_as_such(web: Web, tmp_path: Path) -> None:
    standing = (
        "<p>Kindly note that everything on these pages reaches you straight from the keepers of the outer lights.</p>"
    )
    texts = [f"{standing}<p>{' '.join(f'{word}{n}' for word in WORDS * 3)}.</p>" for n in range(5)]
    posts = [Post(f"Light {n}", text, f"http://x.example/{n}") for n, text in enumerate(texts)]
    web.pages["/a"] = Answer(rss(*posts, Post("Mole", standing + RELEASE, "http://x.example/m"), title="Lights"))
    web.pages["/b"] = Answer(rss(Post("Mole", RELEASE, "http://y.example/m")))
    config = config_for(tmp_path, f"{{url: {web.url('/a')}, learn: false, role: republisher}}", web.url("/b"))
    poll(config)
    with serve(config) as site:
        found = re.search(r'href="(story/\d+)\?copy', site.get("/").body)
        assert found is not None
        page = site.get(f"/{found[1]}").body
    masked = " ".join(re.findall(r'<span class="masked">(.*?)</span>', page))
    assert "everything on these pages reaches you" in masked
    assert "mole" not in masked
    assert '<div class="masked"><dt>masked</dt>' in page


def test_an_article_may_hold_everything(site: Served) -> None:
    number = re.search(r'(story/\d+)">Everything', site.get("/").body)
    assert number is not None
    page = site.get(f"/{number[1]}").body
    assert re.findall(r"<(h[2-6])>(\w+)", page)[:3] == [("h2", "A"), ("h2", "Another"), ("h3", "Deep")]
    assert '<audio controls preload="none" src="http://pictures.invalid/talk.mp3">' in page
    assert "Attached: talk.mp3</a> (1.23 MB)" in page


def test_an_unknown_copy_shows_the_first(site: Served) -> None:
    assert "<del>agreed</del>" in site.get("/story/1?copy=99999999999999999999999").body


def test_right_to_left_stories_say_so(site: Served) -> None:
    assert re.search(r'<article class="card" lang="ar">\s*<h3 dir="rtl">', site.get("/?lang=ar").body)


@pytest.mark.parametrize(
    "path", ["/story/0", "/story/999999999999999999", "/feeds/99", "/feeds?page=9", "/nowhere", "/a/b/c"]
)
def test_what_is_not_there_is_said_in_kind_words(site: Served, path: str) -> None:
    page = site.get(path, Accept="text/html")
    assert page.status == 404
    assert "There is nothing here" in page.body
    assert "To the stories" in page.body


@pytest.mark.parametrize(
    "path", ["/?feed=seven", "/?before=yesterday", "/?lang=%3Cscript%3E", "/feeds?page=-1", "/feeds?page=0"]
)
def test_what_cant_be_understood_is_said_in_kind_words(site: Served, path: str) -> None:
    page = site.get(path)
    assert page.status == 400
    assert "not quite right" in page.body


def test_programs_get_short_words(site: Served) -> None:
    assert "<html" not in site.get("/nowhere").body


def test_the_feeds_in_trouble_come_first_with_advice(site: Served) -> None:
    page = site.get("/feeds").body
    assert page.index("Failing") < page.index("Well")
    assert "The feed is not there any more: <code>aggregator add</code> its site again" in page
    assert "100% copies, typically 2 hours behind the origin" in page
    assert page.count('role="img" aria-label="New articles per day') == 6  # the one that failed has none


def test_a_feed_has_its_last_polls(site: Served) -> None:
    page = site.get("/feeds/6").body
    assert 'class="failed"' in page
    assert "HTTP 404" in page
    assert "Copied Harbour board 1 time, typically 2 hours later." in site.get("/feeds/2").body


def test_who_copies_whom(site: Served) -> None:
    page = site.get("/who-copies-whom").body
    assert "<title>Harbour board → Newswire: 1 copy</title>" in page
    assert "1 copy was recognised" in page


def test_about_has_the_recipes_of_the_database(site: Served, config: Config) -> None:
    page = site.get("/about").body
    with open_pages(config.database) as pages:
        recipes = pages.examples()
    assert len(recipes) > 5
    assert page.count("<code data-copy>") >= len(recipes)
    assert 'href="tags/press.atom"' in page


def test_conditional_requests_heads_and_gzip(site: Served) -> None:
    page = site.get("/about", Accept_Encoding="gzip")
    assert page.headers["content-encoding"] == "gzip"
    again = site.get("/about", Accept_Encoding="gzip", If_None_Match=page.headers["etag"])
    assert (again.status, again.body) == (304, "")
    head = site.get("/about", method="HEAD")
    assert (head.status, head.body) == (200, "")
    assert site.get("/", method="POST").status == 405


def test_files_of_the_page_may_be_kept_for_ever(site: Served) -> None:
    address = re.search(r'href="(static/page.css\?v=\w+)"', site.get("/").body)
    assert address is not None
    page = site.get(f"/{address[1]}")
    assert "immutable" in page.headers["cache-control"]
    assert page.headers["content-type"].startswith("text/css")
    assert "immutable" not in site.get("/static/page.css").headers["cache-control"]
    assert site.get("/static/pagexcss").status == site.get("/static/..%2frender.py").status == 404


@pytest.mark.parametrize("header", [{"Save_Data": "on"}, {"Sec_GPC": "1"}])
def test_who_asks_for_quiet_gets_no_pictures(site: Served, header: dict[str, str]) -> None:
    page = site.get("/", **header)
    assert "pictures.invalid" not in page.body
    assert "img-src 'self';" in page.headers["content-security-policy"]
    assert "Pictures of other sites are not loaded" in page.body


def test_links_work_below_any_prefix(site: Served) -> None:
    for path in ("/", "/story/1", "/feeds", "/feeds/1", "/about"):
        assert not re.search(r'(?:href|src|action)="/', site.get(path).body)
    assert site.get("/story/1/").headers["location"] == "../../story/1"


def test_a_password_protects_the_pages(config: Config) -> None:
    locked = dataclasses.replace(config, server=dataclasses.replace(config.server, auth="me:secret"))
    with serve(locked) as site:
        for path in ("/", "/story/1", "/feeds", "/static/page.css", "/nowhere"):
            assert site.get(path, Accept="text/html").status == 401
        assert site.get("/", Authorization="Basic bWU6c2VjcmV0").status == 200


def test_a_feeds_page_and_its_outputs_dont_collide(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1")))
    config = config_for(tmp_path, web.url("/f"), more="output: {feeds: [{name: '1', title: First}]}\n")
    published = poll(config)
    with serve(config, published) as site:
        assert site.get("/feeds/1").headers["content-type"].startswith("text/html")
        assert site.get("/feeds/1.atom").headers["content-type"].startswith("application/atom+xml")


def test_before_the_first_poll_the_page_says_what_to_do(web: Web, tmp_path: Path) -> None:
    config = config_for(tmp_path)
    poll(config)
    with serve(config) as site:
        assert "aggregator add https://example.org/" in site.get("/").body
        assert site.get("/who-copies-whom").status == site.get("/feeds").status == 200
        assert "No copy has been recognised" in site.get("/who-copies-whom").body


def test_without_a_database_the_page_says_so(tmp_path: Path) -> None:
    with serve(config_for(tmp_path)) as site:
        page = site.get("/")
    assert page.status == 503
    assert "database" in page.body


def test_a_long_page_is_cut_short_and_goes_on(web: Web, tmp_path: Path) -> None:
    posts = [Post("長い題名" * 50 + str(n), f"<p>{'水位は高い。' * 300}{n}</p>", f"http://x.example/{'long/' * 150}{n}",
                  date=f"Mon, 02 Nov 2026 00:{n:02}:00 GMT") for n in range(40)]  # fmt: skip
    web.pages["/f"] = Answer(rss(*posts))
    config = config_for(tmp_path, f"{{url: {web.url('/f')}, dedupe: false}}")
    poll(config)
    with serve(config) as site:
        seen, path = 0, "/"
        while path:
            page = site.get(path).body
            assert len(page.encode()) <= 50_000
            seen += len(titles(page))
            found = re.search(r'<a rel="next" href="([^"]+)"', page)
            path = "/" + found[1] if found else ""
    assert seen == 40


# ---- the queries ----------------------------------------------------------------------------------------------------


@given(st.text(max_size=80) | st.text(alphabet='"-*():^{}+ ANDORTNE~title.a\x00\ud800', max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_no_search_is_an_error(config: Config, query: str) -> None:
    asked = Asked.parse({"q": query})
    with open_pages(config.database) as pages:
        pages.river(Wanted(asked.q), 5)


def test_a_query_of_ten_kilobytes_is_answered(site: Served) -> None:
    for query in ("word " * 2000, '"' * 10_000, "a OR " * 2000, "(" * 10_000, "é" * 1500):
        assert site.get(f"/?q={quote(query)}"[:15_000]).status == 200


def test_few_and_many_are_found_alike(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that many articles pass is answered in another way than one that few do, with the same stories."""
    wishes = [
        Wanted(tag="press", copied=True),
        Wanted(feed=3),
        Wanted(language="ar"),
        Wanted(tag="tides", before=Before("2026-11-02 12:00:00Z", 9)),
        Wanted(language="ar", tag="castle"),
        Wanted(feed=3, tag="press"),
    ]
    found = []
    for few in (0, 10_000):
        monkeypatch.setattr("aggregator.store.river.FEW", few)
        with open_pages(config.database) as pages:
            found.append([[row["id"] for row in pages.river(wanted, 100)[0]] for wanted in wishes])
    assert found[0] == found[1]
    assert [len(stories) for stories in found[0]] == [1, 60, 1, 36, 1, 0]


def test_of_a_common_word_the_newest_are_looked_at(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.store.river.FEW", 30)
    with open_pages(config.database) as pages:
        rows, cut = pages.river(Wanted("tide"), 100)
        assert (len(rows), cut) == (30, True)
        assert pages.river(Wanted("mole"), 100)[1] is False
        assert [row["title"] for row in pages.river(Wanted("tide", language="ar"), 100)[0]] == []


def test_a_slow_question_is_stopped(config: Config) -> None:
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(Slow), open_pages(config.database, patience=0.05) as pages:
        pages.connection.execute(endless).fetchone()


def test_a_page_that_takes_too_long_says_so(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(self: Pages) -> list[str]:
        return [str(row[0]) for row in self.connection.execute(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")]  # fmt: skip

    monkeypatch.setattr(Pages, "languages", endless)
    monkeypatch.setattr("aggregator.web.open_pages", lambda path: open_pages(path, 0.05))
    page = site.get("/")
    assert (page.status, "took too long" in page.body) == (503, True)


def test_a_story_with_many_copies_names_the_lead_and_counts_the_rest(config: Config) -> None:
    with open_pages(config.database) as pages:
        members = pages.members(1, 1)
    assert [member["leads"] for member in members] == [1]


def test_the_pages_cant_write(config: Config) -> None:
    with open_pages(config.database) as pages, pytest.raises(sqlite3.OperationalError, match="readonly"):
        pages.connection.execute("DELETE FROM articles")


def test_verdicts_read_as_sentences() -> None:
    row = {"kind": "near-copy", "reason": "98% of its words are in the other, 99% of the other's in it", "shared": 358,
           "against_id": 7}  # fmt: skip
    assert story.verdict(row, 7) == (
        "Nearly the same text: 98% of its words are in the other, 99% of the other's in it (358 words in common)."
    )
    assert story.verdict({**row, "kind": "same-url", "reason": "the same address", "shared": 0}, 8) == (
        "It has the same address as the lead, compared with article 7."
    )


def test_times_are_in_utc() -> None:
    assert words.machine(datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)) == "2026-11-23T01:02:03Z"
