"""``canvasapi`` from PyPI, unmodified, against the production server."""

from collections.abc import Callable
from typing import Any

import pytest
from canvasapi import Canvas
from canvasapi.exceptions import (
    BadRequest,
    Forbidden,
    InvalidAccessToken,
    ResourceDoesNotExist,
    Unauthorized,
)
from canvasapi.user import User as CanvasUser

from canvas_channels.identity.models import User
from tests.factories import make_channel, make_key, make_site_admin, make_token, make_user
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
