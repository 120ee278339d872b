"""/metrics: what Prometheus reads, and that the dashboard asks for nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from aggregator.daemon import Daemon
from aggregator.metrics import OUTCOMES, TYPE, Gauges, Metrics, Polled
from aggregator.server import Probe, application
from aggregator.site import Site
from tests.conftest import NOW, Answer, Post, Web, config_for, rss

DASHBOARD = Path(__file__).parent.parent / "docs" / "deploy" / "grafana.json"


def samples(text: bytes) -> dict[str, float]:
    """Every sample by its name and labels."""
    return {
        sample.name + "".join(f",{key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_all_labels_are_there_from_the_start_and_count() -> None:
    metrics = Metrics("1.2.3")
    found = samples(metrics.text())
    assert {f"aggregator_polls_total,outcome={outcome}" for outcome in OUTCOMES} <= set(found)
    assert found["aggregator_info,version=1.2.3"] == 1
    metrics.polled(Polled("news", 0.3, new=3, changed=1, copies=2))
    metrics.polled(Polled("unreachable"))
    metrics.begun(-1)
    metrics.begun(100)
    metrics.show(Gauges({"active": 5}, 1, 2.5, 3, 4, 6, 7, 8, 9))
    found = samples(metrics.text())
    assert found["aggregator_polls_total,outcome=news"] == 1
    assert (found["aggregator_articles_total,change=new"], found["aggregator_copies_total"]) == (3, 2)
    assert found["aggregator_poll_duration_seconds_count"] == 1
    assert found["aggregator_poll_duration_seconds_bucket,le=0.25"] == 0
    assert found["aggregator_poll_duration_seconds_bucket,le=0.5"] == 1
    assert (found["aggregator_poll_lag_seconds_sum"], found["aggregator_poll_lag_seconds_bucket,le=1.0"]) == (100, 1)
    assert (found["aggregator_feeds,state=active"], found["aggregator_feeds,state=gone"]) == (5, 0)
    assert found["aggregator_overdue_seconds"] == 2.5
    assert (found["aggregator_database_bytes,file=database"], found["aggregator_database_bytes,file=wal"]) == (8, 9)


def test_a_daemon_counts_what_it_does(web: Web, tmp_path: Path) -> None:
    web.pages["/a"] = Answer(rss(Post("One", link="http://x.example/1"), Post("Two", link="http://x.example/2")))
    config = config_for(tmp_path, web.url("/a"), web.url("/missing"), "http://127.0.0.1:1/")

    async def scene() -> dict[str, float]:
        daemon = Daemon(config, clock=lambda: NOW)
        async with daemon.opened():
            await daemon.tick()
            for task in list(daemon._tasks):
                await task
            daemon._gauged = float("-inf")
            await daemon.tick()
            return samples(daemon.metrics.text())

    found = asyncio.run(scene())
    counted = {outcome: found[f"aggregator_polls_total,outcome={outcome}"] for outcome in OUTCOMES}
    assert counted == {"news": 1, "nothing_new": 0, "not_modified": 0, "failed": 1, "unreachable": 1}
    assert (found["aggregator_articles_total,change=new"], found["aggregator_stored,kind=articles"]) == (2, 2)
    assert (found["aggregator_feeds,state=active"], found["aggregator_feeds_failing"]) == (3, 2)
    assert found["aggregator_poll_lag_seconds_count"] == 3
    assert found["aggregator_polls_in_progress"] == found["aggregator_commit_queue"] == 0
    assert sum(found[f"aggregator_database_bytes,file={file}"] for file in ("database", "wal")) > 10_000
    assert found["aggregator_last_tick_timestamp_seconds"] == NOW.timestamp()


def test_the_dashboard_asks_only_for_what_there_is() -> None:
    known = {name.partition(",")[0] for name in samples(Metrics("0").text())} | {"process_resident_memory_bytes"}
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = {name for text in _expressions(board) for name in re.findall(r"\b(?:aggregator|process)_[a-z_]+", text)}
    assert asked
    assert asked - known == set()
    assert {"aggregator_polls_total", "aggregator_poll_lag_seconds_bucket", "aggregator_overdue_seconds"} <= asked


def _expressions(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["expr"]] if isinstance(node.get("expr"), str) else []
        return own + [text for value in node.values() for text in _expressions(value)]
    return [text for value in node for text in _expressions(value)] if isinstance(node, list) else []


def test_metrics_want_the_password_and_healthz_does_not(tmp_path: Path) -> None:
    probes: dict[str, Probe] = {
        "metrics": lambda: (200, Metrics("1").text(), TYPE),
        "healthz": lambda: (503, b"no tick for 61 s\n", "text/plain"),
        "readyz": lambda: (503, b"not ready\n", "text/plain"),
    }
    app = application(Site(tmp_path), "me:secret", lambda: True, probes=probes)

    async def ask(path: str, **more: str) -> tuple[int, str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x.example") as client:
            answer = await client.get(path, headers=more)
            return answer.status_code, answer.headers["content-type"]

    assert asyncio.run(ask("/metrics"))[0] == 401
    assert asyncio.run(ask("/readyz"))[0] == 401
    assert asyncio.run(ask("/healthz"))[0] == 503
    assert asyncio.run(ask("/metrics", Authorization="Basic bWU6c2VjcmV0")) == (200, TYPE)
    assert asyncio.run(ask("/readyz", Authorization="Basic bWU6c2VjcmV0"))[0] == 503
