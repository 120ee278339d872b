"""init, add, remove, import, export, check --online: through the real executable, in a terminal and without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aggregator import opml
from aggregator.config import load
from tests.conftest import Answer, Post, Web, config_for, rss
from tests.terminal import terminal
from tests.test_cli import run

PAGE = b"""<html><head><title>A site</title>
<link rel="alternate" type="application/rss+xml" title="News \x1b[31mred" href="/news.xml">
<link rel="alternate" type="application/atom+xml" title="Comments" href="/comments.xml"></head></html>"""


def site(web: Web) -> None:
    web.pages["/"] = Answer(PAGE, headers={"Content-Type": "text/html"})
    web.pages["/news.xml"] = Answer(rss(Post("One", link="http://x.example/1"), title="The News"))
    web.pages["/comments.xml"] = Answer(rss(Post("Two", link="http://x.example/2"), title="The Comments"))
    web.pages["/one"] = Answer(b'<html><link rel=alternate type="application/rss+xml" href=/news.xml></html>')
    web.pages["/none"] = Answer(b"<html><p>Nothing here.</p></html>")


def test_init_writes_a_file_that_is_right_and_never_touches_one_that_is_there(tmp_path: Path) -> None:
    shown = terminal("init", cwd=tmp_path)
    assert shown.code == 0
    assert "Next:" in shown.text
    text = (tmp_path / "feeds.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=feeds.schema.json\n")
    assert json.loads((tmp_path / "feeds.schema.json").read_text())["properties"]["feeds"]
    assert load(tmp_path / "feeds.yaml", {}).feeds == ()
    again = terminal("init", cwd=tmp_path)
    assert (again.code, again.lines) == (1, ["aggregator: feeds.yaml exists already and was not touched"])
    assert (tmp_path / "feeds.yaml").read_text() == text
    assert run("poll", cwd=tmp_path).returncode == 2


def test_add_finds_the_feed_behind_a_page_and_asks_which_one(web: Web, tmp_path: Path) -> None:
    site(web)
    config_for(tmp_path, "http://first.example/   # mine")
    shown = terminal("add", web.url("/"), "--tag", "press", cwd=tmp_path, answers={"Which one": "2"})
    assert shown.code == 0, shown.text
    assert "names 2 feeds" in shown.text
    assert "\x1b[31mred" not in shown.text
    assert "Added The Comments to feeds.yaml" in shown.text
    feed = load(tmp_path / "feeds.yaml", {}).feeds[1]
    assert (feed.url, feed.title, feed.tags) == (web.url("/comments.xml"), "The Comments", ("press",))
    assert "http://first.example/   # mine" in (tmp_path / "feeds.yaml").read_text()
    again = run("add", web.url("/comments.xml"), cwd=tmp_path)
    assert (again.returncode, "already" in again.stdout) == (0, True)


def test_add_without_a_terminal_wants_to_be_told_which_one(web: Web, tmp_path: Path) -> None:
    site(web)
    config_for(tmp_path, "http://first.example/")
    before = (tmp_path / "feeds.yaml").read_text()
    told = run("add", web.url("/"), cwd=tmp_path)
    assert (told.returncode, told.stdout) == (2, "")
    assert "--pick N" in told.stderr.splitlines()[-1]
    assert (tmp_path / "feeds.yaml").read_text() == before
    assert run("add", web.url("/"), "--pick", "3", cwd=tmp_path).returncode == 2
    assert run("add", web.url("/"), "--pick", "1", cwd=tmp_path).returncode == 0
    assert load(tmp_path / "feeds.yaml", {}).feeds[1].title == "The News"
    assert "already" in run("add", web.url("/one"), cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{}/none"], 1, "is a web page, not a feed"),
        (["{}/missing"], 1, "HTTP 404"),
        (["http://127.0.0.1:1/"], 1, "refused"),
        (["{}/news.xml", "--interval", "soon"], 2, "interval must be a duration such as 90s, 30m, 2h or 7d"),
        (["ftp://x.example/"], 2, "must be an address that starts with http"),
        (["{}/news.xml", "--role", "boss"], 2, "boss"),
    ],
)
def test_add_says_what_is_wrong_and_changes_nothing(
    web: Web, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    site(web)
    config_for(tmp_path, "http://first.example/")
    before = (tmp_path / "feeds.yaml").read_bytes()
    done = run("add", *(word.format(web.url("")) for word in arguments), cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "feeds.yaml").read_bytes() == before


def test_add_follows_what_has_moved_for_good_and_only_that(web: Web, tmp_path: Path) -> None:
    site(web)
    web.pages["/old"] = Answer(b"", 301, {"Location": "/news.xml"})
    web.pages["/today"] = Answer(b"", 302, {"Location": "/comments.xml"})
    config_for(tmp_path, "http://first.example/")
    for path in ("/old", "/today"):
        assert run("add", web.url(path), cwd=tmp_path).returncode == 0
    assert [feed.url for feed in load(tmp_path / "feeds.yaml", {}).feeds[1:]] == [
        web.url("/news.xml"),
        web.url("/today"),
    ]


def test_only_new_leaves_out_what_was_there_before(web: Web, tmp_path: Path) -> None:
    old = Post("Old", link="http://x.example/old", date="Mon, 01 Jan 2024 08:00:00 GMT")
    web.pages["/f"] = Answer(rss(old))
    config_for(tmp_path, "http://127.0.0.1:1/")
    assert run("add", web.url("/f"), "--only-new", cwd=tmp_path).returncode == 0
    new = Post("New", link="http://x.example/new", date="Fri, 01 Jan 2100 08:00:00 GMT")
    web.pages["/f"] = Answer(rss(new, old))
    run("poll", "-q", cwd=tmp_path)
    assert [row["title"] for row in json.loads(run("stories", "--json", cwd=tmp_path).stdout)] == ["New"]


def test_remove_by_address_or_title_and_a_hint_for_a_slip(tmp_path: Path) -> None:
    text = "# mine\nfeeds:\n  # group\n  - url: http://a.example/feed\n    title: Alpha\n  - http://b.example/  # b\n"
    (tmp_path / "feeds.yaml").write_text(text)
    done = run("remove", "Alpah", cwd=tmp_path)
    assert (done.returncode, "did you mean 'Alpha'?" in done.stderr) == (2, True)
    assert run("remove", "alpha", "HTTP://B.example:80/", cwd=tmp_path).returncode == 0
    assert (tmp_path / "feeds.yaml").read_text() == "# mine\nfeeds:\n  # group\n"


OPML = """<?xml version="1.0"?><opml version="1.0"><head><title>Mine & yours</title></head><body>
<outline text="World"><outline text="Europe">
 <outline type="rss" text="A" xmlUrl="http://a.example/feed"/>
 <outline type="rss" text="Bad" xmlUrl="javascript:alert(1)"/></outline>
 <outline type="rss" text="No address"/></outline>
<outline text="B &amp; Caf&eacute;" xmlUrl="feed://b.example/" category="/Sports/Ball,fun"/>
</body></opml>"""


def test_import_keeps_the_good_rows_and_lists_the_bad_ones(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds:  # mine\n  - http://a.example/feed  # there already\n")
    (tmp_path / "subs.opml").write_text(OPML)
    dry = run("import", "subs.opml", "--dry-run", cwd=tmp_path)
    assert "1 feeds would be added" in dry.stdout
    done = run("import", "subs.opml", "--tag", "new", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == "1 feeds added, 1 were there already, 2 rows were no feed\n"
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == ["4", "5"]
    first, second = load(tmp_path / "feeds.yaml", {}).feeds
    assert (first.url, first.tags) == ("http://a.example/feed", ())
    assert (second.url, second.title, second.tags) == (
        "http://b.example/",
        "B & Café",
        ("Sports", "Ball", "fun", "new"),
    )


def test_export_gives_back_what_import_took(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds:\n")
    (tmp_path / "subs.opml").write_text(OPML)
    assert run("import", "subs.opml", cwd=tmp_path).returncode == 0
    assert run("export", "-o", "out.opml", cwd=tmp_path).returncode == 0
    assert run("export", cwd=tmp_path).stdout == (tmp_path / "out.opml").read_text()
    again = opml.read((tmp_path / "out.opml").read_bytes())
    assert [(row.url, row.title, row.tags) for row in again.rows] == [
        (feed.url, feed.title, feed.tags) for feed in load(tmp_path / "feeds.yaml", {}).feeds
    ]


def test_import_refuses_what_is_hostile_or_no_opml(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds:\n")
    for text, message in (
        ('<!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml><body/></opml>', "DTD"),
        ("<rss/>", "is no OPML"),
        ("<opml><body>", "line 1"),
        ("<opml><body/></opml>", ""),
    ):
        (tmp_path / "x.opml").write_text(text)
        done = run("import", "x.opml", cwd=tmp_path)
        assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr
    assert run("import", "nothing.opml", cwd=tmp_path).returncode == 2
    assert (tmp_path / "feeds.yaml").read_text() == "feeds:\n"


def test_check_online_says_which_feed_is_none(web: Web, tmp_path: Path) -> None:
    site(web)
    config_for(tmp_path, web.url("/news.xml"), web.url("/none"))
    done = run("check", "--online", cwd=tmp_path)
    assert done.returncode == 1
    assert "2 feeds asked for, 1 can't be read" in done.stdout
    assert not (tmp_path / "aggregator.db").exists()
    config_for(tmp_path, web.url("/news.xml"))
    assert json.loads(run("check", "--online", "--json", cwd=tmp_path).stdout)[0]["entries"] == 1
    assert json.loads(run("check", "--schema", cwd=tmp_path).stdout)["$schema"]
