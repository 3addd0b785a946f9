"""``POST users/:user_id/communication_channels`` for email and SMS."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import Account, User
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.factories import make_admin, make_channel, make_user

CHANNELS = "/users/self/communication_channels"


def body(address: str, type_: str = "email", **more: str) -> str:
    fields = {"communication_channel[type]": type_, "communication_channel[address]": address, **more}
    return "&".join(f"{quote(key)}={quote(value)}" for key, value in fields.items())


def create(client: ApiClient, address: str, type_: str = "email", path: str = CHANNELS, **more: str):
    return client.call("POST", path, body(address, type_, **more))


def test_new_email_is_unconfirmed_and_a_message_is_on_its_way(api: ApiClient, user: User) -> None:
    answer = create(api, "Sheldon@Caltech.example.com")
    assert answer.status_code == 200
    assert answer.json()["workflow_state"] == "unconfirmed"
    assert answer.json()["address"] == "Sheldon@Caltech.example.com"
    confirmation = Confirmation.objects.get(channel=answer.json()["id"])
    job = ProcrastinateJob.objects.get(task_name="notifications.send_confirmation")
    assert job.args.keys() == {"confirmation_id", "request_id"}
    assert job.args["confirmation_id"] == confirmation.pk


@pytest.mark.parametrize(
    "number", ["626-555-0100", "(626) 555 0100", "+1 626 555 0100", "+16265550100", "1-626-555-0100"]
)
def test_phone_numbers_are_stored_in_e164(api: ApiClient, number: str) -> None:
    assert create(api, number, "sms").json()["address"] == "+16265550100"


def test_national_number_is_read_in_the_accounts_region(api: ApiClient, user: User, settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["*"]
    Account.objects.update(region="DE")
    assert create(api, "030 901820", "sms").json()["address"] == "+4930901820"


@pytest.mark.parametrize(
    ("type_", "address", "attribute"),
    [
        ("", "a@example.edu", "type"),
        ("pager", "a@example.edu", "type"),
        ("email", "", "address"),
        ("email", "  ", "address"),
        ("email", "no at sign", "address"),
        ("email", "jörg@example.edu", "address"),
        ("email", "a@example.edu\nBcc: b@example.edu", "address"),
        ("email", "a\0@example.edu", "address"),
        ("email", "a@localhost", "address"),
        ("email", f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}.edu", "address"),
        ("sms", "12", "address"),
        ("sms", "not a number", "address"),
        ("sms", "+1 626 555 0100 ext. 5", "address"),
        ("sms", "+999 12345678", "address"),
        ("sms", "555-0100", "address"),
        ("sms", "call 626-555-0100", "address"),
        ("sms", "1-800-555-0199", "address"),
        ("sms", "+1 900 555 0199", "address"),
        ("email", "a@[127.0.0.1]", "address"),
        ("email", "a@☃.example", "address"),
        ("email", "a@exa\u00admple.edu", "address"),
    ],
)
def test_bad_value_names_the_attribute_and_writes_nothing(
    api: ApiClient, type_: str, address: str, attribute: str
) -> None:
    answer = create(api, address, type_)
    assert answer.status_code == 400
    [error] = answer.json()["errors"][attribute]
    assert error["attribute"] == attribute
    assert error["type"]
    assert error["message"]
    assert not CommunicationChannel.objects.exists()
    assert not ProcrastinateJob.objects.exists()


def test_internationalised_domain_is_fine(api: ApiClient) -> None:
    assert create(api, "info@bücher.example").status_code == 200


def test_what_is_invisible_around_an_address_is_not_stored(api: ApiClient) -> None:
    assert create(api, "\ufeffinfo@bücher.example\u200b").json()["address"] == "info@bücher.example"
    assert create(api, "\u202a+1 626 555 0100\u202c", "sms").json()["address"] == "+16265550100"
    assert create(api, "\u200b\ufeff").json()["errors"]["address"][0]["type"] == "blank"


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("a@bücher.example", "A@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "a@BÜCHER.example"),
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("a@b\uff55\u0308cher.example", "a@bu\u0308cher\u3002example"),
        ('"a"@example.edu', "a@example.edu"),
        ("a.b@example.edu", '"a.b"@example.edu\u200b'),
    ],
)
def test_one_mailbox_in_many_spellings_is_one(api: ApiClient, one: str, same: str) -> None:
    channel = create(api, one).json()
    assert create(api, same).json()["errors"]["path"][0]["type"] == "unique!"
    changed = api.call("PUT", f"{CHANNELS}/{channel['id']}", f"communication_channel[address]={quote(same)}")
    assert changed.json()["address"] == same.strip("\u200b")
    preferences = f"{CHANNELS}/email/{quote(one)}/notification_preferences"
    assert api.call("GET", preferences).status_code == 200
    gone = api.call("DELETE", f"{CHANNELS}/email/{quote(same)}")
    assert (gone.status_code, gone.json()["id"]) == (200, channel["id"])
    assert create(api, one).json()["id"] == channel["id"]


def test_another_domain_is_another_address(api: ApiClient) -> None:
    assert create(api, "a@faß.de").status_code == create(api, "a@fass.de").status_code == 200
    assert api.call("DELETE", f"{CHANNELS}/email/a@fass.de").status_code == 200
    [left] = api.call("GET", CHANNELS).json()
    assert left["address"] == "a@faß.de"


@pytest.mark.django_db
def test_a_mailbox_has_one_limit_in_all_its_spellings(as_user, settings) -> None:
    settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 2
    spellings = ["a@faß.de", '"a"@XN--FA-HIA.de', "A@FAẞ.de", "a@fass.de"]
    asked = [create(as_user(make_user()), spelling).status_code for spelling in spellings]
    assert asked == [200, 200, 429, 200]


@pytest.mark.parametrize("again", ["straße@example.edu".replace("ß", "ss"), "STRASSE@EXAMPLE.EDU"])
def test_same_address_in_any_case_is_a_duplicate(api: ApiClient, again: str) -> None:
    assert create(api, "strasse@example.edu").status_code == 200
    answer = create(api, again)
    assert answer.status_code == 400
    assert answer.json() == {
        "errors": {"path": [{"attribute": "path", "type": "unique!", "message": "unique!"}]}
    }
    assert CommunicationChannel.objects.count() == 1


def test_other_users_may_hold_the_address_too(api: ApiClient) -> None:
    make_channel(make_user("Leonard"), "shared@example.edu")
    assert create(api, "shared@example.edu").status_code == 200


def test_retired_channel_comes_back(api: ApiClient, user: User) -> None:
    old = make_channel(user, "old@example.edu", workflow_state="retired", bounce_count=4)
    make_channel(user)
    answer = create(api, "OLD@example.edu").json()
    assert (answer["id"], answer["position"]) == (old.pk, 1)
    assert answer["address"] == "OLD@example.edu"
    assert (answer["bounce_count"], answer["workflow_state"]) == (0, "unconfirmed")


def test_retired_channel_comes_back_last_where_its_position_is_taken(api: ApiClient, user: User) -> None:
    make_channel(user, "old@example.edu", workflow_state="retired", position=1)
    make_channel(user, position=1)
    make_channel(user, position=2)
    assert create(api, "old@example.edu").json()["position"] == 3


def test_position_is_above_the_highest_retired_ones_counted(api: ApiClient, user: User) -> None:
    make_channel(user, position=7, workflow_state="retired")
    assert create(api, "new@example.edu").json()["position"] == 8


def test_admin_may_skip_the_confirmation(user: User, as_user) -> None:
    user.workflow_state = User.WorkflowState.PRE_REGISTERED
    user.save()
    path = f"/users/{user.pk}/communication_channels"
    answer = create(as_user(make_admin()), "a@example.edu", path=path, skip_confirmation="true")
    assert answer.json()["workflow_state"] == "active"
    assert not Confirmation.objects.exists()
    assert not ProcrastinateJob.objects.exists()
    user.refresh_from_db()
    assert user.workflow_state == User.WorkflowState.REGISTERED


def test_skip_confirmation_is_ignored_silently_for_others(api: ApiClient) -> None:
    answer = create(api, "a@example.edu", skip_confirmation="true")
    assert answer.status_code == 200
    assert answer.json()["workflow_state"] == "unconfirmed"


@pytest.mark.parametrize(
    ("value", "skipped"), [("T", True), ("yes", True), ("on", True), ("1", True), ("2", False)]
)
def test_booleans(user: User, as_user, value: str, skipped: bool) -> None:
    path = f"/users/{user.pk}/communication_channels"
    answer = create(as_user(make_admin()), "a@example.edu", path=path, skip_confirmation=value)
    assert (answer.json()["workflow_state"] == "active") is skipped


def test_at_most_100_live_channels(api: ApiClient, user: User) -> None:
    CommunicationChannel.objects.bulk_create(
        CommunicationChannel(
            user=user, type="email", address=f"{n}@e.edu", address_folded=f"{n}@e.edu", position=n
        )
        for n in range(1, 101)
    )
    answer = create(api, "one@toomany.edu")
    assert answer.status_code == 400
    assert "user_id" in answer.json()["errors"]


def test_accounts_own_limit_counts_those_retired_within_the_hour(api: ApiClient, user: User) -> None:
    Account.objects.update(max_communication_channels=2)
    make_channel(user)
    now = timezone.now()
    retired = make_channel(user, workflow_state="retired", retired_at=now)
    answer = create(api, "a@example.edu")
    assert answer.status_code == 400
    assert answer.json() == {"errors": {"type": "Maximum number of communication channels reached"}}
    CommunicationChannel.objects.filter(pk=retired.pk).update(retired_at=now - timedelta(minutes=61))
    assert create(api, "a@example.edu").status_code == 200


@pytest.mark.parametrize(
    ("query", "form", "json"),
    [
        ("?communication_channel[type]=email&communication_channel[address]=a@example.edu", "", None),
        ("?communication_channel[type]=email", "communication_channel[address]=a@example.edu", None),
        ("", "", {"communication_channel": {"type": "email", "address": "a@example.edu"}}),
        (
            "?communication_channel[type]=sms",
            "",
            {"communication_channel": {"type": "email", "address": "a@example.edu"}},
        ),
        ("", "communication_channel[type]=sms&" + body("a@example.edu"), None),
    ],
)
def test_every_shape_of_parameters(api: ApiClient, query: str, form: str, json: object) -> None:
    answer = api.call("POST", CHANNELS + query, form, json)
    assert (answer.status_code, answer.json().get("address")) == (200, "a@example.edu")


def test_multipart(api: ApiClient) -> None:
    part = '--x\r\nContent-Disposition: form-data; name="communication_channel[{}]"\r\n\r\n{}\r\n'
    form = part.format("type", "email") + part.format("address", "a@example.edu") + "--x--\r\n"
    assert api.call("POST", CHANNELS, form, content_type="multipart/form-data; boundary=x").status_code == 200


def test_create_for_somebody_else_is_in_the_audit_trail(user: User, as_user) -> None:
    admin = make_admin()
    create(as_user(admin), "a@example.edu", path=f"/users/{user.pk}/communication_channels")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.user, entry.acting_as) == ("create", admin, user, None)
    assert "example.edu" not in str(entry.details)


def test_acting_admin_is_in_the_audit_trail(user: User, as_user) -> None:
    admin = make_admin()
    answer = create(as_user(admin), "a@example.edu", as_user_id=str(user.pk), skip_confirmation="1")
    assert answer.json()["workflow_state"] == "unconfirmed"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.acting_as) == (admin, user)


@pytest.mark.django_db
def test_imported_address_becomes_institutional(as_user) -> None:
    imported = make_user("Imported", imported_email="i@example.edu")
    create(as_user(imported), "I@example.edu")
    assert CommunicationChannel.objects.get().institutional
