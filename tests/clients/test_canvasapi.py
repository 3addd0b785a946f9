"""``canvasapi`` from PyPI, unmodified, against the production server."""

from collections.abc import Callable
from typing import Any

import pytest
from canvasapi import Canvas
from canvasapi.account import Account as CanvasAccount
from canvasapi.communication_channel import CommunicationChannel as CanvasChannel
from canvasapi.exceptions import (
    BadRequest,
    Forbidden,
    InvalidAccessToken,
    ResourceDoesNotExist,
    Unauthorized,
)
from canvasapi.notification_preference import NotificationPreference as CanvasPreference
from canvasapi.user import User as CanvasUser

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.models import NotificationPreference
from tests.factories import (
    default_account,
    load_catalogue,
    make_channel,
    make_key,
    make_message,
    make_site_admin,
    make_token,
    make_user,
)
from tests.live import LiveServer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:Canvas may respond unexpectedly:UserWarning"),  # it wants https
]

Client = Callable[..., CanvasUser]


@pytest.fixture
def client(server: LiveServer) -> Client:
    """A user as canvasapi sees them; ``owner`` None: whom the token belongs to."""

    def make(user: User, owner: User | None = None, token: str | None = None) -> CanvasUser:
        canvas = Canvas(server.url, make_token(user) if token is None else token)
        return CanvasUser(canvas._Canvas__requester, {"id": (owner or user).pk})

    return make


def create(user: CanvasUser, address: str = "new@example.edu", type_: str = "email", **more: Any) -> Any:
    return user.create_communication_channel(
        communication_channel={"address": address, "type": type_}, **more
    )


def test_lists_every_page(client: Client) -> None:
    user = make_user()
    addresses = [make_channel(user).address for _ in range(23)]
    assert [channel.address for channel in client(user).get_communication_channels(per_page=7)] == addresses


def test_follows_the_next_links(client: Client) -> None:
    user = make_user()
    addresses = [make_channel(user).address for _ in range(5)]
    channels = client(user).get_communication_channels()
    channels._next_params = {"per_page": 2}  # what canvasapi sends last is its own per_page=100
    assert [channel.address for channel in channels] == addresses


def test_creates_an_email_channel(client: Client) -> None:
    user = make_user()
    channel = create(client(user), "New@Example.edu")
    assert (channel.address, channel.type, channel.position) == ("New@Example.edu", "email", 1)
    assert (channel.user_id, channel.workflow_state) == (user.pk, "unconfirmed")
    assert channel.created_at_date is not None


def test_creates_an_sms_channel(client: Client) -> None:
    assert create(client(make_user()), "(626) 555-0100", "sms").address == "+16265550100"


def test_an_admin_skips_the_confirmation(client: Client) -> None:
    channel = create(client(make_site_admin(), make_user()), skip_confirmation=True)
    assert channel.workflow_state == "active"


def test_nobody_else_skips_the_confirmation(client: Client) -> None:
    assert create(client(make_user()), skip_confirmation=True).workflow_state == "unconfirmed"


def test_delete_retires(client: Client) -> None:
    user = client(make_user())
    channel = create(user)
    assert channel.delete() is False  # it looks for the state "deleted"; Canvas answers "retired"
    assert list(user.get_communication_channels()) == []
    assert CommunicationChannel.objects.get(pk=channel.id).workflow_state == "retired"


def test_deleting_twice_is_not_found(client: Client) -> None:
    channel = create(client(make_user()))
    channel.delete()
    with pytest.raises(ResourceDoesNotExist):
        channel.delete()


def test_a_bad_token(client: Client) -> None:
    with pytest.raises(InvalidAccessToken):
        list(client(make_user(), token="nonsense").get_communication_channels())


def test_a_missing_scope(client: Client) -> None:
    user = make_user()
    key = make_key(require_scopes=True)
    with pytest.raises(Unauthorized):
        list(client(user, token=make_token(user, key)).get_communication_channels())


def test_another_users_channels(client: Client) -> None:
    with pytest.raises(Forbidden):
        list(client(make_user(), make_user()).get_communication_channels())


def test_an_unknown_user(client: Client) -> None:
    admin = make_site_admin()
    with pytest.raises(ResourceDoesNotExist):
        list(client(admin, User(pk=999_999_999)).get_communication_channels())


def test_a_duplicate(client: Client) -> None:
    user = client(make_user())
    create(user)
    with pytest.raises(BadRequest, match="unique!"):
        create(user, "NEW@example.EDU")


def test_an_address_that_is_none(client: Client) -> None:
    with pytest.raises(BadRequest, match="address"):
        create(client(make_user()), "nonsense")


def test_finds_a_user(server: LiveServer) -> None:
    user = make_user("Sheldon Cooper")
    canvas = Canvas(server.url, make_token(user))
    for named in ("self", user.pk):
        found = canvas.get_user(named)
        assert (found.id, found.name, found.sortable_name) == (user.pk, "Sheldon Cooper", "Cooper, Sheldon")
    assert canvas.get_current_user().id == user.pk


def test_an_admin_finds_a_user_by_their_login(server: LiveServer) -> None:
    user = make_user(login="sheldon", sis_user_id="S-1")
    admin = make_site_admin()
    found = Canvas(server.url, make_token(admin)).get_user("S-1", "sis_user_id")
    assert (found.id, found.login_id, found.sis_user_id) == (user.pk, "sheldon", "S-1")


@pytest.fixture
def channel(client: Client) -> Any:
    """A user's first channel, as canvasapi sees it."""
    load_catalogue()
    user = make_user()
    make_channel(user)
    [channel] = client(user).get_communication_channels()
    return channel


def chosen() -> dict[str, str]:
    return dict(NotificationPreference.objects.values_list("notification__slug", "frequency"))


def test_reads_the_preferences(channel: Any) -> None:
    found = {entry["notification"]: entry["frequency"] for entry in channel.get_preferences()}
    assert (found["new_announcement"], found["alert"]) == ("immediately", "daily")
    assert channel.get_preferences()[0]["category"] == "announcement"


def test_reads_one_preference(channel: Any) -> None:
    assert channel.get_preference("alert").frequency == "daily"


def test_reads_the_categories(channel: Any) -> None:
    assert "due_date" in channel.get_preference_categories()


def test_changes_one_preference(channel: Any) -> None:
    assert channel.update_preference("alert", "weekly").frequency == "weekly"
    assert chosen() == {"alert": "weekly"}


def test_changes_a_category(channel: Any) -> None:
    changed = channel.update_preferences_by_catagory("files", "daily")
    assert [entry["notification"] for entry in changed] == ["new_file_added", "new_files_added"]
    assert chosen() == {"new_file_added": "daily", "new_files_added": "daily"}


def test_changes_many_preferences(channel: Any) -> None:
    wanted = {"alert": {"frequency": "never"}, "new_announcement": {"frequency": "daily"}}
    changed = channel.update_multiple_preferences(wanted)
    assert [entry["frequency"] for entry in changed] == ["never", "daily"]
    assert chosen() == {"alert": "never", "new_announcement": "daily"}


METHODS = {
    "delete": test_delete_retires,
    "get_preference": test_reads_one_preference,
    "get_preference_categories": test_reads_the_categories,
    "get_preferences": test_reads_the_preferences,
    "update_multiple_preferences": test_changes_many_preferences,
    "update_preference": test_changes_one_preference,
    "update_preferences_by_catagory": test_changes_a_category,
}


def test_every_method_is_called() -> None:
    """A method that a new version brings makes this fail: give it a test."""
    own = {
        name
        for kind in (CanvasChannel, CanvasPreference)
        for name, value in vars(kind).items()
        if callable(value) and not name.startswith("__")
    }
    assert own == METHODS.keys()


def test_they_print_themselves(channel: Any) -> None:
    """``__str__`` reads attributes that an answer must have."""
    assert str(channel) == f"{channel.address} ({channel.id})"
    assert str(channel.get_preference("alert")) == "alert (daily)"


def test_an_unknown_preference(channel: Any) -> None:
    with pytest.raises(ResourceDoesNotExist):
        channel.get_preference("nonsense")


def test_a_frequency_that_is_none(channel: Any) -> None:
    with pytest.raises(BadRequest, match="frequency"):
        channel.update_preference("alert", "hourly")
    assert chosen() == {}


def test_provisioning(server: LiveServer) -> None:
    canvas = Canvas(server.url, make_token(make_site_admin()))
    account = CanvasAccount(canvas._Canvas__requester, {"id": default_account().pk})
    user = account.create_user(
        pseudonym={"unique_id": "amy", "sis_user_id": "S-1"},
        user={"name": "Amy Fowler", "time_zone": "UTC", "skip_registration": True},
        communication_channel={"type": "email", "address": "amy@example.edu", "skip_confirmation": True},
    )
    assert (user.name, user.login_id, user.sis_user_id) == ("Amy Fowler", "amy", "S-1")
    assert [channel.address for channel in user.get_communication_channels()] == ["amy@example.edu"]
    assert user.edit(user={"name": "Amy Farrah Fowler", "locale": "de"}).name == "Amy Farrah Fowler"
    shown = user.get_profile()
    assert (shown["primary_email"], shown["time_zone"], shown["locale"]) == ("amy@example.edu", "UTC", "de")


def test_what_a_user_was_sent(server: LiveServer) -> None:
    load_catalogue()
    user = make_user()
    channel = make_channel(user, "sheldon@example.edu")
    sent = [make_message(user, channel).pk for _ in range(12)]
    canvas = Canvas(server.url, make_token(make_site_admin()))
    found = list(canvas.get_comm_messages(user.pk, start_time="2012-01-01T00:00:00Z", per_page=5))
    assert [message.id for message in found] == sent[::-1]
    assert (found[0].to, found[0].subject) == ("sheldon@example.edu", "The lecture moves")
    assert found[0].created_at_date.year >= 2026
    with pytest.raises(Forbidden):
        list(Canvas(server.url, make_token(user)).get_comm_messages(user.pk))
