"""What is answered to those who watch over the daemon: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable

from aggregator.health import Health
from aggregator.metrics import TYPE, Metrics
from aggregator.server import Probe


def probes(health: Health, metrics: Metrics, now: Callable[[], float]) -> dict[str, Probe]:
    """The answers by path; `now` is the steady clock that health goes by."""

    def alive() -> tuple[int, bytes, str]:
        fault = health.alive(now())
        return (200, b"ok\n", "text/plain") if fault is None else (503, f"{fault}\n".encode(), "text/plain")

    def ready() -> tuple[int, bytes, str]:
        status, text = health.report(now())
        return status, text.encode(), "text/plain; charset=utf-8"

    return {"healthz": alive, "readyz": ready, "metrics": lambda: (200, metrics.text(), TYPE)}
