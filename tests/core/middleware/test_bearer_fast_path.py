"""The fast path for calls that bring a token."""

import tracemalloc

from canvas_channels.core.middleware.bearer_fast_path import resolve


def test_long_paths_are_not_kept() -> None:
    resolve("/api/v1/users/self/communication_channels")
    tracemalloc.start()
    try:
        for number in range(200):
            assert resolve(f"/api/v1/users/{number}{'x' * 60_000}/communication_channels")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 5 * 2**20
