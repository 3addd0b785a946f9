"""How often a call waits for PostgreSQL, by libpq's own trace of what goes over the wire."""

import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from canvas_channels.core.identity.models import Account, User
from channels_api.models import CommunicationChannel
from tests.factories import FCM_ARN, make_admin, make_channel, make_key

pytestmark = [pytest.mark.in_process, pytest.mark.django_db(transaction=True)]

FORM = "communication_channel[{}]={}"
PATH = "/users/{}/communication_channels"


def round_trips(call: Callable[[], Any]) -> int:
    """How often this process stopped sending (F) and listened (B)."""
    connection.ensure_connection()
    pgconn: Any = connection.connection.pgconn
    with tempfile.TemporaryFile() as trace:
        pgconn.trace(trace.fileno())
        try:
            assert call().status_code == 200
        finally:
            pgconn.untrace()
        trace.seek(0)
        lines = [line.split(b"\t") for line in trace.read().splitlines()]
    ends = [line[1] for line in lines if line[1:] and line[1] in b"FB"]  # a statement has lines of its own
    return sum(ends[at : at + 2] == [b"F", b"B"] for at in range(len(ends)))


@pytest.mark.parametrize("who", ["self", "admin"])
@pytest.mark.parametrize("form", ["email", "sms", "national"])
def test_create(user: User, as_user, who: str, form: str) -> None:
    client = as_user(user if who == "self" else make_admin())
    type_, address = {
        "email": ("email", "n@example.edu"),
        "sms": ("sms", "%2B16265550100"),
        "national": ("sms", "6265550100"),
    }[form]
    body = f"{FORM.format('type', type_)}&{FORM.format('address', address)}"
    path = PATH.format("self" if who == "self" else user.pk)
    # the account that pays for somebody else's text message, or says a number's country, is read first
    more = form == "national" or (who, form) == ("admin", "sms")
    assert round_trips(lambda: client.call("POST", path, body)) == (4 if more else 3)


@pytest.mark.parametrize("named", ["self", "{id}"])
@pytest.mark.parametrize("by", ["{id}", "email/a@example.edu"])
def test_delete(user: User, as_user, named: str, by: str) -> None:
    channel = make_channel(user, address="a@example.edu")
    path = PATH.format(named.format(id=user.pk)) + f"/{by.format(id=channel.pk)}"
    client = as_user(user)
    assert round_trips(lambda: client.call("DELETE", path)) == 3


@pytest.mark.parametrize("state", ["unconfirmed", "active"])
@pytest.mark.parametrize(
    "changes", [{"address": "n@example.edu"}, {"position": 2}, {"address": "n@example.edu", "position": 2}]
)
def test_change(user: User, as_user, state: str, changes: dict[str, Any]) -> None:
    channel = make_channel(user, workflow_state=state)
    make_channel(user)
    form = "&".join(FORM.format(name, value) for name, value in changes.items())
    path = f"{PATH.format('self')}/{channel.pk}"
    client = as_user(user)
    assert round_trips(lambda: client.call("PUT", path, form)) == (3 if len(changes) == 1 else 4)


def test_change_what_is_institutional(user: User, as_user) -> None:
    channel = make_channel(user)
    path = f"{PATH.format(user.pk)}/{channel.pk}"
    form = FORM.format("institutional", 1)
    client = as_user(make_admin())
    assert round_trips(lambda: client.call("PUT", path, form)) == 3


def test_register(user: User, as_user) -> None:
    """The first time, and whenever its app starts."""
    client = as_user(user, make_key(sns_arn=FCM_ARN))
    form = f"{FORM.format('type', 'push')}&{FORM.format('token', 'fcm')}"
    for _ in range(2):
        assert round_trips(lambda: client.call("POST", PATH.format("self"), form)) == 3
    assert CommunicationChannel.objects.filter(user=user, type="push").count() == 1


def test_the_order_of_an_institution_costs_one_more(user: User, as_user) -> None:
    Account.objects.update(institution_email_first=True)
    form = f"{FORM.format('type', 'email')}&{FORM.format('address', 'n@example.edu')}"
    client = as_user(user)
    assert round_trips(lambda: client.call("POST", PATH.format("self"), form)) == 4


@pytest.mark.parametrize(("query", "trips"), [("", 1), ("?page=2&per_page=3", 1), ("?type=email", 2)])
def test_list(user: User, as_user, query: str, trips: int) -> None:
    make_channel(user)
    client = as_user(user)
    client.call("GET", PATH.format("self"))
    assert round_trips(lambda: client.call("GET", PATH.format("self") + query)) == trips
