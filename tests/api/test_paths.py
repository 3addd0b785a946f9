"""Paths as Rails reads them."""

import time

import pytest

from canvas_channels.core.middleware.rails_paths import canonical
from tests.api.conftest import ApiClient
from tests.factories import make_admin, make_channel, make_key, make_token, make_user

OWN = "/api/v1/users/self/communication_channels"
FIELD = f"{OWN}/5/notification_preferences"
BY_ADDRESS = f"{OWN}/email/a@b.c"
SCOPE = "/api/v1/users/self/custom_data"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (OWN, OWN),
        (f"{OWN}/", OWN),
        (f"{OWN}.json", OWN),
        (f"{OWN}.json/", OWN),
        (f"{OWN}///", OWN),
        ("//api//v1/users///self/communication_channels", OWN),
        ("/api/v1/users/self.json", "/api/v1/users/self"),
        ("/api/v1/users/a.json/profile", "/api/v1/users/a.json/profile"),
        (f"{OWN}.xml", f"{OWN}.xml"),
        (f"{OWN}/push.json", f"{OWN}/push"),
        (f"{OWN}/push//", f"{OWN}/push"),
        (f"{OWN}/push/devices/", f"{OWN}/push/devices"),
        (f"{OWN}/push//devices.json", f"{OWN}/push/devices"),
        (f"{OWN}/push/devices/7.json", f"{OWN}/push/devices/7"),
        (f"{FIELD}.json", FIELD),
        (f"{FIELD}//alert/", f"{FIELD}/alert"),
        (f"{BY_ADDRESS}.json", f"{BY_ADDRESS}.json"),
        (f"/{OWN}//email/a//b@c.json", f"{OWN}/email/a//b@c.json"),
        (f"{OWN}/email//a@b.c", f"{OWN}/email//a@b.c"),
        (f"{BY_ADDRESS}/", f"{BY_ADDRESS}/"),
        (f"{BY_ADDRESS}.json/notification_preferences.json", f"{BY_ADDRESS}.json/notification_preferences"),
        (
            f"{OWN}//email/a//b@c.d//notification_preferences//alert.json/",
            f"{OWN}/email/a//b@c.d/notification_preferences/alert",
        ),
        (
            f"{BY_ADDRESS}/notification_preference_categories/",
            f"{BY_ADDRESS}/notification_preference_categories",
        ),
        (
            f"{OWN}/email/notification_preferences//a@b.json",
            f"{OWN}/email/notification_preferences//a@b.json",
        ),
        (f"{SCOPE}/", SCOPE),
        (f"{SCOPE}.json", SCOPE),
        (f"/{SCOPE}//a/b.json", f"{SCOPE}/a/b.json"),
        ("/api/v1/accounts/self/bouncing_communication_channels.json", None),
        (
            "/api/v1/accounts//self/bouncing_communication_channels.json/",
            "/api/v1/accounts/self/bouncing_communication_channels.json",
        ),
        ("/confirmations/1//re_send/5.json", "/confirmations/1/re_send/5"),
        ("/login/oauth2//token/", "/login/oauth2/token"),
        ("/register/code/", "/register/code"),
        ("/admin/", None),
        ("/static//x.json", None),
        ("/", None),
        ("//", None),
        ("/apis/", None),
    ],
)
def test_one_path_a_resource(path: str, named: str | None) -> None:
    assert canonical(path) == (path if named is None else named)
    assert canonical(canonical(path)) == canonical(path)


@pytest.mark.parametrize(
    "path",
    [
        f"/{'/' * 50_000}x/",
        f"{OWN}/email/{'/' * 50_000}x/",
        f"{BY_ADDRESS}/notification_preferences{'/' * 50_000}@/",
        BY_ADDRESS + "/notification_preferences/x" * 3_000 + "@/",
        f"{SCOPE}{'/' * 50_000}",
    ],
)
def test_a_long_path_takes_no_long_time(path: str) -> None:
    started = time.process_time()
    canonical(path)
    assert time.process_time() - started < 2  # seconds; in quadratic time it is minutes


@pytest.mark.parametrize(
    "path", ["//users//self/communication_channels/", "/users/self/communication_channels.json"]
)
def test_listing_links_to_the_one_path(api: ApiClient, path: str) -> None:
    answer = api.call("GET", path)
    assert answer.status_code == 200
    assert answer["Link"].startswith(f"<http://testserver{OWN}?page=1")


@pytest.mark.parametrize("given", ["header", "query"])
def test_any_way_to_bring_a_token(user, given: str) -> None:
    token = make_token(user)
    answer = (
        ApiClient(token).call("GET", "/users/self/")
        if given == "header"
        else ApiClient().call("GET", f"/users/self.json?access_token={token}")
    )
    assert (answer.status_code, answer.json()["id"]) == (200, user.pk)


def test_creating_needs_no_redirect(api: ApiClient) -> None:
    form = "communication_channel[type]=email&communication_channel[address]=n@example.edu"
    assert api.call("POST", "/users/self/communication_channels/", form).status_code == 200


@pytest.mark.parametrize("address", ["a//b@example.edu", "a@example.json"])
def test_an_address_is_kept(api: ApiClient, user, address: str) -> None:
    channel = make_channel(user, address)
    make_channel(user, address.replace("//", "/").removesuffix(".json"))
    for quoted in (address, address.replace("/", "%2F")):
        path = f"//users/self/communication_channels//email/{quoted}/notification_preferences.json"
        assert api.call("GET", path).status_code == 200
    retired = api.call("DELETE", f"/users//self/communication_channels/email/{address}").json()
    assert (retired["id"], retired["workflow_state"]) == (channel.pk, "retired")


@pytest.mark.parametrize("ending", ["", "/", ".json"])
def test_the_scope_is_that_of_the_one_path(user, ending: str) -> None:
    scope = "url:GET|/api/v1/users/:user_id/communication_channels"
    client = ApiClient(make_token(user, make_key(require_scopes=True), [scope]))
    assert client.call("GET", f"/users/self//communication_channels{ending}").status_code == 200
    assert client.call("GET", f"/users/self{ending}").status_code == 401


def test_reports_in_json_keep_their_name(user, as_user) -> None:
    client = as_user(make_admin(user.home_account))
    path = "/accounts/self/bouncing_communication_channels"
    assert client.call("GET", f"{path}.json/").status_code == 200
    assert client.call("GET", path).status_code == 404


def test_confirmations(user, api: ApiClient) -> None:
    channel = make_channel(user, workflow_state="unconfirmed")
    headers = {"authorization": f"Bearer {api.token}"}
    path = f"/confirmations//{user.pk}/limit_reached/{channel.pk}.json"
    assert api.generic("GET", path, headers=headers).status_code == 200


@pytest.mark.django_db
def test_the_token_endpoint() -> None:
    """It knows no such code, and says so in JSON."""
    answer = ApiClient().generic(
        "POST", "/login//oauth2/token/", "grant_type=authorization_code", "application/x-www-form-urlencoded"
    )
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (400, "application/json")


@pytest.mark.django_db
def test_what_there_is_not_is_in_json() -> None:
    answer = ApiClient(make_token(make_user())).call("GET", "//nothing//here.json")
    assert (answer.status_code, answer.json()) == (
        404,
        {"errors": [{"message": "The specified resource does not exist."}]},
    )
