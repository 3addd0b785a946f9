"""Who may do what with preferences and their defaults: every role by every endpoint, as one table."""

import pytest

from canvas_channels.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.models import NotificationPreference, NotificationPreferenceDefault
from tests.api.test_rights import ALLOWED, ROLES
from tests.factories import load_catalogue, make_account, make_channel, make_key, make_site_admin, make_user

pytestmark = pytest.mark.django_db

READERS = ALLOWED
OWNER = {"self"}
ADMINS = ALLOWED - OWNER
CHANNEL = "users/{user}/communication_channels/{channel}"
ADDRESS = "users/{user}/communication_channels/email/o@example.edu"
SINGLE = "notification_preferences[frequency]=daily"
MANY = "notification_preferences[alert][frequency]=daily"
DEFAULTS = "notification_preference_defaults[alert][email][frequency]=weekly"

ACTIONS: dict[str, tuple[str, str, str, set[str]]] = {
    "list": ("GET", f"{CHANNEL}/notification_preferences", "", READERS),
    "list by address": ("GET", f"{ADDRESS}/notification_preferences", "", READERS),
    "one": ("GET", f"{CHANNEL}/notification_preferences/alert", "", READERS),
    "one by address": ("GET", f"{ADDRESS}/notification_preferences/alert", "", READERS),
    "categories": ("GET", f"{CHANNEL}/notification_preference_categories", "", READERS),
    "categories by address": ("GET", f"{ADDRESS}/notification_preference_categories", "", READERS),
    "change many": ("PUT", f"{CHANNEL}/notification_preferences", MANY, OWNER),
    "change many by address": ("PUT", f"{ADDRESS}/notification_preferences", MANY, OWNER),
    "change one": ("PUT", f"{CHANNEL}/notification_preferences/alert", SINGLE, OWNER),
    "change one by address": ("PUT", f"{ADDRESS}/notification_preferences/alert", SINGLE, OWNER),
    "change category": ("PUT", f"{CHANNEL}/notification_preference_categories/alert", SINGLE, OWNER),
    "change category by address": (
        "PUT",
        f"{ADDRESS}/notification_preference_categories/alert",
        SINGLE,
        OWNER,
    ),
    "defaults": ("GET", "accounts/{account}/notification_preference_defaults", "", ADMINS),
    "change defaults": ("PUT", "accounts/{account}/notification_preference_defaults", DEFAULTS, ADMINS),
}
CHANGES = [name for name, action in ACTIONS.items() if action[0] == "PUT"]


@pytest.fixture
def owner() -> User:
    load_catalogue()
    return make_user(account=make_account())


@pytest.fixture
def channel(owner: User) -> CommunicationChannel:
    return make_channel(owner, "o@example.edu")


def path_of(action: str, channel: CommunicationChannel) -> str:
    user = channel.user
    return "/" + ACTIONS[action][1].format(user=user.pk, channel=channel.pk, account=user.home_account_id)


def nothing_written() -> bool:
    return not NotificationPreference.objects.exists() and not NotificationPreferenceDefault.objects.exists()


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, action: str, channel: CommunicationChannel, as_user) -> None:
    method, _, form, allowed = ACTIONS[action]
    answer = as_user(ROLES[role](channel.user)).call(method, path_of(action, channel), form)
    if role in allowed:
        assert answer.status_code == 200
        assert nothing_written() == (method == "GET")
        return
    assert answer.status_code == 403
    assert answer.json() == {
        "status": "unauthorized",
        "errors": [{"message": "user not authorized to perform that action"}],
    }
    assert nothing_written()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_token_without_the_scope(action: str, channel: CommunicationChannel, as_user) -> None:
    method, _, form, _ = ACTIONS[action]
    client = as_user(make_site_admin(), make_key(require_scopes=True))
    answer = client.call(method, path_of(action, channel), form)
    assert (answer.status_code, "WWW-Authenticate" in answer) == (401, False)
    assert answer.json() == {"errors": [{"message": "Insufficient scopes on access token."}]}
    assert nothing_written()


@pytest.mark.parametrize("action", CHANGES[:-1])
def test_an_admin_changes_what_they_act_for(action: str, channel: CommunicationChannel, as_user) -> None:
    method, _, form, _ = ACTIONS[action]
    acting = f"{form}&as_user_id={channel.user.pk}"
    assert as_user(make_site_admin()).call(method, path_of(action, channel), acting).status_code == 200
    assert NotificationPreference.objects.get().channel == channel


@pytest.mark.parametrize("action", ["defaults", "change defaults"])
def test_a_site_admin_acting_as_somebody_has_their_rights_only(
    action: str, channel: CommunicationChannel, as_user
) -> None:
    method, _, form, _ = ACTIONS[action]
    acting = f"{path_of(action, channel)}?as_user_id={channel.user.pk}"
    assert as_user(make_site_admin()).call(method, acting, form).status_code == 403


@pytest.mark.parametrize(
    ("action", "scope"),
    [
        (
            "list",
            "url:GET|/api/v1/users/:user_id/communication_channels/:communication_channel_id"
            "/notification_preferences",
        ),
        (
            "change one",
            "url:PUT|/api/v1/users/self/communication_channels/:communication_channel_id"
            "/notification_preferences/:notification",
        ),
        ("defaults", "url:GET|/api/v1/accounts/:account_id/notification_preference_defaults"),
    ],
)
def test_a_token_with_the_scope(action: str, scope: str, channel: CommunicationChannel, as_user) -> None:
    method, _, form, allowed = ACTIONS[action]
    caller = channel.user if allowed == OWNER else make_site_admin()
    client = as_user(caller, make_key(require_scopes=True), scopes=[scope])
    assert client.call(method, path_of(action, channel), form).status_code == 200
