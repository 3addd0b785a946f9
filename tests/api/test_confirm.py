"""Resending a confirmation, asking whether that helps, and entering an SMS code."""

import pytest

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.factories import issue_code, make_admin, make_channel, make_user

CHANNELS = "/users/self/communication_channels"


@pytest.fixture
def phone(user: User) -> CommunicationChannel:
    return make_channel(user, "+16265550100", "sms", "unconfirmed")


def sent_code(channel: CommunicationChannel) -> str:
    """The code that the worker would send."""
    confirmation = Confirmation.objects.create(
        channel=channel, user=channel.user, address_folded=channel.address_folded
    )
    return issue_code(confirmation).code


def confirm(client: ApiClient, channel: CommunicationChannel, code: str, query: str = ""):
    return client.call("POST", f"{CHANNELS}/{channel.pk}/confirm{query}", f"confirmation_code={code}")


@pytest.mark.django_db(transaction=True)
class TestSmsCode:
    def test_right_code_confirms_once(self, api: ApiClient, phone: CommunicationChannel) -> None:
        code = sent_code(phone)
        answer = confirm(api, phone, code)
        assert (answer.status_code, answer.json()["workflow_state"]) == (200, "active")
        assert confirm(api, phone, code).status_code == 400

    def test_wrong_code_and_void_code_look_alike(self, api: ApiClient, phone: CommunicationChannel) -> None:
        code = sent_code(phone)
        wrong = "000000" if code != "000000" else "000001"
        answers = [confirm(api, phone, wrong) for _ in range(5)]
        answers.append(confirm(api, phone, code))
        assert {answer.status_code for answer in answers} == {400}
        assert len({answer.content for answer in answers}) == 1
        assert "confirmation_code" in answers[0].json()["errors"]

    def test_code_of_another_channel_does_not_work(self, api: ApiClient, user: User, phone) -> None:
        other = make_channel(user, "+16265550101", "sms", "unconfirmed")
        code = sent_code(other)
        sent_code(phone)
        assert confirm(api, phone, code).status_code == 400

    def test_missing_code_is_400(self, api: ApiClient, phone: CommunicationChannel) -> None:
        assert api.call("POST", f"{CHANNELS}/{phone.pk}/confirm").status_code == 400

    def test_a_deactivated_owner_confirms_nothing(self, api: ApiClient, phone: CommunicationChannel) -> None:
        code = sent_code(phone)
        User.objects.update(workflow_state="deactivated")
        answer = confirm(api, phone, code)
        assert answer.status_code == 401
        assert answer.json() == {"errors": [{"message": "Invalid access token."}]}
        phone.refresh_from_db()
        assert phone.workflow_state == "unconfirmed"

    def test_only_the_owner_may_confirm(self, user: User, phone: CommunicationChannel, as_user) -> None:
        code = sent_code(phone)
        assert confirm(as_user(make_user("Leonard")), phone, code).status_code == 404
        assert confirm(as_user(make_admin()), phone, code, f"?as_user_id={user.pk}").status_code == 403
        assert confirm(ApiClient(), phone, code).status_code == 401
        assert confirm(as_user(user), phone, code).status_code == 200


@pytest.mark.parametrize("prefix", ["/users/{user}/communication_channels/{id}/resend", None])
def test_resend_at_both_paths(api: ApiClient, user: User, prefix: str | None) -> None:
    channel = make_channel(user, workflow_state="unconfirmed")
    if prefix:
        answer = api.call("POST", prefix.format(user=user.pk, id=channel.pk))
    else:
        path = f"/confirmations/{user.pk}/re_send/{channel.pk}"
        answer = api.post(path, headers={"authorization": f"Bearer {api.token}"})
    assert answer.json() == {"re_sent": True}
    assert Confirmation.objects.filter(channel=channel).count() == 1


def test_nothing_is_sent_again_to_an_active_or_bouncing_channel(api: ApiClient, user: User) -> None:
    active = make_channel(user)
    bouncing = make_channel(user, workflow_state="unconfirmed", bounce_count=1)
    for channel in (active, bouncing):
        assert api.call("POST", f"{CHANNELS}/{channel.pk}/resend").json() == {"re_sent": False}
    assert not Confirmation.objects.exists()


def test_three_in_a_day_however_often_it_is_deleted(api: ApiClient, user: User, settings) -> None:
    settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY = 3
    form = "communication_channel[type]=email&communication_channel[address]=n@example.edu"
    channel = api.call("POST", CHANNELS, form).json()["id"]
    limit = f"/confirmations/{user.pk}/limit_reached/{channel}"
    headers = {"authorization": f"Bearer {api.token}"}
    assert api.get(limit, headers=headers).json() == {"confirmation_limit_reached": False}
    api.call("DELETE", f"{CHANNELS}/{channel}")
    api.call("POST", CHANNELS, form)
    assert api.call("POST", f"{CHANNELS}/{channel}/resend").json() == {"re_sent": True}
    assert api.call("POST", f"{CHANNELS}/{channel}/resend").json() == {"re_sent": False}
    assert Confirmation.objects.count() == 3
    assert api.get(limit, headers=headers).json() == {"confirmation_limit_reached": True}


@pytest.mark.parametrize(
    ("setting", "address", "type_"),
    [
        ("CONFIRMATIONS_PER_USER_PER_HOUR", "b@example.edu", "email"),
        ("CONFIRMATIONS_PER_EMAIL_PER_HOUR", "A@example.edu", "email"),
        ("CONFIRMATIONS_PER_NUMBER_PER_HOUR", "+16265550100", "sms"),
        ("SMS_DAILY_BUDGET", "+16265550101", "sms"),
    ],
)
def test_beyond_a_limit_is_throttled_and_nothing_is_written(
    api: ApiClient, user: User, settings, setting: str, address: str, type_: str
) -> None:
    setattr(settings, setting, 1)
    mine = setting == "CONFIRMATIONS_PER_USER_PER_HOUR"
    for taken, kind in (("a@example.edu", "email"), ("+16265550100", "sms")):
        owner = user if mine else make_user("Leonard")
        channel = make_channel(owner, taken, kind, "unconfirmed")
        Confirmation.objects.create(
            channel=channel,
            user=owner,
            account=owner.home_account if kind == "sms" else None,
            address_folded=channel.address_folded,
        )
    before = CommunicationChannel.objects.count()
    body = {"communication_channel": {"type": type_, "address": address}}
    answer = api.call("POST", CHANNELS, json=body)
    assert answer.status_code == 429
    assert answer.content == b"429 Too Many Requests (Rate Limit Exceeded)"
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["X-Rate-Limit-Remaining"] == "0.0"
    assert 0 < int(answer["Retry-After"]) <= 86_400
    assert CommunicationChannel.objects.count() == before


def test_older_clients_expect_403(api: ApiClient, settings) -> None:
    settings.CONFIRMATIONS_PER_USER_PER_HOUR = 0
    settings.RATE_LIMIT_STATUS = 403
    body = {"communication_channel": {"type": "email", "address": "a@example.edu"}}
    answer = api.call("POST", CHANNELS, json=body)
    assert (answer.status_code, answer.content) == (403, b"403 Forbidden (Rate Limit Exceeded)")


def test_country_that_no_text_messages_are_sent_to(api: ApiClient, settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["US"]
    answer = api.call(
        "POST", CHANNELS, json={"communication_channel": {"type": "sms", "address": "+4930901820"}}
    )
    assert answer.status_code == 400
    assert "address" in answer.json()["errors"]
    assert not CommunicationChannel.objects.exists()


@pytest.mark.parametrize("number", ["6265550100", "0049 30 901820", "nonsense"])
def test_a_number_of_old_that_is_none_is_of_no_country(
    api: ApiClient, user: User, number: str, settings
) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["US"]
    unconfirmed = make_channel(user, number, "sms", "unconfirmed")
    active = make_channel(user, f"{number}1", "sms")
    for path in (f"/{unconfirmed.pk}/resend", f"/{active.pk}/test"):
        answer = api.call("POST", CHANNELS + path)
        assert answer.status_code == 400
        [error] = answer.json()["errors"]["address"]
        assert (error["type"], error["message"]) == (
            *("country_not_allowed", "belongs to no country: no text messages are sent there"),
        )
