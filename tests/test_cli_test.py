"""`aggregator test`: each stage is shown, nothing is stored, exit codes tell."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Answer, Post, Web, config_for, rss
from tests.test_cli import run


def test_each_stage_is_shown_and_nothing_is_stored(web: Web, tmp_path: Path) -> None:
    web.pages["/old"] = Answer(status=301, headers={"Location": "/f"})
    feed = rss(
        Post("A \x1b[31mred\x1b[0m title", "<p>Words of it.</p><div class=s>Share it</div>", "http://x.example/1"),
        Post("Second"),
    )
    web.pages["/f"] = Answer(feed, headers={"ETag": '"v1"', "Cache-Control": "max-age=7200"})
    config_for(tmp_path, f"{{url: {web.url('/old')}, title: Mine, remove: [div.s], headers: {{X-Key: secret}}}}")
    before = sorted(tmp_path.iterdir())
    done = run("test", "Mine", "-n", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(tmp_path.iterdir()) == before
    for text in (f"GET {web.url('/old')}", "X-Key", f"301 to: {web.url('/f')}", 'etag: "v1"', "RSS 2.0, 2 entries", "A red title",
                 "removed: [remove] Share it", "Next poll", "the server or the feed asks for it"):  # fmt: skip
        assert text in done.stdout.replace("[31m", "").replace("[0m", "")
    assert "secret" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "Second" not in done.stdout
    assert "if-none-match" not in web.seen[-1].headers


def test_json_has_all_of_it(web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Answer(rss(Post("One", link="http://x.example/1"), title="Feed of one"))
    config_for(tmp_path, "http://unused.example/")
    report = json.loads(run("test", "--json", web.url("/f"), cwd=tmp_path).stdout)
    assert (report["error"], report["response"]["status"]) == (None, 200)
    assert (report["feed"]["title"], report["feed"]["format"], report["feed"]["entries"]) == (
        "Feed of one",
        "RSS 2.0",
        1,
    )
    assert [entry["url"] for entry in report["entries"]] == ["http://x.example/1"]
    assert report["schedule"]["next_poll_at"] > report["schedule"]["polled_at"]


def test_a_web_page_lists_the_feeds_behind_it(web: Web, tmp_path: Path) -> None:
    web.pages["/"] = Answer(
        b"<!doctype html><head><base href='/blog/'><link rel='Alternate' type='application/atom+xml' href='feed' title='All'>"
        b"<link rel=alternate type='text/html' href='/de'></head><a href='/blog/comments/feed/'>Comments</a><a href='/x'>x</a>"
    )
    config_for(tmp_path, "http://unused.example/")
    done = run("test", "--json", web.url("/"), cwd=tmp_path)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert "is a web page, not a feed" in report["error"]
    assert web.url("/blog/feed") in report["error"]
    assert report["candidates"] == [
        {"url": web.url("/blog/feed"), "title": "All", "declared": True},
        {"url": web.url("/blog/comments/feed/"), "title": "Comments", "declared": False},
    ]


def test_failures_and_wrong_usage(web: Web, tmp_path: Path) -> None:
    config_for(tmp_path, "http://unused.example/")
    assert run("test", "nonsense", cwd=tmp_path).returncode == 2
    gone = run("test", web.url("/missing"), cwd=tmp_path)
    assert (gone.returncode, "HTTP 404" in gone.stdout, gone.stderr) == (1, True, "")
    (tmp_path / "feeds.yaml").unlink()
    refused = run("test", web.url("/f"), cwd=tmp_path)
    assert (refused.returncode, "fetch.allow_private" in refused.stdout) == (1, True)
    assert run("test", "-c", "other.yaml", web.url("/f"), cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []
