"""OAuth 2 at Canvas's paths: consent, codes, tokens, refreshing, revoking; and every refusal."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant, RefreshToken
from pytest_django import Settings

from canvas_channels.core.identity.models import DeveloperKey, User
from canvas_channels.core.identity.oauth.scope_words import words_of
from canvas_channels.core.identity.oauth.scopes import all_scopes
from canvas_channels.core.identity.oauth.validator import refreshed
from canvas_channels.core.identity.pruning import prune
from canvas_channels.core.middleware import buckets
from channels_api.models import PushDevice
from tests.factories import APNS_ARN, make_key, make_token, make_user
from tests.oauth import CHANNELS, CREATE, LIST, REDIRECT, SECRET, Flow, call, confidential_key, result

pytestmark = pytest.mark.django_db


@pytest.fixture
def penny() -> User:
    return make_user("Penny Hofstadter")


@pytest.fixture
def browser(penny: User) -> Client:
    browser = Client()
    browser.force_login(penny)
    return browser


@pytest.fixture
def flow(browser: Client) -> Flow:
    return Flow(browser, make_key(name="Student app"))


def test_a_public_client_gets_a_token_in_canvas_shape(flow: Flow, penny: User) -> None:
    answer = flow.exchange(flow.code())
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer["Cache-Control"] == "no-store"
    token = answer.json()
    assert set(token) == {"access_token", "token_type", "user", "refresh_token", "expires_in"}
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3600
    assert token["user"] == {"id": penny.pk, "name": "Penny Hofstadter"}
    assert call(token["access_token"]).json() == []


def test_nothing_of_the_tokens_is_kept(flow: Flow) -> None:
    token = flow.token()
    kept = AccessToken.objects.get(), RefreshToken.objects.get()
    assert [row.token for row in kept] == ["", ""]
    assert token["access_token"] not in str([vars(row) for row in kept])


def test_the_page_names_app_person_and_institution(flow: Flow) -> None:
    page = flow.ask()
    assert page.status_code == 200
    assert all(text in page.text for text in ("Student app", "Penny Hofstadter", "Default", "everything"))
    assert "form-action 'self' https://client.example;" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    assert page["X-Frame-Options"] == "DENY"


def test_the_page_says_scopes_in_words(browser: Client) -> None:
    flow = Flow(browser, make_key(require_scopes=True, scopes=[LIST, CREATE]))
    page = flow.ask(scope=LIST).text
    assert "See the email addresses, phone numbers and devices" in page
    assert "Add an email address" not in page
    assert "everything" not in page


def test_the_page_says_nothing_twice(browser: Client) -> None:
    delete = "url:DELETE|/api/v1/users/:user_id/communication_channels"
    scopes = [f"{delete}/:id", f"{delete}/:type/:address"]
    page = Flow(browser, make_key(require_scopes=True, scopes=scopes)).ask(scope=" ".join(scopes))
    assert page.text.count("Remove one of your email addresses") == 1


def test_every_scope_has_words() -> None:
    assert [scope for scope in all_scopes() if str(words_of(scope)).endswith(scope.partition("|")[2])] == []


def test_a_scope_without_words_shows_method_and_path() -> None:
    assert words_of("url:GET|/api/v1/new") == "GET /api/v1/new"


def test_asking_needs_a_session(flow: Flow) -> None:
    flow.browser.logout()
    answer = flow.ask()
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=/login/oauth2/auth%3F")
    assert "xyzzy" in answer["Location"]


def test_asking_gives_no_code(flow: Flow) -> None:
    flow.ask()
    assert not Grant.objects.exists()


def test_consent_needs_the_pages_own_token(flow: Flow, penny: User) -> None:
    flow.browser = Client(enforce_csrf_checks=True)
    flow.browser.force_login(penny)
    assert flow.browser.post("/login/oauth2/auth", flow.query | {"allow": "true"}).status_code == 403


def test_the_state_comes_back(flow: Flow) -> None:
    answer = flow.answer()
    assert answer["Location"].startswith(REDIRECT + "?")
    assert set(result(answer)) == {"code", "state"}
    assert result(answer)["state"] == "xyzzy"


def test_refusing_consent(flow: Flow) -> None:
    answer = result(flow.answer(allow=False))
    assert (answer["error"], answer["state"]) == ("access_denied", "xyzzy")
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "redirect_uri",
    [
        REDIRECT + "/",
        REDIRECT + "?x=1",
        REDIRECT + "#x",
        "http://client.example/callback",
        "https://evil.example/callback",
        "https://client.example.evil.example/callback",
        "https://client.example:8443/callback",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_uri_must_be_exact(flow: Flow, redirect_uri: str) -> None:
    page = flow.ask(redirect_uri=redirect_uri)
    assert page.status_code == 400
    assert "invalid_request" in page.text
    assert "Location" not in page


def test_an_unknown_client_is_told_on_a_page(flow: Flow) -> None:
    page = flow.ask(client_id="nobody")
    assert page.status_code == 400
    assert "invalid_request" in page.text


def test_a_key_that_was_switched_off_signs_nobody_in(flow: Flow) -> None:
    code = flow.code()
    DeveloperKey.objects.update(workflow_state="inactive")
    assert flow.ask().status_code == 400
    assert flow.exchange(code).json()["error"] == "invalid_client"


def test_null_characters_are_no_fault(flow: Flow) -> None:
    assert flow.ask(state="a\x00b").status_code == 400
    assert flow.exchange("a\x00b").json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "url:GET|/api/v1/nonsense"}, "invalid_scope"),
    ],
)
def test_a_wrong_request_goes_back_to_the_client(flow: Flow, changes: dict[str, str], error: str) -> None:
    answer = flow.ask(**changes)
    assert (result(answer)["error"], result(answer)["state"]) == (error, "xyzzy")
    assert not Grant.objects.exists()


@pytest.mark.parametrize("scope", [None, "", "url:DELETE|/api/v1/users/:user_id/communication_channels/:id"])
def test_a_key_that_requires_scopes_must_be_asked_for_its_own(browser: Client, scope: str | None) -> None:
    flow = Flow(browser, make_key(require_scopes=True, scopes=[LIST]))
    assert result(flow.ask(scope=scope))["error"] == "invalid_scope"


def test_a_scope_of_an_endpoint_that_is_gone_is_none(browser: Client) -> None:
    gone = "url:GET|/api/v1/gone"
    flow = Flow(browser, make_key(require_scopes=True, scopes=[LIST, gone]))
    assert result(flow.ask(scope=gone))["error"] == "invalid_scope"


def test_a_token_reaches_only_what_was_consented_to(browser: Client) -> None:
    flow = Flow(browser, make_key(require_scopes=True, scopes=[LIST, CREATE]))
    token = flow.token(scope=LIST)
    assert token["scope"] == LIST
    assert call(token["access_token"]).status_code == 200
    refused = call(token["access_token"], method="post")
    assert refused.json()["errors"][0]["message"] == "Insufficient scopes on access token."


def test_a_code_works_once(flow: Flow) -> None:
    code = flow.code()
    assert flow.exchange(code).status_code == 200
    again = flow.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_ends(flow: Flow) -> None:
    code = flow.code()
    Grant.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert flow.exchange(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 64}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": "https://client.example/other"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_exchange_is_refused(flow: Flow, changes: dict[str, str | None], error: str) -> None:
    answer = flow.exchange(flow.code(), **changes)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error
    assert answer["Content-Type"] == "application/json"
    assert not AccessToken.objects.exists()


def test_another_clients_code_is_refused(flow: Flow) -> None:
    other = make_key(redirect_uris=REDIRECT)
    assert flow.exchange(flow.code(), client_id=other.client_id).json()["error"] == "invalid_grant"


def test_a_confidential_client_needs_its_secret_and_no_pkce(browser: Client) -> None:
    flow = Flow(browser, confidential_key())
    code = flow.code(code_challenge=None, code_challenge_method=None)
    bare = {"code_verifier": None}
    assert flow.exchange(code, **bare).json()["error"] == "invalid_client"
    assert flow.exchange(code, client_secret="wrong", **bare).json()["error"] == "invalid_client"
    assert flow.exchange(code, client_secret=SECRET, **bare).status_code == 200


def test_an_older_app_sends_no_grant_type(flow: Flow) -> None:
    assert flow.exchange(flow.code(), grant_type=None).status_code == 200


@pytest.mark.parametrize("shape", ["json", "query"])
def test_apps_send_the_exchange_as_json_or_in_the_query(flow: Flow, shape: str) -> None:
    params = {
        "client_id": flow.key.client_id,
        "code": flow.code(),
        "code_verifier": flow.verifier,
        "redirect_uri": REDIRECT,
    }
    client = Client()
    if shape == "json":
        answer = client.post("/login/oauth2/token", params, "application/json")
    else:
        answer = client.post("/login/oauth2/token", query_params=params)
    assert answer.json()["token_type"] == "Bearer"


def test_a_body_that_cannot_be_read_is_an_oauth_error() -> None:
    answer = Client().post("/login/oauth2/token", "{", "application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_other_methods_are_refused(flow: Flow) -> None:
    assert Client().get("/login/oauth2/token").status_code == 405
    assert Client().put("/login/oauth2/token").status_code == 405


def test_refreshing_changes_the_token_and_keeps_the_refresh_token(flow: Flow, penny: User) -> None:
    old = flow.token()
    new = flow.refresh(old["refresh_token"]).json()
    assert new["refresh_token"] == old["refresh_token"]
    assert new["user"]["id"] == penny.pk
    assert call(new["access_token"]).status_code == 200
    assert call(old["access_token"]).status_code == 401
    assert AccessToken.objects.count() == 1


def test_apps_behind_one_address_refresh_as_often_as_they_must(flow: Flow, settings: Settings) -> None:
    buckets.buckets_at.cache_clear()
    settings.OPEN_REQUESTS_PER_MINUTE = 4
    first = flow.token()
    assert [flow.refresh(first["refresh_token"]).status_code for _ in range(12)] == [200] * 12
    refused = [flow.refresh(f"made up {number}") for number in range(5)]
    assert [answer.status_code for answer in refused] == [400] * 4 + [429]
    assert refused[-1].text == "429 Too Many Requests (Rate Limit Exceeded)"


def test_refreshing_works_long_after_the_tokens_end(flow: Flow) -> None:
    token = flow.token()
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=90))
    prune()
    assert flow.refresh(token["refresh_token"]).status_code == 200


def test_another_clients_refresh_token_is_refused(flow: Flow) -> None:
    token = flow.token()
    answer = flow.refresh(token["refresh_token"], client_id=make_key().client_id)
    assert answer.json()["error"] == "invalid_grant"


def test_a_deactivated_user_gets_nothing(flow: Flow) -> None:
    code, token = flow.code(), flow.token()
    User.objects.update(workflow_state="deactivated")
    assert flow.exchange(code).json()["error"] == "invalid_grant"
    assert flow.refresh(token["refresh_token"]).json()["error"] == "invalid_grant"
    assert call(token["access_token"]).status_code == 401
    assert flow.ask()["Location"].startswith("/login?")


def revoke(token: str, **data: str) -> object:
    return Client().delete(
        "/login/oauth2/token", query_params=data, headers={"authorization": f"Bearer {token}"}
    )


def test_revoking(flow: Flow) -> None:
    token = flow.token()
    answer = revoke(token["access_token"])
    assert (answer.status_code, answer.json()) == (200, {})  # type: ignore[attr-defined]
    assert call(token["access_token"]).status_code == 401
    assert flow.refresh(token["refresh_token"]).json()["error"] == "invalid_grant"
    assert "Penny" in flow.browser.get("/", follow=True).text


def test_revoking_may_end_all_sessions(flow: Flow) -> None:
    revoke(flow.token()["access_token"], expire_sessions="1")
    assert "Penny" not in flow.browser.get("/", follow=True).text


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nonsense"}])
def test_revoking_needs_a_token(browser: Client, headers: dict[str, str]) -> None:
    answer = browser.delete("/login/oauth2/token", headers=headers)
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer


def test_a_device_outlives_a_refreshed_token_but_not_the_last_one(browser: Client) -> None:
    flow = Flow(browser, make_key(sns_arn=APNS_ARN))
    old = flow.token()
    device = {"communication_channel[type]": "push", "communication_channel[token]": "ab" * 32}
    assert call(old["access_token"], method="post", **device).status_code == 200
    new = flow.refresh(old["refresh_token"]).json()
    assert PushDevice.objects.get().workflow_state == "pending"
    revoke(new["access_token"])
    assert PushDevice.objects.get().workflow_state == "removed"


def test_a_mobile_apps_own_scheme(browser: Client) -> None:
    uri = "org.example.student:/oauth"
    flow = Flow(browser, make_key(redirect_uris=uri), uri)
    assert "form-action 'self' org.example.student:;" in flow.ask()["Content-Security-Policy"]
    assert flow.answer()["Location"].startswith(uri + "?code=")


def test_a_loopback_redirect_may_have_any_port(browser: Client) -> None:
    flow = Flow(
        browser, make_key(redirect_uris="http://127.0.0.1/callback"), "http://127.0.0.1:4711/callback"
    )
    assert flow.answer()["Location"].startswith("http://127.0.0.1:4711/callback?code=")


def test_a_scheme_that_a_browser_would_run_is_no_redirect() -> None:
    key = make_key(redirect_uris="javascript:alert(1)")
    assert "javascript" not in key.get_allowed_schemes()


def test_pruning_forgets_what_ended(flow: Flow, penny: User) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    flow.code()
    make_token(penny, expires=long_ago)
    recent = make_token(penny, expires=timezone.now() - timedelta(days=1))
    revoke(flow.token()["access_token"])
    RefreshToken.objects.update(revoked=long_ago)
    Grant.objects.update(expires=long_ago)
    prune()
    assert not Grant.objects.exists()
    assert not RefreshToken.objects.exists()
    assert AccessToken.objects.count() == 1
    assert call(recent, CHANNELS).json()["errors"][0]["message"] == "Expired access token."


def test_versions_that_run_at_once_exchange_a_refresh_token_for_the_same(settings: Settings) -> None:
    settings.SECRET_KEY = "the same"
    assert refreshed("a token", datetime(2026, 1, 1, tzinfo=UTC)).startswith("81fa4bf1994a330b")
