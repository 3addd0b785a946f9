"""What ``manage.py check --deploy`` says about the protocol's parts."""

from typing import Any

from django.conf import settings
from django.core import checks

PER_PROCESS = checks.Warning(
    "Each web process throttles for itself.",
    hint="Set REDIS_URL, so that the processes share what they count; or run one.",
    id="canvas_channels.W001",
)


@checks.register(checks.Tags.security, deploy=True)
def throttle_is_shared(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return [] if settings.REDIS_URL else [PER_PROCESS]
