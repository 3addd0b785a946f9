"""What the code flow refuses to attackers: downgrades, stolen rows, consent while acting, races."""

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.oauth import validator
from canvas_channels.core.middleware import buckets
from tests.factories import make_key, make_site_admin, make_user
from tests.live import LiveServer
from tests.oauth import CREATE, LIST, REDIRECT, SECRET, Flow, call, confidential_key

NO_CHALLENGE = {"code_challenge": None, "code_challenge_method": None}


@pytest.fixture
def penny(db: None) -> User:
    return make_user("Penny")


@pytest.fixture
def browser(penny: User) -> Client:
    browser = Client()
    browser.force_login(penny)
    return browser


@pytest.fixture
def flow(browser: Client) -> Flow:
    return Flow(browser, make_key())


@pytest.fixture
def confidential(browser: Client) -> Flow:
    return Flow(browser, confidential_key())


@pytest.mark.parametrize("verifier", ["x" * 43, "y" * 128, "z"])
def test_a_verifier_without_a_challenge_is_a_downgrade(confidential: Flow, verifier: str) -> None:
    code = confidential.code(**NO_CHALLENGE)
    answer = confidential.exchange(code, client_secret=SECRET, code_verifier=verifier)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not AccessToken.objects.exists()


def test_a_public_client_cannot_be_downgraded_either(flow: Flow) -> None:
    code = flow.code()
    Grant.objects.update(code_challenge="", code_challenge_method="")
    assert flow.exchange(code).json()["error"] == "invalid_grant"
    assert flow.exchange(code, code_verifier=None).status_code == 400
    assert not AccessToken.objects.exists()


def test_a_confidential_client_may_use_pkce(confidential: Flow) -> None:
    code = confidential.code()
    assert confidential.exchange(code, client_secret=SECRET, code_verifier=None).status_code == 400
    assert confidential.exchange(code, client_secret=SECRET).status_code == 200


def test_an_empty_verifier_counts_as_none(confidential: Flow) -> None:
    """RFC 6749, section 3.2: parameters without a value are treated as if they were omitted."""
    code = confidential.code(**NO_CHALLENGE)
    assert confidential.exchange(code, client_secret=SECRET, code_verifier="").status_code == 200


def test_nothing_of_a_code_is_kept(flow: Flow) -> None:
    code = flow.code()
    assert code not in str(vars(Grant.objects.get()))
    assert flow.exchange(code).status_code == 200


def test_what_is_kept_of_a_code_is_no_code(flow: Flow) -> None:
    flow.code()
    kept = Grant.objects.get().code
    for stolen in (kept, kept.partition("$")[2]):
        assert flow.exchange(stolen).json()["error"] == "invalid_grant"


def test_a_code_of_the_version_before_still_works(confidential: Flow, penny: User) -> None:
    Grant.objects.create(
        user=penny,
        code="of-the-version-before",
        application=confidential.key,
        expires=timezone.now() + timedelta(minutes=10),
        redirect_uri=REDIRECT,
    )
    exchange = {"client_secret": SECRET, "code_verifier": None}
    assert confidential.exchange("of-the-version-before", **exchange).status_code == 200
    assert confidential.exchange("of-the-version-before", **exchange).json()["error"] == "invalid_grant"


def test_nobody_consents_while_acting(flow: Flow, penny: User) -> None:
    admin = make_site_admin()
    flow.browser.force_login(admin)
    page = flow.ask()
    fields = flow.query | {"allow": "true"}
    flow.browser.post(f"/users/{penny.pk}/act")
    assert flow.ask().status_code == 403
    assert flow.browser.post("/login/oauth2/auth", fields).status_code == 403
    assert not Grant.objects.exists()
    flow.browser.post("/stop-acting")
    assert (page.status_code, flow.ask().status_code) == (200, 200)


def test_nobody_keeps_a_client_out_by_wrong_secrets(confidential: Flow, settings: Settings) -> None:
    settings.OPEN_REQUESTS_PER_MINUTE = 3
    buckets.buckets_at.cache_clear()
    form = {"client_id": confidential.key.client_id, "client_secret": "wrong", "code": "guessed"}
    for number in range(9):
        answer = Client(REMOTE_ADDR=f"192.0.2.{number}").post("/login/oauth2/token", form)
        assert answer.json()["error"] == "invalid_client"
    code = confidential.code(**NO_CHALLENGE)
    exchange = {"client_secret": SECRET, "code_verifier": None}
    assert confidential.exchange(code, **exchange).status_code == 200


def test_the_scheme_of_a_clients_credentials_is_read_in_any_case(confidential: Flow) -> None:
    credentials = b64encode(f"{confidential.key.client_id}:{SECRET}".encode()).decode()
    form = {"code": confidential.code(**NO_CHALLENGE), "redirect_uri": REDIRECT}
    answer = Client().post("/login/oauth2/token", form, headers={"authorization": f"basic {credentials}"})
    assert answer.json()["token_type"] == "Bearer"


def test_a_repeated_refresh_is_answered_with_the_same_token(flow: Flow) -> None:
    first = flow.refresh(flow.token()["refresh_token"]).json()
    again = flow.refresh(first["refresh_token"]).json()
    assert again["access_token"] == first["access_token"]
    assert 3590 < again["expires_in"] <= 3600
    assert call(again["access_token"]).status_code == 200


def test_a_refresh_much_later_is_not_a_repeated_one(flow: Flow) -> None:
    first = flow.refresh(flow.token()["refresh_token"]).json()
    AccessToken.objects.update(updated=timezone.now() - 2 * validator.REPEATED_FOR)
    later = flow.refresh(first["refresh_token"]).json()
    assert later["access_token"] != first["access_token"]
    assert call(first["access_token"]).status_code == 401
    assert call(later["access_token"]).status_code == 200


def test_a_refresh_for_fewer_scopes_is_not_a_repeated_one(browser: Client) -> None:
    flow = Flow(browser, make_key(require_scopes=True, scopes=[LIST, CREATE]))
    wide = flow.refresh(flow.token(scope=f"{LIST} {CREATE}")["refresh_token"]).json()
    narrow = flow.refresh(wide["refresh_token"], scope=LIST).json()
    assert narrow["scope"] == LIST
    assert call(narrow["access_token"], method="post").status_code == 401


@pytest.mark.parametrize("again", [f"{CREATE} {LIST}", f"{LIST} {CREATE} {LIST}"])
def test_a_refresh_for_the_same_scopes_is_a_repeated_one(browser: Client, again: str) -> None:
    flow = Flow(browser, make_key(require_scopes=True, scopes=[LIST, CREATE]))
    first = flow.refresh(flow.token(scope=f"{LIST} {CREATE}")["refresh_token"]).json()
    assert flow.refresh(first["refresh_token"], scope=again).json()["access_token"] == first["access_token"]


def test_a_revoked_token_is_not_answered_again(flow: Flow) -> None:
    token = flow.refresh(flow.token()["refresh_token"]).json()
    headers = {"authorization": f"Bearer {token['access_token']}"}
    assert Client().delete("/login/oauth2/token", headers=headers).status_code == 200
    assert flow.refresh(token["refresh_token"]).json()["error"] == "invalid_grant"


def at_once(count: int, ask: Any) -> list[requests.Response]:
    barrier = Barrier(count, timeout=30)

    def wait_and_ask(_: int) -> requests.Response:
        barrier.wait()
        answer: requests.Response = ask()
        return answer

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(wait_and_ask, range(count)))


@pytest.mark.django_db(transaction=True)
def test_of_refreshes_at_once_each_brings_a_token_that_works(server: LiveServer) -> None:
    browser = Client()
    browser.force_login(make_user())
    flow = Flow(browser, make_key())
    token = flow.token()
    form = {"grant_type": "refresh_token", "client_id": flow.key.client_id}
    form |= {"refresh_token": token["refresh_token"]}
    url = f"http://{server.host}:{server.port}"

    answers = at_once(8, lambda: requests.post(f"{url}/login/oauth2/token", form, timeout=60))

    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert requests.get(server.channels(), headers=headers, timeout=60).status_code == 200
    old = {"Authorization": f"Bearer {token['access_token']}"}
    assert requests.get(server.channels(), headers=old, timeout=60).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_exchanges_at_once_one_is_answered(server: LiveServer) -> None:
    browser = Client()
    browser.force_login(make_user())
    flow = Flow(browser, make_key())
    form = {"client_id": flow.key.client_id, "redirect_uri": REDIRECT, "code_verifier": flow.verifier}
    form |= {"code": flow.code()}
    url = f"http://{server.host}:{server.port}/login/oauth2/token"
    answers = at_once(6, lambda: requests.post(url, form, timeout=60))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 5]


def described(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 400
    return answer.json()["error"], answer.json()["error_description"]


def test_a_known_client_is_told_what_was_wrong(flow: Flow) -> None:
    other = make_key(redirect_uris=REDIRECT)
    code = flow.code()
    wrong_code = ("invalid_grant", validator.CODE_REFUSED)
    assert described(flow.exchange("nonsense")) == wrong_code
    assert described(flow.exchange(code, client_id=other.client_id)) == wrong_code
    assert described(flow.exchange(code, code_verifier="x" * 64)) == (
        "invalid_grant",
        validator.VERIFIER_REFUSED,
    )
    wrong_redirect = ("invalid_grant", validator.REDIRECT_REFUSED)
    for uri in ("https://client.example/other", "https://client.example:99999/"):
        assert described(flow.exchange(code, redirect_uri=uri)) == wrong_redirect
    assert flow.exchange(code).status_code == 200
    assert described(flow.exchange(code)) == wrong_code  # used
    assert described(flow.refresh("nonsense")) == ("invalid_grant", validator.REFRESH_REFUSED)


def test_an_unknown_client_is_told_nothing_of_a_code(confidential: Flow) -> None:
    code = confidential.code(**NO_CHALLENGE)
    for tried in (code, "nonsense"):
        answer = confidential.exchange(tried, client_secret="wrong", code_verifier=None)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert "code" not in answer.json().get("error_description", "")


def test_a_verifier_that_was_not_asked_for_is_named(confidential: Flow) -> None:
    code = confidential.code(**NO_CHALLENGE)
    answer = confidential.exchange(code, client_secret=SECRET, code_verifier="x" * 43)
    assert described(answer) == ("invalid_grant", validator.VERIFIER_UNASKED)
