"""Numbers of any length, wherever the API takes one."""

import pytest

from canvas_channels.core.identity.models import User
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint, World
from tests.factories import load_catalogue, make_channel, make_message, make_site_admin

CHANNELS = "/users/self/communication_channels"
LISTS = [CHANNELS, f"{CHANNELS}/push/devices", f"{CHANNELS}/audit"]
MESSAGES = "/users/self/messages"
TOO_LONG = ["9" * 18, "9" * 19, str(2**63), "9" * 40, "9" * 5_000]
LONG = [*TOO_LONG, "0" * 5_000 + "2"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("page", LONG, ids=len)
def test_a_page_past_the_end_is_empty(as_user, path: str, page: str) -> None:
    world = World()
    world.add(3)
    client = as_user(make_site_admin() if path.endswith("audit") else world.owner)
    whole = path.replace("self", str(world.owner.pk)) if path.endswith("audit") else path
    assert client.call("GET", whole).json()
    answer = client.call("GET", f"{whole}?page={page}&per_page=100")
    assert (answer.status_code, answer.json()) == (200, [])
    assert 'rel="next"' not in answer["Link"]
    assert len(answer["Link"]) < 1_000


@pytest.mark.parametrize("page", LONG, ids=len)
def test_so_is_one_of_messages(api: ApiClient, user: User, page: str) -> None:
    load_catalogue()
    make_message(user, make_channel(user))
    assert len(api.call("GET", MESSAGES).json()) == 1
    answer = api.call("GET", f"{MESSAGES}?page={page}&per_page=100")
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("given", ["query", "json"])
def test_zeros_in_front_count_for_nothing(api: ApiClient, user: User, given: str) -> None:
    make_channel(user)
    page = "0" * 5_000 + "1" if given == "query" else 1
    query, body = (f"?page={page}", None) if given == "query" else ("", {"page": page})
    assert len(api.call("GET", CHANNELS + query, json=body).json()) == 1


def test_a_long_number_in_json_is_past_the_end(api: ApiClient, user: User) -> None:
    make_channel(user)
    assert api.call("GET", CHANNELS, json={"page": 10**30}).json() == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*LISTS, MESSAGES])
@pytest.mark.parametrize("per_page", TOO_LONG, ids=len)
def test_per_page_is_at_most_100(as_user, path: str, per_page: str) -> None:
    answer = as_user(make_site_admin()).call("GET", f"{path}?per_page={per_page}")
    assert answer.status_code == 200
    assert "per_page=100>" in answer["Link"]


@pytest.mark.django_db
@pytest.mark.parametrize("number", TOO_LONG, ids=len)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_ids_that_nothing_has(endpoint: Endpoint, number: str, as_user) -> None:
    """Each number of a path in turn. A right that not even a site admin has comes before a channel's id."""
    client = as_user(make_site_admin())
    names = World().names()
    for name in names:
        if f"{{{name}}}" in endpoint.path:
            path = endpoint.path.format(**(names | {name: number}))
            answer = client.generic(
                endpoint.method, path, headers={"authorization": f"Bearer {client.token}"}
            )
            expected = {404} if endpoint.allowed - {"self"} else {403, 404}
            assert answer.status_code in expected, (name, answer.getvalue())


@pytest.mark.parametrize("position", LONG, ids=len)
def test_a_position_beyond_the_last_is_the_last(api: ApiClient, user: User, position: str) -> None:
    channel = make_channel(user)
    make_channel(user)
    form = f"communication_channel[position]={position}"
    assert api.call("PUT", f"{CHANNELS}/{channel.pk}", form).json()["position"] == 2


@pytest.mark.django_db
@pytest.mark.parametrize("number", TOO_LONG[1:], ids=len)
@pytest.mark.parametrize("query", ["communication_channel_id={}", "before={}", "after={}-01-01"])
def test_filters_refuse_them(as_user, query: str, number: str) -> None:
    answer = as_user(make_site_admin()).call("GET", f"{CHANNELS}/audit?{query.format(number)}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["errors"]


@pytest.mark.django_db
@pytest.mark.parametrize("number", TOO_LONG, ids=len)
def test_nobody_to_act_as(as_user, number: str) -> None:
    answer = as_user(make_site_admin()).call("GET", f"{CHANNELS}?as_user_id={number}")
    assert answer.status_code == 401
