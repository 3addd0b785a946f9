"""Nobody changes who can sign in as somebody with more rights: every caller by every target by every call."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from canvas_channels.core.identity.accounts import lock_member
from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import AccountUser, User
from channels_api.models import CommunicationChannel
from tests.api.rights import CALLERS, PLAIN_TARGETS, REACH, TARGETS
from tests.factories import default_account, make_account, make_admin, make_channel

pytestmark = pytest.mark.django_db

VOUCH = "communication_channel[address]=new@example.edu&skip_confirmation=1"
CALLS: dict[str, tuple[str, str, str]] = {
    "create": ("POST", "/users/{user}/communication_channels", VOUCH + "&communication_channel[type]=email"),
    "change": ("PUT", "/users/{user}/communication_channels/{id}", VOUCH),
    "institutional": (
        *("PUT", "/users/{user}/communication_channels/{id}"),
        "communication_channel[institutional]=1",
    ),
    "delete": ("DELETE", "/users/{user}/communication_channels/{id}", ""),
    "resend": ("POST", "/users/{user}/communication_channels/{id}/resend", ""),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", CALLERS)
def test_calls(caller: str, target: str, call: str, as_user) -> None:
    user = TARGETS[target]()
    channel = make_channel(user, "old@example.edu", workflow_state="unconfirmed")
    method, path, form = CALLS[call]
    answer = as_user(CALLERS[caller]()).call(method, path.format(user=user.pk, id=channel.pk), form)
    allowed = target in REACH.get(caller, ())
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        [kept] = CommunicationChannel.objects.filter(user=user)
        assert (kept.address, kept.workflow_state, kept.institutional) == (
            *("old@example.edu", "unconfirmed"),
            False,
        )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", CALLERS)
def test_acting(caller: str, target: str, as_user) -> None:
    user = TARGETS[target]()
    answer = as_user(CALLERS[caller]()).call("GET", f"/users/self?as_user_id={user.pk}")
    assert answer.status_code == (200 if target in REACH.get(caller, ()) else 401)


@pytest.mark.in_process
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", CALLERS)
def test_import(caller: str, target: str) -> None:
    user, by = TARGETS[target](), CALLERS[caller]()
    subject = lock_member(Caller(by, by), default_account(), [str(user.pk)])
    assert subject.administered() is (target in REACH.get(caller, ()))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("report", ["bouncing", "unconfirmed"])
def test_reports_name_no_addresses_of_people_with_more_rights(report: str, target: str, as_user) -> None:
    user = TARGETS[target]()
    make_channel(user, "a@example.edu", workflow_state="unconfirmed", bounce_count=1)
    CommunicationChannel.objects.update(last_bounce_at="2020-01-01T00:00Z")
    path = f"/accounts/{default_account().pk}/{report}_communication_channels.json"
    rows = json.loads(as_user(make_admin()).call("GET", path).getvalue())
    assert len(rows) == (2 if target in PLAIN_TARGETS else 1)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", ["staff", "staff and account admin"])
class TestDjangosAdmin:
    """``change_user`` and its like are no way to more rights."""

    @pytest.fixture
    def user(self, target: str) -> User:
        return TARGETS[target]()

    @pytest.fixture
    def allowed(self, caller: str, target: str) -> bool:
        same_account_admin = target == "admin of the same account" and caller == "staff"
        return target in PLAIN_TARGETS and not same_account_admin

    @pytest.fixture
    def browser(self, caller: str, user: User, client: Client) -> Client:
        client.force_login(CALLERS[caller]())
        return client

    def test_password(self, browser: Client, user: User, allowed: bool) -> None:
        form = {"password1": "a strange one", "password2": "a strange one", "usable_password": "true"}
        answer = browser.post(f"/admin/identity/user/{user.pk}/password/", form)
        assert answer.status_code == (302 if allowed else 403)
        user.refresh_from_db()
        assert user.check_password("a strange one") is allowed

    def test_logins_and_state(self, browser: Client, user: User, allowed: bool) -> None:
        form = {
            **{"name": "X", "workflow_state": "registered", "home_account": str(user.home_account_id)},
            **{"logins-TOTAL_FORMS": "1", "logins-INITIAL_FORMS": "0", "logins-0-unique_id": "way-in"},
            **{"logins-0-account": str(default_account().pk), "is_superuser": "1", "is_site_admin": "1"},
        }
        before = (user.is_superuser, user.is_site_admin)
        answer = browser.post(f"/admin/identity/user/{user.pk}/change/", form)
        assert answer.status_code == (302 if allowed else 403)
        assert user.logins.filter(unique_id="way-in").exists() is allowed
        user.refresh_from_db()
        assert (user.is_superuser, user.is_site_admin) == before

    def test_deactivating(self, browser: Client, user: User, allowed: bool) -> None:
        browser.post("/admin/identity/user/", {"action": "deactivate", "_selected_action": [str(user.pk)]})
        user.refresh_from_db()
        assert user.is_active is not allowed

    @pytest.mark.parametrize("action", ["reset_bounces", "retire", "send_confirmation"])
    def test_channels(self, action: str, browser: Client, user: User, allowed: bool) -> None:
        channel = make_channel(user, workflow_state="unconfirmed", bounce_count=action == "reset_bounces")
        form = {"action": action, "_selected_action": [str(channel.pk)]}
        browser.post("/admin/channels_api/communicationchannel/", form)
        channel.refresh_from_db()
        changed = (
            channel.confirmations.exists()
            or channel.workflow_state == "retired"
            or (action == "reset_bounces" and channel.bounce_count == 0)
        )
        assert changed is allowed

    def test_institutional(self, browser: Client, user: User, allowed: bool) -> None:
        channel = make_channel(user)
        browser.post(
            f"/admin/channels_api/communicationchannel/{channel.pk}/change/", {"institutional": "on"}
        )
        channel.refresh_from_db()
        assert channel.institutional is allowed

    def test_admins_and_groups(self, browser: Client, user: User, allowed: bool) -> None:
        account = make_account("A third")
        form = {
            **{"name": "A third", "region": "US", "locale": "en", "admins-TOTAL_FORMS": "1"},
            **{"admins-INITIAL_FORMS": "0", "admins-0-user": str(user.pk)},
        }
        browser.post(f"/admin/identity/account/{account.pk}/change/", form)
        assert not AccountUser.objects.filter(account=account).exists()
        group = {"name": "rulers", "permissions": [str(Permission.objects.earliest("pk").pk)]}
        assert browser.post("/admin/auth/group/add/", group).status_code == 403
