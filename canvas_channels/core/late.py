"""What is imported when it is first used: most web processes never do, and would keep it in memory."""

from collections.abc import Callable
from typing import Any

from django.utils.module_loading import import_string


def late(path: str) -> Callable[..., Any]:
    """The function or class at a dotted path, whose module is imported by its first call."""

    def call(*arguments: Any, **options: Any) -> Any:
        return import_string(path)(*arguments, **options)

    return call
