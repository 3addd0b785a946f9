"""``users/:user_id/custom_data(/*scope)``."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from canvas_channels.core.identity.models import CustomData, User
from tests.api.conftest import ApiClient
from tests.api.test_rights import ALLOWED, ROLES
from tests.factories import make_account, make_admin, make_key, make_token, make_user

BASE = "/users/self/custom_data"
NS = "com.example.app"
STRING_IDS = "application/json+canvas-string-ids"


def put(api: ApiClient, scope: str, data: Any, ns: str = NS, **headers: str) -> Any:
    answer = api.call("PUT", BASE + scope, json={"ns": ns, "data": data}, **headers)
    return answer.status_code, answer.json()


def get(api: ApiClient, scope: str = "", ns: str = NS) -> Any:
    answer = api.call("GET", f"{BASE}{scope}?ns={ns}")
    return answer.status_code, answer.json()


def delete(api: ApiClient, scope: str = "", ns: str = NS) -> Any:
    answer = api.call("DELETE", f"{BASE}{scope}?ns={ns}")
    return answer.status_code, answer.json()


NOTHING = (400, {"message": "no data for scope"})


@pytest.mark.parametrize(
    "data",
    [
        *(
            "555-1234",
            "",
            "ümlaut \U0001f600",
            "nul \x00 in it",
            "5",
            5,
            0,
            -1.5,
            6.02e23,
            1e300,
            True,
            False,
        ),
        *([], [1, "two", None, False], {}, {"id": 7, "user_id": 8, "x": {"course_id": 9}}, {"a": None}),
        {"z": 1, "a": 2, "\x00": 3, "": 4, "with/slash": 5},
        json.loads("[" * 100 + "]" * 100),
    ],
    ids=lambda data: str(data)[:20],
)
@pytest.mark.parametrize("scope", ["", "/a", "/a/b/c"])
def test_json_is_kept_as_it_was_sent(api: ApiClient, scope: str, data: Any) -> None:
    assert put(api, scope, data) == (201, {"data": data})
    assert put(api, scope, data, accept=STRING_IDS) == (200, {"data": data})
    answer = api.call("GET", f"{BASE}{scope}?ns={NS}", accept=STRING_IDS)
    assert (answer.status_code, list(answer.json()), answer.json()) == (200, ["data"], {"data": data})
    if isinstance(data, dict):
        assert list(answer.json()["data"]) == list(data)
    assert delete(api, scope) == (200, {"data": data})
    assert get(api, scope) == NOTHING
    assert not CustomData.objects.exists()


def test_forms_hold_strings_and_objects_of_them(api: ApiClient) -> None:
    answer = api.call(
        "PUT", f"{BASE}/food", f"ns={NS}&data[weight]=81kg&data[likes][meat]=pork+belly&data[n]=1"
    )
    data = {"weight": "81kg", "likes": {"meat": "pork belly"}, "n": "1"}
    assert (answer.status_code, answer.json()) == (201, {"data": data})
    assert api.call("PUT", f"{BASE}/food/n?ns={NS}&data=2").json() == {"data": "2"}
    assert get(api) == (200, {"data": {"food": data | {"n": "2"}}})


def test_a_scope_walks_into_objects(api: ApiClient) -> None:
    put(api, "", {"a-hash": {"a": {"b": "ohai"}}, "list": [1]})
    assert get(api, "/a-hash/a/b") == (200, {"data": "ohai"})
    assert get(api, "/a-hash/a/") == (200, {"data": {"b": "ohai"}})
    for nowhere in ("/x", "/a-hash/b", "/a-hash/a/b/c", "/list/0", "/a-hash/a/b.json"):
        assert get(api, nowhere) == delete(api, nowhere) == NOTHING


def test_a_part_beside_another_stays(api: ApiClient) -> None:
    assert put(api, "/a/b", 1)[0] == put(api, "/a/c", 2)[0] == 201
    assert put(api, "/a/b", {"d": 3})[0] == 200
    assert get(api) == (200, {"data": {"a": {"b": {"d": 3}, "c": 2}}})


@pytest.mark.parametrize(
    "scope", ["/a.json", "/data_sync.json", "/a%2Fb", "/%C3%BC", "/a%20b", "/.json", "/a//b"]
)
def test_scopes(api: ApiClient, scope: str) -> None:
    assert put(api, scope, "x")[0] == 201
    assert get(api, scope) == (200, {"data": "x"})


def test_an_ending_of_a_scope_is_its_own(api: ApiClient) -> None:
    put(api, "/a.json", 1)
    put(api, "/a", 2)
    assert get(api) == (200, {"data": {"a.json": 1, "a": 2}})
    assert get(api, ".json") == get(api, "/") == get(api)


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        ("blonde", "String"),
        (1, "Integer"),
        (1.5, "Float"),
        (True, "TrueClass"),
        (False, "FalseClass"),
        ([1], "Array"),
    ],
)
@pytest.mark.parametrize(("scope", "conflict"), [("/app/hair", "app/hair"), ("", "")])
def test_nothing_of_an_outer_scope_is_lost(
    api: ApiClient, held: Any, kind: str, scope: str, conflict: str
) -> None:
    put(api, scope, held)
    status, body = put(api, f"{scope}/style/x", "buzz")
    assert (status, body) == (
        409,
        {
            "message": "write conflict for custom_data hash",
            "conflict_scope": conflict,
            "type_at_conflict": kind,
            "value_at_conflict": held,
        },
    )
    assert get(api, scope) == (200, {"data": held})


def test_null_is_nothing(api: ApiClient) -> None:
    put(api, "", {"a": None})
    assert get(api, "/a") == (200, {"data": None})
    assert put(api, "/a/b", 1) == (201, {"data": 1})
    assert put(api, "/a", None) == (400, {"message": "no data specified"})


def test_what_a_delete_empties_goes_too(api: ApiClient) -> None:
    put(api, "", {"fruit": {"apple": 1, "kiwi": 2}, "veggies": {"root": {"onion": 3}}, "none": {}})
    assert delete(api, "/fruit/kiwi") == (200, {"data": 2})
    assert delete(api, "/veggies/root/onion") == (200, {"data": 3})
    assert get(api) == (200, {"data": {"fruit": {"apple": 1}, "none": {}}})
    assert delete(api) == (200, {"data": {"fruit": {"apple": 1}, "none": {}}})
    assert get(api) == delete(api) == NOTHING


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("ns", ["", "ns=", "ns=%20", "ns=a%00", "ns[]=a", "ns[a]=b", "ns=" + "x" * 256])
def test_a_namespace_is_needed(api: ApiClient, method: str, ns: str) -> None:
    answer = api.call(method, f"{BASE}/a?{ns}", "data=1")
    assert (answer.status_code, answer.json()) == (400, {"message": "invalid namespace"})
    assert not CustomData.objects.exists()


def test_namespaces_are_apart(api: ApiClient) -> None:
    put(api, "/a", 1, ns="one")
    assert get(api, "/a", ns="two") == NOTHING
    put(api, "/a", 2, ns="two")
    assert delete(api, ns="one")[0] == 200
    assert get(api, "/a", ns="two") == (200, {"data": 2})


@pytest.mark.parametrize("form", ["", "data2=x", "data"])
def test_data_is_needed(api: ApiClient, form: str) -> None:
    answer = api.call("PUT", BASE, f"ns={NS}&{form}")
    expected = (201, {"data": ""}) if form == "data" else (400, {"message": "no data specified"})
    assert (answer.status_code, answer.json()) == expected


@pytest.mark.parametrize("scope", ["", "/a"])
def test_64_kb_a_namespace(api: ApiClient, scope: str) -> None:
    most = 65_536 - (2 if not scope else len('{"a":""}'))
    assert put(api, scope, "x" * most)[0] == 201
    status, body = put(api, scope, "x" * (most + 1))
    assert (status, body["errors"]["data"][0]["type"]) == (400, "too_long")
    assert put(api, "/b" if scope else scope, "ü" * 40_000)[0] == 400
    assert get(api, scope) == (200, {"data": "x" * most})
    assert put(api, "", "x", ns="another")[0] == 201


def test_50_namespaces(api: ApiClient, user: User, as_user) -> None:
    for number in range(50):
        assert put(api, "", 1, ns=f"n{number}")[0] == 201
    status, body = put(api, "", 1, ns="more")
    assert (status, body["errors"]["ns"][0]["type"]) == (400, "too_many")
    assert put(api, "", 2, ns="n7")[0] == 200
    assert put(as_user(make_user()), "", 1, ns="more")[0] == 201
    delete(api, ns="n7")
    assert put(api, "", 1, ns="more")[0] == 201


@pytest.mark.parametrize(
    "body",
    [
        '{"ns": "a", "data": "\\ud800"}',
        '{"ns": "a", "data": NaN}',
        '{"ns": "a", "data": 1e999}',
        '{"ns": "a", "data": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"ns": "a", "data": ' + "[" * 600 + "]" * 600 + "}",
        '{"ns": "a", "data": ' + '{"a":' * 300 + "1" + "}" * 300 + "}",
        '{"ns": "a", "data": ',
        '["a"]',
    ],
    ids=lambda body: body[:25],
)
def test_bad_json_is_400(api: ApiClient, body: str) -> None:
    answer = api.generic(
        "PUT", f"/api/v1{BASE}", body, "application/json", headers={"authorization": f"Bearer {api.token}"}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert not CustomData.objects.exists()


@pytest.mark.parametrize("depth", [200, 300, 5_000])
def test_a_deep_scope(api: ApiClient, depth: int) -> None:
    scope = "/a" * depth
    status, _ = put(api, scope, 1)
    assert status == (201 if depth == 200 else 400)
    assert get(api, scope) == ((200, {"data": 1}) if depth == 200 else NOTHING)


def test_integers_beyond_64_bits_are_floats(api: ApiClient) -> None:
    assert put(api, "", 2**64 - 1) == (201, {"data": 2**64 - 1})
    assert put(api, "", 10**40) == get(api) == (200, {"data": 1e40})


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, as_user) -> None:
    owner = make_user(account=make_account())
    client = as_user(ROLES[role](owner))
    path = f"/users/{owner.pk}/custom_data/a"
    statuses = [
        client.call("PUT", path, f"ns={NS}&data=1").status_code,
        client.call("GET", f"{path}?ns={NS}").status_code,
        client.call("DELETE", path, f"ns={NS}").status_code,
    ]
    assert statuses == ([201, 200, 200] if role in ALLOWED else [403, 403, 403])
    assert client.call("GET", path).status_code == (400 if role in ALLOWED else 403)


@pytest.mark.django_db
def test_acting_as(user: User, as_user) -> None:
    admin = as_user(make_admin(user.home_account))
    assert admin.call("PUT", BASE, f"ns={NS}&data=1&as_user_id={user.pk}").status_code == 201
    assert CustomData.objects.get().user == user


@pytest.mark.parametrize("path", [BASE, f"{BASE}/a/b"])
def test_one_scope_for_all_of_it(user: User, path: str) -> None:
    key = make_key(require_scopes=True)
    scope = "url:{}|/api/v1/users/:user_id/custom_data(/*scope)"
    reader = ApiClient(make_token(user, key, [scope.format("GET")]))
    writer = ApiClient(make_token(user, key, [scope.format("PUT"), scope.format("DELETE")]))
    assert writer.call("PUT", path, f"ns={NS}&data=1").status_code == 201
    assert reader.call("GET", f"{path}?ns={NS}").status_code == 200
    assert writer.call("GET", f"{path}?ns={NS}").status_code == 401
    assert reader.call("DELETE", f"{path}?ns={NS}").status_code == 401
    assert writer.call("DELETE", f"{path}?ns={NS}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_writes_at_once_none_is_lost() -> None:
    user = make_user()
    token = make_token(user)

    def write(number: int) -> Any:
        try:
            return put(ApiClient(token), f"/scope{number}", number)[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(write, range(12))) == {201}
    assert get(ApiClient(token)) == (200, {"data": {f"scope{number}": number for number in range(12)}})
