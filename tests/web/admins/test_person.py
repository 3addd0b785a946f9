"""A person's page for their admins."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from canvas_channels.core.identity.models import Account, User
from channels_api import audit
from channels_api.audit import Action
from channels_api.devices import registration
from channels_api.models import AuditEntry, PushDevice
from tests.factories import (
    FCM_ARN,
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_device,
    make_dispatch,
    make_key,
    make_login,
    make_message,
    make_site_admin,
    make_user,
)
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    load_catalogue()
    return make_account("Caltech", is_default=True, admins_can_view_notifications=True)


@pytest.fixture
def sheldon(account: Account) -> User:
    return make_user("Sheldon Cooper", account, login="sheldon", sis_user_id="S-1", locale="de")


@pytest.fixture
def admin(account: Account) -> User:
    return make_admin(account, "Amy Admin")


def test_who_they_are_and_what_reaches_them(sheldon: User, admin: User) -> None:
    make_channel(sheldon, "sheldon@example.com", bounce_count=1)
    make_device(sheldon, make_key(name="Student app", sns_arn=FCM_ARN), "a-secret-token")
    page = signed_in(admin).get(f"/users/{sheldon.pk}").text
    for shown in ("<h1>Sheldon Cooper</h1>", "sheldon", "S-1", "Caltech", "Deutsch", "Student app"):
        assert shown in page
    assert "Messages come back" in page
    assert "Act as Sheldon Cooper" in page
    assert "a-secret-token" not in page


def test_logins_of_other_accounts_are_not_shown(sheldon: User, admin: User) -> None:
    make_login(sheldon, make_account("Other"), "secret-name", "secret-id")
    page = signed_in(admin).get(f"/users/{sheldon.pk}").text
    assert "secret-name" not in page
    assert "secret-id" not in page
    assert "secret-name" in signed_in(make_site_admin()).get(f"/users/{sheldon.pk}").text


@pytest.mark.parametrize("path", ["/users/{}", "/users/{}/audit"])
def test_whose_pages_are_whose_to_see(path: str, account: Account, sheldon: User, admin: User) -> None:
    path_of_sheldon = path.format(sheldon.pk)
    assert "/login" in Client().get(path_of_sheldon)["Location"]
    assert signed_in(make_user(account=account)).get(path_of_sheldon).status_code == 403
    assert signed_in(sheldon).get(path_of_sheldon).status_code == 403
    assert signed_in(sheldon).get(path.format("self")).status_code == 403
    assert signed_in(make_admin(make_account("Other"))).get(path_of_sheldon).status_code == 403
    assert signed_in(admin).get(path_of_sheldon).status_code == 200
    assert signed_in(admin).get(path.format("sis_user_id:S-1")).status_code == 200
    assert signed_in(admin).get(path.format(10**9)).status_code == 404


@pytest.mark.parametrize("path", ["/users/{}", "/users/{}/audit"])
def test_nobody_sees_whom_they_have_fewer_rights_than(path: str, account: Account, admin: User) -> None:
    boss = make_site_admin(account=account)
    foreign = make_admin(make_account("Other"))
    make_login(foreign, account)
    for above in (boss, foreign, make_user(account=account, is_superuser=True)):
        assert signed_in(admin).get(path.format(above.pk)).status_code == 403
    assert signed_in(boss).get(path.format(admin.pk)).status_code == 200


def test_messages_where_the_account_lets_them(account: Account, sheldon: User, admin: User) -> None:
    channel = make_channel(sheldon)
    make_message(sheldon, channel)
    make_message(sheldon, channel, dispatch=make_dispatch(make_account("Other"), subject="Not ours"))
    page = signed_in(admin).get(f"/users/{sheldon.pk}").text
    assert "The lecture moves" in page
    assert "Not ours" not in page
    assert f'href="/users/{sheldon.pk}/messages"' in page
    account.admins_can_view_notifications = False
    account.save()
    page = signed_in(admin).get(f"/users/{sheldon.pk}").text
    assert "The lecture moves" not in page
    assert "/messages" not in page.partition("<main")[2]


def test_devices_are_not_shown_while_acting(account: Account, admin: User) -> None:
    """Nor by way of an admin who sees them."""
    other = make_admin(account)
    key = make_key(name="Student app", sns_arn=FCM_ARN)
    user = make_user(account=account)
    make_device(user, key, "token")
    client = signed_in(admin)
    client.post(f"/users/{other.pk}/act")
    page = client.get(f"/users/{user.pk}").text
    assert "Student app" not in page
    assert "Act as" not in page


def test_nobody_acts_as_the_deactivated(account: Account, admin: User) -> None:
    gone = make_user(account=account, workflow_state="deactivated")
    page = signed_in(admin).get(f"/users/{gone.pk}").text
    assert "Deactivated" in page
    assert "Act as" not in page


@pytest.mark.parametrize("path", ["/users/{}", "/users/{}/audit", "/users/{}/messages"])
def test_the_number_of_statements_does_not_grow(path: str, sheldon: User, admin: User) -> None:
    client = signed_in(admin)

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path.format(sheldon.pk)).status_code == 200
        return len(captured)

    def fill() -> None:
        for _ in range(3):
            channel = make_channel(sheldon)
            make_device(sheldon)
            make_message(sheldon, channel)
            audit.record(None, Action.TEST, user_id=sheldon.pk, channel_id=channel.pk)
        assert AuditEntry.objects.exists()  # what is written late is written by now

    fill()
    count()
    before = count()
    fill()
    assert count() == before


def test_removed_devices_are_gone(sheldon: User, admin: User) -> None:
    make_device(sheldon, make_key(name="Student app", sns_arn=FCM_ARN), "token", workflow_state="removed")
    assert not registration.of_user(sheldon.pk).exists()
    assert PushDevice.objects.exists()
    assert "Student app" not in signed_in(admin).get(f"/users/{sheldon.pk}").text
