"""Metrics for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jpegmend.decoding.memory import resident_bytes
from jpegmend.web.scheduler import Scheduler

if TYPE_CHECKING:
    from jpegmend.web.jobs import Jobs


class Metrics:
    """Counters of one service, in a registry of their own.

    Args:
        scheduler, jobs: asked when the metrics are read.
    """

    def __init__(self, scheduler: Scheduler, jobs: Jobs) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Now(scheduler, jobs))
        labels = ("method", "route", "status")
        self._answers = Counter("jpegmend_http_requests", "Requests answered", labels, registry=self._registry)
        self._seconds = Histogram(
            "jpegmend_http_request_seconds", "Time to the first byte of an answer", ("route",), registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def as_text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Now:
    """Values that are read from the service itself."""

    def __init__(self, scheduler: Scheduler, jobs: Jobs) -> None:
        self._scheduler = scheduler
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """The values of this moment."""
        scheduler, jobs = self._scheduler, self._jobs
        yield GaugeMetricFamily("jpegmend_queue_waiting", "Jobs that wait", value=scheduler.waiting)
        yield GaugeMetricFamily("jpegmend_jobs_running", "Jobs in workers", value=scheduler.running)
        yield GaugeMetricFamily("jpegmend_jobs_kept", "Jobs whose files are kept", value=len(jobs.kept))
        yield GaugeMetricFamily("jpegmend_kept_bytes", "Bytes of kept files", value=jobs.bytes)
        memory = sum(resident_bytes(pid) for pid in scheduler.pids)
        yield GaugeMetricFamily("jpegmend_workers_resident_bytes", "Memory of the workers", value=memory)
        yield CounterMetricFamily(
            "jpegmend_worker_restarts", "Workers that ended unexpectedly", value=scheduler.restarts
        )
        yield CounterMetricFamily("jpegmend_pixels_restored", "Pixels restored", value=jobs.pixels)
        ended = CounterMetricFamily("jpegmend_jobs_ended", "Jobs that ended, by outcome", labels=("outcome",))
        for outcome, count in jobs.ended.items():
            ended.add_metric((outcome,), count)
        yield ended


class Counting:
    """ASGI middleware that counts answers by route.

    Args:
        app: the application behind it.
        metrics: counts.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(
                    _method(scope["method"]), _route(scope), message["status"], time.monotonic() - started
                )
            await send(message)

        await self._app(scope, receive, count)


def _method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS") else "other"


def _route(scope: Scope) -> str:
    """The pattern of the route, so that ids are no labels."""
    route = scope.get("route")
    return str(getattr(route, "path", "")) or "none"
