"""Which addresses a link for a new password goes to: no token that may only add one is worth a password."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from canvas_channels.core.identity.models import PasswordReset, User
from channels_api.channels.confirm import confirm_email
from channels_api.messages import password_resets
from channels_api.models import CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.factories import (
    issue_code,
    make_account,
    make_admin,
    make_channel,
    make_key,
    make_token,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, OLD, NEW = "penny@example.com", "old@example.edu", "new@example.edu"
ROUTE = "/api/v1/users/:user_id/communication_channels"
SCOPES = f"url:POST|{ROUTE} url:PUT|{ROUTE}/:id url:DELETE|{ROUTE}/:id url:POST|{ROUTE}/:id/resend"


@pytest.fixture
def penny() -> User:
    return make_user("Penny", make_account("Cheesecake"), login=LOGIN, password="an old one")


def receives() -> set[str]:
    reset = PasswordReset.objects.create(unique_id=LOGIN)
    return {channel.address for _, channel in password_resets.recipients(reset)}


def later(days: float) -> None:
    """So many days pass for every channel."""
    for channel in CommunicationChannel.objects.all():
        channel.created_at -= timedelta(days=days)
        if channel.active_since:
            channel.active_since -= timedelta(days=days)
        channel.save()


def client(user: User, *, scoped: bool = False) -> ApiClient:
    key = make_key(require_scopes=True, scopes=SCOPES.split()) if scoped else make_key()
    return ApiClient(make_token(user, key, scopes=SCOPES.split() if scoped else ()))


def add(api: ApiClient, whose: object = "self", address: str = NEW, extra: str = "") -> Any:
    form = f"communication_channel[type]=email&communication_channel[address]={address}{extra}"
    answer = api.call("POST", f"/users/{whose}/communication_channels", form)
    assert answer.status_code == 200, answer.content
    return answer.json()


def confirm(address: str = NEW) -> None:
    """As the reader of the mailbox does, by the link."""
    confirmation = Confirmation.objects.latest("pk")
    confirm_email(issue_code(confirmation).code)


@pytest.mark.parametrize("scoped", [False, True])
def test_an_address_that_was_added(penny: User, *, scoped: bool) -> None:
    add(client(penny, scoped=scoped))
    later(30)  # it counts from when it became active
    confirm()
    assert receives() == set()
    later(6.9)
    assert receives() == set()
    later(0.2)
    assert receives() == (set() if scoped else {NEW})


@pytest.mark.parametrize("scoped", [False, True])
def test_an_address_that_an_admin_vouched_for(penny: User, *, scoped: bool) -> None:
    admin = make_admin(penny.home_account)
    add(client(admin, scoped=scoped), penny.pk, extra="&skip_confirmation=1")
    assert receives() == set()
    later(7.1)
    assert receives() == (set() if scoped else {NEW})


@pytest.mark.parametrize("scoped", [False, True])
@pytest.mark.parametrize("vouched", [False, True])
def test_an_address_in_the_place_of_another(penny: User, *, scoped: bool, vouched: bool) -> None:
    channel = make_channel(penny, OLD)
    later(30)
    assert receives() == {OLD}
    caller = make_admin(penny.home_account) if vouched else penny
    form = f"communication_channel[address]={NEW}" + "&skip_confirmation=1" * vouched
    path = f"/users/{penny.pk}/communication_channels/{channel.pk}"
    assert client(caller, scoped=scoped).call("PUT", path, form).status_code == 200
    if not vouched:
        assert receives() == {OLD}
        # A resend by another token does not make the address that one's.
        client(penny).call("POST", f"{path}/resend")
        confirm()
    assert receives() == set()
    later(7.1)
    assert receives() == (set() if scoped else {NEW})


def test_an_unconfirmed_address_that_was_replaced(penny: User) -> None:
    channel = make_channel(penny, OLD, workflow_state="unconfirmed")
    later(30)
    path = f"/users/self/communication_channels/{channel.pk}"
    client(penny, scoped=True).call("PUT", path, f"communication_channel[address]={NEW}")
    confirm()
    later(30)
    assert receives() == set()


@pytest.mark.parametrize("scoped", [False, True])
def test_an_address_that_came_back(penny: User, *, scoped: bool) -> None:
    channel = make_channel(penny, NEW)
    later(30)
    api = client(penny, scoped=scoped)
    api.call("DELETE", f"/users/self/communication_channels/{channel.pk}")
    assert add(api)["id"] == channel.pk
    confirm()
    assert receives() == set()
    later(7.1)
    assert receives() == (set() if scoped else {NEW})


def test_what_was_there_before_counts_from_its_creation(penny: User) -> None:
    make_channel(penny, NEW, made_with_user=False)
    assert receives() == set()
    later(7.1)
    assert receives() == {NEW}


def test_the_days_are_a_setting(penny: User, settings: Settings) -> None:
    settings.PASSWORD_RESET_ADDRESS_DAYS = 2
    make_channel(penny, NEW, made_with_user=False)
    later(1.9)
    assert receives() == set()
    later(0.2)
    assert receives() == {NEW}


def test_an_institutional_address_counts_at_once(penny: User) -> None:
    admin = client(make_admin(penny.home_account))
    add(admin, penny.pk, extra="&skip_confirmation=1&communication_channel[institutional]=1")
    assert receives() == {NEW}


def test_a_token_with_scopes_makes_no_address_institutional_enough(penny: User) -> None:
    admin = client(make_admin(penny.home_account), scoped=True)
    add(admin, penny.pk, extra="&skip_confirmation=1&communication_channel[institutional]=1")
    assert receives() == set()


@pytest.mark.parametrize("vouched", [False, True])
def test_an_address_made_with_the_user_counts_at_once(*, vouched: bool) -> None:
    account = make_account()
    form = f"user[name]=Penny&pseudonym[unique_id]={LOGIN}&communication_channel[address]={NEW}"
    form += "&communication_channel[skip_confirmation]=1" * vouched
    answer = client(make_admin(account)).call("POST", f"/accounts/{account.pk}/users", form)
    assert answer.status_code == 200, answer.content
    if not vouched:
        confirm()
    assert receives() == {NEW}


def test_an_address_of_a_command_counts_at_once() -> None:
    account = make_account()
    arguments = ["create_user", "Penny", "--account", str(account.pk), "--login", LOGIN, "--email", NEW]
    call_command(*arguments, stdout=StringIO())
    assert receives() == {NEW}


def test_older_addresses_come_before_those_that_count_not_yet(penny: User) -> None:
    for number in range(5):
        make_channel(penny, f"{number}@example.edu", made_with_user=False)
    make_channel(penny, OLD, created_at=timezone.now())
    assert receives() == {OLD}
