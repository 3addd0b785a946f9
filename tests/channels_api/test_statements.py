"""Each statement of the hot paths beside what Django's ORM says."""

from typing import Any

import pytest
from django.db.models import Max

from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.tokens import create_token, find_token
from channels_api.channels import ordering, registry
from channels_api.channels.representation import FIELDS, listed_rows, live_rows, with_token
from channels_api.devices import registration
from channels_api.messages import confirmations
from channels_api.messages.channel_counts import channel_counts
from channels_api.models import LIVE, CommunicationChannel, Confirmation, PushDevice
from tests.core.test_statements import same
from tests.factories import make_channel, make_key, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user()


def test_channels_in_order(user: User) -> None:
    retired = make_channel(user, workflow_state="retired", position=2)
    live = [make_channel(user, position=3), make_channel(user, position=1)]
    found = ordering._in_order(user.pk)
    assert found == (sorted(live, key=lambda row: row.position), [retired])


def test_numbering(user: User) -> None:
    channels = [make_channel(user, position=7) for _ in range(3)]
    ordering._number(channels)
    rows = CommunicationChannel.objects.order_by("position")
    assert list(rows.values_list("pk", "position")) == [
        (channel.pk, number) for number, channel in enumerate(channels, 1)
    ]


def test_voiding(user: User) -> None:
    channel, other = make_channel(user), make_channel(user)
    states = Confirmation.WorkflowState
    for state in states:
        for each in (channel, other):
            Confirmation.objects.create(channel=each, user=user, workflow_state=state)
    open_ones = Confirmation.objects.filter(channel=channel, workflow_state__in=confirmations.OPEN)
    assert open_ones.count() == 3
    confirmations.void(channel)
    assert not open_ones.exists()
    assert Confirmation.objects.filter(channel=channel, workflow_state=states.USED).count() == 1
    assert Confirmation.objects.filter(channel=other, workflow_state=states.REQUESTED).count() == 1


@pytest.mark.parametrize(
    "addresses", [[], ["a@example.edu"], ['"],[@example.edu', "é\\u0000'@example.edu", "c@d"]]
)
def test_a_list_with_the_token(user: User, addresses: list[str]) -> None:
    """As JSON it says the same as its rows: numbers, times, flags, nothing, and any address."""
    for before, address in enumerate(addresses):
        make_channel(user, address=address, position=9 - before, last_bounce_at=user.created_at)
        make_channel(user, workflow_state="retired", address=address)
        make_channel(make_user(), address=address)
    CommunicationChannel.objects.filter(position=9).update(
        id=2**60, pending_address="new@example.edu", institutional=True
    )
    _, plain = create_token(user, make_key())
    token: Any = find_token(plain, with_token("self"))
    rows = listed_rows(Subject(user, Caller(user, user, token)), FIELDS)
    assert [tuple(row) for row in rows] == live_rows(user.pk, FIELDS)
    assert len(rows) == len(addresses)
    assert token.user == user


@pytest.mark.parametrize("named", [{"channel_id": True}, {"type_": "email", "address": "A@example.edu"}])
def test_finding(user: User, named: dict[str, Any]) -> None:
    channel = make_channel(user, address="a@example.edu")
    make_channel(make_user(), address="a@example.edu")
    by = {"channel_id": channel.pk} if "channel_id" in named else named
    twin = CommunicationChannel.objects.filter(LIVE, user=user).get()
    assert same(registry.find(user, **by), twin)


def test_a_device(user: User) -> None:
    key = make_key()
    new = registration.find(key, "Token")
    assert new._state.adding
    new.user, new.token, new.last_seen_at = user, "Token", user.created_at
    new.save(force_insert=True)
    assert same(registration.find(key, "tOKEN"), PushDevice.objects.get())


def test_counting(user: User) -> None:
    for position, state in enumerate(["active", "unconfirmed", "retired"], 1):
        make_channel(user, address=f"{state}@example.edu", workflow_state=state, position=position)
    make_channel(make_user(), address="retired@example.edu", position=9)
    for address in ("Active@example.edu", "retired@EXAMPLE.edu", "new@example.edu"):
        found = channel_counts(user, "email", address)
        own = CommunicationChannel.objects.filter(user=user)
        same_address = own.filter(type="email", address_folded=address.lower())
        assert found.live == own.filter(LIVE).count()
        assert found.highest_position == own.aggregate(last=Max("position"))["last"]
        assert found.same_live == same_address.filter(LIVE).values_list("pk", flat=True).first()
        assert found.same_retired == same_address.exclude(LIVE).values_list("pk", flat=True).first()
        assert make_channel(make_user()).pk == found.channel_id + 1
