"""``PUT users/:user_id/communication_channels/:id`` with a position."""

from typing import Any

import pytest

from canvas_channels.core.identity.models import Account, User
from channels_api.models import AuditEntry, CommunicationChannel
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS, change, error
from tests.factories import make_admin, make_channel, make_user

NAMES = "abcd"


@pytest.fixture
def four(user: User) -> dict[str, CommunicationChannel]:
    """Live channels a to d at positions with gaps and a tie, and two retired ones among them."""
    made = {}
    for name, position in zip(NAMES, (2, 3, 3, 9), strict=True):
        made[name] = make_channel(user, f"{name}@example.edu", position=position)
    make_channel(user, "y@example.edu", workflow_state="retired", position=4)
    make_channel(user, "x@example.edu", workflow_state="retired", position=1)
    make_channel(make_user("Leonard"), "other@example.edu", position=7)
    return made


def order(user: User) -> str:
    """The first letters of the user's channels by position, which must be 1..n."""
    rows = list(CommunicationChannel.objects.filter(user=user).order_by("position", "id"))
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    return "".join(row.address[0] for row in rows)


@pytest.mark.parametrize(
    ("moved", "position", "expected"),
    [
        ("a", 1, "abcd"),
        ("a", 3, "bcad"),
        ("c", 1, "cabd"),
        ("d", 2, "adbc"),
        ("b", 4, "acdb"),
        ("b", 99, "acdb"),
        ("b", "2", "abcd"),
        ("a", 10**18, "bcda"),
        ("a", "9" * 5000, "bcda"),
    ],
)
def test_the_others_make_room(
    api: ApiClient, user: User, four: dict[str, Any], moved: str, position: object, expected: str
) -> None:
    answer = change(api, four[moved], position=position)
    assert answer.status_code == 200
    assert order(user) == expected + "xy"
    assert answer.json()["position"] == expected.index(moved) + 1
    assert [row["address"][0] for row in api.call("GET", CHANNELS).json()] == list(expected)
    assert CommunicationChannel.objects.get(address="other@example.edu").position == 7


@pytest.mark.parametrize(
    "position", [0, -1, "", "x", "1.5", 1.0, True, "+1", " 1", "\u0661", [], [1], {"a": 1}, "0" * 5000, 1e30]
)
def test_what_is_no_position_is_400(api: ApiClient, four: dict[str, Any], position: object) -> None:
    before = list(CommunicationChannel.objects.order_by("id").values_list("position", flat=True))
    assert error("position", change(api, four["a"], position=position, address="n@example.edu")) == "invalid"
    assert list(CommunicationChannel.objects.order_by("id").values_list("position", flat=True)) == before
    assert not CommunicationChannel.objects.filter(pending_address__isnull=False).exists()


@pytest.mark.parametrize("shape", ["form", "query", "json"])
def test_parameters_in_any_shape(api: ApiClient, four: dict[str, Any], shape: str) -> None:
    path, form = f"{CHANNELS}/{four['c'].pk}", "communication_channel[position]=1"
    answer = {
        "form": lambda: api.call("PUT", path, form),
        "query": lambda: api.call("PUT", f"{path}?{form}"),
        "json": lambda: api.call("PUT", path, json={"communication_channel": {"position": "1"}}),
    }[shape]()
    assert (answer.status_code, answer.json()["position"]) == (200, 1)


def test_the_trail_says_from_where_to_where(api: ApiClient, four: dict[str, Any]) -> None:
    change(api, four["d"], position=1)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.details) == ("move", {"from_position": 9, "position": 1})
    change(api, four["d"], position=1)
    assert AuditEntry.objects.count() == 1


def test_address_and_position_in_one_call(api: ApiClient, user: User, four: dict[str, Any]) -> None:
    shown = change(api, four["d"], position=1, address="n@example.edu").json()
    assert (shown["position"], shown["pending_address"]) == (1, "n@example.edu")
    assert order(user) == "dabcxy"


def test_push_channel_can_be_moved(api: ApiClient, user: User, four: dict[str, Any]) -> None:
    push = make_channel(user, "For All Devices", "push")
    assert change(api, push, position=1).json()["position"] == 1


def test_a_new_channel_comes_after_the_retired_ones(api: ApiClient, four: dict[str, Any]) -> None:
    change(api, four["a"], position=1)
    form = "communication_channel[type]=email&communication_channel[address]=n@example.edu"
    assert api.call("POST", CHANNELS, form).json()["position"] == 7


class TestInstitutionFirst:
    """``institution_email_first`` keeps the first position for the institution's address."""

    @pytest.fixture(autouse=True)
    def setting(self, user: User) -> None:
        Account.objects.update(institution_email_first=True)

    @pytest.fixture
    def campus(self, user: User, four: dict[str, Any]) -> CommunicationChannel:
        return make_channel(user, "i@example.edu", institutional=True, position=1)

    @pytest.mark.parametrize("by_admin", [False, True])
    def test_no_other_can_be_first(
        self, api: ApiClient, four: dict[str, Any], campus, as_user, by_admin: bool
    ) -> None:
        client = as_user(make_admin()) if by_admin else api
        assert error("position", change(client, four["a"], position=1)) == "reserved"
        assert error("position", change(client, campus, position=2)) == "reserved"
        assert not AuditEntry.objects.exists()

    def test_the_rest_can_be_ordered(self, api: ApiClient, user: User, four: dict[str, Any], campus) -> None:
        assert change(api, four["d"], position=2).json()["position"] == 2
        assert order(user) == "idabcxy"

    def test_it_becomes_first_at_the_next_reorder(
        self, api: ApiClient, user: User, four: dict[str, Any]
    ) -> None:
        make_channel(user, "i@example.edu", institutional=True)
        assert change(api, four["d"], position=3).json()["position"] == 4
        assert order(user) == "iabdcxy"

    def test_of_two_either_can_be_first(
        self, api: ApiClient, user: User, four: dict[str, Any], campus
    ) -> None:
        second = make_channel(user, "j@example.edu", institutional=True)
        assert change(api, second, position=1).json()["position"] == 1
        assert order(user) == "jiabcdxy"

    def test_without_one_anybody_may_be_first(self, api: ApiClient, user: User, four: dict[str, Any]) -> None:
        assert change(api, four["b"], position=1).status_code == 200

    def test_flagging_puts_it_first(self, user: User, four: dict[str, Any], as_user) -> None:
        shown = change(as_user(make_admin()), four["c"], institutional=True).json()
        assert (shown["position"], order(user)) == (1, "cabdxy")

    def test_creating_puts_it_first(self, user: User, four: dict[str, Any], as_user) -> None:
        body = {"type": "email", "address": "i@example.edu", "institutional": True}
        path = f"/users/{user.pk}/communication_channels"
        shown = as_user(make_admin()).call("POST", path, json={"communication_channel": body}).json()
        assert (shown["position"], shown["institutional"]) == (1, True)
        assert order(user) == "iabcdxy"

    def test_a_channel_that_comes_back_does_not_go_before_it(self, api: ApiClient, user: User) -> None:
        make_channel(user, "old@example.edu", workflow_state="retired", position=1)
        make_channel(user, "i@example.edu", institutional=True, position=2)
        form = "communication_channel[type]=email&communication_channel[address]=old@example.edu"
        assert api.call("POST", CHANNELS, form).json()["position"] == 2

    def test_deleting_it_lets_the_next_one_be_first(
        self, api: ApiClient, user: User, four: dict[str, Any], campus
    ) -> None:
        make_channel(user, "j@example.edu", institutional=True)
        api.call("DELETE", f"{CHANNELS}/{campus.pk}")
        assert order(user) == "jabcdxiy"
