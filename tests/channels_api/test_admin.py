"""Django's admin: every page opens, nothing secret is on one, and rights are not raised through it."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.models import Permission
from django.core.exceptions import SuspiciousOperation
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant, RefreshToken, set_token_value
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from canvas_channels.core.identity.admin.base import ShortPaginator
from canvas_channels.core.identity.models import Account, AccountUser, DeveloperKey, PasswordReset, User
from canvas_channels.core.identity.tokens import checksum
from channels_api.channels import bounce_resets
from channels_api.models import (
    AuditEntry,
    CommunicationChannel,
    Confirmation,
    ConfirmationCode,
    ImportRow,
    Progress,
    PushDevice,
)
from notifications.models import (
    MandatoryCategory,
    MessageFrame,
    Notification,
    NotificationCategory,
    NotificationPreference,
    NotificationPreferenceDefault,
    WebhookEvent,
)
from tests import factories

pytestmark = pytest.mark.django_db

DIGEST = "d1gest" * 8
TEXT = "what a notification says"
DEVICE_TOKEN = "devicetoken" * 6
REFRESH_TOKEN, CODE = "refreshtoken" * 3, "authorizationcode" * 2
EVENT = '{"RecordType": "Open", "Recipient": "amy@caltech.edu"}'
PAGES = [
    *("identity_account", "identity_user", "identity_developerkey", "oauth2_provider_accesstoken"),
    "identity_passwordreset",
    *("channels_api_communicationchannel", "channels_api_confirmation", "channels_api_securitynotice"),
    *("channels_api_pushdevice", "channels_api_auditentry"),
    *("notifications_notificationcategory", "notifications_notification"),
    *("notifications_notificationpreferencedefault", "notifications_dispatch"),
    *("notifications_webhookevent", "notifications_mandatorycategory"),
    *("notifications_message", "notifications_messageframe"),
    *("identity_login", "identity_accountuser", "oauth2_provider_refreshtoken", "oauth2_provider_grant"),
    *("axes_accessattempt", "channels_api_progress", "channels_api_importrow"),
    *("channels_api_confirmationcode", "notifications_notificationpreference"),
    "procrastinate_procrastinatejob",
]
ADDABLE = [
    *("identity_account", "identity_user", "identity_developerkey"),
    *("notifications_notificationcategory", "notifications_notification", "notifications_messageframe"),
]
USER_FORM = {
    "name": "Penny",
    "short_name": "",
    "sortable_name": "",
    "locale": "",
    "workflow_state": "registered",
    **{
        f"{inline}-{count}_FORMS": "0"
        for inline in ("logins", "administered")
        for count in ("TOTAL", "INITIAL")
    },
}


@pytest.fixture
def boss(client: Client) -> User:
    """A signed-in superuser."""
    user = factories.make_user("Boss", login="boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def staff(client: Client) -> User:
    """Signed in, and allowed to see and change users only."""
    user = factories.make_user("Clerk", is_staff=True)
    rights = ["view_user", "change_user", "add_user", "add_login", "change_login"]
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return user


@pytest.fixture
def secrets() -> list[str]:
    """One row of each kind, and what must be on no page."""
    factories.load_catalogue()
    user = factories.make_user(login="penny", sis_user_id="p1", password="a password of penny's")
    key = factories.make_key(sns_arn=factories.FCM_ARN)
    plain = factories.make_token(user, key)
    channel = factories.make_channel(user, "penny@caltech.edu", bounce_count=2)
    confirmation = Confirmation.objects.create(
        channel=channel, user=user, address_folded=channel.address_folded
    )
    ConfirmationCode.objects.create(confirmation=confirmation, digest=DIGEST, expires_at=timezone.now())
    PushDevice.objects.create(
        user=user,
        developer_key=key,
        token=DEVICE_TOKEN,
        token_digest=checksum(DEVICE_TOKEN),
        last_seen_at=timezone.now(),
        workflow_state="failed",
        failure="no credentials",
    )
    AuditEntry.objects.create(user=user, channel=channel, action="create", actor=user)
    category = NotificationCategory.objects.earliest("pk")
    MandatoryCategory.objects.create(account=user.home_account, category=category)
    NotificationPreferenceDefault.objects.create(
        account=user.home_account,
        category=category,
        type="sms",
        frequency="never",
    )
    WebhookEvent.objects.create(
        provider="postmark", key="k", request_id=uuid4(), body=EVENT, workflow_state="failed", failure="no"
    )
    PasswordReset.objects.create(unique_id="penny", failure="OSError")
    dispatch = factories.make_dispatch(user.home_account, body=TEXT, html_body=TEXT)
    factories.make_message(user, channel, dispatch=dispatch, body=TEXT, workflow_state="transmission_error")
    MessageFrame.objects.create(account=user.home_account, kind="digest", opening="Hello {{ name }}")
    make_work(user, key, channel)
    password_hash = user.password.rpartition("$")[2]
    secret_hash = DeveloperKey.objects.get(pk=key.pk).client_secret.rpartition("$")[2]
    digests = [checksum(plain), DIGEST, checksum(DEVICE_TOKEN), password_hash[:6], secret_hash]
    return [plain, DEVICE_TOKEN, TEXT, "amy@caltech.edu", REFRESH_TOKEN, CODE, *digests]


def make_work(user: User, key: DeveloperKey, channel: CommunicationChannel) -> None:
    """Rows of the pages that are there to look at only."""
    AccountUser.objects.create(account=user.home_account, user=user)
    refresh_token = RefreshToken(user=user, application=factories.make_key(name="Another"))
    set_token_value(refresh_token, REFRESH_TOKEN)
    refresh_token.save()
    Grant.objects.create(user=user, application=key, code=CODE, expires=timezone.now())
    AccessAttempt.objects.create(username="penny", ip_address="192.0.2.1", failures_since_start=5)
    factories.make_security_notice(user, "penny@caltech.edu")
    progress = Progress.objects.create(account=user.home_account, user=user, tag=Progress.Tag.IMPORT)
    ImportRow.objects.create(progress=progress, number=1)
    notification = Notification.objects.earliest("pk")
    NotificationPreference.objects.create(channel=channel, notification=notification, frequency="daily")
    Progress.job.ask([progress.pk])


def model_of(page: str) -> type:
    return next(
        model for model in admin.site._registry if f"{model._meta.app_label}_{model._meta.model_name}" == page
    )


def url(page: str, view: str, *args: object) -> str:
    return reverse(f"admin:{page}_{view}", args=args)


@pytest.mark.parametrize("page", PAGES)
def test_lists_and_rows_open_and_hold_no_secret(
    page: str, client: Client, boss: User, secrets: list[str]
) -> None:
    row = model_of(page)._default_manager.order_by("pk").last()  # type: ignore[attr-defined]
    for address in (url(page, "changelist"), url(page, "change", row.pk), url(page, "history", row.pk)):
        response = client.get(address)
        assert response.status_code == 200, address
        assert not [secret for secret in secrets if secret in response.text], address


@pytest.mark.parametrize("page", PAGES)
def test_only_some_rows_can_be_added_and_none_deleted(
    page: str, client: Client, boss: User, secrets: list[str]
) -> None:
    assert client.get(url(page, "add")).status_code == (200 if page in ADDABLE else 403)
    row = model_of(page)._default_manager.first()  # type: ignore[attr-defined]
    assert client.get(url(page, "delete", row.pk)).status_code == 403


def test_every_registered_page_is_tested() -> None:
    ours = {"identity", "oauth2_provider", "channels_api", "notifications", "axes", "procrastinate"}
    found = {
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model in admin.site._registry
        if model._meta.app_label in ours
    }
    assert found == set(PAGES)


def test_people_sign_in_with_a_login(client: Client) -> None:
    factories.make_user(login="boss", password="a long password", is_staff=True)
    assert "Login:" in client.get("/admin/login/").text
    response = client.post("/admin/login/?next=/admin/", {"username": "BOSS", "password": "a long password"})
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_a_user_who_is_no_staff_is_refused(client: Client) -> None:
    client.force_login(factories.make_site_admin())
    for page in PAGES:
        response = client.get(url(page, "changelist"))
        assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("page", "term"),
    [
        ("identity_account", "def"),
        ("identity_user", "PENNY"),
        ("identity_user", "p1"),
        ("identity_user", "sheldon c"),
        ("identity_developerkey", "student"),
        ("oauth2_provider_accesstoken", "penny"),
        ("channels_api_communicationchannel", "Penny@Caltech.edu"),
        ("channels_api_communicationchannel", "p1"),
        ("channels_api_confirmation", "penny"),
        ("channels_api_pushdevice", "penny"),
        ("channels_api_auditentry", "penny"),
        ("identity_passwordreset", "Penny"),
        ("identity_login", "p1"),
        ("axes_accessattempt", "192.0.2.1"),
        ("oauth2_provider_refreshtoken", "penny"),
        ("oauth2_provider_grant", "penny"),
        ("channels_api_confirmationcode", "penny"),
    ],
)
def test_search_finds_one_row(page: str, term: str, client: Client, boss: User, secrets: list[str]) -> None:
    for wanted, count in ((term, 1), ("nobody has this", 0)):
        response = client.get(url(page, "changelist"), {"q": wanted})
        assert response.context["cl"].result_count == count


# What Django or PostgreSQL refuses of a filter, or only some columns can be compared with.
ODD_FILTERS = [
    *("=%00", "__exact=%00", "__startswith=%00", "__in=x,%00", "__exact=x", "__regex=(", "__iregex=a{9999}"),
    *("__exact=" + "9" * 30, "__gt=-" + "9" * 30, "__gt=" + "9" * 5_000, "__isnull=x", "__nonsense=1"),
    *("__year=99999", "__year=9999", "__year=x", "__gte=0001-01-01", "__gte=9999-12-31T23:59:59-12:00"),
]
LISTS = [*PAGES, "auth_group"]


@pytest.mark.parametrize("page", LISTS)
def test_a_list_survives_any_filter(page: str, client: Client, boss: User, secrets: list[str]) -> None:
    """It opens, or Django knows what to answer."""
    shown: Any = client.get(url(page, "changelist")).context["cl"]
    columns = [field.name for field in shown.opts.get_fields() if field.name in shown.list_display]
    for query in [f"{column}{odd}" for column in ["pk", *columns] for odd in ODD_FILTERS]:
        request = RequestFactory().get(f"/?{query}")
        request.user = boss
        with suppress(IncorrectLookupParameters, SuspiciousOperation):
            list(shown.model_admin.get_changelist_instance(request).result_list)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        *(("channels_api_communicationchannel", query) for query in ("type__exact=%00", "address__regex=(")),
        *(("identity_user", query) for query in ("name=%00", "name__iregex=[", "workflow_state__in=%00,x")),
        *(("identity_login", "unique_id__regex=a{9999}"), ("oauth2_provider_accesstoken", "scope__gt=%00")),
        ("axes_accessattempt", "username__regex=%5C"),
    ],
)
def test_a_filter_that_the_database_refuses_leads_to_the_whole_list(
    page: str, query: str, client: Client, boss: User, secrets: list[str]
) -> None:
    response = client.get(f"{url(page, 'changelist')}?{query}")
    assert (response.status_code, response["Location"]) == (302, f"{url(page, 'changelist')}?e=1")


@pytest.mark.parametrize("page", LISTS)
def test_what_is_no_key_is_not_selected(page: str, client: Client, boss: User, secrets: list[str]) -> None:
    shown: Any = client.get(url(page, "changelist")).context["cl"]
    request = client.get(url(page, "changelist")).wsgi_request
    for action in [*shown.model_admin.get_actions(request), "none"]:
        chosen = ["x", "\x00", "9" * 30, "9" * 5_000, "1.5", "", "None"]
        data = {"action": action, "_selected_action": chosen, "index": "0"}
        assert client.post(url(page, "changelist"), data).status_code in {200, 302}, action


def test_search_survives_any_text(client: Client, boss: User) -> None:
    for term in ("9" * 40, "9" * 5_000, "\x00", " ", "²", "%"):
        assert client.get(url("identity_user", "changelist"), {"q": term}).status_code == 200


class TestUsers:
    def test_adding_one(self, client: Client, boss: User) -> None:
        password = "correct horse battery"
        form = {"home_account": str(boss.home_account_id), "usable_password": "true"}
        form |= {"password1": password, "password2": password}
        response = client.post(url("identity_user", "add"), USER_FORM | form)
        assert response.status_code == 302, response.context["errors"]
        penny = User.objects.get(name="Penny")
        assert penny.check_password(password)
        assert penny.short_name == "Penny"

    def test_adding_one_without_a_password(self, client: Client, boss: User) -> None:
        form = {"home_account": str(boss.home_account_id), "usable_password": "false"}
        response = client.post(url("identity_user", "add"), USER_FORM | form)
        assert response.status_code == 302
        assert not User.objects.get(name="Penny").has_usable_password()

    def test_setting_a_password(self, client: Client, boss: User) -> None:
        penny = factories.make_user("Penny")
        address = reverse("admin:auth_user_password_change", args=[penny.pk])
        assert client.get(address).status_code == 200
        password = "correct horse battery"
        form = {"usable_password": "true", "password1": password, "password2": password}
        assert client.post(address, form).status_code == 302
        penny.refresh_from_db()
        assert penny.check_password(password)

    def test_adding_a_login(self, client: Client, boss: User) -> None:
        penny = factories.make_user("Penny", login="")
        account = str(penny.home_account_id)
        form = {"home_account": account, "logins-TOTAL_FORMS": "1"}
        form |= {"logins-0-account": account, "logins-0-unique_id": "penny", "logins-0-user": str(penny.pk)}
        for sis_user_id in ("", "p1"):
            other = factories.make_user("Other", login="")
            form |= {"logins-0-user": str(other.pk), "logins-0-unique_id": f"login{sis_user_id}"}
            form |= {"logins-0-sis_user_id": sis_user_id}
            response = client.post(url("identity_user", "change", other.pk), USER_FORM | form)
            assert response.status_code == 302
            assert other.logins.get().sis_user_id == (sis_user_id or None)

    def test_deactivating(self, client: Client, boss: User) -> None:
        penny = factories.make_user("Penny")
        act(client, "identity_user", "deactivate", penny.pk)
        penny.refresh_from_db()
        assert penny.workflow_state == "deactivated"

    def test_staff_cannot_raise_themselves(self, client: Client, staff: User) -> None:
        form = {"home_account": str(staff.home_account_id), "is_superuser": "on", "is_site_admin": "on"}
        assert client.post(url("identity_user", "change", staff.pk), USER_FORM | form).status_code == 302
        staff.refresh_from_db()
        assert staff.name == "Penny"
        assert not staff.is_superuser
        assert not staff.is_site_admin

    @pytest.mark.parametrize(
        "make", [factories.make_site_admin, lambda: factories.make_user(is_superuser=True)]
    )
    def test_staff_cannot_change_the_powerful(
        self, make: Callable[[], User], client: Client, staff: User
    ) -> None:
        powerful = make()
        form = {"home_account": str(powerful.home_account_id)}
        assert client.post(url("identity_user", "change", powerful.pk), USER_FORM | form).status_code == 403
        password_page = reverse("admin:auth_user_password_change", args=[powerful.pk])
        assert client.get(password_page).status_code == 403
        act(client, "identity_user", "deactivate", powerful.pk)
        powerful.refresh_from_db()
        assert powerful.workflow_state == "registered"


class TestDeveloperKeys:
    SCOPE = "url:GET|/api/v1/users/:user_id/communication_channels"
    FORM = {"name": "App", "workflow_state": "active", "redirect_uris": "", "sns_arn": ""}  # noqa: RUF012

    def test_a_new_key_is_public(self, client: Client, boss: User) -> None:
        form = self.FORM | {"scopes": self.SCOPE, "sns_arn": factories.APNS_ARN, "require_scopes": "on"}
        response = client.post(url("identity_developerkey", "add"), form)
        assert response.status_code == 302, response.context["errors"]
        key = DeveloperKey.objects.get()
        assert (key.client_type, key.authorization_grant_type) == ("public", "authorization-code")
        assert (key.scopes, key.sns_platform, key.require_scopes) == ([self.SCOPE], "APNS", True)

    def test_a_key_of_tokens_only_can_be_changed(self, client: Client, boss: User) -> None:
        key = factories.make_key(redirect_uris="", scopes=["url:GET|/api/v1/gone"])
        form = self.FORM | {"workflow_state": "inactive", "scopes": "url:GET|/api/v1/gone"}
        assert client.post(url("identity_developerkey", "change", key.pk), form).status_code == 302
        key.refresh_from_db()
        assert key.workflow_state == "inactive"

    @pytest.mark.parametrize(
        "bad",
        [{"sns_arn": "arn:aws:nonsense"}, {"redirect_uris": "javascript:x"}, {"scopes": "url:nonsense"}],
    )
    def test_a_bad_value_is_refused(self, bad: dict[str, str], client: Client, boss: User) -> None:
        response = client.post(url("identity_developerkey", "add"), self.FORM | bad)
        assert response.status_code == 200
        assert set(response.context["adminform"].form.errors) == set(bad)


class TestAccounts:
    def test_adding_one(self, client: Client, boss: User) -> None:
        form = {"name": "TUM", "region": "de", "locale": "de", "admins-TOTAL_FORMS": "0"}
        response = client.post(url("identity_account", "add"), form | {"admins-INITIAL_FORMS": "0"})
        assert response.status_code == 302, response.context["errors"]

    def test_a_second_default_is_refused(self, client: Client, boss: User) -> None:
        form = {"name": "TUM", "region": "US", "locale": "en", "is_default": "on"}
        form |= {"admins-TOTAL_FORMS": "0", "admins-INITIAL_FORMS": "0"}
        assert client.post(url("identity_account", "add"), form).status_code == 200


def act(client: Client, page: str, action: str, pk: object) -> None:
    response = client.post(url(page, "changelist"), {"action": action, "_selected_action": [str(pk)]})
    assert response.status_code == 302


def locked_in_turn(captured: CaptureQueriesContext) -> list[str]:
    """The tables whose rows are locked in an order, each once."""
    found = [re.search(r'FROM "(\w+)".* ORDER BY .* FOR NO KEY UPDATE', query["sql"]) for query in captured]
    return list(dict.fromkeys(match[1] for match in found if match))


class TestActions:
    def test_revoking_a_token(self, client: Client, boss: User, secrets: list[str]) -> None:
        token = AccessToken.objects.get()
        refresh = RefreshToken.objects.create(
            user=token.user, application=token.application, access_token=token, token="refresh"
        )
        act(client, "oauth2_provider_accesstoken", "revoke", token.pk)
        refresh.refresh_from_db()
        assert refresh.revoked
        assert not AccessToken.objects.exists()
        assert PushDevice.objects.get().workflow_state == "removed"

    def test_resetting_bounces_is_in_the_audit_trail(
        self, client: Client, boss: User, secrets: list[str]
    ) -> None:
        channel = CommunicationChannel.objects.get()
        act(client, "channels_api_communicationchannel", "reset_bounces", channel.pk)
        channel.refresh_from_db()
        entry = AuditEntry.objects.latest("pk")
        assert channel.bounce_count == 0
        assert (entry.actor, entry.channel, entry.action) == (boss, channel, "reset_bounce_count")

    def test_resetting_bounces_is_as_the_api_does_it(
        self, client: Client, boss: User, secrets: list[str]
    ) -> None:
        """The same columns, and the same locks in the same order: neither waits for the other in a circle."""
        channel = CommunicationChannel.objects.get()
        with transaction.atomic(), CaptureQueriesContext(connection) as api:
            bounce_resets.reset_bounce_counts(None, CommunicationChannel.objects.all())
        CommunicationChannel.objects.update(bounce_count=2, bounce_count_reset_at=None)
        with CaptureQueriesContext(connection) as admin:
            act(client, "channels_api_communicationchannel", "reset_bounces", channel.pk)
        channel.refresh_from_db()
        assert (channel.bounce_count, channel.bounce_count_reset_at is None) == (0, False)
        assert locked_in_turn(api) == ["identity_user", "channels_api_communicationchannel"]
        assert locked_in_turn(admin) == locked_in_turn(api)

    def test_marking_a_channel_institutional_is_in_the_audit_trail(
        self, client: Client, boss: User, secrets: list[str]
    ) -> None:
        channel = CommunicationChannel.objects.get()
        page = url("channels_api_communicationchannel", "change", channel.pk)
        assert client.post(page, {"institutional": "on", "address": "x@y.edu"}).status_code == 302
        channel.refresh_from_db()
        assert (channel.institutional, channel.address) == (True, "penny@caltech.edu")
        assert AuditEntry.objects.latest("pk").details == {"institutional": True}

    def test_a_channel_marked_institutional_becomes_first_where_the_account_asks_for_it(
        self, client: Client, boss: User, secrets: list[str]
    ) -> None:
        channel = CommunicationChannel.objects.get()
        type(channel.user.home_account).objects.update(institution_email_first=True)
        other = factories.make_channel(channel.user)
        page = url("channels_api_communicationchannel", "change", other.pk)
        assert client.post(page, {"institutional": "on"}).status_code == 302
        channel.refresh_from_db()
        other.refresh_from_db()
        assert (other.position, channel.position) == (1, 2)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"institutional": True}, "keeps the institution"),
            ({"type": "push"}, "is about an address, and this is for all devices"),
            ({"workflow_state": "retired"}, "no such communication channel"),
        ],
        ids=["kept by the account", "push", "retired"],
    )
    def test_what_is_institutional_is_changed_by_the_rule_of_the_api(
        self, client: Client, boss: User, secrets: list[str], fields: dict[str, Any], said: str
    ) -> None:
        owner = CommunicationChannel.objects.get().user
        type(owner.home_account).objects.update(edit_institution_email=False)
        channel = factories.make_channel(owner, **fields)
        before = channel.institutional
        AuditEntry.objects.all().delete()
        form = {} if before else {"institutional": "on"}
        answer = client.post(url("channels_api_communicationchannel", "change", channel.pk), form)
        assert (answer.status_code, said in answer.text) == (200, True)
        channel.refresh_from_db()
        assert channel.institutional is before
        assert not AuditEntry.objects.exists()

    def test_trying_a_failed_device_again(self, client: Client, boss: User, secrets: list[str]) -> None:
        device = PushDevice.objects.get()
        act(client, "channels_api_pushdevice", "retry", device.pk)
        device.refresh_from_db()
        assert (device.workflow_state, device.failure) == ("pending", "")

    def test_sending_a_failed_confirmation_again(
        self, client: Client, boss: User, secrets: list[str]
    ) -> None:
        CommunicationChannel.objects.update(workflow_state="unconfirmed", bounce_count=0)
        Confirmation.objects.update(workflow_state="failed", failure="SNS: OptedOut")
        confirmation = Confirmation.objects.get()
        assert "SNS: OptedOut" in client.get(url("channels_api_confirmation", "changelist")).text
        act(client, "channels_api_confirmation", "retry", confirmation.pk)
        confirmation.refresh_from_db()
        assert (confirmation.workflow_state, confirmation.failure) == ("requested", "")

    def test_handling_a_failed_event_again(self, client: Client, boss: User, secrets: list[str]) -> None:
        event = WebhookEvent.objects.get()
        act(client, "notifications_webhookevent", "retry", event.pk)
        event.refresh_from_db()
        assert (event.workflow_state, event.failure) == ("received", "")

    @pytest.mark.parametrize(
        ("page", "action", "right"),
        [
            ("channels_api_confirmation", "retry", "view_confirmation"),
            ("channels_api_pushdevice", "retry", "view_pushdevice"),
            ("notifications_webhookevent", "retry", "view_webhookevent"),
        ],
    )
    def test_looking_is_no_right_to_try_again(
        self, page: str, action: str, right: str, client: Client, staff: User, secrets: list[str]
    ) -> None:
        staff.user_permissions.set(Permission.objects.filter(codename=right))
        row = model_of(page)._default_manager.get()  # type: ignore[attr-defined]
        asked = {"action": action, "_selected_action": [str(row.pk)]}
        assert client.post(url(page, "changelist"), asked).status_code == 200
        row.refresh_from_db()
        assert row.workflow_state in {"requested", "failed"}


class TestWork:
    """What operators do to many rows: by the rules' own functions, and written down under their names."""

    def run(self, client: Client, page: str, action: str, *ids: int) -> str:
        form = {"action": action, "_selected_action": ids}
        return client.post(url(page, "changelist"), form, follow=True).text

    def test_retiring_channels(self, client: Client, boss: User, secrets: list[str]) -> None:
        channel = CommunicationChannel.objects.get()
        kept = factories.make_channel(channel.user, institutional=True)
        Account.objects.update(edit_institution_email=False)
        shown = self.run(client, "channels_api_communicationchannel", "retire", channel.pk, kept.pk)
        assert "Retired 1 channel; retired already, or the institution&#x27;s: 1 channel." in shown
        channel.refresh_from_db()
        assert channel.workflow_state == "retired"
        assert AuditEntry.objects.get(action="retire").actor == boss

    def test_sending_another_confirmation_within_the_limits(
        self, client: Client, boss: User, secrets: list[str], settings: Settings
    ) -> None:
        settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY = 1
        channel = factories.make_channel(factories.make_user(), workflow_state="unconfirmed")
        page = "channels_api_communicationchannel"
        assert "Asked for 1 confirmation; for 0 channels none is due" in self.run(
            client, page, "send_confirmation", channel.pk
        )
        assert "Asked for 0 confirmations; for 1 channel none is due" in self.run(
            client, page, "send_confirmation", channel.pk
        )
        assert AuditEntry.objects.get(action="resend").actor == boss

    def test_revoking_a_refresh_token(self, client: Client, boss: User, secrets: list[str]) -> None:
        [token] = RefreshToken.objects.all()
        self.run(client, "oauth2_provider_refreshtoken", "revoke", token.pk)
        token.refresh_from_db()
        assert token.revoked

    def test_unlocking_a_login(self, client: Client, boss: User, secrets: list[str]) -> None:
        [failures] = AccessAttempt.objects.all()
        self.run(client, "axes_accessattempt", "unlock", failures.pk)
        assert not AccessAttempt.objects.exists()

    def test_running_a_failed_job_again(self, client: Client, boss: User, secrets: list[str]) -> None:
        [job] = ProcrastinateJob.objects.all()
        with connection.cursor() as cursor:
            cursor.execute(  # one that is for no row
                "UPDATE procrastinate_jobs SET status = 'failed', task_name = 'notifications.prune'"
            )
        assert "Asked for 1 job." in self.run(client, "procrastinate_procrastinatejob", "run_again", job.pk)
        job.refresh_from_db()
        assert job.status == "todo"


def test_a_list_counts_no_further_than_anybody_would_page() -> None:
    with CaptureQueriesContext(connection) as captured:
        assert ShortPaginator(User.objects.order_by("-pk"), 50).count == 0
    assert "LIMIT 10000" in captured[0]["sql"]
