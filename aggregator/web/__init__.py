"""The pages over HTTP: an address -> rows -> HTML. It only reads, and off the event loop; the writer is out of its reach.

    /                    the river (?q= ?tag= ?feed= ?lang= ?copied=1 ?before=)
    /story/<id>          a story and its copies (?copy=<article>: the one that is compared)
    /feeds, /feeds/<id>  health (?page=)
    /who-copies-whom
    /about
    /static/…

What is shown is `page`'s affair, what is asked of the database `store.pages`', how it is sent back `answer`'s.
"""

from __future__ import annotations

import asyncio
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from aggregator import page
from aggregator.config import Config
from aggregator.errors import StoreError
from aggregator.page import Alternate, Asked, Frame, Mistaken, about, charts, health, parts, river, story, words
from aggregator.site import slug
from aggregator.store import Before, Pages, Slow, Wanted, open_pages
from aggregator.store.river import FEW
from aggregator.web.answer import Answer, asset, not_allowed, respond

STORIES = 25  # on a page of the river
FEEDS = 24  # on a page of feeds
MEMBERS = 60  # of a story
POLLS = 25
FLOWS = 60  # rows of who copies whom
AT_ONCE = 4  # pages that are made side by side
KEPT = 30.0  # seconds that statistics over all feeds are good for

_LONGEST_ARTICLE = 200_000  # characters; beyond, the beginning is shown as plain text


class _Nothing(Exception):
    """There is nothing at this address; the arguments are the sentences that say so."""


@dataclass(slots=True)
class Web:
    """Answers requests for pages. `config` gives the configuration in force, `clock` the time.

    Call it with a request: it gives a response, or None where the address is not one of a page.
    """

    config: Callable[[], Config]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _copies: tuple[float, list[tuple[int, int, float]]] | None = None
    _makers: dict[str, Callable[..., Answer]] = field(init=False)

    def __post_init__(self) -> None:
        page.prepare()
        self._makers = {
            r"/": self._river,
            r"/story/(\d{1,18})": self._story,
            r"/feeds": self._feeds,
            r"/feeds/(\d{1,18})": self._feed,
            r"/who-copies-whom": self._flows,
            r"/about": self._about,
        }

    async def __call__(self, request: Request) -> Response | None:
        path = request.url.path
        if match := re.fullmatch(r"/static/([a-z.]+)", path):
            return asset(match[1], request) if request.method in ("GET", "HEAD") else not_allowed()
        for pattern, make in self._makers.items():
            if match := re.fullmatch(pattern, path, re.ASCII):
                if request.method not in ("GET", "HEAD"):
                    return not_allowed()
                return await self._answer(request, partial(make, *map(int, match.groups())))
            if path != "/" and re.fullmatch(f"{pattern}/", path, re.ASCII):
                return RedirectResponse(f"{'../' * (path.count('/') - 1)}{path.strip('/')}", 308)
        return None

    async def missing(self, request: Request) -> Response:
        """The page for an address that has nothing."""
        return await self._answer(request, self._missing)

    async def _answer(self, request: Request, make: Callable[[Frame, Mapping[str, str]], Answer]) -> Response:
        frame = self._frame(request)
        parameters = dict(request.query_params)
        async with self._turns:
            answer = await asyncio.to_thread(self._made, make, frame, parameters)
        return respond(request, answer if frame.pictures else replace(answer, policy=page.QUIET_POLICY))

    def _made(
        self, make: Callable[[Frame, Mapping[str, str]], Answer], frame: Frame, parameters: Mapping[str, str]
    ) -> Answer:
        """The page, or one that says in kind words why there is none."""
        try:
            return make(frame, parameters)
        except Mistaken as error:
            return _fault(frame, 400, "That address is not quite right", str(error))
        except _Nothing as error:
            return _fault(frame, 404, "There is nothing here", *error.args)
        except Slow:
            return _fault(frame, 503, "That took too long", "The question was stopped so that others are not held up. "
                          "Fewer words or another filter are quicker.")  # fmt: skip
        except StoreError:
            return _fault(frame, 503, "The database can't be read", "It is busy, or something is wrong with it; "
                          "aggregator healthcheck knows more. Please try again in a moment.")  # fmt: skip

    def _frame(self, request: Request) -> Frame:
        config = self.config()
        path = request.url.path
        quiet = request.headers.get("save-data", "").lower() == "on" or request.headers.get("sec-gpc") == "1"
        first = path.strip("/").partition("/")[0]
        here = {"": "", "story": "", "feeds": "feeds", "who-copies-whom": "who-copies-whom", "about": "about"}.get(
            first
        )
        feeds = tuple(Alternate(f"{config.output.title} ({name})", f"feed.{end}", f"application/{kind}")
                      for end, kind, name in about.FORMATS)  # fmt: skip
        return Frame(config.output.title, self.clock(), "../" * (path.count("/") - 1), here, not quiet, feeds)

    def _missing(self, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        raise _Nothing(
            "The address may have been mistyped or cut off. The merged feed for feed readers is at /feed.atom."
        )

    def _river(self, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        asked = Asked.parse(parameters)
        config = self.config()
        with self._open() as pages:
            known = pages.feeds()
            if asked.tag:
                frame = replace(frame, feeds=_of_tag(config, asked.tag) + frame.feeds)
            before = Before(*asked.place) if asked.place else None
            wanted = Wanted(asked.q, asked.feed, asked.tag or None, asked.lang or None, asked.copied, before)
            rows, cut = pages.river(wanted, STORIES + 1)  # one more than is shown says that there are more
            choices = river.Choices(known, config.all_tags, pages.languages(), pages.counts())
        more = len(rows) > STORIES

        def made(shown: Sequence[parts.Row]) -> str:
            view = river.view(asked, shown, more or len(shown) < len(rows), choices, frame.now)
            return page.render(
                "river.html", frame, view=view, asked=asked, looked_at=FEW if cut and not view.older else 0
            )

        html, _ = page.trim(made, rows[:STORIES])
        return Answer(html)

    def _story(self, number: int, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        chosen = parameters.get("copy", "")
        with self._open() as pages:
            row = pages.story(number)
            if row is None:
                raise _Nothing(f"There is no story with the number {number}. It may have been joined with another, or have "
                               "been removed because of its age.")  # fmt: skip
            members = pages.members(number, MEMBERS)
            copies = [member["id"] for member in members if not member["leads"]]
            copy = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else None
            if copy not in copies:
                copy = copies[0] if copies else None
            lead = pages.article(row["lead_article_id"], _LONGEST_ARTICLE)
            compared = pages.article(copy, _LONGEST_ARTICLE) if copy is not None else None
            if compared is not None:
                compared["boilerplate"] = pages.boilerplate(compared["id"])
        view = story.view(row, members, lead, compared)
        return Answer(page.render("story.html", frame, view=view))

    def _feeds(self, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        number = _page_number(parameters.get("page", ""))
        with self._open() as pages:
            counts, total = pages.counts(), len(pages.feeds())
            rows = pages.health(FEEDS, (number - 1) * FEEDS)
            statistics = self._statistics(pages, [row["id"] for row in rows], frame.now)
        if not rows and number > 1:
            raise _Nothing("There are not so many feeds.")
        view = health.Health(
            sentence=health.feeds_sentence(counts),
            feeds=[health.feed(row, statistics) for row in rows],
            days=parts.DAYS,
            page=number,
            pages=-(-total // FEEDS),
        )
        return Answer(page.render("feeds.html", frame, view=view))

    def _feed(self, feed: int, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        config = self.config()
        with self._open() as pages:
            row = pages.feed(feed)
            if row is None:
                raise _Nothing(f"There is no feed with the number {feed}.")
            statistics = self._statistics(pages, [feed], frame.now)
            polls = [health.poll(poll) for poll in pages.polls(feed, POLLS)]
            names = {known["id"]: known["title"] for known in pages.feeds()}
        subscription = next((s for s in config.feeds if s.url == row["configured_url"]), None)
        tags = subscription.tags if subscription else ()
        view = {
            "days": parts.DAYS,
            "polls": polls,
            "flows": health.flows_of(feed, charts.flows(statistics.copies), names),
            "facts": health.facts(row, tags, frame.now),
        }
        return Answer(page.render("feed.html", frame, view=view, feed=health.feed(row, statistics)))

    def _flows(self, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        with self._open() as pages:
            found = charts.flows(self._statistics(pages, [], frame.now).copies)
            names = {feed["id"]: feed["title"] for feed in pages.feeds()}
        view = {
            "days": parts.DAYS,
            "flows": found[:FLOWS],
            "more": max(0, len(found) - FLOWS),
            "names": names,
            "sentence": health.flows_sentence(found),
        }
        return Answer(page.render("flows.html", frame, view=view, picture=charts.picture(found)))

    def _about(self, frame: Frame, parameters: Mapping[str, str]) -> Answer:
        config = self.config()
        with self._open() as pages:
            versions, counts, recipes = pages.versions(), pages.counts(), pages.examples()
        site = config.output.base_url.rstrip("/") + "/"
        outputs = [(f"Tag {tag}", f"tags/{slug(tag)}") for tag in config.all_tags]
        outputs += [(more.title or more.name, f"feeds/{more.name}") for more in config.output.feeds]
        programs = [
            ("aggregator", version("aggregator")),
            ("Python", platform.python_version()),
            ("SQLite", versions["sqlite"]),
            ("Database", f"schema {versions['schema']}, {words.size(versions['bytes'])}"),
        ]
        view = about.view(site, outputs, counts, recipes, programs)
        return Answer(page.render("about.html", frame, view=view))

    def _open(self) -> AbstractContextManager[Pages]:
        return open_pages(self.config().database)

    def _statistics(self, pages: Pages, feeds: list[int], now: datetime) -> health.Statistics:
        """The last days of these feeds. Who copied whom is asked over all, so the answer is kept for a while."""
        since = now - timedelta(days=parts.DAYS)
        kept = self._copies
        if kept is None or time.monotonic() > kept[0]:
            kept = (time.monotonic() + KEPT, pages.copies(since))
            self._copies = kept
        return health.Statistics(pages.per_day(feeds, since), kept[1], now)


def _of_tag(config: Config, tag: str) -> tuple[Alternate, ...]:
    return tuple(Alternate(f"{config.output.title}: {tag} ({name})", f"tags/{slug(tag)}.{end}", f"application/{kind}")
                 for end, kind, name in about.FORMATS)  # fmt: skip


def _page_number(value: str) -> int:
    if not value:
        return 1
    if not re.fullmatch(r"[1-9]\d{0,5}", value, re.ASCII):
        raise Mistaken("A page is asked for by its number, as in ?page=2.")
    return int(value)


def _fault(frame: Frame, status: int, heading: str, *sentences: str) -> Answer:
    return Answer(page.render("fault.html", frame, heading=heading, sentences=sentences), status)
