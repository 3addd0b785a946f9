"""``GET users/:user_id/communication_channels``."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from canvas_channels.core.identity.models import User
from tests.api.conftest import ApiClient
from tests.factories import make_channel, make_site_admin, make_user

CHANNELS = "/users/self/communication_channels"
BASE = "http://testserver/api/v1" + CHANNELS


def link(page: int, relation: str, per_page: int = 2, query: str = "") -> str:
    return f'<{BASE}?{query}page={page}&per_page={per_page}>; rel="{relation}"'


@pytest.fixture
def five(user: User) -> list[int]:
    return [make_channel(user, f"c{number}@example.edu").pk for number in range(1, 6)]


def ids(client: ApiClient, query: str = "") -> list[int]:
    return [row["id"] for row in client.call("GET", CHANNELS + query).json()]


def test_object_has_every_documented_key(api: ApiClient, user: User) -> None:
    channel = make_channel(
        user,
        "Sheldon@Caltech.example.com",
        bounce_count=2,
        last_bounce_at=datetime(2012, 5, 30, 17, tzinfo=UTC),
    )
    [row] = api.call("GET", CHANNELS).json()
    assert row.pop("created_at").endswith("Z")
    assert row == {
        "id": channel.pk,
        "address": "Sheldon@Caltech.example.com",
        "type": "email",
        "position": 1,
        "user_id": user.pk,
        "workflow_state": "active",
        "bounce_count": 2,
        "last_bounce_at": "2012-05-30T17:00:00Z",
        "institutional": False,
        "pending_address": None,
    }


def test_site_admin_sees_bounce_details(user: User, as_user) -> None:
    make_channel(user, last_bounce_summary="550 no such user")
    [row] = as_user(make_site_admin()).call("GET", f"/users/{user.pk}/communication_channels").json()
    assert row["last_bounce_summary"] == "550 no such user"
    assert row["last_suppression_bounce_at"] is None
    assert row["last_transient_bounce_at"] is None
    assert row["last_transient_bounce_summary"] is None


def test_order_is_by_position_then_id(api: ApiClient, user: User) -> None:
    last = make_channel(user, position=3)
    first = make_channel(user, position=1)
    tied = make_channel(user, position=1)
    assert ids(api) == [first.pk, tied.pk, last.pk]


def test_retired_channels_and_other_users_are_left_out(api: ApiClient, user: User) -> None:
    make_channel(user, workflow_state="retired")
    make_channel(make_user("Leonard"))
    mine = make_channel(user)
    assert ids(api) == [mine.pk]


def test_links_of_a_middle_page(api: ApiClient, five: list[int]) -> None:
    answer = api.call("GET", CHANNELS + "?page=2&per_page=2")
    assert [row["id"] for row in answer.json()] == five[2:4]
    assert answer["Link"].split(",") == [
        link(2, "current"),
        link(3, "next"),
        link(1, "prev"),
        link(1, "first"),
        link(3, "last"),
    ]


def test_page_past_the_end_is_empty_without_next(api: ApiClient, five: list[int]) -> None:
    answer = api.call("GET", CHANNELS + "?page=9&per_page=2")
    assert answer.status_code == 200
    assert answer.json() == []
    assert 'rel="next"' not in answer["Link"]


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "²", "-" + "9" * 40, "1e3", "%00"])
def test_page_that_is_no_positive_integer_is_404(api: ApiClient, page: str) -> None:
    assert api.call("GET", f"{CHANNELS}?page={page}").status_code == 404


def test_empty_page_counts_as_absent(api: ApiClient, five: list[int]) -> None:
    assert ids(api, "?page=&per_page=2") == five[:2]


@pytest.mark.parametrize("per_page", ["x", "0", "-5", "", "1.5"])
def test_nonsense_per_page_means_the_default(api: ApiClient, user: User, per_page: str) -> None:
    for _ in range(11):
        make_channel(user)
    assert len(ids(api, f"?per_page={per_page}")) == 10


def test_per_page_is_at_most_100(api: ApiClient, user: User) -> None:
    for _ in range(11):
        make_channel(user)
    answer = api.call("GET", CHANNELS + "?per_page=1000")
    assert len(answer.json()) == 11
    assert "per_page=100>" in answer["Link"]


def test_last_of_a_key_sent_twice_counts(api: ApiClient, five: list[int]) -> None:
    assert len(ids(api, "?per_page=2&per_page=100")) == 5


def test_links_keep_other_parameters_but_never_the_token(user: User, api: ApiClient, five: list[int]) -> None:
    answer = ApiClient().call("GET", f"{CHANNELS}?type=email&access_token={api.token}&per_page=2")
    assert answer.status_code == 200
    assert link(2, "next", query="type=email&") in answer["Link"]
    assert str(api.token) not in answer["Link"]


def test_link_uses_forwarded_host_only_when_the_proxy_is_trusted(api: ApiClient, settings) -> None:
    headers = {"x-forwarded-host": "canvas.example.edu", "x-forwarded-proto": "https"}
    settings.ALLOWED_HOSTS = ["testserver", "canvas.example.edu"]
    assert "http://testserver/" in api.call("GET", CHANNELS, **headers)["Link"]
    settings.USE_X_FORWARDED_HOST = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert "https://canvas.example.edu/" in api.call("GET", CHANNELS, **headers)["Link"]


def test_filters(api: ApiClient, user: User) -> None:
    email = make_channel(user, "Straße@example.edu", workflow_state="unconfirmed")
    sms = make_channel(user, "+16265550100", "sms")
    assert ids(api, "?type=sms") == [sms.pk]
    assert ids(api, "?workflow_state=unconfirmed") == [email.pk]
    assert ids(api, "?search=STRASSE") == [email.pk]
    assert ids(api, "?type=") == [email.pk, sms.pk]


@pytest.mark.django_db
@pytest.mark.parametrize("search", ["faß", "FASS", "xn--FA-hia", "A@faß", "\ufefffaß.de\u200b"])
def test_search_finds_a_domain_as_it_is_shown_and_in_ascii(api: ApiClient, user: User, search: str) -> None:
    channel = make_channel(user, "a@faß.de")
    make_channel(user, "a@example.de")
    assert ids(api, f"?search={quote(search)}") == [channel.pk]


@pytest.mark.parametrize(
    "query", ["type=pager", "workflow_state=retired", "search=%00", f"search={'a' * 1001}"]
)
def test_unknown_filter_value_is_400(api: ApiClient, query: str) -> None:
    answer = api.call("GET", f"{CHANNELS}?{query}")
    attribute = query.split("=")[0]
    assert answer.status_code == 400
    assert answer.json()["errors"][attribute][0]["attribute"] == attribute


def test_string_ids_on_request(api: ApiClient, user: User) -> None:
    channel = make_channel(user)
    [row] = api.call("GET", CHANNELS, accept="application/json+canvas-string-ids").json()
    assert row["id"] == str(channel.pk)
    assert row["user_id"] == str(user.pk)
    assert row["position"] == 1


def test_unknown_accept_still_gets_json(api: ApiClient) -> None:
    answer = api.call("GET", CHANNELS, accept="text/html")
    assert answer["Content-Type"].startswith("application/json")
