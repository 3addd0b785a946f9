"""Erasing a user, over all that the service keeps of them."""

from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.test import Client

from canvas_channels.core.identity.models import AccountUser, DeveloperKey, User
from channels_api.models import (
    AuditEntry,
    ImportRow,
    Progress,
    PushDevice,
)
from notifications import personal_data
from notifications.deciding import fan_out
from notifications.models import Message, WebhookEvent
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS
from tests.commands import refusal, run
from tests.factories import (
    load_catalogue,
    make_account,
    make_channel,
    make_dispatch,
    make_site_admin,
    make_token,
    make_user,
)
from tests.locks import changed_first
from tests.notifications.personal import DEVICE_TOKEN, Person, personal, tables
from tests.notifications.services import Sns, always, do_all, jobs, make_due, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "apenny@caltech.example.com"  # somebody else's
# Tables that hold nothing of a user though they are tied to one, and why.
EMPTY = {
    "identity.DeveloperKey": "an operator's, whoever made it",
    "axes.AccessLog": "switched off, as are the failures' logs",
    "axes.AccessFailureLog": "switched off",
    "procrastinate.ProcrastinateJob": "holds ids only",
}


@pytest.fixture
def person() -> Person:
    return Person()


def belongs_to_users(model: type[models.Model], seen: frozenset[type[models.Model]] = frozenset()) -> bool:
    """Whether its rows are tied to a user, be it by another row."""
    if model is User:
        return True
    if model in seen:
        return False
    fields = model._meta.get_fields()
    related = [field.related_model for field in fields if field.many_to_one or field.one_to_one]
    return any(
        isinstance(other, type) and belongs_to_users(other, seen | {model})
        for other in related
        if other is not None
    )


def test_every_table_that_is_tied_to_users_is_tried(person: Person) -> None:
    """A new model makes this fail: give ``Person`` a row of it, and see that erasing forgets it."""
    untried = [
        model._meta.label
        for model in apps.get_models()
        if belongs_to_users(model) and not model._default_manager.exists() and model._meta.label not in EMPTY
    ]
    assert untried == []


def test_nothing_personal_is_left(person: Person) -> None:
    before = {table for table, row in tables() if personal(row)}
    assert len(before) >= 9
    personal_data.erase(person.user.pk)
    left = {(table, word) for table, row in tables() for word in personal(row.replace(OTHER, ""))}
    assert left == {("channels_api_pushdevice", "0ddba11")}  # until the job has told Amazon


def test_the_audit_trail_stays_without_personal_data(person: Person) -> None:
    before = AuditEntry.objects.filter(user=person.user).count()
    assert before > 3
    personal_data.erase(person.user.pk)
    entries = AuditEntry.objects.filter(user=person.user)
    assert entries.filter(actor=person.user).exists()
    actions = list(entries.order_by("pk").values_list("action", flat=True))
    assert actions[before:] == ["remove_device", "erase"]
    shown = ApiClient(make_token(make_site_admin())).call(
        "GET", f"/users/{person.user.pk}/communication_channels/audit"
    )
    assert {row["actor_name"] for row in shown.json()} == {None, "Erased user"}


def test_nobody_gets_in_any_more(person: Person) -> None:
    assert person.me.call("GET", CHANNELS).status_code == 200
    personal_data.erase(person.user.pk)
    assert [ApiClient(token).call("GET", CHANNELS).status_code for token in person.tokens] == [401, 401]
    assert person.browser.get("/api/v1/users/self").status_code == 401
    typed = {"username": "pen-ny", "password": "a password of penny's"}
    assert Client().post("/login", typed).status_code == 200  # the page again
    user = User.objects.get(pk=person.user.pk)
    assert [user.is_site_admin, user.is_staff, user.is_active, user.has_usable_password()] == [False] * 4
    assert not AccountUser.objects.filter(user=user).exists()


def test_others_are_left_alone(person: Person) -> None:
    channel = make_channel(person.admin, "leonard@caltech.example.com")
    namesake = make_user("Penelope", make_account("Cheesecake"), "pen-ny")
    keys = DeveloperKey.objects.count()
    personal_data.erase(person.user.pk)
    channel.refresh_from_db()
    assert namesake.logins.get().unique_id == "pen-ny"
    assert person.admin.logins.exists()
    assert DeveloperKey.objects.count() == keys
    assert ImportRow.objects.filter(result__isnull=True).get().data["users"] == [str(person.admin.pk)]
    assert WebhookEvent.objects.get().body.count("apenny@") == 1


def test_what_is_said_of_a_shared_address_is_also_said_of_the_other(person: Person) -> None:
    make_channel(person.admin, "PENNY@caltech.example.com")
    personal_data.erase(person.user.pk)
    assert WebhookEvent.objects.filter(body__contains='"penny@').exists()


def test_what_waited_is_not_done(person: Person, mailbox: list[Any], sns: Sns) -> None:
    """Jobs that were asked for before find nothing to do."""
    personal_data.erase(person.user.pk)
    run_worker()
    assert mailbox == []
    assert [call for call in sns.calls if call["Action"] == "Publish"] == []
    assert jobs("failed") == []
    started = Progress.objects.get(user=person.user)
    assert (started.workflow_state, started.said) == ("failed", "who asked for it was erased")


def test_twice_changes_nothing_more(person: Person) -> None:
    assert any(personal_data.erase(person.user.pk).values())
    run_worker()
    before = list(tables())
    assert not any(personal_data.erase(person.user.pk).values())
    assert list(tables()) == before


def test_all_or_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thing that is written fails: nothing before it holds."""
    before = list(tables())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE channels_api_auditentry ADD CONSTRAINT no CHECK (action <> 'erase')")
    try:
        with pytest.raises(Exception, match="violates check constraint"):
            personal_data.erase(person.user.pk)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE channels_api_auditentry DROP CONSTRAINT no")
    assert list(tables()) == before


class TestDevices:
    """The job that unregisters at SNS comes after all is forgotten."""

    @pytest.fixture
    def endpoint(self, person: Person, sns: Sns) -> str:
        operator = sns.client()
        application = operator.create_platform_application(Name="Student", Platform="APNS", Attributes={})
        arn = operator.create_platform_endpoint(
            PlatformApplicationArn=application["PlatformApplicationArn"],
            Token=DEVICE_TOKEN,
        )["EndpointArn"]
        owner = {"CustomUserData": str(person.user.pk)}
        operator.set_endpoint_attributes(EndpointArn=arn, Attributes=owner)
        PushDevice.objects.update(endpoint_arn=arn)
        return str(arn)

    def endpoints(self, sns: Sns) -> list[str]:
        [application] = sns.client().list_platform_applications()["PlatformApplications"]
        arn = application["PlatformApplicationArn"]
        found = sns.client().list_endpoints_by_platform_application(PlatformApplicationArn=arn)["Endpoints"]
        return [endpoint["EndpointArn"] for endpoint in found]

    def test_are_unregistered_and_forgotten(
        self, person: Person, sns: Sns, mailbox: list[Any], endpoint: str
    ) -> None:
        personal_data.erase(person.user.pk)
        assert self.endpoints(sns) == [endpoint]
        run_worker()
        assert self.endpoints(sns) == []
        assert not PushDevice.objects.exists()

    def test_wait_for_amazon(self, person: Person, sns: Sns, mailbox: list[Any], endpoint: str) -> None:
        sns.script = always("DeleteEndpoint", refuse("Throttled", "slow down", 429))
        personal_data.erase(person.user.pk)
        run_worker()
        assert PushDevice.objects.get().token == ""
        sns.script = None
        make_due()
        run_worker()
        assert self.endpoints(sns) == []
        assert not PushDevice.objects.exists()

    def test_that_changed_hands_are_left(
        self, person: Person, sns: Sns, mailbox: list[Any], endpoint: str
    ) -> None:
        sns.client().set_endpoint_attributes(EndpointArn=endpoint, Attributes={"CustomUserData": "999"})
        personal_data.erase(person.user.pk)
        run_worker()
        assert self.endpoints(sns) == [endpoint]
        assert not PushDevice.objects.exists()

    def test_that_somebody_else_registers_meanwhile_are_theirs(
        self, person: Person, sns: Sns, mailbox: list[Any], endpoint: str
    ) -> None:
        key = DeveloperKey.objects.get(pk=person.key.pk)
        personal_data.erase(person.user.pk)
        heir = ApiClient(make_token(person.admin, key))
        body = {"communication_channel": {"type": "push", "token": DEVICE_TOKEN}}
        assert heir.call("POST", CHANNELS, json=body).status_code == 200
        run_worker()
        device = PushDevice.objects.get()
        assert (device.user, device.token) == (person.admin, DEVICE_TOKEN)
        assert device.workflow_state == "registered"

    def test_that_were_removed_before_are_forgotten_too(
        self, person: Person, sns: Sns, mailbox: list[Any], endpoint: str
    ) -> None:
        person.me.call("DELETE", f"{CHANNELS}/push?push_token={DEVICE_TOKEN}")
        run_worker()
        assert PushDevice.objects.get().token == DEVICE_TOKEN
        personal_data.erase(person.user.pk)
        run_worker()
        assert not PushDevice.objects.exists()


class TestErasing:
    """``manage.py erase_user``."""

    def test_asks_for_the_id(self, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def answer(words: str) -> str:
            asked.append(words)
            return "yes"

        monkeypatch.setattr("builtins.input", answer)
        assert refusal("erase_user", str(person.user.pk)) == "Nothing was erased."
        assert "Penelope Hofstadter (pen-ny)" in asked[0]
        assert User.objects.get(pk=person.user.pk).name == "Penelope Hofstadter"
        monkeypatch.setattr("builtins.input", lambda words: str(person.user.pk))
        assert "Erased user" in run("erase_user", "--login", "Pen-Ny")
        assert User.objects.get(pk=person.user.pk).name == "Erased user"

    def test_does_not_go_on_without_an_answer(self, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", StringIO())
        assert refusal("erase_user", str(person.user.pk)) == "Nothing was erased."

    def test_says_how_much(self, person: Person) -> None:
        more = {"ns": "elsewhere", "data": "x"}
        assert person.me.call("PUT", "/users/self/custom_data", json=more).status_code == 201
        said = run("erase_user", "--user", str(person.user.pk), "--no-input")
        assert said.startswith(f"Erased user {person.user.pk} (")
        counts = said.partition("(")[2].removesuffix(").\n").split(", ")
        assert {"3 communication channels", "2 webhook events", "2 custom data", "1 profile"} <= {*counts}
        assert {count for count in counts if count.startswith("1 ") and count.endswith("s")} == set()
        assert personal(said) == []
        assert "nothing was left" in run("erase_user", str(person.user.pk), "--no-input")

    def test_one_way_of_naming_somebody_at_a_time(self, person: Person) -> None:
        for both in ([str(person.user.pk), "--user", "1"], ["--user", "1", str(person.user.pk)]):
            assert "not allowed with argument" in refusal("erase_user", "--no-input", *both)
        assert refusal("erase_user", "--user", "1", "--login", "x").startswith(
            "Give either --user or --login"
        )

    def test_needs_somebody(self, person: Person) -> None:
        assert refusal("erase_user", "--no-input") == "Say who: --user or --login."
        assert refusal("erase_user", "999999", "--no-input") == "There is no user 999999."


def test_a_dispatch_that_is_decided_meanwhile_leaves_them_out() -> None:
    load_catalogue()
    users = [make_user() for _ in range(3)]
    for user in users:
        make_channel(user)
    erased = users[1]
    dispatch = make_dispatch(erased.home_account, recipients=users, workflow_state="queued")
    changed_first(erased, partial(do_all, fan_out.step, dispatch.pk), partial(personal_data.erase, erased.pk))
    assert {message.user for message in Message.objects.all()} == {users[0], users[2]}
    dispatch.refresh_from_db()
    assert (dispatch.workflow_state, dispatch.withheld) == ("completed", {})
