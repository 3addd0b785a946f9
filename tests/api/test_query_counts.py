"""How many statements a call costs; transaction statements are not counted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from canvas_channels.core.identity.models import Account, CustomData, User
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint, World
from tests.factories import (
    FCM_ARN,
    make_admin,
    make_channel,
    make_key,
    make_site_admin,
    make_token,
)

pytestmark = pytest.mark.in_process

NEW = "communication_channel[type]=email&communication_channel[address]=n@example.edu"
TRANSACTION = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK")


def statements(call: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        call()
    return [query["sql"] for query in captured if not query["sql"].startswith(TRANSACTION)]


@pytest.mark.parametrize(("named", "cost"), [("self", 1), ("{id}", 2)])
def test_listing_ones_own(api: ApiClient, user: User, named: str, cost: int) -> None:
    for _ in range(30):
        make_channel(user)
    path = f"/users/{named.format(id=user.pk)}/communication_channels?per_page=7"
    assert len(statements(lambda: api.call("GET", path))) == cost


@pytest.mark.parametrize("caller", [make_admin, make_site_admin])
@pytest.mark.parametrize("query", ["", "?as_user_id={id}"])
def test_any_other_list_is_at_most_four(user: User, as_user, caller, query: str) -> None:
    client = as_user(caller())
    path = f"/users/{user.pk}/communication_channels" + query.format(id=user.pk)
    assert len(statements(lambda: client.call("GET", path))) <= 4


@pytest.mark.parametrize("who", ["self", "admin", "acting admin"])
def test_create_is_at_most_seven(user: User, as_user, who: str) -> None:
    client = as_user(user if who == "self" else make_admin())
    target = "self" if who == "self" else str(user.pk)
    form = NEW + (f"&as_user_id={user.pk}" if who == "acting admin" else "")
    assert len(statements(lambda: client.call("POST", f"/users/{target}/communication_channels", form))) <= 7


@pytest.mark.parametrize("others", [0, 30])
@pytest.mark.parametrize("institution_email_first", [False, True])
def test_changing_everything_is_at_most_twenty_and_telling_the_others(
    user: User, as_user, others: int, institution_email_first: bool
) -> None:
    Account.objects.update(institution_email_first=institution_email_first)
    for _ in range(others):
        make_channel(user, position=others)  # so that each gets another position
    channel = make_channel(user)
    form = "communication_channel[position]=1&communication_channel[address]=n@example.edu"
    form += "&communication_channel[institutional]=1&skip_confirmation=1"
    client = as_user(make_admin())
    path = f"/users/{user.pk}/communication_channels/{channel.pk}"
    assert len(statements(lambda: client.call("PUT", path, form))) <= 25


def test_registering_a_device_is_at_most_ten(user: User, as_user) -> None:
    client = as_user(user, make_key(sns_arn=FCM_ARN))
    form = "communication_channel[type]=push&communication_channel[token]=fcm"
    assert len(statements(lambda: client.call("POST", "/users/self/communication_channels", form))) <= 10


# The most that a call of ``ENDPOINTS`` may cost its owner, and an admin; None: it is not theirs to make.
MOST: dict[str, tuple[int | None, int | None]] = {
    "GET users/{user}": (2, 3),
    "PUT users/{user}": (4, 5),
    "GET users/{user}/profile": (3, 4),
    "POST accounts/{account}/users": (None, 8),
    "GET users/{user}/custom_data": (2, 3),
    "PUT users/{user}/custom_data": (4, 4),
    "DELETE users/{user}/custom_data": (4, 4),
    "GET users/{user}/custom_data/a/b": (2, 3),
    "PUT users/{user}/custom_data/a/b": (4, 4),
    "DELETE users/{user}/custom_data/a/b": (4, 4),
    "GET users/{user}/communication_channels": (2, 3),
    "POST users/{user}/communication_channels": (6, 6),
    "PUT users/{user}/communication_channels/{channel}": (6, 6),
    "DELETE users/{user}/communication_channels/{channel}": (5, 5),
    "DELETE users/{user}/communication_channels/email/o@example.edu": (5, 5),
    "POST users/{user}/communication_channels/{bouncing}": (None, 8),
    "POST users/{user}/communication_channels/{unconfirmed}/resend": (9, 9),
    "GET users/{user}/communication_channels/audit": (None, 4),
    "GET users/{user}/communication_channels/{channel}/notification_preferences": (5, 6),
    "GET users/{user}/communication_channels/{channel}/notification_preferences/alert": (5, 6),
    "GET users/{user}/communication_channels/{channel}/notification_preference_categories": (3, 4),
    "PUT users/{user}/communication_channels/{channel}/notification_preferences": (6, None),
    "PUT users/{user}/communication_channels/{channel}/notification_preferences/alert": (6, None),
    "PUT users/{user}/communication_channels/{channel}/notification_preference_categories/alert": (6, None),
    "GET users/{user}/communication_channels/email/o@example.edu/notification_preferences": (5, 6),
    "GET users/{user}/communication_channels/email/o@example.edu/notification_preferences/alert": (5, 6),
    "GET users/{user}/communication_channels/email/o@example.edu/notification_preference_categories": (3, 4),
    "PUT users/{user}/communication_channels/email/o@example.edu/notification_preferences": (6, None),
    "PUT users/{user}/communication_channels/email/o@example.edu/notification_preferences/alert": (6, None),
    "PUT users/{user}/communication_channels/email/o@example.edu/notification_preference_categories/alert": (
        6,
        None,
    ),
    "DELETE users/self/communication_channels/push": (7, None),
    "GET users/self/communication_channels/push/devices": (3, None),
    "DELETE users/self/communication_channels/push/devices/{device}": (6, None),
    "POST users/self/communication_channels/{phone}/confirm": (16, None),
    "GET accounts/{account}/bouncing_communication_channels.csv": (None, 3),
    "GET accounts/{account}/bouncing_communication_channels.json": (None, 3),
    "GET accounts/{account}/unconfirmed_communication_channels.csv": (None, 3),
    "GET accounts/{account}/unconfirmed_communication_channels.json": (None, 3),
    "POST accounts/{account}/bouncing_communication_channels/reset": (None, 5),
    "POST accounts/{account}/unconfirmed_communication_channels/confirm": (None, 14),
    "POST accounts/{account}/communication_channels/import": (None, 5),
    "GET accounts/{account}/notification_preference_defaults": (None, 4),
    "PUT accounts/{account}/notification_preference_defaults": (None, 10),
    "GET users/{user}/course_notification_preferences/42": (4, None),
    "PUT users/{user}/course_notification_preferences/42": (13, None),
    "DELETE users/{user}/course_notification_preferences/42": (9, None),
    "GET users/{user}/settings/quiet_hours": (3, None),
    "PUT users/{user}/settings/quiet_hours": (9, None),
    "GET accounts/{account}/settings": (None, 2),
    "PUT accounts/{account}/settings": (None, 5),
    "GET comm_messages": (None, 5),
    "GET users/{user}/messages": (3, None),
    "GET users/{user}/messages/{message}": (2, 3),
    "POST users/{user}/communication_channels/{channel}/test": (11, 11),
    "POST accounts/{account}/notifications": (None, 8),
    "GET accounts/{account}/notifications": (None, 4),
    "GET accounts/{account}/notifications/{dispatch}": (None, 4),
    "DELETE accounts/{account}/notifications/{dispatch}": (None, 8),
    "GET progress/{progress}": (None, 3),
    "GET progress/{own_progress}": (2, 3),
    "POST /confirmations/{user}/re_send/{unconfirmed}": (9, 9),
    "GET /confirmations/{user}/limit_reached/{unconfirmed}": (3, 4),
}


def test_every_call_is_counted() -> None:
    assert {str(endpoint) for endpoint in ENDPOINTS} == MOST.keys()


@pytest.mark.django_db
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_no_call_costs_more(endpoint: Endpoint) -> None:
    world = World()
    own, admins = MOST[str(endpoint)]
    people = {
        "self": (world.owner, own),
        "account admin": (make_admin(world.account), admins),
        "site admin": (make_site_admin(), admins),
    }
    for role in endpoint.allowed:
        person, most = people[role]
        client = ApiClient(make_token(person, world.key))

        def call(client: ApiClient = client) -> None:
            assert endpoint.call(client, world).status_code == 200

        savepoint = transaction.savepoint()
        found = statements(call)
        transaction.savepoint_rollback(savepoint)
        assert most is not None
        assert len(found) <= most, (role, found)


@pytest.mark.parametrize(
    ("form", "most"),
    [
        ("", 9),
        ("communication_channel[address]=n@example.edu", 13),
        ("communication_channel[address]=n@example.edu&communication_channel[skip_confirmation]=1", 12),
    ],
    ids=["without a channel", "with one to confirm", "with one that is vouched for"],
)
def test_making_a_user(user: User, as_user, form: str, most: int) -> None:
    client = as_user(make_admin())
    form = f"user[name]=New&pseudonym[unique_id]=new&pseudonym[sis_user_id]=S&{form}"

    def call() -> None:
        assert client.call("POST", "/accounts/self/users", form).status_code == 200

    assert len(found := statements(call)) <= most, found


@pytest.mark.parametrize("others", [0, 49])
@pytest.mark.parametrize(
    ("method", "scope", "data", "most"),
    [
        ("PUT", "", {"a": 1}, 5),
        ("PUT", "/a/b", 1, 5),
        ("GET", "/a", None, 2),
        ("DELETE", "/a", None, 4),
    ],
    ids=["new", "new scope", "reading", "a part"],
)
def test_custom_data(
    api: ApiClient, user: User, others: int, method: str, scope: str, data: Any, most: int
) -> None:
    """PUT in a new namespace, with as many others as there may be; the rest in one that holds more."""
    for number in range(others):
        CustomData.objects.create(user=user, namespace=f"app{number}", data="1")
    if method != "PUT":
        CustomData.objects.create(user=user, namespace="app", data='{"a":1,"b":2}')
    path = f"/users/self/custom_data{scope}"

    def call() -> None:
        assert api.call(method, f"{path}?ns=app", json={"data": data}).status_code in {200, 201}

    assert len(found := statements(call)) <= most, found


@pytest.mark.parametrize("form", ["user[name]=N", "user[name]=N&user[time_zone]=UTC&user[locale]=de", ""])
def test_changing_a_user(user: User, as_user, form: str) -> None:
    client = as_user(make_admin())
    most = 5 if form else 3
    assert len(found := statements(lambda: client.call("PUT", f"/users/{user.pk}", form))) <= most, found
