"""How many statements a call costs; transaction statements are not counted."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from canvas_channels.identity.models import Account, User
from tests.api.conftest import ApiClient
from tests.factories import FCM_ARN, make_admin, make_channel, make_key, make_site_admin

pytestmark = pytest.mark.in_process

NEW = "communication_channel[type]=email&communication_channel[address]=n@example.edu"
TRANSACTION = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK")


def statements(call: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        call()
    return [query["sql"] for query in captured if not query["sql"].startswith(TRANSACTION)]


@pytest.mark.parametrize("named", ["self", "{id}"])
def test_listing_ones_own_is_two(api: ApiClient, user: User, named: str) -> None:
    for _ in range(30):
        make_channel(user)
    path = f"/users/{named.format(id=user.pk)}/communication_channels?per_page=7"
    assert len(statements(lambda: api.call("GET", path))) == 2


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
