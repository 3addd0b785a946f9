"""Only signing in gives a token, and only superusers say where codes go and where people are looked up."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from oauth2_provider.models import AccessToken, Grant, RefreshToken
from pytest_django import Settings

from canvas_channels.core.identity.models import Account, DeveloperKey, Login, User
from canvas_channels.core.identity.signing_in import oidc
from tests.api.rights import CALLERS, POWERFUL, STAFF, TARGETS, staff_browser
from tests.factories import default_account, make_account, make_key, make_token, make_user
from tests.oauth import Flow

pytestmark = pytest.mark.django_db


class TestTokens:
    """Who has a token acts as its user: only signing in makes one, and the operator's command."""

    @pytest.mark.parametrize("model", [AccessToken, RefreshToken, Grant])
    @pytest.mark.parametrize("caller", STAFF)
    def test_djangos_admin_makes_none_and_changes_none(self, caller: str, model: Any) -> None:
        boss, other = make_user("Boss", is_superuser=True), make_user()
        make_token(other)
        kept = AccessToken.objects.get()
        form = {
            **{"user": str(boss.pk), "application": str(kept.application_id), "token": "known", "scope": ""},
            **{"code": "known", "expires_0": "2099-01-01", "expires_1": "00:00", "redirect_uri": "https://x"},
            "token_checksum": "0" * 64,
        }
        browser, page = staff_browser(caller), f"/admin/oauth2_provider/{model.__name__.lower()}"
        assert browser.post(f"{page}/add/", form).status_code == 403
        if model is AccessToken:
            assert browser.post(f"{page}/{kept.pk}/change/", form).status_code == 403
        assert not model.objects.filter(user=boss).exists()

    def test_no_page_takes_a_secret(self) -> None:
        secrets = {"token", "token_checksum", "code", "client_secret", "hash_client_secret", "password"}
        superuser = STAFF["superuser"]()
        for page in admin.site._registry.values():
            shown = page.get_fields(type("Request", (), {"user": superuser, "GET": {}})())
            assert secrets.isdisjoint(map(str, shown)), page

    @pytest.mark.parametrize("target", TARGETS)
    @pytest.mark.parametrize("caller", CALLERS)
    def test_consent_is_ones_own(self, caller: str, target: str, client: Client) -> None:
        user, by = TARGETS[target](), CALLERS[caller]()
        client.force_login(by)
        flow = Flow(client, make_key())
        for page in (f"/login/oauth2/auth?as_user_id={user.pk}", "/login/oauth2/auth"):
            client.post(page, flow.query | {"allow": "true", "as_user_id": str(user.pk)})
        assert set(Grant.objects.values_list("user", flat=True)) == {by.pk}
        Grant.objects.all().delete()
        client.post(f"/users/{user.pk}/act")
        client.post("/login/oauth2/auth", flow.query | {"allow": "true"})
        assert not Grant.objects.filter(user=user).exists()


class TestDeveloperKeys:
    """The codes of all people go to a key's redirect URIs, and tokens reach what it asks for."""

    EVIL: dict[str, str] = {  # noqa: RUF012
        **{"name": "Canvas", "redirect_uris": "https://evil.example/", "sns_arn": ""},
        **{"workflow_state": "active", "client_type": "confidential", "client_id": "mine"},
        **{"client_secret": "known", "skip_authorization": "on", "user": "1"},
    }
    KEPT = ("name", "redirect_uris", "require_scopes", "scopes", "client_id", "client_type", "client_secret")

    @pytest.mark.parametrize("caller", [caller for caller in STAFF if caller != "superuser"])
    @pytest.mark.parametrize("redirect_uris", ["https://client.example/callback", ""])
    def test_only_superusers_say_where_codes_go(self, caller: str, redirect_uris: str) -> None:
        scope = "url:GET|/api/v1/users/:user_id"
        key = make_key(redirect_uris=redirect_uris, require_scopes=True, scopes=[scope])
        before = DeveloperKey.objects.values(*self.KEPT, "skip_authorization", "user").get(pk=key.pk)
        browser, page = staff_browser(caller), "/admin/identity/developerkey"
        form = self.EVIL | {"sns_arn": "arn:aws:sns:us-east-1:123456789012:app/GCM/Student"}
        assert browser.post(f"{page}/{key.pk}/change/", form).status_code == 302
        changed = DeveloperKey.objects.values(*self.KEPT, "skip_authorization", "user").get(pk=key.pk)
        assert changed == before
        assert DeveloperKey.objects.get(pk=key.pk).sns_platform == "GCM"
        assert browser.post(f"{page}/add/", self.EVIL).status_code == 403
        assert DeveloperKey.objects.count() == 1

    def test_a_superuser_does(self) -> None:
        key = make_key(require_scopes=True)
        page = f"/admin/identity/developerkey/{key.pk}/change/"
        assert staff_browser("superuser").post(page, self.EVIL).status_code == 302
        key.refresh_from_db()
        assert (key.name, key.redirect_uris) == ("Canvas", "https://evil.example/")
        assert not key.require_scopes

    @pytest.mark.parametrize(
        ("caller", "state"), [("staff and site admin", "inactive"), ("superuser", "active")]
    )
    def test_others_end_a_key_and_revive_none(self, caller: str, state: str) -> None:
        key, browser = make_key(), staff_browser(caller)
        for wanted in ("inactive", "active"):
            form = {"name": key.name, "redirect_uris": key.redirect_uris, "workflow_state": wanted}
            browser.post(f"/admin/identity/developerkey/{key.pk}/change/", form)
        key.refresh_from_db()
        assert key.workflow_state == state


@pytest.mark.parametrize("target", POWERFUL)
class TestSigningInByAProvider:
    """The provider's word for a name is that of whose login it is: nobody makes it their own."""

    LOGIN = "root@example.edu"

    @pytest.fixture(autouse=True)
    def user(self, target: str, settings: Settings) -> User:
        settings.OIDC_LOGIN_CLAIM = "preferred_username"
        user = POWERFUL[target]()
        user.logins.filter(account=default_account()).update(unique_id=self.LOGIN)
        return user

    def who(self, name: str) -> User:
        return oidc.person({"preferred_username": name, "sub": "1"})

    @pytest.mark.parametrize("caller", CALLERS)
    @pytest.mark.parametrize("spelling", [LOGIN, LOGIN.upper(), f" {LOGIN} "])
    def test_no_new_user_takes_the_name(self, caller: str, spelling: str, user: User, as_user: Any) -> None:
        wanted = {"user": {"name": "X"}, "pseudonym": {"unique_id": spelling}}
        path = f"/accounts/{default_account().pk}/users"
        answer = as_user(CALLERS[caller]()).call("POST", path, json=wanted)
        assert answer.status_code in {400, 403}
        assert self.who(self.LOGIN) == self.who(self.LOGIN.upper()) == user

    @pytest.mark.parametrize("caller", STAFF)
    def test_no_other_user_takes_the_login(self, caller: str, user: User) -> None:
        browser, other = staff_browser(caller), make_user()
        mine, theirs = other.logins.get(), user.logins.get(unique_id=self.LOGIN)
        before = set(Login.objects.values_list("pk", "user", "unique_id"))
        for login, name in ((mine, self.LOGIN.upper()), (theirs, "taken"), (theirs, self.LOGIN)):
            form = {
                **{"name": "X", "workflow_state": "registered", "home_account": str(other.home_account_id)},
                **{"logins-TOTAL_FORMS": "1", "logins-INITIAL_FORMS": "1", "logins-0-id": str(login.pk)},
                **{"logins-0-user": str(other.pk), "logins-0-account": str(default_account().pk)},
                **{"logins-0-unique_id": name, "administered-TOTAL_FORMS": "0"},
                "administered-INITIAL_FORMS": "0",
            }
            browser.post(f"/admin/identity/user/{other.pk}/change/", form)
            assert set(Login.objects.values_list("pk", "user", "unique_id")) == before
        assert self.who(self.LOGIN) == user

    @pytest.mark.parametrize("caller", STAFF)
    def test_only_a_superuser_says_in_which_account_names_are_looked_up(
        self, caller: str, user: User
    ) -> None:
        """Somebody who is called so elsewhere would come in as their namesake here."""
        elsewhere, default = make_account("Elsewhere"), default_account()
        browser = staff_browser(caller)
        form = {
            **{"name": "X", "region": "US", "locale": "en"},
            **{"admins-TOTAL_FORMS": "0", "admins-INITIAL_FORMS": "0"},
        }
        browser.post(f"/admin/identity/account/{default.pk}/change/", form)
        browser.post(f"/admin/identity/account/{elsewhere.pk}/change/", form | {"is_default": "on"})
        is_allowed = caller == "superuser"
        assert Account.objects.get(is_default=True) == (elsewhere if is_allowed else default)
        if not is_allowed:
            assert self.who(self.LOGIN) == user
            Account.objects.filter(pk=default.pk).update(is_default=False)
            assert (
                browser.post("/admin/identity/account/add/", form | {"is_default": "on"}).status_code == 302
            )
            assert not Account.objects.filter(is_default=True).exists()
