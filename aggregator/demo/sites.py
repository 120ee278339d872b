"""The sample publishers as a web site: their feeds in four formats, their articles' pages, one picture for all."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

from aggregator import yamlfile
from aggregator.publish.channel import rfc822, rfc3339

_PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="160" role="img"><rect width="480" height="160" '
    b'fill="#2d5d7b"/><path d="M0 110 q60 -40 120 0 t120 0 t120 0 t120 0 v50 h-480z" fill="#8fb9d0"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One article."""

    url: str
    title: str
    author: str | None
    published: datetime
    categories: tuple[str, ...]
    html: str


@dataclass(frozen=True, slots=True)
class Publisher:
    """One site with its feed."""

    key: str
    address: str
    title: str
    description: str
    format: str
    encoding: str
    broken: bool
    role: str | None
    tags: tuple[str, ...]
    language: str
    articles: tuple[Sample, ...]

    @property
    def home(self) -> str:
        return f"{self.address}/{self.key}/"

    @property
    def feed_url(self) -> str:
        return f"{self.home}feed.{'json' if self.format == 'json' else 'xml'}"


def load(folder: Path, address: str, started: datetime) -> tuple[Publisher, ...]:
    """The publishers described in `folder`, as if served at `address`; article dates count back from `started`."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        data = cast(dict[str, Any], yamlfile.plain(yamlfile.read(path)))
        articles = [
            Sample(
                url=f"{address}/{path.stem}/{row['slug']}",
                title=row["title"],
                author=row["author"],
                published=started - timedelta(hours=float(row["hours_ago"])),
                categories=tuple(row["categories"] or ()),
                html=row["html"].replace("{base}", address),
            )
            for row in data["articles"]
        ]
        found.append(
            Publisher(
                key=path.stem,
                address=address,
                title=data["title"],
                description=data["description"],
                format=data["format"],
                encoding=data["encoding"],
                broken=data["broken"] == "true",
                role=data["role"],
                tags=tuple(data["tags"]),
                language=data["language"],
                articles=tuple(sorted(articles, key=lambda article: article.published, reverse=True)),
            )
        )
    return tuple(found)


def document(publisher: Publisher) -> tuple[bytes, str]:
    """A publisher's feed and its media type."""
    write, media = _FORMATS[publisher.format]
    return write(publisher).encode(publisher.encoding, "xmlcharrefreplace"), media


def handler(publishers: tuple[Publisher, ...]) -> type[BaseHTTPRequestHandler]:
    """A request handler that serves these publishers with ETag, Last-Modified and 304."""
    pages: dict[str, tuple[bytes, str, datetime | None]] = {}
    for publisher in publishers:
        body, media = document(publisher)
        newest = publisher.articles[0].published
        pages[publisher.feed_url.removeprefix(publisher.address)] = (body, media, newest)
        pages[f"/{publisher.key}/"] = (_home(publisher).encode(), "text/html; charset=utf-8", None)
        for article in publisher.articles:
            page = _page(publisher, article).encode()
            pages[article.url.removeprefix(publisher.address)] = (page, "text/html; charset=utf-8", None)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body, media, changed = pages.get(path, (b"There is no such page.\n", "text/plain", None))
            status = 200 if path in pages else 404
            if path.startswith("/images/"):
                body, media, status = _PICTURE, "image/svg+xml", 200
            etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
            if status == 200 and etag in self.headers.get("If-None-Match", ""):
                status, body = 304, b""
            self.send_response(status)
            self.send_header("ETag", etag)
            if changed is not None:
                self.send_header("Last-Modified", rfc822(changed).replace("+0000", "GMT"))
            if status != 304:
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None  # the aggregator says what it polled

    return Handler


def _rss(publisher: Publisher) -> str:
    items = "".join(
        f"<item><title>{html.escape(a.title)}</title><link>{a.url}</link><guid>{a.url}</guid>"
        f"<pubDate>{rfc822(a.published)}</pubDate>{_creator(a)}"
        + "".join(f"<category>{html.escape(category)}</category>" for category in a.categories)
        + f"<description>{html.escape(a.html, quote=False)}</description></item>\n"
        for a in publisher.articles
    )
    text = (
        f'<?xml version="1.0" encoding="{publisher.encoding}"?>\n<rss version="2.0" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>{html.escape(publisher.title)}</title>'
        f"<link>{publisher.home}</link><description>{html.escape(publisher.description)}</description>"
        f"<language>{publisher.language}</language>\n{items}</channel></rss>\n"
    )
    return _break(text) if publisher.broken else text


def _break(text: str) -> str:
    """What a careless template makes of a feed: bare ampersands, entities nobody declared, an end that is missing."""
    text = re.sub(r"&amp;(?![a-z]+;|#)", "&", text)
    return text.replace("&amp;nbsp;", "&nbsp;").replace("&amp;mdash;", "&mdash;").removesuffix("</channel></rss>\n")


def _rdf(publisher: Publisher) -> str:
    order = "".join(f'<rdf:li rdf:resource="{article.url}"/>' for article in publisher.articles)
    items = "".join(
        f'<item rdf:about="{a.url}"><title>{html.escape(a.title)}</title><link>{a.url}</link>'
        f"<dc:date>{rfc3339(a.published)}</dc:date>{_creator(a)}"
        + "".join(f"<dc:subject>{html.escape(category)}</dc:subject>" for category in a.categories)
        + f"<content:encoded>{html.escape(a.html, quote=False)}</content:encoded></item>\n"
        for a in publisher.articles
    )
    return (
        f'<?xml version="1.0" encoding="{publisher.encoding}"?>\n'
        '<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">\n'
        f'<channel rdf:about="{publisher.feed_url}"><title>{html.escape(publisher.title)}</title>'
        f"<link>{publisher.home}</link><description>{html.escape(publisher.description)}</description>"
        f"<dc:language>{publisher.language}</dc:language><items><rdf:Seq>{order}</rdf:Seq></items></channel>\n"
        f"{items}</rdf:RDF>\n"
    )


def _atom(publisher: Publisher) -> str:
    entries = "".join(
        f"<entry><id>{a.url}</id><title>{html.escape(a.title)}</title><updated>{rfc3339(a.published)}</updated>"
        f'<published>{rfc3339(a.published)}</published><link href="{a.url}"/>'
        + (f"<author><name>{html.escape(a.author)}</name></author>" if a.author else "")
        + "".join(f'<category term="{html.escape(category)}"/>' for category in a.categories)
        + f'<content type="html">{html.escape(a.html, quote=False)}</content></entry>\n'
        for a in publisher.articles
    )
    return (
        f'<?xml version="1.0" encoding="{publisher.encoding}"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{publisher.language}"><id>{publisher.feed_url}</id>'
        f"<title>{html.escape(publisher.title)}</title><updated>{rfc3339(publisher.articles[0].published)}</updated>"
        f'<link rel="self" href="{publisher.feed_url}"/><link href="{publisher.home}"/>'
        f"<author><name>{html.escape(publisher.title)}</name></author>\n{entries}</feed>\n"
    )


def _json(publisher: Publisher) -> str:
    return json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": publisher.title,
            "description": publisher.description,
            "home_page_url": publisher.home,
            "feed_url": publisher.feed_url,
            "language": publisher.language,
            "items": [
                {
                    "id": article.url,
                    "url": article.url,
                    "title": article.title,
                    "content_html": article.html,
                    "date_published": rfc3339(article.published),
                    "authors": [{"name": article.author}] if article.author else [],
                    "tags": article.categories,
                }
                for article in publisher.articles
            ],
        },
        ensure_ascii=False,
    )


def _creator(article: Sample) -> str:
    return f"<dc:creator>{html.escape(article.author)}</dc:creator>" if article.author else ""


_FORMATS: dict[str, tuple[Callable[[Publisher], str], str]] = {
    "rss": (_rss, "application/rss+xml"),
    "rdf": (_rdf, "application/rdf+xml"),
    "atom": (_atom, "application/atom+xml"),
    "json": (_json, "application/feed+json"),
}


def _home(publisher: Publisher) -> str:
    items = "".join(f'<li><a href="{a.url}">{html.escape(a.title)}</a></li>' for a in publisher.articles)
    kind = _FORMATS[publisher.format][1]
    head = f'<link rel="alternate" type="{kind}" href="{publisher.feed_url}">'
    return _html(publisher, publisher.title, head, f"<p>{html.escape(publisher.description)}</p><ul>{items}</ul>")


def _page(publisher: Publisher, article: Sample) -> str:
    scriptless = re.sub(r"<script.*?</script>| onclick=\"[^\"]*\"", "", article.html, flags=re.S)
    return _html(publisher, article.title, "", scriptless)


def _html(publisher: Publisher, title: str, head: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="{publisher.language}"><head><meta charset="utf-8">{head}'
        f"<title>{html.escape(title)}</title></head><body><h1>{html.escape(title)}</h1>{body}"
        f'<p><a href="{publisher.home}">{html.escape(publisher.title)}</a> (a sample publisher)</p></body></html>\n'
    )
