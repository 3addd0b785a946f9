import sys

from django.apps import AppConfig
from django.conf import settings


class OperationsConfig(AppConfig):
    """What those who run the service look at: probes, metrics, and what the worker counts."""

    name = "canvas_channels.operations"
    label = "operations"

    def ready(self) -> None:
        if sys.argv[1:3] == ["procrastinate", "worker"] and settings.WORKER_METRICS_PORT:
            from canvas_channels.operations import worker_metrics

            worker_metrics.serve(settings.WORKER_METRICS_PORT)
