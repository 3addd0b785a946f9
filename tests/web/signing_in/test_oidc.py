"""Signing in by an institution's OpenID Connect provider, a real one."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from pytest_django import Settings

from canvas_channels.core.identity.models import Login, User
from canvas_channels.core.identity.signing_in import oidc
from canvas_channels.core.middleware import buckets
from tests.factories import NO_ID, default_account, make_account, make_user
from tests.live import free_port
from tests.provider import LOGIN, press, provider
from tests.responses import ClientResponse

__all__ = ["provider"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _institution(provider: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "*")
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = provider, "us", "secret"
    settings.OIDC_LOGIN_CLAIM = "preferred_username"
    oidc.client.cache_clear()
    yield
    oidc.client.cache_clear()


@pytest.fixture
def penny() -> User:
    return make_user("Penny", login=LOGIN.upper())


def begin(browser: Client, next_: str = "") -> str:
    """The provider's page that the browser is sent to."""
    answer = browser.get("/login/oidc", {"next": next_})
    assert answer.status_code == 302, answer.text
    return str(answer["Location"])


def come_back(browser: Client, location: str) -> ClientResponse:
    parts = urlsplit(location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://channels.example.com/login/oidc/callback"
    return browser.get(f"{parts.path}?{parts.query}")


def sign_in(browser: Client, sub: str = "p-1", next_: str = "") -> ClientResponse:
    return come_back(browser, press(begin(browser, next_), sub=sub))


def is_signed_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def test_a_known_person_is_signed_in(client: Client, penny: User) -> None:
    answer = sign_in(client, next_="/password")
    assert (answer.status_code, answer["Location"]) == (302, "/password")
    assert client.session["_auth_user_id"] == str(penny.pk)


def test_a_school_behind_one_address_signs_in(penny: User, settings: Settings) -> None:
    buckets.buckets_at.cache_clear()
    settings.OPEN_REQUESTS_PER_MINUTE = 3
    for _ in range(8):
        assert sign_in(Client()).status_code == 302
    for _ in range(3):
        begin(Client())
    assert Client().get("/login/oidc").status_code == 429


def test_the_request_is_bound_to_this_browser(client: Client) -> None:
    query = parse_qs(urlsplit(begin(client)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert all(query[name][0] for name in ("state", "nonce", "code_challenge"))


def test_the_session_gets_a_new_key(client: Client, penny: User) -> None:
    url = begin(client)
    before = client.session.session_key
    come_back(client, press(url, sub="p-1"))
    assert client.session.session_key != before


def test_it_leads_to_no_other_host(client: Client, penny: User) -> None:
    assert sign_in(client, next_="https://evil.example/")["Location"] == "/"


def test_nobody_is_made_silently(client: Client) -> None:
    default_account()
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "no account here" in answer.text
    assert not is_signed_in(client)
    assert not User.objects.exists()


def test_a_setting_has_people_added(client: Client, settings: Settings) -> None:
    default_account()
    settings.OIDC_CREATE_USERS = True
    assert sign_in(client).status_code == 302
    login = Login.objects.select_related("user").get()
    assert (login.unique_id, login.user.name, login.user.has_usable_password()) == (LOGIN, "Penny", False)
    sign_in(Client())
    assert User.objects.count() == 1


def test_logins_of_another_account_do_not_count(client: Client, settings: Settings) -> None:
    default_account()
    other = make_account("Cheesecake")
    make_user("Penny", other, login=LOGIN)
    assert sign_in(client).status_code == 403
    settings.OIDC_ACCOUNT = other.pk
    assert sign_in(client).status_code == 302


def test_an_account_that_is_not_there(client: Client, penny: User, settings: Settings) -> None:
    settings.OIDC_ACCOUNT = int(NO_ID)
    assert sign_in(client).status_code == 403


def test_a_deactivated_person_is_refused(client: Client, penny: User) -> None:
    User.objects.update(workflow_state="deactivated")
    assert sign_in(client).status_code == 403


@pytest.mark.parametrize(("sub", "status"), [("p-1", 302), ("p-2", 403)])
def test_an_address_counts_only_where_it_is_verified(
    client: Client, penny: User, settings: Settings, sub: str, status: int
) -> None:
    settings.OIDC_LOGIN_CLAIM = "email"
    assert sign_in(client, sub).status_code == status


def test_a_person_without_the_claim_is_refused(client: Client, penny: User) -> None:
    assert sign_in(client, "p-2").status_code == 403


def test_a_person_may_say_no(client: Client, penny: User) -> None:
    answer = come_back(client, press(begin(client), action="deny"))
    assert answer.status_code == 400
    assert "did not work" in answer.text


def test_another_browsers_answer_is_refused(client: Client, penny: User) -> None:
    location = press(begin(Client()), sub="p-1")
    assert come_back(client, location).status_code == 400
    assert not is_signed_in(client)


def test_an_answer_counts_once(client: Client, penny: User) -> None:
    location = press(begin(client), sub="p-1")
    come_back(client, location)
    client.logout()
    assert come_back(client, location).status_code == 400


@pytest.mark.parametrize("query", ["", "code=x", "state=x", "code=x&state=y", "state=%00"])
def test_nonsense_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/login/oidc/callback?{query}").status_code == 400


def test_another_issuers_word_is_worth_nothing(client: Client, penny: User, settings: Settings) -> None:
    url = begin(client)
    settings.OIDC_ISSUER += "/"
    assert come_back(client, press(url, sub="p-1")).status_code == 400


def test_a_provider_that_is_down_has_a_page(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = f"http://127.0.0.1:{free_port()}"
    answer = client.get("/login/oidc")
    assert answer.status_code == 502
    assert "did not work" in answer.text


def test_a_provider_that_hangs_does_not_hang_us(client: Client, settings: Settings) -> None:
    settings.OIDC_TIMEOUT = 0.2
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.OIDC_ISSUER = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert client.get("/login/oidc").status_code == 502


@pytest.mark.parametrize("path", ["/login/oidc", "/login/oidc/callback"])
def test_without_a_provider_there_is_nothing(client: Client, settings: Settings, path: str) -> None:
    settings.OIDC_ISSUER = ""
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("claims", [{"sub": 5}, {"sub": ""}, {"sub": "x" * 256}, {"sub": "a\x00"}, {}])
def test_a_claim_that_is_no_login_is_refused(settings: Settings, claims: dict[str, object]) -> None:
    settings.OIDC_LOGIN_CLAIM, settings.OIDC_CREATE_USERS = "sub", True
    default_account()
    with pytest.raises(oidc.NoSuchPerson):
        oidc.person(claims)


class AtTheSameTime(dict[str, Any]):
    """The claims of somebody whom another window adds just before this one."""

    def get(self, name: str, default: Any = None) -> Any:
        if name == "name":
            make_user("Penny", login=LOGIN.upper())
        return super().get(name, default)


class TestTwoWindows:
    @pytest.fixture(autouse=True)
    def _anybody_comes_in(self, settings: Settings) -> None:
        default_account()
        settings.OIDC_CREATE_USERS = True

    def test_the_same_person_is_added_once(self) -> None:
        found = oidc.person(AtTheSameTime({"preferred_username": LOGIN}))
        assert found == Login.objects.get().user == User.objects.get()

    def test_another_refusal_of_the_database_is_an_error(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE identity_login ADD CONSTRAINT broken CHECK (unique_id = upper(unique_id))"
            )
        with pytest.raises(IntegrityError, match="broken"):
            oidc.person(AtTheSameTime({"preferred_username": LOGIN}))
