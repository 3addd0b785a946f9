"""Categories that an account's users get whatever they chose: setting them, and where they are shown."""

from typing import Any

import pytest

from canvas_channels.core.identity.models import Account
from channels_api.models import AuditEntry, CommunicationChannel
from notifications.models import MandatoryCategory, NotificationPreferenceDefault
from notifications.preferences.mandatory import receiving_channel
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_account, make_admin, make_channel, make_user
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

NAME = "notification_preference_defaults"
PATH = f"/accounts/self/{NAME}"
TYPES = ["email", "sms", "push"]


@pytest.fixture
def account() -> Account:
    load_catalogue()
    return make_account()


@pytest.fixture
def admin(account: Account, as_user) -> ApiClient:
    return as_user(make_admin(account))


@pytest.fixture
def channel(account: Account) -> CommunicationChannel:
    return make_channel(make_user(account=account))


def put(client: ApiClient, value: Any) -> ClientResponse:
    return client.call("PUT", PATH, json={NAME: value})


def slugs() -> list[str]:
    return list(MandatoryCategory.objects.values_list("category__slug", flat=True))


@pytest.mark.parametrize(
    "form",
    [
        f"{NAME}[alert][mandatory]=1",
        f"{NAME}[alert][mandatory]=Yes",
        f"{NAME}[][category]=alert&{NAME}[][mandatory]=true",
    ],
)
def test_as_a_form(admin: ApiClient, form: str) -> None:
    answer = admin.call("PUT", PATH, form)
    assert answer.status_code == 200
    assert slugs() == ["alert"]
    shown = answer.json()[NAME]
    assert [entry["type"] for entry in shown] == TYPES
    assert all((entry["category"], entry["mandatory"]) == ("alert", True) for entry in shown)


@pytest.mark.parametrize(
    "value",
    [
        {"alert": {"mandatory": True}},
        [{"category": "alert", "mandatory": True}],
        {"alert": {"mandatory": "t"}},
    ],
)
def test_as_json_it_may_come_alone(admin: ApiClient, value: Any) -> None:
    assert put(admin, value).status_code == 200
    assert slugs() == ["alert"]
    assert not NotificationPreferenceDefault.objects.exists()


@pytest.mark.parametrize(
    "value",
    [
        {"alert": {"mandatory": True, "sms": {"frequency": "weekly"}}},
        [{"category": "alert", "type": "sms", "frequency": "weekly", "mandatory": True}],
    ],
)
def test_it_may_come_beside_types(admin: ApiClient, value: Any) -> None:
    shown = put(admin, value).json()[NAME]
    sms = {"category": "alert", "type": "sms", "frequency": "weekly", "inherited": False, "mandatory": True}
    assert shown[0] == sms
    assert len(shown) == 3


def test_false_ends_it_and_both_work_twice(admin: ApiClient) -> None:
    for on in (True, True, False, False):
        answer = put(admin, {"alert": {"mandatory": on}})
        assert slugs() == (["alert"] if on else [])
        assert all(("mandatory" in entry) is on for entry in answer.json()[NAME])


def test_the_list_marks_those_and_no_others(admin: ApiClient) -> None:
    put(admin, {"alert": {"mandatory": True}})
    rows = admin.call("GET", PATH).json()[NAME]
    assert [row["category"] for row in rows if "mandatory" in row] == ["alert"] * 3


def test_apply_to_existing_forgets_nothing_for_it(admin: ApiClient) -> None:
    put(admin, {"alert": {"sms": {"frequency": "weekly"}}})
    admin.call("PUT", PATH, json={NAME: {"alert": {"mandatory": True}}, "apply_to_existing": True})
    assert NotificationPreferenceDefault.objects.count() == 1


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ({"alert": {"mandatory": {}}}, "mandatory"),
        ({"alert": {"mandatory": None}}, "mandatory"),
        ([{"category": "alert", "mandatory": [True]}], "mandatory"),
        ({"alert": {"mandatory": True, "fax": {"frequency": "daily"}}}, "type"),
        ([{"category": "alert", "type": "sms", "mandatory": True}], "frequency"),
        ({"alert": {"mandatory": True}, "due_date": {}}, "type"),
    ],
)
def test_what_is_refused_changes_nothing(admin: ApiClient, value: Any, attribute: str) -> None:
    answer = put(admin, value)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [attribute])
    assert slugs() == []


def test_an_unknown_category_is_not_there(admin: ApiClient) -> None:
    assert put(admin, {"alert": {"mandatory": True}, "gossip": {"mandatory": True}}).status_code == 404
    assert slugs() == []


def test_it_is_in_the_audit_trail(admin: ApiClient, account: Account) -> None:
    put(admin, {"alert": {"mandatory": True}})
    details = {"account_id": account.pk, "apply_to_existing": False, "set": [], "mandatory": {"alert": True}}
    assert AuditEntry.objects.get().details == details


class TestShowing:
    """The preference calls mark entries as the user's home account has it."""

    @pytest.fixture(autouse=True)
    def _mandatory(self, admin: ApiClient) -> None:
        put(admin, {"alert": {"mandatory": True}})

    def entries(self, answer: ClientResponse) -> dict[str, Any]:
        assert answer.status_code == 200
        return {entry["notification"]: entry for entry in answer.json()["notification_preferences"]}

    def test_all_preferences(self, channel: CommunicationChannel, as_user) -> None:
        path = f"/users/self/communication_channels/{channel.pk}/notification_preferences"
        found = self.entries(as_user(channel.user).call("GET", path))
        assert {entry["category"] for entry in found.values() if "mandatory" in entry} == {"alert"}
        assert found["alert"]["mandatory"] is True

    @pytest.mark.parametrize("name", ["notification_preferences", "notification_preference_categories"])
    def test_what_is_set(self, channel: CommunicationChannel, as_user, name: str) -> None:
        path = f"/users/self/communication_channels/{channel.pk}/{name}/alert"
        form = "notification_preferences[frequency]=never"
        alert = self.entries(as_user(channel.user).call("PUT", path, form))["alert"]
        assert (alert["frequency"], alert["mandatory"]) == ("never", True)

    def test_not_of_another_account(self, account: Account, as_user) -> None:
        channel = make_channel(make_user(account=make_account("Cheesecake")))
        path = f"/users/self/communication_channels/{channel.pk}/notification_preferences/alert"
        assert "mandatory" not in self.entries(as_user(channel.user).call("GET", path))["alert"]


class TestReceiving:
    """The channel that mandatory categories go to."""

    def test_it_is_the_institutions_address(self, channel: CommunicationChannel) -> None:
        own = make_channel(channel.user, institutional=True)
        assert receiving_channel(channel.user_id) == own.pk

    def test_else_the_first_email(self, account: Account) -> None:
        user = make_user(account=account)
        make_channel(user, "+16265550100", "sms")
        make_channel(user, workflow_state="unconfirmed")
        make_channel(user, workflow_state="retired", institutional=True)
        first = make_channel(user)
        make_channel(user)
        assert receiving_channel(user.pk) == first.pk

    def test_or_none(self, account: Account) -> None:
        assert receiving_channel(make_user(account=account).pk) is None
