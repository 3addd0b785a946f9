"""Whatever is sent: an answer as in docs/contract.md, never a fault, and nothing written on a refusal."""

import copy
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from canvas_channels.core.identity.models import User
from canvas_channels.core.rest.errors import ResourceNotFound
from canvas_channels.core.rest.pagination import (
    DEFAULT_PER_PAGE,
    MAX_PER_PAGE,
    page_number,
    page_size,
    paginate,
)
from canvas_channels.core.rest.params import Params, boolean, expand, merge, text
from canvas_channels.core.rest.rendering import STRING_IDS, stringify_ids
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.addresses import (
    clean_email,
    clean_phone_number,
    compared,
    fold,
    mailbox,
)
from channels_api.channels.representation import FIELDS
from channels_api.errors import InvalidAddress
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, PushDevice
from tests.factories import FCM_ARN, make_channel, make_key, make_site_admin, make_token, make_user
from tests.responses import ClientResponse

CHANNELS = "/api/v1/users/self/communication_channels"
HUGE = "9" * 5000
NAMES = ["communication_channel", "type", "address", "token", "push_token", "skip_confirmation"]
NAMES += ["as_user_id", "page", "per_page", "search", "workflow_state"]

bounded = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

anything = st.text(st.characters())  # surrogates and control characters too
sendable = st.text()
names = st.sampled_from(NAMES) | sendable
scalars = st.none() | st.booleans() | st.integers() | st.floats() | anything | st.just(10**400)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
channel_fields = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["email", "sms", "push", "twitter"]) | json_values,
        "address": st.sampled_from(["new@example.edu", "+16265550100", "taken@example.edu"]) | json_values,
        "token": st.just("fcm-token") | json_values,
    },
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "communication_channel": channel_fields | json_values,
        "skip_confirmation": scalars,
        "push_token": json_values,
        "as_user_id": scalars,
    },
)
brackets = st.lists(st.sampled_from(["[", "]", "[]", "[a]", "[type]", "[address]"]) | sendable, max_size=6)
form_keys = st.builds(lambda name, rest: name + "".join(rest), names, brackets)


@dataclass(frozen=True, slots=True)
class World:
    """A user with two channels, who asks; ``admin_token`` is a site admin's."""

    client: Client
    user: User
    token: str
    admin_token: str

    def send(
        self,
        method: str,
        path: str = CHANNELS,
        body: bytes = b"",
        content_type: str = "application/json",
        query: str = "",
        token: str | None = None,
        **meta: Any,
    ) -> ClientResponse:
        """Send a request, check the answer, and that a refusal wrote nothing; what was written is undone."""
        meta = {"HTTP_AUTHORIZATION": f"Bearer {token or self.token}", **meta}
        with transaction.atomic():
            before = rows()
            answer = self.client.generic(
                method,
                "/",
                body,
                content_type,
                PATH_INFO=path.encode().decode("latin-1"),
                QUERY_STRING=query,
                **meta,
            )
            check(answer, method)
            if answer.status_code >= 400 or method == "GET":
                assert rows() == before
            transaction.set_rollback(True)
        return answer

    def send_json(self, method: str, value: Any, path: str = CHANNELS, **more: Any) -> ClientResponse:
        return self.send(method, path, json.dumps(value).encode(), **more)


def rows() -> list[Any]:
    tables = (CommunicationChannel, Confirmation, PushDevice, AuditEntry)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def check(answer: ClientResponse, method: str) -> None:
    assert answer.status_code < 500, answer.content
    assert answer["Content-Type"].startswith("application/json")
    if method == "HEAD":
        return
    body = json.loads(answer.content)
    if answer.status_code >= 400:
        check_error(body["errors"], answer.status_code)
    elif body != {"success": True}:
        for channel in body if isinstance(body, list) else [body]:
            assert set(FIELDS) <= set(channel)
            assert channel["address"]


def check_error(errors: Any, status: int) -> None:
    if isinstance(errors, list):
        assert all(error["message"] and isinstance(error["message"], str) for error in errors)
    elif isinstance(errors, dict):
        assert status == 400
        for attribute, found in errors.items():
            assert isinstance(found, str) or {"attribute", "type", "message"} == set(found[0])
            assert isinstance(found, str) or found[0]["attribute"] == attribute
    else:
        assert (status, errors) == (401, "Invalid as_user_id")


@pytest.fixture
def world(db: None) -> World:
    user = make_user(login="sheldon", sis_user_id="S1")
    make_channel(user, "taken@example.edu")
    make_channel(user, "+16265550199", "sms")
    token = make_token(user, make_key(sns_arn=FCM_ARN))
    client = Client(raise_request_exception=False)
    return World(client, user, token, make_token(make_site_admin()))


class TestRequests:
    @bounded
    @given(value=bodies | json_values)
    def test_any_json_creates_or_is_refused(self, world: World, value: Any) -> None:
        world.send_json("POST", value)

    @bounded
    @given(value=bodies)
    def test_any_json_of_an_admin(self, world: World, value: Any) -> None:
        world.send_json(
            "POST", value, f"/api/v1/users/{world.user.pk}/communication_channels", token=world.admin_token
        )

    @bounded
    @given(value=bodies | json_values)
    def test_any_json_unregisters_or_is_refused(self, world: World, value: Any) -> None:
        world.send_json("DELETE", value, f"{CHANNELS}/push")

    @pytest.mark.parametrize("depth", [15, 200, 900, 5000, 100_000])
    @pytest.mark.parametrize(
        ("start", "end"), [("[", "]"), ('{"a":', "}"), ('{"communication_channel":', "}")]
    )
    def test_deep_json(self, world: World, depth: int, start: str, end: str) -> None:
        world.send("POST", body=(start * depth + "1" + end * depth).encode())

    @bounded
    @given(fields=st.lists(st.tuples(form_keys, sendable), max_size=5))
    def test_any_form(self, world: World, fields: list[tuple[str, str]]) -> None:
        body = urlencode(fields).encode()
        world.send("POST", body=body, content_type="application/x-www-form-urlencoded")

    @pytest.mark.parametrize("key", ["a" + "[b]" * 5000, "a" + "[]" * 5000, "[" * 5000, "a[" + "[" * 5000])
    def test_deep_form_keys(self, world: World, key: str) -> None:
        body = f"{key}=1".encode()
        world.send("POST", body=body, content_type="application/x-www-form-urlencoded")

    @bounded
    @given(
        body=st.binary(max_size=200),
        content_type=st.sampled_from(
            [
                "application/json",
                "application/json; charset=utf-16",
                "application/vnd.api+json",
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded; charset=hex",
                "application/x-www-form-urlencoded; charset=utf-7",
                "application/x-www-form-urlencoded; charset=idna",
                "application/x-www-form-urlencoded; charset=utf-16",
                "multipart/form-data",
                "multipart/form-data; boundary=x",
                "multipart/form-data; boundary=x; charset=hex",
                "multipart/form-data; boundary=" + "x" * 500,
                "text/plain",
                "image/png",
                "nonsense",
                ";",
                "",
            ]
        )
        | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    )
    @example(body=b"\x00", content_type="application/x-www-form-urlencoded")
    @example(body=b"--x\r\n\r\n\r\n--x--", content_type="multipart/form-data; boundary=x")
    @example(
        body=b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n1\r\n--x--\r\n',
        content_type="multipart/form-data; boundary=x",
    )
    @example(
        body=b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n=1\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )
    def test_any_body_of_any_type(self, world: World, body: bytes, content_type: str) -> None:
        world.send("POST", body=body, content_type=content_type)

    @bounded
    @given(query=st.binary(max_size=100), method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]))
    def test_any_query_string_of_bytes(self, world: World, query: bytes, method: str) -> None:
        world.send(method, query=query.decode("latin-1"))

    @bounded
    @given(
        fields=st.lists(st.tuples(form_keys, sendable), max_size=5), method=st.sampled_from(["GET", "POST"])
    )
    def test_any_query_string(self, world: World, fields: list[tuple[str, str]], method: str) -> None:
        world.send(method, query=urlencode(fields))

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_query_of_too_many_fields(self, world: World, method: str) -> None:
        query = "&".join(f"a{n}=1" for n in range(2000))
        assert world.send(method, query=query).status_code == 400

    @bounded
    @given(
        page=anything | st.integers().map(str) | st.just(HUGE),
        per_page=anything | st.integers().map(str) | st.just(HUGE),
        string_ids=st.booleans(),
    )
    def test_any_page(self, world: World, page: str, per_page: str, string_ids: bool) -> None:
        query = urlencode({"page": page, "per_page": per_page}, errors="surrogatepass")
        accept = STRING_IDS if string_ids else "*/*"
        assert world.send("GET", query=query, HTTP_ACCEPT=accept).status_code in {200, 404}

    @bounded
    @given(name=st.sampled_from(["type", "workflow_state", "search"]), value=sendable)
    def test_any_filter(self, world: World, name: str, value: str) -> None:
        status = world.send("GET", query=urlencode({name: value})).status_code
        assert status in {200, 400}

    @bounded
    @given(search=st.text(st.sampled_from("%_\\'\"taken@x."), min_size=1, max_size=6))
    def test_search_takes_no_wildcards(self, world: World, search: str) -> None:
        found = json.loads(world.send("GET", query=urlencode({"search": search})).content)
        expected = [a for a in ("taken@example.edu", "+16265550199") if search in a]
        assert [channel["address"] for channel in found] == expected

    @bounded
    @given(type_=st.sampled_from(["email", "sms"]), address=anything | st.emails())
    @example(type_="email", address="a\x00b@example.edu")
    @example(type_="email", address="a@" + "é" * 300)
    @example(type_="email", address="taken@EXAMPLE.edu")
    @example(type_="email", address="a@exämple.de")
    @example(type_="sms", address="+" + HUGE)
    @example(type_="sms", address="٠١٢٣٤٥٦٧٨٩")
    @example(type_="sms", address="+1 626 555 0100 ext. 5")
    def test_any_address(self, world: World, type_: str, address: str) -> None:
        answer = world.send_json("POST", {"communication_channel": {"type": type_, "address": address}})
        assert answer.status_code in {200, 400}

    @bounded
    @given(address=st.emails())
    def test_an_address_that_was_created_can_be_deleted_by_it(self, world: World, address: str) -> None:
        with transaction.atomic():
            channel = {"communication_channel": {"type": "email", "address": address}}
            made = world.client.post(
                CHANNELS, channel, "application/json", headers={"Authorization": f"Bearer {world.token}"}
            )
            assume(made.status_code == 200)
            answer = world.send("DELETE", f"{CHANNELS}/email/{address.swapcase()}")
            assert answer.status_code == 200
            transaction.set_rollback(True)

    @bounded
    @given(token=anything | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=4200))
    def test_any_device_token(self, world: World, token: str) -> None:
        channel = {"communication_channel": {"type": "push", "token": token}}
        valid = re.fullmatch(r"[!-~]{1,4096}", token) is not None
        assert world.send_json("POST", channel).status_code == (200 if valid else 400)

    @bounded
    @given(user_id=sendable | st.integers().map(str), admin=st.booleans())
    @example(user_id=HUGE, admin=True)
    @example(user_id="9223372036854775808", admin=True)
    @example(user_id="-1", admin=True)
    @example(user_id="²", admin=True)
    @example(user_id="٣", admin=True)
    @example(user_id="sis_user_id:", admin=True)
    @example(user_id="sis_user_id:\x00", admin=True)
    @example(user_id="hex:sis_user_id:00", admin=True)
    @example(user_id="hex:sis_user_id:zz", admin=True)
    @example(user_id="hex:sis_user_id:ff", admin=True)
    @example(user_id="hex:sis_login_id:41", admin=True)
    @example(user_id="sis_login_id:SHELDON", admin=True)
    def test_any_user_id(self, world: World, user_id: str, admin: bool) -> None:
        token = world.admin_token if admin else world.token
        answer = world.send("GET", f"/api/v1/users/{user_id}/communication_channels", token=token)
        assert answer.status_code in {200, 403, 404}

    @bounded
    @given(user_id=anything | st.integers().map(str))
    @example(user_id=HUGE)
    @example(user_id="sis_login_id:\x00")
    def test_any_as_user_id(self, world: World, user_id: str) -> None:
        query = urlencode({"as_user_id": user_id}, errors="surrogatepass")
        answer = world.send("GET", query=query, token=world.admin_token)
        assert answer.status_code in {200, 401}

    @bounded
    @given(
        rest=sendable, method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    )
    @example(rest=f"/{HUGE}", method="DELETE")
    @example(rest="/email/", method="DELETE")
    @example(rest="/email/\x00", method="DELETE")
    @example(rest="/email/a/b//c@d", method="DELETE")
    @example(rest="/sms/+1%zz", method="DELETE")
    @example(rest="/1/confirm", method="POST")
    @example(rest="/1/resend", method="POST")
    @example(rest="/", method="GET")
    def test_any_path_below_the_api(self, world: World, rest: str, method: str) -> None:
        assert world.send(method, CHANNELS + rest).status_code in {200, 400, 404, 405}

    @bounded
    @given(path=sendable)
    @example(path="")
    @example(path="v1/")
    @example(path="\x00")
    def test_any_path_that_does_not_exist(self, world: World, path: str) -> None:
        assert world.send("GET", f"/api/{path}").status_code == 404

    @bounded
    @given(accept=st.text(st.characters(min_codepoint=32, max_codepoint=255)))
    @example(accept="text/html")
    @example(accept="application/xml;q=1, */*;q=0")
    @example(accept="image/*")
    @example(accept="application/json+canvas-string-ids, text/plain")
    def test_any_accept(self, world: World, accept: str) -> None:
        assert world.send("GET", HTTP_ACCEPT=accept).status_code == 200

    @bounded
    @given(
        name=st.sampled_from(
            ["ACCEPT_LANGUAGE", "COOKIE", "ORIGIN", "REFERER", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "RANGE"]
        ),
        value=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=600),
    )
    @example(name="ACCEPT_LANGUAGE", value="x" * 600)
    @example(name="COOKIE", value="sessionid=\x00; csrftoken=é")
    def test_any_header(self, world: World, name: str, value: str) -> None:
        assert world.send("GET", headers={name: value}).status_code == 200

    @bounded
    @given(value=st.text(st.characters(min_codepoint=32, max_codepoint=255)))
    @example(value="Bearer")
    @example(value="Bearer \x00")
    @example(value="Basic dXNlcjpwYXNz")
    @example(value="Bearer " + HUGE)
    def test_any_authorization(self, world: World, value: str) -> None:
        assert world.send("GET", HTTP_AUTHORIZATION=value).status_code == 401

    @bounded
    @given(token=sendable)
    @example(token="\x00")
    @example(token="")
    def test_any_access_token_in_the_query(self, world: World, token: str) -> None:
        answer = world.send("GET", query=urlencode({"access_token": token}), HTTP_AUTHORIZATION="")
        assert answer.status_code == 401

    @bounded
    @given(host=st.text(st.characters(min_codepoint=32, max_codepoint=255)))
    @example(host="evil.example.com")
    @example(host="testserver:99999999")
    def test_any_host(self, world: World, host: str) -> None:
        assert world.send("GET", HTTP_HOST=host).status_code in {200, 400}

    @bounded
    @given(length=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
    @example(length="-1")
    @example(length="1e3")
    @example(length=HUGE)
    def test_any_content_length(self, world: World, length: str) -> None:
        world.send("POST", body=b"{}", CONTENT_LENGTH=length)


labels = st.text(st.characters(codec="utf-8"), min_size=1, max_size=70)
domains = st.lists(
    labels | st.sampled_from(["faß", "BÜCHER", "xn--fa-hia", "\uff45\uff58", "com"]), max_size=4
).map(".".join)


class TestAddresses:
    @bounded
    @given(address=anything)
    def test_folding_twice_changes_nothing(self, address: str) -> None:
        assert fold(fold(address)) == fold(address)

    @bounded
    @given(address=anything)
    def test_case_does_not_count(self, address: str) -> None:
        assert fold(address.upper().lower()) == fold(address.lower().upper().lower())
        assert fold(address.casefold()) == fold(address)

    @bounded
    @given(address=anything | st.emails())
    def test_cleaning_an_email_twice_changes_nothing(self, address: str) -> None:
        try:
            cleaned = clean_email(address)
        except InvalidAddress:
            return
        assert clean_email(cleaned) == cleaned
        assert clean_email(f"\t {address}\n") == cleaned
        assert clean_email(f"\ufeff{address}\u200b\u00a0") == cleaned
        assert cleaned.replace("\u200c", "").replace("\u200d", "").isprintable()  # joiners of some scripts

    @bounded
    @given(local=st.sampled_from(["a", '"a"', "A.b", '"a.b"', '"a@b"', '"a\\ b"', "a b"]), domain=domains)
    def test_mail_goes_to_one_ascii_form(self, local: str, domain: str) -> None:
        address = f"{local}@{domain}"
        assert compared(compared(address)) == compared(address)
        assert compared(address) == compared(f"{local.swapcase()}@{unicodedata.normalize('NFD', domain)}")
        try:
            found = mailbox(address)
        except InvalidAddress:
            return
        assert found.isascii()
        assert found.isprintable()
        assert mailbox(found) == found
        assert compared(address) == found.lower() == compared(found)
        assert clean_email(found) == found
        assert all(len(label) <= 63 for label in found.rpartition("@")[2].split("."))

    @bounded
    @given(
        number=anything | st.from_regex(r"\A\+?[0-9 ().-]{3,20}\Z"),
        region=st.sampled_from(["US", "DE", "GB"]),
    )
    def test_cleaning_a_number_twice_changes_nothing(self, number: str, region: str) -> None:
        try:
            cleaned = clean_phone_number(number, region)
        except InvalidAddress:
            return
        assert re.fullmatch(r"\+[0-9]{4,17}", cleaned)
        assert clean_phone_number(cleaned, region) == cleaned
        assert clean_phone_number(cleaned, "FR") == cleaned


keys = st.text(st.characters(exclude_characters="[]", codec="utf-8"), min_size=1, max_size=5)
trees = st.recursive(
    st.text(max_size=5), lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3), max_leaves=8
)
params = st.dictionaries(keys, trees, max_size=4)


def bracketed(tree: Params, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(value, dict):
            yield from bracketed(value, name)
        else:
            yield name, value


class TestParams:
    @bounded
    @given(tree=params)
    def test_a_form_means_what_the_json_means(self, tree: Params) -> None:
        assert expand(QueryDict(urlencode(list(bracketed(tree))))) == tree

    @bounded
    @given(fields=st.lists(st.tuples(form_keys, sendable), max_size=8))
    def test_any_form_expands(self, fields: list[tuple[str, str]]) -> None:
        assert isinstance(expand(QueryDict(urlencode(fields))), dict)

    @bounded
    @given(values=st.lists(sendable, min_size=1, max_size=5))
    def test_the_last_of_a_key_counts_and_a_list_keeps_all(self, values: list[str]) -> None:
        fields = [(key, value) for value in values for key in ("once", "all[]")]
        assert expand(QueryDict(urlencode(fields))) == {"once": values[-1], "all": values}

    @bounded
    @given(query=params, body=params)
    def test_the_body_wins(self, query: Params, body: Params) -> None:
        merged = merge(query, body)
        assert merged.keys() == query.keys() | body.keys()
        assert merge(merged, body) == merged

    @bounded
    @given(tree=params)
    def test_merging_with_nothing_changes_nothing(self, tree: Params) -> None:
        assert merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree

    @bounded
    @given(query=params, body=params)
    def test_merging_leaves_its_arguments_alone(self, query: Params, body: Params) -> None:
        kept = copy.deepcopy((query, body))
        merge(query, body)
        assert (query, body) == kept

    @bounded
    @given(value=json_values)
    def test_any_value_is_a_boolean_and_a_text_or_none(self, value: Any) -> None:
        assert boolean(value) in {True, False}
        assert (text(value) is None) == (value is None or isinstance(value, list | dict))


def page_of(query: str, count: int) -> tuple[list[int], dict[str, str]]:
    """A page of the numbers below ``count``, and the URLs of its ``Link`` header."""
    request = CanvasRequest(RequestFactory().get("/list", QUERY_STRING=query))
    found, link = paginate(request, range(count))
    return list(found), {name: url for url, name in re.findall(r'<([^>]*)>; rel="(\w+)"', link)}


class TestPagination:
    @bounded
    @given(count=st.integers(0, 250), per_page=st.integers(1, 120))
    def test_following_next_shows_every_row_once(self, count: int, per_page: int) -> None:
        query, seen = f"per_page={per_page}", []
        while True:
            found, links = page_of(query, count)
            seen += found
            if "next" not in links:
                break
            query = urlsplit(links["next"]).query
        assert seen == list(range(count))

    @bounded
    @given(count=st.integers(0, 250), per_page=st.integers(1, 120), page=st.integers(1, 300))
    def test_links_are_in_order_and_point_inside(self, count: int, per_page: int, page: int) -> None:
        _, links = page_of(f"page={page}&per_page={per_page}", count)
        order = ["current", "next", "prev", "first", "last"]
        assert list(links) == [name for name in order if name in links]
        numbers = {name: int(parse_qs(urlsplit(url).query)["page"][0]) for name, url in links.items()}
        assert (numbers["current"], numbers["first"]) == (page, 1)
        assert numbers.get("next", page + 1) == page + 1
        assert ("next" in numbers) == (page < numbers["last"])
        assert ("prev" in numbers) == (page > 1)

    @bounded
    @given(fields=st.dictionaries(keys, sendable, max_size=3))
    def test_links_keep_the_query_but_never_the_token(self, fields: dict[str, str]) -> None:
        fields = {k: v for k, v in fields.items() if k not in {"page", "per_page", "access_token"}}
        _, links = page_of(urlencode({**fields, "access_token": "secret"}), 30)
        kept = QueryDict(urlsplit(links["next"]).query)
        assert kept.dict() == {**fields, "page": "2", "per_page": "10"}

    @bounded
    @given(value=json_values)
    @example(value="٣")
    @example(value="1_000")
    @example(value=" 7")
    @example(value=HUGE)
    def test_any_page_size(self, value: Any) -> None:
        size = page_size(value)
        assert 1 <= size <= MAX_PER_PAGE
        assert size == DEFAULT_PER_PAGE or str(text(value)).isascii()

    @bounded
    @given(value=json_values)
    def test_any_page_number(self, value: Any) -> None:
        try:
            assert page_number(value) >= 1
        except ResourceNotFound:
            assert value not in {None, "", 1, "1"} if not isinstance(value, list | dict) else True


@bounded
@given(value=st.dictionaries(st.sampled_from(["id", "user_id", "position", "ids", "list"]), json_values))
def test_string_ids_touch_only_ids(value: Params) -> None:
    found = stringify_ids(value)
    assert found.keys() == value.keys()
    assert not any(isinstance(found.get(name), int) for name in ("id", "user_id"))
    assert isinstance(value.get("position"), dict | list) or found.get("position") is value.get("position")
