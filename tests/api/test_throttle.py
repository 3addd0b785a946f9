"""Throttling through the whole stack: who pays, what they are told, when they are refused."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import close_old_connections, connection, connections, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from oauth2_provider.models import AccessToken
from pytest_django import Settings

from canvas_channels.core.client_address import address_key
from canvas_channels.core.identity.models import User
from canvas_channels.core.middleware import buckets
from canvas_channels.core.middleware.throttle import ThrottleMiddleware, meter_of
from tests.api.conftest import ApiClient
from tests.api.test_query_counts import statements
from tests.factories import make_key, make_token, make_user
from tests.redis_server import RedisServer

CHANNELS = "/users/self/communication_channels"
REFUSED = b"429 Too Many Requests (Rate Limit Exceeded)"


@pytest.fixture(autouse=True)
def _marks(settings: Settings) -> None:
    settings.THROTTLE_MAXIMUM, settings.THROTTLE_HIGH_WATER_MARK = 800.0, 600.0
    buckets.buckets_at.cache_clear()


def fill(key: str, level: float = 580.0) -> None:
    buckets.buckets_at("").add(key, level)


def token_id(user: User) -> int:
    return AccessToken.objects.get(user=user).pk


def test_a_known_token_is_told_cost_and_rest(api: ApiClient) -> None:
    answer = api.call("GET", CHANNELS)
    assert 0 < float(answer["X-Request-Cost"]) < 5
    assert 590 < float(answer["X-Rate-Limit-Remaining"]) <= 600


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users/999999/communication_channels", 404),
        ("POST", CHANNELS, 400),
        ("PUT", CHANNELS, 405),
        ("GET", f"{CHANNELS}?as_user_id=0", 401),
    ],
)
def test_refusals_tell_it_too(api: ApiClient, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)
    assert answer.status_code == status
    assert "X-Request-Cost" in answer
    assert "X-Rate-Limit-Remaining" in answer


@pytest.mark.django_db
def test_nobody_else_is_told() -> None:
    for client in (ApiClient(), ApiClient("nonsense")):
        assert "X-Request-Cost" not in client.call("GET", CHANNELS)


def test_a_token_with_a_full_bucket_is_refused(api: ApiClient, user: User, as_user) -> None:
    fill(f"token:{token_id(user)}")
    other = as_user(user)
    answer = api.call("GET", CHANNELS)
    assert (answer.status_code, answer.content) == (429, REFUSED)
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["X-Rate-Limit-Remaining"] == "0.0"
    assert answer["Retry-After"] in {"3", "4"}
    assert "X-Request-Cost" in answer
    assert other.call("GET", CHANNELS).status_code == 200


def test_a_setting_answers_403_as_older_clients_expect(
    api: ApiClient, user: User, settings: Settings
) -> None:
    settings.RATE_LIMIT_STATUS = 403
    fill(f"token:{token_id(user)}")
    answer = api.call("GET", CHANNELS)
    assert (answer.status_code, answer.content) == (403, b"403 Forbidden (Rate Limit Exceeded)")


def test_a_session_is_counted_by_user(user: User) -> None:
    client = ApiClient()
    client.force_login(user)
    assert "X-Request-Cost" not in client.call("GET", CHANNELS)
    fill(f"user:{user.pk}")
    assert client.call("GET", CHANNELS).status_code == 429
    assert client.get("/login").status_code == 429


def test_a_session_is_counted_by_user_without_the_csrf_token_too(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post("/api/v1" + CHANNELS).status_code == 403
    fill(f"user:{user.pk}")
    assert client.post("/api/v1" + CHANNELS).status_code == 429


@pytest.mark.django_db
@pytest.mark.parametrize("token", [None, "nonsense"])
def test_who_has_no_token_that_counts_is_counted_by_address(token: str | None) -> None:
    client = ApiClient(token)
    assert client.call("GET", CHANNELS).status_code == 401
    fill("ip:127.0.0.1")
    assert client.call("GET", CHANNELS).status_code == 429


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/register/abc", "/login", "/login/oauth2/token"])
def test_pages_that_try_something_out_are_throttled(path: str) -> None:
    if path != "/login/oauth2/token":  # its view is another part's
        assert Client().get(path).status_code in {200, 400}
    fill("ip:127.0.0.1")
    if Client().get(path).status_code != 404:
        answer = Client().post(path)
        assert (answer.status_code, answer.content) == (429, REFUSED)
        assert int(answer["Retry-After"]) >= 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/help", "/api/docs", "/api/schema", "/admin/", "/users", "/password-reset/sent"]
)
def test_so_are_all_others(path: str) -> None:
    assert Client().get(path).status_code in {200, 302}
    fill("ip:127.0.0.1")
    assert Client().get(path).status_code == 429


@pytest.mark.django_db
def test_files_are_not(settings: Settings) -> None:
    fill("ip:127.0.0.1")
    assert Client().get(f"{settings.STATIC_URL}none").status_code == 404
    assert Client().post("/webhooks/postmark").status_code in {401, 403, 404}


def test_one_request_at_a_time_is_never_refused(api: ApiClient) -> None:
    answers = [api.call("GET", CHANNELS) for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200}
    assert float(answers[-1]["X-Rate-Limit-Remaining"]) > 550


def test_the_database_s_seconds_count(api: ApiClient, settings: Settings) -> None:
    def slow(execute: Callable[..., Any], *arguments: Any) -> Any:
        time.sleep(0.05)
        return execute(*arguments)

    meter_outermost = ThrottleMiddleware(lambda request: _query())
    request = RequestFactory().get("/")
    with connection.execute_wrapper(slow):
        meter_outermost(request)
    assert meter_of(request).cost() >= 0.0
    assert meter_of(request)._database > 0


def _query() -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.01)")
    return HttpResponse()


def test_the_list_still_makes_one_statement_and_no_write(api: ApiClient) -> None:
    made = statements(lambda: api.call("GET", CHANNELS))
    assert len(made) == 1
    assert made[0].startswith("SELECT")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shared", [False, True], ids=["process", "redis"])
def test_about_a_dozen_at_once_on_one_token_are(
    shared: bool, request: pytest.FixtureRequest, settings: Settings
) -> None:
    if shared:
        server: RedisServer = request.getfixturevalue("redis_server")
        settings.REDIS_URL = server.url
    user = make_user()
    token = make_token(user, make_key())
    form = "communication_channel[type]=email&communication_channel[address]=n@example.edu"

    def create(number: int) -> int:
        close_old_connections()
        try:
            return ApiClient(token).call("POST", CHANNELS, form).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as threads:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)  # which each create waits for
            waiting = [threads.submit(create, number) for number in range(16)]
            _until(lambda: sum(one.done() for one in waiting) >= 3)
        statuses = [one.result() for one in waiting]
    assert statuses.count(429) in {3, 4}
    assert statuses.count(200) == 1
    assert ApiClient(token).call("GET", CHANNELS).status_code == 200


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stream_holds_its_reservation_to_the_end(settings: Settings) -> None:
    def view(request: Any) -> StreamingHttpResponse:
        meter_of(request).enter("token:stream", user_of_token="user:1")
        return StreamingHttpResponse(iter([b"a", b"b"]))

    answer: Any = ThrottleMiddleware(view)(RequestFactory().get("/"))
    kept = buckets.buckets_at("")
    assert kept.add("token:stream", 0.0)[1] > 40
    assert b"".join(answer.streaming_content) == b"ab"
    assert kept.add("token:stream", 0.0)[1] < 5
    assert "X-Request-Cost" in answer


def test_a_request_that_breaks_gives_back_what_it_reserved() -> None:
    def view(request: Any) -> HttpResponse:
        meter_of(request).enter("token:broken")
        raise SystemExit

    with pytest.raises(SystemExit):
        ThrottleMiddleware(view)(RequestFactory().get("/"))
    assert buckets.buckets_at("").add("token:broken", 0.0)[1] < 5


@pytest.mark.parametrize(
    ("address", "forwarded", "trusted", "key"),
    [
        ("192.0.2.1", "", False, "ip:192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", False, "ip:192.0.2.1"),
        ("192.0.2.1", "198.51.100.1, 203.0.113.9", True, "ip:203.0.113.9"),
        ("192.0.2.1", "", True, "ip:192.0.2.1"),
        ("192.0.2.1", "198.51.100.1, 203.0.113.9:4711", True, "ip:203.0.113.9"),
        ("192.0.2.1", "198.51.100.1:1, [2001:db8:1:2::9]:4711", True, "ip:2001:db8:1:2::"),
        ("192.0.2.1", "[2001:db8:1:2::9]", True, "ip:2001:db8:1:2::"),
        ("192.0.2.1", "[::ffff:203.0.113.9]:65535", True, "ip:203.0.113.9"),
        ("192.0.2.1", "2001:db8:1:2::4711", True, "ip:2001:db8:1:2::"),
        ("192.0.2.1", "203.0.113.9:4711", False, "ip:192.0.2.1"),
        *(
            ("192.0.2.1", nonsense, True, "ip:")
            for nonsense in [
                *("203.0.113.9:", "203.0.113.9:http", "203.0.113.9:471100", "203.0.113.9:1:2", ":4711"),
                *("[203.0.113.9", "203.0.113.9]:1", "[2001:db8::9]4711", "[]:4711", "[[::1]]:1", "::1]:1"),
            ]
        ),
        ("2001:db8:1:2:3:4:5:6", "", False, "ip:2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "", False, "ip:192.0.2.1"),
        ("", "", False, "ip:"),
    ],
)
def test_whose_address_counts(
    address: str, forwarded: str, trusted: bool, key: str, settings: Settings
) -> None:
    settings.TRUST_PROXY_HEADERS = trusted
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=address, headers=headers)
    assert address_key(request.META) == key


@pytest.mark.parametrize(("url", "warned"), [("", True), ("redis://localhost/0", False)])
def test_the_deploy_check_says_that_processes_count_for_themselves(
    url: str, warned: bool, settings: Settings
) -> None:
    settings.REDIS_URL = url
    found = {message.id for message in run_checks(include_deployment_checks=True)}
    assert ("canvas_channels.W001" in found) == warned
