"""What ``/metrics`` answers, and to whom."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import Error
from django.utils.crypto import constant_time_compare
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from canvas_channels.core.rest.credentials import bearer_token
from canvas_channels.operations import queue
from notifications import deliveries

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def is_allowed(authorization: str) -> bool:
    """Whether the header carries ``METRICS_TOKEN``; nobody is, where there is none."""
    token = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(bearer_token(authorization) or "", token)


def of_process() -> bytes:
    """What this process counted, or all that share its ``PROMETHEUS_MULTIPROC_DIR``."""
    return generate_latest(_counted())


def of_service() -> bytes:
    """The same, and the queue as the database has it: every web process says that alike."""
    registry = CollectorRegistry()
    registry.register(QueueCollector())
    return of_process() + generate_latest(registry)


def _counted() -> CollectorRegistry:
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return REGISTRY
    registry = CollectorRegistry()
    collector: Any = MultiProcessCollector
    collector(registry)
    return registry


class QueueCollector(Collector):
    """Read when it is asked for, so that no process has to keep it."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("canvas_channels_database_up", "Whether the database answers.")
        try:
            read, refused = queue.read(), list(deliveries.refused())
        except Error:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        jobs = GaugeMetricFamily(
            "canvas_channels_queue_jobs",
            "Jobs that did not end: due, doing, or for later (as those are that will be tried again).",
            labels=["task", "state"],
        )
        seconds = GaugeMetricFamily(
            "canvas_channels_queue_oldest_seconds",
            "How long the oldest such job has been waited for.",
            labels=["task", "state"],
        )
        for task, state, number, age in read.unfinished:
            jobs.add_metric([task, state], number)
            seconds.add_metric([task, state], age)
        workers = GaugeMetricFamily(
            "canvas_channels_workers", "Workers that gave a sign of life of late.", value=read.workers
        )
        undelivered = GaugeMetricFamily(
            "canvas_channels_undelivered",
            "What was refused, by its kind and state: failed for good, else it will be tried again.",
            labels=["kind", "state"],
        )
        for kind, state, number in refused:
            undelivered.add_metric([kind, state], number)
        yield from (up, jobs, seconds, workers, undelivered)
