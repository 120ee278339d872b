"""Polls on a Dask cluster of real processes: the same as at home, also when workers die and the scheduler goes away."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.app import Aggregator, Poll
from aggregator.cluster import Cluster
from aggregator.cluster import versions as versions_
from aggregator.cluster.engine import BATCH
from aggregator.cluster.link import Link
from aggregator.cluster.parcel import Batch, Parcel, slim
from aggregator.cluster.versions import difference, here, told
from aggregator.cluster.waiting import Waiting
from aggregator.config import Config, loads
from aggregator.engine import Here
from aggregator.errand import Errand
from aggregator.errors import ClusterError
from aggregator.model import Request, Subscription
from aggregator.store import Memory
from tests.conftest import DATA, NOW, Answer, Post, Web, config_for, rss

try:
    import dask
    from distributed import Client, LocalCluster, Security
except ImportError:
    dask = None  # type: ignore[assignment]

needs_dask = pytest.mark.skipif(dask is None, reason="Dask is not installed: pip install -e '.[cluster]'")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*fork.*:DeprecationWarning")

TIMES = {
    "last_fetched_at",
    "last_changed_at",
    "next_poll_at",
    "first_seen_at",
    "fetched_at",
    "duration_ms",
    "not_before",
}


@contextmanager
def cluster_of(workers: int, port: int = 0, allowed: int = 3, **options: Any) -> Iterator[Any]:
    """A scheduler in this process and workers in processes of their own."""
    quiet = {"distributed.worker.memory.terminate": False, "distributed.comm.timeouts.connect": "10s"}
    with dask.config.set({**quiet, "distributed.scheduler.allowed-failures": allowed}):
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            scheduler_port=port,
            dashboard_address=":0",
            silence_logs=50,
            **options,
        )
        try:
            yield cluster
        finally:
            cluster.close(timeout=5)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with cluster_of(2) as running:
        yield running


@pytest.fixture
def webs() -> Iterator[Callable[[int], list[Web]]]:
    """Sites, each of which is a host of its own for the limits per host."""
    made: list[Web] = []

    def make(count: int) -> list[Web]:
        made.extend(Web() for _ in range(count))
        return made[-count:]

    yield make
    for web in made:
        web.close()


def polled(config: Config, engine: Any, rounds: int = 1, between: Callable[[int], None] | None = None) -> list[Poll]:
    now = NOW

    async def work() -> list[Poll]:
        nonlocal now
        polls: list[Poll] = []
        async with Aggregator(config, engine, lambda: now) as aggregator:
            for number in range(rounds):
                now += timedelta(hours=1)
                if between is not None:
                    between(number)
                polls = await aggregator.poll(await aggregator.due(force=True))
        return polls

    return asyncio.run(work())


def dump(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is stored, without times, in an order that says nothing of who came first."""
    with closing(sqlite3.connect(database)) as connection:
        names = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' AND name NOT LIKE "
                "'%fts%' AND name NOT LIKE '_sqlite%' AND name NOT IN "
                "('_documents', '_fingerprints', '_waiting', '_moving', '_late')"
            )
        ]
        feed = dict(connection.execute("SELECT id, configured_url FROM feeds"))
        article = {
            number: f"{feed[of]} {guid}"
            for number, of, guid in connection.execute("SELECT id, feed_id, guid FROM articles")
        }
        story = {
            number: tuple(sorted(a for a, s in members if s == number))
            for members in [[(article[a], s) for a, s in connection.execute("SELECT id, story_id FROM articles")]]
            for (number,) in connection.execute("SELECT id FROM stories")
        }
        said = {
            "feed_id": feed,
            "article_id": article,
            "against_id": article,
            "lead_article_id": article,
            "story_id": story,
        }
        found: dict[str, list[tuple[object, ...]]] = {}
        for name in names:
            cursor = connection.execute(f"SELECT * FROM {name}")
            columns = [column[0] for column in cursor.description]
            rows = [
                tuple(
                    said[column].get(value, value) if column in said else _timeless(value)
                    for column, value in zip(columns, row, strict=True)
                    if column not in TIMES and column not in ("id", "tie")  # these say who came first
                )
                for row in cursor
            ]
            found[name] = sorted(rows, key=repr)
        return found


def _timeless(value: object) -> object:
    """Without the times of the polls; those of the entries stay."""
    if not isinstance(value, str):
        return value
    value = re.sub(r"until \d\d:\d\d:\d\d", "until then", value)
    return re.sub(r"\d{4}-\d\d-\d\d (?!08:00:00)\d\d:\d\d:\d\dZ", "a time", value)


def entries(web: Web, kind: str, count: int) -> list[Post]:
    """Entries that share no text: what is matched must not depend on who comes first."""
    words = [
        f"{kind}{n}{word}" for n in range(count) for word in ("harbour", "council", "river", "budget", "engine") * 9
    ]
    texts = [" ".join(words[n * 45 : n * 45 + 45]) for n in range(count)]
    return [Post(f"The {t[:30]}", f"<p>{t}.</p>", web.url(f"/{kind}{n}"), f"{kind}{n}") for n, t in enumerate(texts)]


def farm(webs: list[Web], number: int) -> None:
    """What publishers do, in rounds."""
    one, two, three = webs
    news = entries(one, "news", 3 + number)
    one.pages = {
        "/etag": Answer(rss(*news), headers={"ETag": f'"{number}"'}),
        "/dumb": Answer(rss(*entries(one, "dumb", 3))),
        "/moved": Answer(b"", 301, {"Location": two.url("/here")}),
        "/missing": Answer(b"no", 404),
        "/page": Answer(b"<html><head><title>A page</title></head></html>"),
        "/ours": Answer(b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" '
                        b'href="http://127.0.0.1:8080/feed.atom"/></feed>'),
        "/broken": Answer(rss(*entries(one, "broken", 3))[:-200]),
    }  # fmt: skip
    two.pages = {
        "/here": Answer(rss(Post("Moved", link=two.url("/m"), guid="m")), headers={"Last-Modified": "Mon, 1 Nov"}),
        "/copies": Answer(rss(*(Post(p.title, p.html, two.url(f"/{p.guid}"), f"c{p.guid}") for p in news[:number]))),
        "/short": Answer(rss(Post("Short", "<p>In short.</p>", two.url("/article"), "s"))),
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /private\n"),
        "/article": Answer(b"<html><body><article><h1>Short</h1>" + b"<p>The whole story, told at length and with all "
                           b"that belongs to it, in many words.</p>" * 12 + b"</article></body></html>",
                           headers={"Content-Type": "text/html"}),
        "/closed": Answer(rss(Post("Closed", "<p>In short.</p>", two.url("/private/1"), "p"))),
    }  # fmt: skip
    three.pages = {f"/busy{n}": Answer(b"", 429, {"Retry-After": "600"}) for n in range(3)}


def farm_config(folder: Path, webs: list[Web]) -> Config:
    one, two, three = webs
    plain = [one.url(path) for path in ("/etag", "/dumb", "/moved", "/missing", "/page", "/ours", "/broken")]
    busy = [three.url(f"/busy{n}") for n in range(3)]
    lines = "".join(f"  - {url}\n" for url in [*plain, two.url("/copies"), *busy, "http://127.0.0.1:9/dead"])
    full = "".join(
        f"  - {{url: '{two.url(path)}', full_text: true, adaptive: true}}\n" for path in ("/short", "/closed")
    )
    folder.mkdir()
    fetch = '{allow_private: ["127.0.0.1"], timeout: 5s, per_host: 1}'
    text = f"server: {{listen: false}}\nfetch: {fetch}\ndefaults: {{jitter: 0}}\nfeeds:\n{lines}{full}"
    (folder / "feeds.yaml").write_text(text)
    return loads(text, folder / "feeds.yaml")


@needs_dask
def test_the_same_is_stored_as_at_home(cluster: Any, webs: Callable[[int], list[Web]], tmp_path: Path) -> None:
    sites = webs(3)
    stored, asked = [], []
    for name, engine in (("home", Here()), ("cluster", Cluster(cluster.scheduler_address))):
        for site in sites:
            site.seen.clear()
        polled(farm_config(tmp_path / name, sites), engine, 4, lambda number: farm(sites, number))
        stored.append(dump(tmp_path / name / "aggregator.db"))
        asked.append(
            [sorted((seen.path, seen.headers.get("if-none-match", "")) for seen in site.seen) for site in sites]
        )
    home, away = stored
    assert home["articles"]
    assert home["feeds"]
    for table, rows in home.items():
        assert away[table] == rows, table
    # robots.txt is asked for once a process, so as often as workers had something for it.
    plain = [[[ask for ask in site if ask[0] != "/robots.txt"] for site in run] for run in asked]
    assert plain[0] == plain[1]
    assert len(asked[1][2]) == 4, "429 is meant for all feeds of the host: one is asked for in each round"


class Gate:
    """A page that answers when it is let, and knows who waits."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.waiting = threading.Semaphore(0)
        self.opened = threading.Event()
        self.asked = 0
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, connection: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.asked += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.waiting.release()
        self.opened.wait(20)
        with self._lock:
            self.at_once -= 1
        connection.send_response(200)
        connection.send_header("Content-Length", str(len(self.body)))
        connection.end_headers()
        connection.wfile.write(self.body)


def killed_in_mid_batch(cluster: Any, config: Config, gates: list[Gate]) -> list[Poll]:
    """Polls; as soon as a worker has asked for all, it is killed and the gates open."""

    def kill() -> None:
        for gate in gates:
            assert gate.waiting.acquire(timeout=20)
        busy = [name for name, state in cluster.scheduler.workers.items() if state.processing]
        nanny = next(worker for worker in cluster.workers.values() if worker.worker_address == busy[0])
        os.kill(nanny.pid, signal.SIGKILL)
        for gate in gates:
            gate.opened.set()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return polled(config, Cluster(cluster.scheduler_address))
    finally:
        killer.join()


@needs_dask
@pytest.mark.parametrize("allowed", [3, 0], ids=["dask-tries-again", "dask-gives-up-and-we-halve"])
def test_a_lost_workers_batch_is_polled_elsewhere(
    allowed: int, webs: Callable[[int], list[Web]], tmp_path: Path
) -> None:
    sites = webs(6)
    gates = [Gate(rss(Post(f"One {n}", f"<p>Text {n}</p>", f"http://x.example/{n}", f"g{n}"))) for n in range(6)]
    for site, gate in zip(sites, gates, strict=True):
        site.pages["/feed"] = gate
    config = config_for(tmp_path, *(site.url("/feed") for site in sites))
    with cluster_of(2, allowed=allowed) as running:
        polls = killed_in_mid_batch(running, config, gates)
    assert [poll.error for poll in polls] == [None] * 6
    assert sum(gate.asked for gate in gates) > 6, "the batch was begun a second time"
    stored = dump(config.database)
    assert len(stored["articles"]) == len(stored["fetches"]) == 6


@needs_dask
def test_a_host_is_asked_by_one_worker_at_a_time(
    cluster: Any, webs: Callable[[int], list[Web]], tmp_path: Path
) -> None:
    [site] = webs(1)
    gate = Gate(rss(Post("One", link="http://x.example/1")))
    gate.opened.set()
    paths = [f"/{n}" for n in range(2 * BATCH + 20)]
    site.pages = dict.fromkeys(paths, gate)
    polls = polled(config_for(tmp_path, *map(site.url, paths)), Cluster(cluster.scheduler_address))
    assert [poll.error for poll in polls] == [None] * len(paths)
    assert gate.asked == len(paths)
    assert gate.most <= 2, "fetch.per_host"


@needs_dask
def test_a_scheduler_that_went_away_is_waited_for(
    webs: Callable[[int], list[Web]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [site] = webs(1)
    site.pages["/feed"] = Answer(rss(Post("One", link="http://x.example/1")))

    async def work() -> tuple[Poll, Poll]:
        with cluster_of(1) as first:
            port = int(first.scheduler_address.rpartition(":")[2])
            aggregator = Aggregator(config_for(tmp_path, site.url("/feed")), Cluster(first.scheduler_address))
            await aggregator.__aenter__()
            [before] = await aggregator.poll(await aggregator.due(force=True))
        poll = asyncio.create_task(aggregator.poll(await aggregator.due(force=True)))
        done, _ = await asyncio.wait([poll], timeout=3)
        assert not done
        with cluster_of(1, port=port):
            [after] = await asyncio.wait_for(poll, 30)
            await aggregator.__aexit__(None, None, None)
        return before, after

    with caplog.at_level(logging.INFO, "aggregator"):
        before, after = asyncio.run(work())
    assert (before.error, before.new) == (None, 1)
    assert (after.error, after.new) == (None, 0)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert re.search(r"the connection to tcp://\S+ is lost: polls wait until it is back|no Dask scheduler", warnings[0])
    assert any("polls are sent again" in record.getMessage() for record in caplog.records)


@needs_dask
def test_tls_is_spoken_as_dask_is_configured(webs: Callable[[int], list[Web]], tmp_path: Path) -> None:
    [site] = webs(1)
    site.pages["/feed"] = Answer(rss(Post("One", link="http://x.example/1")))
    pem = str(DATA / "fetch" / "localhost.pem")  # signed by itself, so its own authority
    settings = {"distributed.comm.tls.ca-file": pem} | {
        f"distributed.comm.tls.{who}.{what}": pem
        for who in ("client", "scheduler", "worker")
        for what in ("cert", "key")
    }
    with dask.config.set(settings), cluster_of(1, protocol="tls", security=Security()) as running:
        address = running.scheduler_address
        assert address.startswith("tls://")
        [poll] = polled(config_for(tmp_path, site.url("/feed")), Cluster(address))
        assert (poll.error, poll.new) == (None, 1)
        with pytest.raises(ClusterError, match="no Dask scheduler can be used at tcp://"):
            asyncio.run(Link(address.replace("tls:", "tcp:")).open())


SECRETS = ("hunter2", "tok-4711")


@needs_dask
def test_no_secret_shows_in_keys_or_logs(webs: Callable[[int], list[Web]], tmp_path: Path) -> None:
    [site] = webs(1)
    site.pages["/feed"] = Answer(rss(Post("One", link="http://x.example/1")))
    url = site.url("/feed").replace("//", f"//me:{SECRETS[0]}@")
    text = (
        f"server: {{listen: false, auth: 'u:{SECRETS[0]}'}}\nfetch: {{allow_private: [127.0.0.1]}}\n"
        f"feeds:\n  - url: {url}\n    headers: {{X-Token: {SECRETS[1]}}}\n"
    )
    config = loads(text, tmp_path / "feeds.yaml")
    assert slim(config).server.auth is None
    with cluster_of(1) as running:
        keys: set[str] = set()
        validate = running.scheduler.transition_log
        [poll] = polled(config, Cluster(running.scheduler_address))
        assert poll.error is None
        assert site.seen[-1].headers["x-token"] == SECRETS[1]
        keys = {str(entry[0]) for entry in validate}
        assert keys
        assert all(re.fullmatch(r"polls-[0-9a-f]{32}", key) for key in keys)
        with Client(running) as client:  # a parcel that can't be opened: Dask logs the task that failed
            errand = Errand(1, Request(url), Subscription(url, headers=(("X-Token", SECRETS[1]),)))
            parcel = Parcel.of(1, Batch(NOW, config, ((errand, Memory()),)))
            broken = Parcel(1, b"broken" + parcel.data, parcel.versions)
            from aggregator.cluster.outpost import run

            assert client.submit(run, broken, pure=False).exception() is not None
            logs = repr(client.get_worker_logs()) + repr(client.get_scheduler_logs())
    assert "Compute Failed" in logs
    for secret in SECRETS:
        assert secret not in logs
        assert secret not in repr(parcel)


def test_versions_that_differ_are_told() -> None:
    mine = dict(here())
    assert difference(here()) is None
    assert difference(tuple({**mine, "aggregator": "0.0.1"}.items())) == f"aggregator 0.0.1, not {mine['aggregator']}"
    assert difference(tuple({**mine, "aggregator": ""}.items())) == "no aggregator"
    assert difference(tuple({**mine, "aggregator": ""}.items()), without="aggregator") is None
    patch = {**mine, "python": f"{mine['python']}.99.final.0"}
    assert difference(told(patch)) is None, "what is pickled does not change with the third number"


@needs_dask
def test_other_versions_are_refused_in_one_line(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tuple({**dict(here()), "aggregator": "9.9"}.items())

    async def ask() -> Any:
        async with Client(cluster.scheduler_address, asynchronous=True, set_as_default=False) as client:
            from aggregator.cluster.outpost import run

            return await client.submit(run, Parcel(0, b"", other), pure=False)

    assert asyncio.run(ask()) == here()
    monkeypatch.setattr(versions_, "here", lambda: other)

    async def enter() -> None:
        async with Cluster(cluster.scheduler_address):
            pass

    said = r"worker tcp://\S+ has aggregator \S+, not 9\.9 \(and 1 more\); the same version is needed everywhere"
    with pytest.raises(ClusterError, match=f"^{said}$"):
        asyncio.run(enter())


OTHER_WORKER = """
import importlib.metadata, sys
true = importlib.metadata.version
importlib.metadata.version = lambda name: "9.9" if name == "aggregator" else true(name)
from distributed.cli.dask_worker import main
main([sys.argv[1], "--no-nanny", "--no-dashboard", "--nthreads", "1", "--name", "other"])
"""


@needs_dask
def test_a_worker_of_another_version_that_comes_later_is_not_used(
    webs: Callable[[int], list[Web]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sites = webs(4)
    for site in sites:
        site.pages["/feed"] = Answer(rss(Post("One", link=site.url("/1"))))

    async def work(running: Any) -> list[Poll]:
        config = config_for(tmp_path, *(site.url("/feed") for site in sites))
        async with Aggregator(config, Cluster(running.scheduler_address)) as aggregator:
            command = [sys.executable, "-c", OTHER_WORKER, running.scheduler_address]
            other = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while len(running.scheduler.workers) < 2:
                    assert other.poll() is None
                    await asyncio.sleep(0.1)
                await asyncio.sleep(2.1)  # who works there is looked at every two seconds
                polls = []
                for site in sites:  # one at a time: each could go to the wrong one
                    polls += await aggregator.poll(await aggregator.due(force=True, only=[site.url("/feed")]))
                return polls
            finally:
                other.kill()
                other.wait()

    with cluster_of(1) as running, caplog.at_level(logging.INFO, "aggregator"):
        polls = asyncio.run(work(running))
    assert [(poll.error, poll.new) for poll in polls] == [(None, 1)] * 4
    [said] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert re.fullmatch(
        rf"worker tcp://\S+ is not used: it has aggregator 9\.9, not {dict(here())['aggregator']}", said
    )


def cli(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    config_for(folder, "http://127.0.0.1:9/feed")
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **environ},
    )  # fmt: skip


@needs_dask
def test_an_unreachable_scheduler_is_one_line(tmp_path: Path) -> None:
    done = cli(tmp_path, "-m", "aggregator", "run", "--workers", "tcp://127.0.0.1:9")
    assert done.returncode == 1
    assert re.fullmatch(r"aggregator: no Dask scheduler can be used at tcp://127\.0\.0\.1:9: [^\n]+\n", done.stderr)


@pytest.mark.parametrize(
    "address", ["scheduler:8786", "http://scheduler:8786", "tcp://me:pw@scheduler:1", "tcp://scheduler"]
)
def test_what_is_no_address_is_told(address: str, tmp_path: Path) -> None:
    done = cli(tmp_path, "-m", "aggregator", "run", AGGREGATOR_WORKERS=address)
    assert done.returncode == 2
    assert done.stderr == f"aggregator: {address}: a scheduler's address is tcp://host:port or tls://host:port\n"


def test_without_dask_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['distributed'] = None; sys.argv[0] = 'aggregator'\n"
        "from aggregator.cli import main; main(['run', '--workers', 'tcp://127.0.0.1:9'])"
    )
    done = cli(tmp_path, "-c", code)
    assert done.returncode == 2
    assert (
        done.stderr == "aggregator: --workers needs Dask, which is not installed: pip install 'aggregator[cluster]'\n"
    )


def test_dask_is_not_loaded_unless_asked_for(tmp_path: Path) -> None:
    code = "import sys, aggregator.cli, aggregator.cluster; print([m for m in ('dask', 'distributed') if m in sys.modules])"
    assert cli(tmp_path, "-c", code).stdout == "[]\n"


@needs_dask
def test_the_daemon_polls_on_a_cluster_and_ends_at_once_without_it(
    webs: Callable[[int], list[Web]], tmp_path: Path
) -> None:
    [site] = webs(1)
    site.pages["/feed"] = Answer(rss(Post("One", link="http://x.example/1")))
    config = config_for(tmp_path, site.url("/feed"), more="defaults: {interval: 2s, jitter: 0}\n")
    with cluster_of(1) as running:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "aggregator", "run", "--workers", running.scheduler_address],
            cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            published = config.output.directory / "feed.atom"
            deadline = time.monotonic() + 60
            while not published.exists() or b"One" not in published.read_bytes():
                assert time.monotonic() < deadline
                assert daemon.poll() is None
                time.sleep(0.05)
        except BaseException:
            daemon.kill()
            daemon.communicate()
            raise
    asked = len(site.seen)
    time.sleep(4)  # another poll is due, and waits for a scheduler that is gone
    assert len(site.seen) == asked
    before = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    _, log = daemon.communicate(timeout=20)
    assert time.monotonic() - before < 2
    assert daemon.returncode == 0
    assert "polls are sent to 1 workers" in log
    assert log.count("polls wait until it is back") == 1
    assert "Traceback" not in log
    assert "distributed" not in log


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=200), st.integers(1, 20))
def test_nothing_that_waits_is_lost_doubled_or_sent_beside_its_host(steps: list[tuple[str, bool]], size: int) -> None:
    waiting: Waiting[int] = Waiting()
    under_way: list[dict[str, list[int]]] = []
    given_: list[int] = []
    taken: list[int] = []
    for number, (host, sends) in enumerate(steps):
        waiting.add(host, number)
        given_.append(number)
        if sends and waiting:
            batch = waiting.take(size)
            assert not {name for other in under_way for name in other} & batch.keys()
            assert all(len(things) <= size for things in batch.values())
            under_way.append(batch)
        elif under_way:
            batch = under_way.pop(0)
            if number % 3:
                taken += [thing for things in batch.values() for thing in things]
                waiting.done(batch)
            else:
                waiting.put_back(batch)
    while waiting or under_way:
        for batch in under_way:
            taken += [thing for things in batch.values() for thing in things]
            waiting.done(batch)
        under_way = [waiting.take(size)] if waiting else []
    assert sorted(taken) == given_
    by_host = [[n for n in taken if steps[n][0] == host] for host in "abcdef"]
    assert all(numbers == sorted(numbers) for numbers in by_host)


def test_a_batch_is_as_large_as_can_be() -> None:
    waiting: Waiting[int] = Waiting()
    for number in range(300):
        waiting.add(f"host{number % 40}", number)
    sizes = []
    while waiting:
        sizes.append(sum(map(len, waiting.take(BATCH).values())))
    assert all(size >= BATCH for size in sizes[:-1])
    assert sum(sizes) == 300
