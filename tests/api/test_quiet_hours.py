"""When a user's devices and numbers stay silent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry
from notifications.models import Message, QuietHours
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_admin, make_channel, make_message
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

PATH = "/users/self/settings/quiet_hours"
NONE: dict[str, Any] = {"from": None, "to": None, "days": []}
NIGHT = {"from": "22:00", "to": "07:30", "days": ["monday", "sunday"]}

BAD_TIMES = [
    "24:00",
    "7:00",
    "22:60",
    "22:00:00",
    "10pm",
    22,
    True,
    ["22:00"],
    "22:0\u0664",
    " 22:00",
    "\x00",
]
BAD_DAYS = [["caturday"], ["mo"], [1], [None], [["mon"]], "monday", 1]


def put(client: ApiClient, **body: Any) -> ClientResponse:
    return client.call("PUT", PATH, json=body)


def test_at_first_there_are_none(api: ApiClient) -> None:
    assert api.call("GET", PATH).json() == NONE


def test_they_are_kept(api: ApiClient) -> None:
    assert put(api, **NIGHT).json() == NIGHT == api.call("GET", PATH).json()
    every_day = {"from": "00:00", "to": "23:59", "days": []}
    assert put(api, **{"from": "00:00", "to": "23:59"}).json() == every_day
    assert QuietHours.objects.count() == 1


@pytest.mark.parametrize(
    "days", [["sun", "MON"], ["Sunday", "monday", "Mon"], {"0": "mon", "1": "sun"}, ["mon", "sun", ""]]
)
def test_days_by_their_english_names_or_the_short_form(api: ApiClient, days: Any) -> None:
    assert put(api, **NIGHT | {"days": days}).json() == NIGHT


def test_as_a_form(api: ApiClient) -> None:
    assert api.call("PUT", PATH, "from=22:00&to=07:30&days[]=sun&days[]=mon").json() == NIGHT
    assert api.call("PUT", PATH, "from=22:00&to=07:30&days[]=").json() == NIGHT | {"days": []}


@pytest.mark.parametrize("end", [{"from": "", "to": ""}, NONE, {"from": ""}])
def test_empty_times_end_them(api: ApiClient, end: Any) -> None:
    put(api, **NIGHT)
    for _ in range(2):
        assert put(api, **end).json() == NONE
    assert not QuietHours.objects.exists()


@pytest.mark.parametrize(
    ("bad", "attribute"),
    [
        ({"from": "22:00"}, "to"),
        ({"from": "22:00", "to": ""}, "to"),
        ({"to": "07:00"}, "from"),
        ({"from": None, "to": "07:00"}, "from"),
        ({}, "from"),
        ({"days": ["mon"]}, "from"),
        ({"from": "22:00", "to": "22:00"}, "to"),
        *(({"from": time, "to": "07:00"}, "from") for time in BAD_TIMES),
        *((NIGHT | {"days": days}, "days") for days in BAD_DAYS),
        ({"from": "", "to": "", "days": ["caturday"]}, "days"),
    ],
)
def test_what_is_refused_changes_nothing(api: ApiClient, bad: dict[str, Any], attribute: str) -> None:
    put(api, **NIGHT)
    answer = put(api, **bad)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [attribute])
    assert api.call("GET", PATH).json() == NIGHT


def test_a_change_releases_what_no_longer_has_to_wait(api: ApiClient, user: User) -> None:
    load_catalogue()
    put(api, **{"from": "00:00", "to": "23:59"})
    now = timezone.now()
    waits = {"workflow_state": "staged", "waits_for": "quiet_hours", "due_at": now + timedelta(hours=9)}
    message = make_message(user, make_channel(user, "For All Devices", "push"), **waits)
    put(api, **{"from": "", "to": ""})
    assert Message.objects.filter(pk=message.pk, due_at__lt=now + timedelta(minutes=1)).exists()


def test_admins_only_by_acting(user: User, as_user) -> None:
    admin = as_user(make_admin())
    path = PATH.replace("self", str(user.pk))
    for method in ("GET", "PUT"):
        assert admin.call(method, path, "from=22:00&to=07:30").status_code == 403
    assert admin.call("PUT", f"{PATH}?as_user_id={user.pk}", json=NIGHT).json() == NIGHT


def test_they_are_in_the_audit_trail(api: ApiClient, user: User) -> None:
    put(api, **NIGHT)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.details) == ("set_quiet_hours", user, NIGHT)
