"""One id for a request, its lines in the log, and its jobs."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from canvas_channels.core.request_id import REQUEST_ID, RequestIdFilter
from tests.api.conftest import ApiClient
from tests.factories import make_key, make_token, make_user
from tests.notifications.services import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

CHANNELS = "/users/self/communication_channels"
NEW = "communication_channel[type]=email&communication_channel[address]=n@example.edu"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the log's handler writes, in the format of the settings."""
    handler = next(handler for handler in logging.getLogger("django").handlers if handler.formatter)
    written = StringIO()
    stream = handler.setStream(written)  # type: ignore[attr-defined]
    yield written
    handler.setStream(stream)  # type: ignore[attr-defined]


def lines(log: StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def answered(given: str | None = None) -> str:
    headers = {"x-request-id": given} if given is not None else {}
    return Client().get("/healthz", headers=headers).headers["X-Request-Id"]


def test_each_request_has_one_of_its_own() -> None:
    first, second = answered(), answered()
    assert len(first) == 32
    assert first != second


def test_a_trusted_proxys_is_taken_over(settings: Settings) -> None:
    settings.TRUST_PROXY_HEADERS = True
    assert answered("lb-1/f00:7") == "lb-1/f00:7"


@pytest.mark.parametrize("given", ["", "a b", "a\nb", '{"a":1}', "ä", "x" * 65])
def test_one_that_could_forge_a_line_is_not(settings: Settings, given: str) -> None:
    settings.TRUST_PROXY_HEADERS = True
    assert answered(given) != given


def test_a_clients_own_is_not_believed() -> None:
    assert answered("mine") != "mine"


def test_errors_of_the_api_have_one_too() -> None:
    assert len(ApiClient("no-such-token").call("GET", CHANNELS).headers["X-Request-Id"]) == 32


def test_it_follows_into_the_job_and_its_log(log: StringIO, mailbox: list[dict[str, str]]) -> None:
    client = ApiClient(make_token(make_user(), make_key()))
    given = client.call("POST", CHANNELS, NEW).headers["X-Request-Id"]
    assert ProcrastinateJob.objects.get().args["request_id"] == given
    REQUEST_ID.set("")
    run_worker()
    assert len(mailbox) == 1
    of_job = [line for line in lines(log) if "send_confirmation" in line["message"]]
    assert len(of_job) >= 2
    assert {line.get("request_id") for line in of_job} == {given}


def test_a_line_of_the_log_outside_of_requests_has_none() -> None:
    record = logging.makeLogRecord({"job": 7})
    REQUEST_ID.set("")
    assert RequestIdFilter().filter(record)
    assert not hasattr(record, "request_id")
