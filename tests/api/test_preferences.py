"""Notification preferences: reading them, and changing them in every shape that clients send."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry, CommunicationChannel
from notifications.models import Notification, NotificationPreference
from tests.api.conftest import ApiClient
from tests.factories import load_catalogue, make_admin, make_channel
from tests.responses import ClientResponse

FORM = "application/x-www-form-urlencoded"
PREFERENCES = "notification_preferences"
CATEGORIES = "notification_preference_categories"
ADDRESS = "First.Last+tag@Sub.Example.edu"


@pytest.fixture
def channel(user: User) -> CommunicationChannel:
    """The user's first channel."""
    load_catalogue()
    return make_channel(user, ADDRESS)


def path(channel: CommunicationChannel, *rest: str, user: str = "self") -> str:
    return "/".join([f"/users/{user}/communication_channels/{channel.pk}", *rest])


def frequencies(answer: ClientResponse) -> dict[str, str]:
    assert answer.status_code == 200, answer.content
    return {entry["notification"]: entry["frequency"] for entry in answer.json()[PREFERENCES]}


def stored() -> dict[str, str]:
    return dict(NotificationPreference.objects.values_list("notification__slug", "frequency"))


class TestReading:
    def test_the_first_channel_has_the_categories_defaults(self, api: ApiClient, channel) -> None:
        found = api.call("GET", path(channel, PREFERENCES)).json()
        assert list(found) == [PREFERENCES]
        entries = {entry["notification"]: entry for entry in found[PREFERENCES]}
        assert len(entries) == Notification.objects.count() == 78
        assert entries["new_announcement"] == {
            "notification": "new_announcement",
            "category": "announcement",
            "frequency": "immediately",
        }
        assert entries["assignment_created"]["frequency"] == "weekly"
        assert entries["new_discussion_entry"]["category"] == "discussionentry"
        assert entries["confirm_sms_communication_channel"]["category"] == "registration"

    def test_later_channels_have_never(self, api: ApiClient, channel) -> None:
        second = make_channel(channel.user)
        assert set(frequencies(api.call("GET", path(second, PREFERENCES))).values()) == {"never"}

    def test_the_next_channel_is_first_once_the_first_is_deleted(self, api: ApiClient, channel) -> None:
        second = make_channel(channel.user)
        api.call("DELETE", path(channel))
        assert frequencies(api.call("GET", path(second, PREFERENCES)))["new_announcement"] == "immediately"

    def test_the_first_is_that_of_the_lowest_position(self, api: ApiClient, channel) -> None:
        second = make_channel(channel.user)
        CommunicationChannel.objects.filter(pk=channel.pk).update(position=9)
        assert frequencies(api.call("GET", path(second, PREFERENCES)))["new_announcement"] == "immediately"
        assert frequencies(api.call("GET", path(channel, PREFERENCES)))["new_announcement"] == "never"

    def test_what_was_chosen_stays_whatever_the_position(self, api: ApiClient, channel) -> None:
        second = make_channel(channel.user)
        api.call(
            "PUT", path(second, PREFERENCES, "new_announcement"), "notification_preferences[frequency]=daily"
        )
        api.call("DELETE", path(channel))
        assert frequencies(api.call("GET", path(second, PREFERENCES)))["new_announcement"] == "daily"

    def test_one(self, api: ApiClient, channel) -> None:
        answer = api.call("GET", path(channel, PREFERENCES, "new_announcement"))
        entry = {"notification": "new_announcement", "category": "announcement", "frequency": "immediately"}
        assert answer.json() == {PREFERENCES: [entry]}

    def test_categories(self, api: ApiClient, channel) -> None:
        categories = api.call("GET", path(channel, CATEGORIES)).json()["categories"]
        assert len(categories) == 33
        assert categories[:2] == ["announcement", "announcement_created_by_you"]
        assert {"due_date", "discussionentry", "other"} < set(categories)

    def test_reading_writes_nothing(self, api: ApiClient, channel) -> None:
        api.call("GET", path(channel, PREFERENCES))
        assert not NotificationPreference.objects.exists()

    def test_string_ids_change_nothing(self, api: ApiClient, channel) -> None:
        accept = "application/json+canvas-string-ids"
        plain = api.call("GET", path(channel, PREFERENCES))
        assert api.call("GET", path(channel, PREFERENCES), accept=accept).json() == plain.json()

    @pytest.mark.parametrize("name", ["nonsense", "announcement", "New%20Announcement", "%00", "a%2Fb", "é"])
    def test_an_unknown_notification(self, api: ApiClient, channel, name: str) -> None:
        assert api.call("GET", path(channel, PREFERENCES, name)).status_code == 404

    @pytest.mark.parametrize("rest", [PREFERENCES, f"{PREFERENCES}/new_announcement", CATEGORIES])
    def test_a_channel_that_is_not_there(self, api: ApiClient, channel, rest: str) -> None:
        other = make_channel(make_admin())
        retired = make_channel(channel.user, workflow_state="retired")
        gone = CommunicationChannel(pk=999_999_999)
        for missing in (other, retired, gone):
            assert api.call("GET", path(missing, rest)).status_code == 404


ANNOUNCEMENT_DAILY = {"new_announcement": "daily"}
BOTH = {"new_announcement": "daily", "assignment_created": "never"}
BULK = {
    "form": (
        FORM,
        "notification_preferences[new_announcement][frequency]=daily"
        "&notification_preferences[assignment_created][frequency]=never",
    ),
    "encoded form": (
        FORM,
        "notification_preferences%5Bnew_announcement%5D%5Bfrequency%5D=daily"
        "&notification_preferences%5Bassignment_created%5D%5Bfrequency%5D=never",
    ),
    "form array": (
        FORM,
        "notification_preferences[][notification]=new_announcement"
        "&notification_preferences[][frequency]=daily"
        "&notification_preferences[][notification]=assignment_created"
        "&notification_preferences[][frequency]=never",
    ),
    "form array with indexes": (
        FORM,
        "notification_preferences[0][notification]=new_announcement"
        "&notification_preferences[0][frequency]=daily"
        "&notification_preferences[1][notification]=assignment_created"
        "&notification_preferences[1][frequency]=never",
    ),
    "multipart": (
        "multipart/form-data; boundary=x",
        '--x\r\nContent-Disposition: form-data; name="notification_preferences[new_announcement][frequency]"'
        "\r\n\r\ndaily\r\n"
        "--x\r\nContent-Disposition: form-data; "
        'name="notification_preferences[assignment_created][frequency]"'
        "\r\n\r\nnever\r\n--x--\r\n",
    ),
    "JSON object": (
        "application/json",
        json.dumps({PREFERENCES: {name: {"frequency": frequency} for name, frequency in BOTH.items()}}),
    ),
    "JSON array": (
        "application/json",
        json.dumps({PREFERENCES: [{"notification": n, "frequency": f} for n, f in BOTH.items()]}),
    ),
}
SINGLE = {
    "form": (FORM, "notification_preferences[frequency]=daily"),
    "form array": (FORM, "notification_preferences[][frequency]=daily"),
    "JSON object": ("application/json", json.dumps({PREFERENCES: {"frequency": "daily"}})),
    "JSON array": ("application/json", json.dumps({PREFERENCES: [{"frequency": "daily"}]})),
}


def send(api: ApiClient, path: str, body: str, content_type: str) -> ClientResponse:
    return api.call("PUT", path, body, content_type=content_type)


class TestChanging:
    @pytest.mark.parametrize("shape", BULK)
    def test_many(self, api: ApiClient, channel, shape: str) -> None:
        content_type, body = BULK[shape]
        answer = send(api, path(channel, PREFERENCES), body, content_type)
        assert frequencies(answer) == BOTH == stored()
        assert [entry["category"] for entry in answer.json()[PREFERENCES]] == ["announcement", "due_date"]

    @pytest.mark.parametrize("shape", [shape for shape in BULK if BULK[shape][0] == FORM])
    def test_many_by_the_query(self, api: ApiClient, channel, shape: str) -> None:
        assert (
            frequencies(api.call("PUT", f"{path(channel, PREFERENCES)}?{BULK[shape][1]}")) == BOTH == stored()
        )

    @pytest.mark.parametrize("shape", SINGLE)
    def test_one(self, api: ApiClient, channel, shape: str) -> None:
        content_type, body = SINGLE[shape]
        answer = send(api, path(channel, PREFERENCES, "new_announcement"), body, content_type)
        assert frequencies(answer) == ANNOUNCEMENT_DAILY == stored()

    @pytest.mark.parametrize("shape", SINGLE)
    def test_a_category(self, api: ApiClient, channel, shape: str) -> None:
        content_type, body = SINGLE[shape]
        answer = send(api, path(channel, CATEGORIES, "due_date"), body, content_type)
        due = Notification.objects.filter(category__slug="due_date").values_list("slug", flat=True)
        assert frequencies(answer) == dict.fromkeys(due, "daily") == stored()

    @pytest.mark.parametrize("rest", [f"{PREFERENCES}/new_announcement", f"{CATEGORIES}/announcement"])
    def test_one_by_the_query(self, api: ApiClient, channel, rest: str) -> None:
        query = "notification_preferences[frequency]=daily"
        assert frequencies(api.call("PUT", f"{path(channel, rest)}?{query}")) == ANNOUNCEMENT_DAILY

    def test_the_query_and_the_body_are_merged(self, api: ApiClient, channel) -> None:
        query = "notification_preferences[new_announcement][frequency]=weekly"
        body = "&".join(part for part in BULK["form"][1].split("&"))
        assert frequencies(api.call("PUT", f"{path(channel, PREFERENCES)}?{query}", body)) == BOTH

    def test_again_replaces(self, api: ApiClient, channel) -> None:
        for frequency in ("daily", "weekly"):
            form = f"notification_preferences[frequency]={frequency}"
            api.call("PUT", path(channel, PREFERENCES, "new_announcement"), form)
        assert stored() == {"new_announcement": "weekly"}

    def test_the_last_of_one_named_twice_counts(self, api: ApiClient, channel) -> None:
        twice = [{"notification": "new_announcement", "frequency": f} for f in ("never", "daily")]
        answer = api.call("PUT", path(channel, PREFERENCES), json={PREFERENCES: twice})
        assert frequencies(answer) == ANNOUNCEMENT_DAILY

    @pytest.mark.parametrize("frequency", ["immediately", "daily", "weekly", "never"])
    def test_every_frequency(self, api: ApiClient, channel, frequency: str) -> None:
        form = f"notification_preferences[frequency]={frequency}"
        api.call("PUT", path(channel, PREFERENCES, "alert"), form)
        assert frequencies(api.call("GET", path(channel, PREFERENCES)))["alert"] == frequency

    def test_by_ones_own_id(self, api: ApiClient, channel, user: User) -> None:
        form = "notification_preferences[frequency]=daily"
        own = path(channel, PREFERENCES, "alert", user=str(user.pk))
        assert frequencies(api.call("PUT", own, form)) == {"alert": "daily"}

    def test_is_in_the_audit_trail(self, channel, user: User, as_user: Callable[..., ApiClient]) -> None:
        admin = make_admin()
        form = f"notification_preferences[frequency]=daily&as_user_id={user.pk}"
        as_user(admin).call("PUT", path(channel, PREFERENCES, "alert"), form)
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.user, entry.channel_id) == ("set_preferences", user, channel.pk)
        assert (entry.actor, entry.acting_as) == (admin, user)
        assert entry.details == {"set": {"alert": "daily"}}


class TestByAddress:
    SINGLE = "notification_preferences[frequency]=daily"

    @pytest.mark.parametrize("safe", ["", "@+"])
    @pytest.mark.parametrize(
        ("method", "rest", "form"),
        [
            ("GET", PREFERENCES, ""),
            ("GET", f"{PREFERENCES}/alert", ""),
            ("GET", CATEGORIES, ""),
            ("PUT", PREFERENCES, "notification_preferences[alert][frequency]=daily"),
            ("PUT", f"{PREFERENCES}/alert", SINGLE),
            ("PUT", f"{CATEGORIES}/alert", SINGLE),
        ],
    )
    def test_every_call(self, api: ApiClient, channel, method: str, rest: str, form: str, safe: str) -> None:
        make_channel(channel.user)
        address = quote("first.last+TAG@sub.example.edu", safe=safe)
        base = "/users/self/communication_channels"
        by_address = api.call(method, f"{base}/email/{address}/{rest}", form)
        assert by_address.status_code == 200
        assert by_address.json() == api.call(method, f"{base}/{channel.pk}/{rest}", form).json()

    @pytest.mark.parametrize(
        ("type_", "address"),
        [
            ("sms", "+16265550100"),
            ("push", "For All Devices"),
            ("email", "a/notification_preferences/b@example.edu"),
            ("email", "notification_preferences@example.edu"),
        ],
    )
    def test_any_address(self, api: ApiClient, channel, type_: str, address: str) -> None:
        make_channel(channel.user, address, type_)
        base = f"/users/self/communication_channels/{type_}/{quote(address, safe='')}"
        assert frequencies(api.call("GET", f"{base}/{PREFERENCES}/alert")) == {"alert": "never"}

    @pytest.mark.parametrize("address", ["a/notification_preferences/b@example.edu", "a@example.edu"])
    def test_deleting_by_an_address_still_works(self, api: ApiClient, channel, address: str) -> None:
        make_channel(channel.user, address)
        path = f"/users/self/communication_channels/email/{quote(address, safe='')}"
        assert api.call("DELETE", path).json()["workflow_state"] == "retired"

    @pytest.mark.parametrize("named", ["email/none@example.edu", "sms/first.last", "email/%00", "twitter/a"])
    def test_an_address_that_is_not_there(self, api: ApiClient, channel, named: str) -> None:
        path = f"/users/self/communication_channels/{named}/{PREFERENCES}"
        assert api.call("GET", path).status_code == 404


def refused(answer: ClientResponse, attribute: str) -> None:
    assert answer.status_code == 400, answer.content
    errors: dict[str, Any] = answer.json()["errors"]
    assert list(errors) == [attribute]
    assert errors[attribute][0]["attribute"] == attribute
    assert not NotificationPreference.objects.exists()
    assert not AuditEntry.objects.exists()


class TestRefusing:
    @pytest.mark.parametrize("frequency", ["hourly", "", "Daily", None, True, 1, [], {"frequency": "daily"}])
    @pytest.mark.parametrize("rest", [PREFERENCES, f"{PREFERENCES}/alert", f"{CATEGORIES}/alert"])
    def test_what_is_no_frequency(self, api: ApiClient, channel, frequency: object, rest: str) -> None:
        bad = {"frequency": frequency}
        many = {"new_announcement": {"frequency": "daily"}, "alert": bad}
        value = many if rest == PREFERENCES else bad
        refused(api.call("PUT", path(channel, rest), json={PREFERENCES: value}), "frequency")

    @pytest.mark.parametrize("body", [{}, {PREFERENCES: {}}, {PREFERENCES: []}, {PREFERENCES: "daily"}])
    def test_an_empty_set(self, api: ApiClient, channel, body: object) -> None:
        refused(api.call("PUT", path(channel, PREFERENCES), json=body), PREFERENCES)

    @pytest.mark.parametrize("rest", [f"{PREFERENCES}/alert", f"{CATEGORIES}/alert"])
    @pytest.mark.parametrize("body", [{}, {PREFERENCES: {}}, {PREFERENCES: []}, {PREFERENCES: ["daily"]}])
    def test_no_frequency_at_all(self, api: ApiClient, channel, rest: str, body: object) -> None:
        refused(api.call("PUT", path(channel, rest), json=body), "frequency")

    @pytest.mark.parametrize("entry", ["alert", None, {"frequency": "daily"}, {"notification": ["alert"]}])
    def test_an_entry_without_a_name(self, api: ApiClient, channel, entry: object) -> None:
        good = {"notification": "new_announcement", "frequency": "daily"}
        refused(
            api.call("PUT", path(channel, PREFERENCES), json={PREFERENCES: [good, entry]}), "notification"
        )

    @pytest.mark.parametrize("name", ["nonsense", "frequency", "due_date", "\x00"])
    def test_an_unknown_notification_among_others(self, api: ApiClient, channel, name: str) -> None:
        many = {"new_announcement": {"frequency": "daily"}, name: {"frequency": "daily"}}
        assert api.call("PUT", path(channel, PREFERENCES), json={PREFERENCES: many}).status_code == 404
        assert not NotificationPreference.objects.exists()

    @pytest.mark.parametrize(
        "rest", [f"{PREFERENCES}/nonsense", f"{CATEGORIES}/nonsense", f"{CATEGORIES}/%00"]
    )
    @pytest.mark.parametrize("form", ["notification_preferences[frequency]=daily", ""])
    def test_an_unknown_notification_or_category(self, api: ApiClient, channel, rest: str, form: str) -> None:
        assert api.call("PUT", path(channel, rest), form).status_code == 404

    def test_a_channel_that_is_not_there(self, api: ApiClient, channel) -> None:
        form = "notification_preferences[frequency]=daily"
        retired = make_channel(channel.user, workflow_state="retired")
        assert api.call("PUT", path(retired, PREFERENCES, "alert"), form).status_code == 404

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    @pytest.mark.parametrize("rest", [PREFERENCES, f"{PREFERENCES}/alert", CATEGORIES])
    def test_other_verbs(self, api: ApiClient, channel, method: str, rest: str) -> None:
        assert api.call(method, path(channel, rest)).status_code == 405
