"""What a user chose for single courses."""

from typing import Any

import pytest

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry, CommunicationChannel
from notifications.models import CourseOverride, CoursePreference
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_admin, make_channel, make_user
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

PATH = "/users/self/course_notification_preferences/42"
NOTHING = {"course_id": 42, "enabled": True, "overrides": []}


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    load_catalogue()


@pytest.fixture
def channel(user: User) -> CommunicationChannel:
    return make_channel(user)


def override(channel: CommunicationChannel, category: str = "grading", frequency: str = "never") -> Any:
    return {"communication_channel_id": channel.pk, "category": category, "frequency": frequency}


def put(client: ApiClient, *overrides: Any, **more: Any) -> ClientResponse:
    return client.call("PUT", PATH, json={"overrides": list(overrides)} | more)


def test_at_first_nothing_is_chosen(api: ApiClient) -> None:
    assert api.call("GET", PATH).json() == NOTHING


def test_it_is_replaced_as_a_whole(api: ApiClient, user: User, channel: CommunicationChannel) -> None:
    second = make_channel(user)
    answer = put(api, override(second), override(channel, "due_date", "weekly"), enabled=False)
    whole = {
        "course_id": 42,
        "enabled": False,
        "overrides": [override(channel, "due_date", "weekly"), override(second)],
    }
    assert answer.json() == whole == api.call("GET", PATH).json()
    only = override(channel, "grading", "daily")
    assert put(api, only).json() == NOTHING | {"overrides": [only]}
    assert put(api, enabled=False).json() == NOTHING | {"enabled": False}
    assert api.call("PUT", PATH).json() == NOTHING


def test_as_a_form(api: ApiClient, channel: CommunicationChannel) -> None:
    names = ("communication_channel_id", "category", "frequency")
    for index in ("", "0"):
        fields = zip(names, (channel.pk, "grading", "never"), strict=True)
        form = "&".join(f"overrides[{index}][{name}]={value}" for name, value in fields)
        answer = api.call("PUT", PATH, f"enabled=off&{form}")
        assert answer.json() == {"course_id": 42, "enabled": False, "overrides": [override(channel)]}


def test_with_ids_that_are_strings(api: ApiClient, channel: CommunicationChannel) -> None:
    body = {"overrides": [override(channel) | {"communication_channel_id": str(channel.pk)}]}
    answer = api.call("PUT", PATH, json=body, accept="application/json+canvas-string-ids")
    assert answer.json()["course_id"] == "42"
    assert answer.json()["overrides"][0]["communication_channel_id"] == str(channel.pk)


def test_of_a_channel_and_category_named_twice_the_last_counts(api, channel: CommunicationChannel) -> None:
    last = override(channel, frequency="daily")
    assert put(api, override(channel), last).json()["overrides"] == [last]


def test_delete_restores_the_defaults_and_works_twice(api: ApiClient, channel: CommunicationChannel) -> None:
    put(api, override(channel), enabled=False)
    for _ in range(2):
        assert api.call("DELETE", PATH).json() == NOTHING
    assert not CourseOverride.objects.exists()
    assert not CoursePreference.objects.exists()


def test_other_courses_and_other_people_keep_theirs(
    api: ApiClient, channel: CommunicationChannel, as_user
) -> None:
    other = make_channel(make_user("Leonard"))
    others = as_user(other.user)
    put(others, override(other), enabled=False)
    elsewhere = {"enabled": False, "overrides": [override(channel)]}
    api.call("PUT", PATH.replace("42", "43"), json=elsewhere)
    api.call("DELETE", PATH)
    assert others.call("GET", PATH).json() == NOTHING | {"enabled": False, "overrides": [override(other)]}
    assert api.call("GET", PATH.replace("42", "43")).json() == elsewhere | {"course_id": 43}


def test_channels_that_are_gone_are_not_shown(api: ApiClient, channel: CommunicationChannel) -> None:
    put(api, override(channel))
    api.call("DELETE", f"/users/self/communication_channels/{channel.pk}")
    assert api.call("GET", PATH).json() == NOTHING


class TestRefusing:
    @pytest.mark.parametrize(
        ("bad", "attribute"),
        [
            ({"category": "gossip"}, "category"),
            ({"category": "a\x00"}, "category"),
            ({"category": None}, "category"),
            ({"frequency": "hourly"}, "frequency"),
            ({"frequency": None}, "frequency"),
            ({"communication_channel_id": None}, "communication_channel_id"),
            ({"communication_channel_id": "x"}, "communication_channel_id"),
            ({"communication_channel_id": True}, "communication_channel_id"),
            ({"communication_channel_id": 10**30}, "communication_channel_id"),
            ({"communication_channel_id": -1}, "communication_channel_id"),
        ],
    )
    def test_one_bad_override_undoes_all(
        self, api: ApiClient, channel: CommunicationChannel, bad: Any, attribute: str
    ) -> None:
        before = put(api, override(channel, "due_date")).json()
        answer = put(api, override(channel), override(channel) | bad, enabled=False)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [attribute])
        assert api.call("GET", PATH).json() == before

    @pytest.mark.parametrize("state", ["foreign", "retired"])
    def test_a_channel_that_is_not_the_users(self, api: ApiClient, user: User, state: str) -> None:
        theirs = make_channel(make_user("Leonard") if state == "foreign" else user)
        if state == "retired":
            CommunicationChannel.objects.update(workflow_state="retired")
        answer = put(api, override(theirs))
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["communication_channel_id"])
        assert not CourseOverride.objects.exists()

    @pytest.mark.parametrize(
        ("body", "attribute"),
        [
            ({"enabled": None}, "enabled"),
            ({"enabled": []}, "enabled"),
            ({"overrides": "none"}, "overrides"),
            ({"overrides": ["none"]}, "overrides"),
            ({"overrides": {"x": {}}}, "overrides"),
        ],
    )
    def test_a_value_of_the_wrong_type(self, api: ApiClient, body: Any, attribute: str) -> None:
        answer = api.call("PUT", PATH, json=body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [attribute])

    @pytest.mark.parametrize("course_id", ["x", "-1", "0", "9" * 19])
    def test_what_is_no_course(self, api: ApiClient, course_id: str) -> None:
        assert api.call("GET", PATH.replace("42", course_id)).status_code == 404


def test_admins_only_by_acting(user: User, channel: CommunicationChannel, as_user) -> None:
    admin = as_user(make_admin())
    path = PATH.replace("self", str(user.pk))
    for method in ("GET", "PUT", "DELETE"):
        assert admin.call(method, path).status_code == 403
    answer = admin.call("PUT", f"{PATH}?as_user_id={user.pk}", json={"enabled": False})
    assert answer.json() == NOTHING | {"enabled": False}


def test_it_is_in_the_audit_trail(api: ApiClient, user: User, channel: CommunicationChannel) -> None:
    put(api, override(channel), enabled=False)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user) == ("set_course_preferences", user)
    assert entry.details == {"course_id": 42, "enabled": False, "overrides": [override(channel)]}
