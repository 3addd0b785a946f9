"""The order of a user's channels: moving one, and the institution's address that keeps the first place."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from canvas_channels.core.identity.models import Account, User
from channels_api.channels.ordering import move, settle
from channels_api.errors import InvalidValue, Reason
from channels_api.models import AuditEntry, CommunicationChannel
from tests.factories import make_account, make_channel, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account(is_default=True)


@pytest.fixture
def user(account: Account) -> User:
    return make_user(account=account)


def channels(user: User, *states: str) -> list[CommunicationChannel]:
    """Called a, b, c ..., in their order; ``i``: the institution's, ``r``: retired."""
    return [
        make_channel(
            user,
            f"{chr(ord('a') + number)}@example.edu",
            workflow_state="retired" if state == "r" else "active",
            institutional=state == "i",
        )
        for number, state in enumerate(states)
    ]


def order(user: User) -> str:
    rows = CommunicationChannel.objects.filter(user=user).order_by("position")
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    return "".join(row.address[0] for row in rows)


@pytest.mark.parametrize(
    ("moved", "position", "expected"),
    [
        (0, 1, "abcd"),
        (0, 2, "bacd"),
        (0, 4, "bcda"),
        (3, 1, "dabc"),
        (2, 2, "acbd"),
        (1, 10**9, "acdb"),
    ],
)
def test_the_others_make_room(user: User, account: Account, moved: int, position: int, expected: str) -> None:
    channel = channels(user, *"....")[moved]
    move(channel, position, account)
    assert order(user) == expected
    assert channel.position == expected.index("abcd"[moved]) + 1


def test_retired_ones_come_after_the_live(user: User, account: Account) -> None:
    live = channels(user, "r", ".", "r", ".")[3]
    move(live, 1, account)
    assert order(user) == "dbac"


def test_gaps_and_doubles_are_mended(user: User, account: Account) -> None:
    made = channels(user, *"...")
    CommunicationChannel.objects.filter(pk=made[0].pk).update(position=7)
    CommunicationChannel.objects.filter(pk=made[1].pk).update(position=7)
    CommunicationChannel.objects.filter(pk=made[2].pk).update(position=9)
    move(made[2], 1, account)
    assert order(user) == "cab"


def test_only_what_moves_is_written(user: User, account: Account) -> None:
    made = channels(user, *"....")
    with CaptureQueriesContext(connection) as found:
        move(made[3], 4, account)
    assert not [query["sql"] for query in found if query["sql"].startswith("UPDATE")]


def test_other_users_keep_their_order(user: User, account: Account) -> None:
    other = make_user(account=account)
    channels(other, *"...")
    move(channels(user, *"...")[2], 1, account)
    assert order(other) == "abc"


class TestInstitutionFirst:
    @pytest.fixture(autouse=True)
    def _first(self, account: Account) -> None:
        account.institution_email_first = True
        account.save()

    @pytest.mark.parametrize(("moved", "position"), [(1, 1), (0, 2), (0, 3), (2, 1)])
    def test_it_keeps_its_place(self, user: User, account: Account, moved: int, position: int) -> None:
        channel = channels(user, "i", ".", ".")[moved]
        with pytest.raises(InvalidValue) as refused:
            move(channel, position, account)
        assert (refused.value.attribute, refused.value.reason) == ("position", Reason.RESERVED)
        assert order(user) == "abc"

    def test_the_others_move_behind_it(self, user: User, account: Account) -> None:
        move(channels(user, "i", ".", ".")[2], 2, account)
        assert order(user) == "acb"

    def test_of_two_either_may_be_first(self, user: User, account: Account) -> None:
        move(channels(user, "i", ".", "i")[2], 1, account)
        assert order(user) == "cab"

    def test_without_one_anybody_may(self, user: User, account: Account) -> None:
        move(channels(user, ".", ".")[1], 1, account)
        assert order(user) == "ba"

    def test_settling_puts_it_first_and_says_so(self, user: User, account: Account) -> None:
        made = channels(user, ".", ".", "i")
        settle(made[0], account)
        assert order(user) == "cab"
        assert made[0].position == 2
        entry = AuditEntry.objects.get(action="move")
        assert (entry.channel_id, entry.details["reason"]) == (made[2].pk, "institution_email_first")
        settle(made[0], account)
        assert AuditEntry.objects.filter(action="move").count() == 1

    def test_settling_changes_nothing_where_it_is_not_asked_for(self, user: User, account: Account) -> None:
        account.institution_email_first = False
        settle(channels(user, ".", "i")[0], account)
        assert order(user) == "ab"
