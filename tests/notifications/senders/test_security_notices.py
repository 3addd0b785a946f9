"""New passwords, logins and addresses that others vouch for are told to a user's active addresses."""

import io
from collections.abc import Callable
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from canvas_channels.core.identity.models import Login, User
from channels_api.messages import password_resets
from channels_api.models import CommunicationChannel, SecurityNotice
from tests.api.conftest import ApiClient
from tests.commands import run
from tests.factories import (
    make_account,
    make_admin,
    make_channel,
    make_login,
    make_site_admin,
    make_token,
    make_user,
)
from tests.notifications.senders.test_confirmations import Mailbox
from tests.notifications.services import Sns, jobs, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

NEW, OTHER, NUMBER = "new@example.com", "other@example.com", "+16265550100"
RIGHT, ANOTHER = "a good one, penny", "an even better one"


@pytest.fixture
def penny() -> User:
    penny = make_user("Penny", make_account("Caltech", is_default=True), "penny", password=RIGHT)
    make_channel(penny, OTHER)
    make_channel(make_user(), "stranger@example.com")
    return penny


def told() -> list[tuple[str, str, str]]:
    return list(SecurityNotice.objects.order_by("pk").values_list("kind", "address", "about"))


def own(user: User) -> Any:
    return CommunicationChannel.objects.filter(user=user)


def superuser(browser: Client) -> None:
    browser.force_login(make_user("Boss", is_superuser=True, is_staff=True))


def give(user: User, password: str) -> None:
    user.set_password(password)
    user.save()


class TestPasswords:
    def test_one_that_is_changed_is_told(self, penny: User, client: Client, mailbox: Mailbox) -> None:
        client.force_login(penny)
        form = {"old_password": RIGHT, "new_password1": ANOTHER, "new_password2": ANOTHER}
        assert client.post("/password", form).status_code == 302
        run_worker()
        [mail] = mailbox
        assert (mail["to"], mail["subject"]) == (OTHER, "A new password for your account at Caltech")
        assert "Your account at Caltech has a new password." in mail["body"]
        assert "http://channels.example.com/password-reset" in mail["html"]

    def test_one_that_is_reset_is_told(self, penny: User, client: Client) -> None:
        form = client.get(password_resets.link(penny).removeprefix("http://channels.example.com"))
        answer = client.post(form["Location"], {"new_password1": ANOTHER, "new_password2": ANOTHER})
        assert answer.status_code == 302
        assert told() == [("password", OTHER, "")]

    def test_one_that_an_admin_sets_is_told(self, penny: User, client: Client) -> None:
        superuser(client)
        form = {"usable_password": "true", "password1": ANOTHER, "password2": ANOTHER}
        client.post(reverse("admin:auth_user_password_change", args=[penny.pk]), form)
        assert told() == [("password", OTHER, "")]

    def test_one_that_a_command_sets_is_told(self, penny: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("getpass.getpass", lambda prompt: ANOTHER)
        run("changepassword", str(penny.pk))
        assert told() == [("password", OTHER, "")]

    def test_a_number_is_told(self, penny: User, sns: Sns) -> None:
        own(penny).delete()
        make_channel(penny, NUMBER, "sms")
        give(penny, ANOTHER)
        run_worker()
        assert sns.calls[0]["Message"].startswith("Your account at Caltech has a new password. Not you? http")

    def test_it_is_in_the_users_language(self, penny: User, mailbox: Mailbox) -> None:
        penny.locale = "de"
        give(penny, ANOTHER)
        run_worker()
        assert mailbox[0]["subject"] == "Ein neues Passwort für Ihr Konto bei Caltech"

    def test_the_same_one_hashed_anew_is_not_told(self, penny: User, settings: Settings) -> None:
        settings.PASSWORD_HASHERS = [
            f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("MD5", "PBKDF2")
        ]
        before = PBKDF2PasswordHasher().encode(RIGHT, "salt", iterations=1)
        User.objects.filter(pk=penny.pk).update(password=before)
        assert User.objects.get(pk=penny.pk).check_password(RIGHT)
        assert User.objects.get(pk=penny.pk).password != before
        assert told() == []

    def test_none_is_no_new_one(self, penny: User) -> None:
        penny.set_unusable_password()
        penny.save()
        assert told() == []

    def test_one_that_is_rolled_back_is_not_told(self, penny: User) -> None:
        with transaction.atomic():
            give(penny, ANOTHER)
            transaction.set_rollback(True)
        assert told() == []
        assert jobs("todo") == []

    @pytest.mark.parametrize(
        "fields", [{"bounce_count": 1}, {"workflow_state": "unconfirmed"}, {"workflow_state": "retired"}]
    )
    def test_who_is_not_told(self, penny: User, fields: dict[str, Any]) -> None:
        own(penny).update(**fields)
        give(penny, ANOTHER)
        assert told() == []

    def test_so_many_an_hour_are_told(self, penny: User, settings: Settings) -> None:
        settings.SECURITY_NOTICES_PER_USER_PER_HOUR = 1
        give(penny, ANOTHER)
        give(penny, RIGHT)
        assert len(told()) == 1


class TestLogins:
    def test_a_new_one_is_told(self, penny: User, mailbox: Mailbox) -> None:
        make_login(penny, make_account(), "penny@evil.example")
        run_worker()
        [mail] = mailbox
        assert (mail["to"], mail["subject"]) == (OTHER, "A new login for your account at Caltech")
        assert "p…@evil.example is a new login" in mail["body"]

    def test_a_renamed_one_is_told(self, penny: User) -> None:
        login = penny.logins.get()
        login.unique_id = "thief"
        login.save()
        assert told() == [("login", OTHER, "t…")]

    def test_the_same_one_is_not(self, penny: User) -> None:
        login = penny.logins.get()
        login.unique_id, login.sis_user_id = "PENNY", "p1"
        login.save()
        assert told() == []

    def test_one_that_becomes_this_users_is_told(self, penny: User) -> None:
        login = Login.objects.exclude(user=penny).get()
        login.user = penny
        login.save()
        assert [(kind, address) for kind, address, _ in told()] == [("login", OTHER)]

    def test_one_that_an_admin_adds_is_told(self, penny: User, client: Client) -> None:
        superuser(client)
        own_login = penny.logins.get()
        account = str(penny.home_account_id)
        form = {"name": "Penny", "short_name": "Penny", "sortable_name": "Penny", "home_account": account}
        form |= {"workflow_state": "registered", "logins-TOTAL_FORMS": "2", "logins-INITIAL_FORMS": "1"}
        form |= {"administered-TOTAL_FORMS": "0", "administered-INITIAL_FORMS": "0"}
        for number, unique_id in enumerate(("penny", "thief")):
            form |= {f"logins-{number}-account": account, f"logins-{number}-unique_id": unique_id}
            form |= {f"logins-{number}-user": str(penny.pk)}
        form |= {"logins-0-id": str(own_login.pk)}
        assert client.post(reverse("admin:identity_user_change", args=[penny.pk]), form).status_code == 302
        assert told() == [("login", OTHER, "t…")]

    def test_one_that_is_imported_is_told(self, penny: User, monkeypatch: pytest.MonkeyPatch) -> None:
        Login.objects.filter(user=penny).update(sis_user_id="p1")
        rows = "name,login,sis_user_id\nPenny,thief,p1\nNew,new,n1\n"
        monkeypatch.setattr("sys.stdin", io.StringIO(rows))
        run("import_users", "-")
        assert told() == [("login", OTHER, "t…")]


def call(caller: User, method: str, path: str, form: str = "") -> Any:
    return ApiClient(make_token(caller)).call(method, path, form)


def vouch(user: User) -> None:
    form = f"communication_channel[type]=email&communication_channel[address]={NEW}&skip_confirmation=1"
    path = f"/users/{user.pk}/communication_channels"
    answer = call(make_admin(user.home_account), "POST", path, form)
    assert answer.json()["workflow_state"] == "active"


def vouch_for_a_retired_one(user: User) -> None:
    make_channel(user, NEW, workflow_state="retired")
    vouch(user)


def put(user: User, channel_id: int, address: str) -> None:
    form = f"communication_channel[address]={address}&skip_confirmation=1"
    path = f"/users/{user.pk}/communication_channels/{channel_id}"
    assert call(make_admin(user.home_account), "PUT", path, form).status_code == 200


def put_an_unconfirmed_one(user: User) -> None:
    put(user, make_channel(user, NEW, workflow_state="unconfirmed").pk, NEW)


def confirm_all(account_id: int) -> int:
    path = f"/accounts/{account_id}/unconfirmed_communication_channels/confirm"
    return int(call(make_site_admin(), "POST", path).json()["confirmed_count"])


def confirm_in_bulk(user: User) -> None:
    make_channel(user, NEW, workflow_state="unconfirmed")
    assert confirm_all(user.home_account_id) == 1


def import_user(user: User) -> None:
    with NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(f"name,login,email\nPenny,penny,{NEW}\n")
        file.flush()
        run("import_users", file.name)


def import_channel(user: User) -> None:
    with NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(f"user_id,type,address,skip_confirmation\n{user.pk},email,{NEW},true\n")
        file.flush()
        run("import_channels", file.name)


def move_from_canvas(user: User) -> None:
    with NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(
            f"canvas_user_id,login_id,full_name,email,status,created_by_sis\n7,PENNY,P,{NEW},active,true\n"
        )
        file.flush()
        run("import_canvas", "--users", file.name)


class TestAddressesThatOthersVouchFor:
    @pytest.mark.parametrize(
        "way",
        [
            *(vouch, vouch_for_a_retired_one, put_an_unconfirmed_one, confirm_in_bulk),
            *(import_user, import_channel, move_from_canvas),
        ],
    )
    def test_they_are_told(self, penny: User, way: Callable[[User], None]) -> None:
        way(penny)
        assert told() == [("address", OTHER, "n…@example.com")]

    def test_one_that_takes_the_place_of_another_is_told_to_that(self, penny: User) -> None:
        put(penny, own(penny).get().pk, NEW)
        assert told() == [("address", OTHER, "n…@example.com")]
        assert SecurityNotice.objects.get().replaced

    def test_one_that_was_there_is_not_told(self, penny: User) -> None:
        put(penny, make_channel(penny, NEW).pk, NEW.upper())
        import_user(penny)
        assert told() == []

    def test_those_that_count_at_once_are_not_told_of_each_other(self, penny: User) -> None:
        own(penny).update(workflow_state="unconfirmed")
        make_channel(penny, NEW, workflow_state="unconfirmed")
        assert confirm_all(penny.home_account_id) == 2
        assert told() == []

    def test_a_new_user_is_told_nothing(self, penny: User) -> None:
        run("create_user", "New", "--login", "new", "--email", NEW)
        assert told() == []
