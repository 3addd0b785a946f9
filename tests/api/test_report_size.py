"""How large a report may be, and what it costs: statements and memory do not grow with its rows."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from channels_api.accounts import reports
from channels_api.models import CommunicationChannel
from tests.api.conftest import ApiClient
from tests.api.test_query_counts import statements
from tests.factories import default_account, make_admin, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.in_process]

LARGEST = 10_000  # rows
MEGABYTE = 2**20


@pytest.fixture
def client(as_user: Callable[..., ApiClient]) -> ApiClient:
    return as_user(make_admin(default_account()))


@pytest.mark.parametrize(("report", "limit"), [("bouncing", 1_000), ("unconfirmed", 10_000)])
def test_limits(client: ApiClient, report: str, limit: int) -> None:
    fill(limit + 1)
    assert len(rows(client, report)) == limit + 1


@pytest.mark.parametrize("report", [reports.BOUNCING, reports.UNCONFIRMED], ids=lambda report: report.name)
def test_statements_do_not_grow(client: ApiClient, report: reports.Report) -> None:
    def read() -> None:
        answer = client.call("GET", f"/accounts/self/{report.name}.csv")
        assert len(answer.getvalue().splitlines()) > 1

    fill(1)
    few = len(statements(read))
    fill(1_000)
    assert len(statements(read)) == few == 3  # token, account with rights, rows


def fill(count: int) -> None:
    user = make_user()
    CommunicationChannel.objects.bulk_create(
        CommunicationChannel(
            user=user,
            type="email",
            address=f"{number}@example.edu",
            address_folded=f"{number}@example.edu",
            position=number + 1,
            workflow_state="unconfirmed",
            bounce_count=1,
            last_bounce_at=timezone.now(),
        )
        for number in range(count)
    )


def rows(client: ApiClient, report: str) -> list[list[str]]:
    """The JSON report with its header."""
    answer = client.call("GET", f"/accounts/self/{report}_communication_channels.json")
    return list(json.loads(answer.getvalue()))


@pytest.mark.parametrize("extension", ["csv", "json"])
def test_the_largest_report_takes_little_memory(client: ApiClient, extension: str) -> None:
    fill(LARGEST)
    path = f"/accounts/self/unconfirmed_communication_channels.{extension}"
    client.call("GET", path).getvalue()  # what is kept for all reports is no report's own
    tracemalloc.start()
    try:
        answer: Any = client.call("GET", path)
        sent = sum(len(piece) for piece in answer.streaming_content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent > LARGEST * 50
    assert peak < 5 * MEGABYTE
