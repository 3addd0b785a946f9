"""Every list, report and look-up reads by an index, on tables of 100,000 rows and PostgreSQL's own choice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection, transaction
from django.db.models import Model
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oauth2_provider.models import AccessToken
from pytest_django import DjangoDbBlocker

from canvas_channels.core.identity import tokens
from canvas_channels.core.identity.accounts import lock_member
from canvas_channels.core.identity.callers import Caller, find_subject
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.web.admins.chart import bounces_by_day
from canvas_channels.web.admins.reports import ReportFilter, ReportPage
from channels_api import audit, people
from channels_api.accounts import bulk, imports, reports
from channels_api.accounts.audit_views import AuditFilter
from channels_api.channels import bounce_resets, confirm, registry
from channels_api.channels.filters import CommunicationChannelFilter
from channels_api.channels.representation import FIELDS, live_rows, with_token
from channels_api.devices import registration
from channels_api.messages import codes, confirmations, limits
from channels_api.models import (
    LIVE,
    AuditEntry,
    CommunicationChannel,
    Confirmation,
    ConfirmationCode,
    Progress,
    PushDevice,
)
from notifications.dispatches import counts, idempotency, recipients
from notifications.dispatches import rules as dispatches
from notifications.models import Dispatch
from notifications.preferences import defaults
from notifications.preferences import rules as preferences
from notifications.record import access, retention, self_tests
from notifications.record.views import PeriodFilter
from notifications.senders.devices import prune as prune_devices
from notifications.webhooks import bounces
from notifications.webhooks.tracking import Kind, Report
from tests.factories import (
    FCM_ARN,
    load_catalogue,
    make_account,
    make_admin,
    make_key,
    make_site_admin,
    make_token,
)

USERS = 20_000  # with five channels each: of them one bounces, one is unconfirmed
FIRST = 10_000_000  # ids of the rows begin behind it
SCAN_ALLOWED = 1_000  # rows; a table of fewer is read as a whole, whatever its indexes

SEED = f"""
INSERT INTO identity_user (id, password, is_superuser, name, short_name, sortable_name, locale,
    home_account_id, workflow_state, is_site_admin, is_staff, created_at)
SELECT {FIRST} + n, '!', false, 'U', 'U', 'U', '', %(account)s, 'registered', false, false, now()
FROM generate_series(1, {USERS}) n;

INSERT INTO identity_login (user_id, account_id, unique_id, sis_user_id, imported_email, created_at)
SELECT {FIRST} + n, %(account)s, 'pupil' || n, 'sis' || n, '', now() FROM generate_series(1, {USERS}) n;

INSERT INTO channels_api_communicationchannel (id, user_id, type, address, address_folded, workflow_state,
    position, institutional, bounce_count, last_bounce_at, created_at, updated_at)
SELECT {FIRST} + 5 * n + p, {FIRST} + n, 'email', 'U' || n || '.' || p || '@example.edu',
    'u' || n || '.' || p || '@example.edu', CASE WHEN p = 1 THEN 'unconfirmed' ELSE 'active' END, p, false,
    CASE WHEN p = 2 AND n %% 10 = 0 THEN 1 ELSE 0 END,
    CASE WHEN p = 2 THEN now() - n * interval '1 minute' END, now() - n * interval '1 minute', now()
FROM generate_series(1, {USERS}) n, generate_series(1, 5) p;

INSERT INTO channels_api_confirmation (id, channel_id, user_id, address_folded, workflow_state, wrong_tries,
    failure, created_at)
SELECT id, id, user_id, address_folded, 'sent', 0, '', created_at FROM channels_api_communicationchannel;

INSERT INTO channels_api_confirmationcode (confirmation_id, digest, expires_at)
SELECT id, md5(id::text), now() + interval '3 days' FROM channels_api_confirmation;

INSERT INTO channels_api_pushdevice (user_id, developer_key_id, token, token_digest, endpoint_arn,
    workflow_state, failure, last_seen_at, created_at, updated_at)
SELECT {FIRST} + n, %(key)s, 't' || n, md5(n::text), '', 'registered', '', now() - n * interval '1 minute',
    now(), now()
FROM generate_series(1, {USERS}) n;

INSERT INTO channels_api_auditentry (user_id, channel_id, action, details, created_at)
SELECT user_id, id, 'create', '{{}}', created_at FROM channels_api_communicationchannel;

INSERT INTO oauth2_provider_accesstoken (id, user_id, token, token_checksum, application_id, expires, scope,
    resource, created, updated)
SELECT {FIRST} + n, {FIRST} + n, '', md5(n::text), %(key)s, now() + interval '1 day', '', '[]', now(), now()
FROM generate_series(1, {USERS}) n;

INSERT INTO notifications_notificationpreference (channel_id, notification_id, frequency)
SELECT id, (SELECT min(id) FROM notifications_notification), 'daily' FROM channels_api_communicationchannel;

INSERT INTO identity_account (id, name, is_default, region, locale, users_can_edit_comm_channels,
    edit_institution_email, created_at)
SELECT {FIRST} + n, 'A', false, 'US', 'en', true, true, now() FROM generate_series(1, 2000) n;

INSERT INTO notifications_notificationpreferencedefault (account_id, category_id, type, frequency)
SELECT account.id, category.id, type, 'daily' FROM identity_account account,
    (SELECT id FROM notifications_notificationcategory ORDER BY id LIMIT 17) category,
    unnest(ARRAY['email', 'sms', 'push']) type;

INSERT INTO notifications_dispatch (id, account_id, notification_id, actor_id, idempotency_key,
    parameters_digest, subject, body, html_body, short, url, from_name, course_name, object_id,
    workflow_state, recipients_count, unknown_count, unknown, withheld, failure, created_at)
SELECT {FIRST} + n, %(account)s, (SELECT min(id) FROM notifications_notification), {FIRST} + n,
    CASE WHEN n %% 2 = 0 THEN 'key' || n ELSE '' END, '', 'S', 'B', '', 'S', '', '', '', '', 'completed', 5,
    0, '[]', '{{}}', '', now() - n * interval '1 minute'
FROM generate_series(1, {USERS}) n;

INSERT INTO notifications_message (user_id, channel_id, account_id, dispatch_id, notification_id, kind, type,
    frequency, address, object_id, subject, body, mandatory, workflow_state, waits_for, attempts,
    failure, devices, provider_id, created_at, updated_at)
SELECT user_id, id, %(account)s, user_id, (SELECT min(id) FROM notifications_notification), 'notification',
    type, 'immediately', address, '', '', '', false, 'sent', '', 1, '', '{{}}', '', created_at, created_at
FROM channels_api_communicationchannel;

INSERT INTO channels_api_progress (id, account_id, tag, workflow_state, completion, message, details,
    created_at, updated_at)
SELECT {FIRST} + n, %(account)s, 'communication_channel_import', 'queued', 0, '', '{{}}', now(), now()
FROM generate_series(1, 500) n;

INSERT INTO channels_api_importrow (progress_id, number, data, result)
SELECT progress.id, n, '{{"malformed": ["row", "invalid", "cannot be read"]}}'::jsonb,
    CASE WHEN n <= 100 THEN '{{"status": "failed"}}'::jsonb END
FROM channels_api_progress progress, generate_series(1, 200) n WHERE progress.id > {FIRST};
"""


@pytest.fixture(scope="module")
def large(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Any]]:
    """Rows of an account, seeded once, in a transaction that is rolled back in the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        load_catalogue()
        account = make_account(
            is_default=not Account.objects.filter(is_default=True).exists(),
            admins_can_view_notifications=True,
        )
        key = make_key(sns_arn=FCM_ARN)
        admin = make_admin(account)
        with connection.cursor() as cursor:
            for statement in SEED.split(";\n\n"):
                cursor.execute(statement, {"account": account.pk, "key": key.pk})
            cursor.execute("ANALYZE")
        connection.check_constraints()  # once, not in the end of each test
        boss = make_site_admin()
        user = User.objects.get(pk=FIRST + 500)
        yield {
            "account": account,
            "admin": admin,
            "boss": boss,
            "key": key,
            "user": user,
            "channel": CommunicationChannel.objects.filter(user=user).first(),
            "token": make_token(user, key),
        }
        transaction.set_rollback(True)


def report(about: reports.Report, who: str, **filters: str) -> Callable[[dict[str, Any]], object]:
    def read(rows: dict[str, Any]) -> object:
        of_account = reports.channels_of(about, rows["account"], rows[who])
        return list(reports.rows(about, about.filters(filters, queryset=of_account).qs[: about.limit]))

    return read


def subject(rows: dict[str, Any], user_id: str, who: str = "admin") -> object:
    return find_subject(Caller(rows[who], rows[who]), user_id, lock=True)


def caller(rows: dict[str, Any], who: str = "admin") -> Caller:
    return Caller(rows[who], rows[who])


def member(*names: str) -> Callable[[dict[str, Any]], object]:
    """Whom a row of an import is about."""
    return lambda rows: lock_member(caller(rows), rows["account"], names)


def an_import() -> Progress:
    return Progress.objects.get(pk=FIRST + 7)


def chosen(about: reports.Report, rows: dict[str, Any]) -> Any:
    """What a bulk action with a pattern is about."""
    of_account = reports.channels_of(about, rows["account"], rows["boss"])
    return about.filters({"pattern": "u500*"}, queryset=of_account).qs[: about.limit]


def set_defaults(*, apply_to_existing: bool) -> Callable[[dict[str, Any]], object]:
    return lambda rows: defaults.change(
        caller(rows),
        Account.objects.get(pk=FIRST + 7),
        [defaults.Change("alert", "email", "weekly"), defaults.Change("files", "sms", "never")],
        apply_to_existing=apply_to_existing,
    )


def search(**filters: str) -> Callable[[dict[str, Any]], object]:
    own = CommunicationChannel.objects.filter(LIVE, user=FIRST + 500).order_by("position", "id")
    return lambda rows: list(CommunicationChannelFilter(filters, queryset=own).qs)


def audit_page(**filters: str) -> Callable[[dict[str, Any]], object]:
    def read(rows: dict[str, Any]) -> object:
        found = AuditFilter(filters, queryset=audit.of_user(rows["user"].pk)).qs
        return found.count(), list(found[:10])

    return read


def admin_page(model: type[Model], term: str = "") -> Callable[[dict[str, Any]], object]:
    """The first page of a list in Django's admin, and its number of pages."""

    def read(rows: dict[str, Any]) -> object:
        pages = site._registry[model]
        request = RequestFactory().get("/")
        request.user = rows["boss"]
        found, _ = pages.get_search_results(request, pages.get_queryset(request), term)
        paginator = pages.paginator(found.order_by("-pk"), 50)
        return paginator.num_pages, list(paginator.page(1).object_list)

    return read


def messages(who: str, **period: str) -> Callable[[dict[str, Any]], object]:
    """The first page of ``comm_messages``, or of one's own, and how many there are."""

    def read(rows: dict[str, Any]) -> object:
        if who == "user":
            found = access.own(Caller(rows["user"], rows["user"]))
        else:
            found = access.of_user(caller(rows, who), find_subject(caller(rows, who), str(rows["user"].pk)))
        found = PeriodFilter(period, queryset=found).qs
        return found.count(), list(found[:10])

    return read


def report_page(who: str, about: reports.Report, **asked: str) -> Callable[[dict[str, Any]], object]:
    """How many of each reason there are, by day, and a page of them."""

    def read(rows: dict[str, Any]) -> object:
        view = ReportPage(about=about)
        view.setup(RequestFactory().get("/", asked), account_id=rows["account"].pk)
        view.caller = caller(rows, who)
        chosen = ReportFilter(view.request, view.why)
        found = view.found(chosen, reports.channels_of(about, view.account, view.caller.user))
        return view.groups(found), bounces_by_day(found), list(view.in_order(found)[:50])

    return read


BOUNCING, UNCONFIRMED = reports.BOUNCING, reports.UNCONFIRMED
CALLS: dict[str, Callable[[dict[str, Any]], object]] = {
    "token": lambda rows: tokens.find_token(rows["token"]),
    "token and list": lambda rows: tokens.find_token(rows["token"], with_token("self")),
    "list": lambda rows: live_rows(rows["user"].pk, FIELDS),
    "user by id": lambda rows: subject(rows, str(FIRST + 500)),
    "user by SIS id": lambda rows: subject(rows, "sis_user_id:sis500"),
    "user by login": lambda rows: subject(rows, "sis_login_id:PUPIL500"),
    "user by login, of a site admin": lambda rows: subject(rows, "sis_login_id:pupil500", "boss"),
    "people": lambda rows: list(people.find_people(rows["admin"], "pupil500")),
    "people, of a site admin": lambda rows: list(people.find_people(rows["boss"], "12025550100")),
    **{
        f"the page of {about.name}, of the {who}": report_page(who, about)
        for about in (BOUNCING, UNCONFIRMED)
        for who in ("admin", "boss")
    },
    "the page of some that bounce": report_page("admin", BOUNCING, search="u500.", path_type="email"),
    "the page of some that wait": report_page("boss", UNCONFIRMED, search="u500.", since="2026-01-01"),
    "create": lambda rows: registry.create(
        find_subject(Caller(rows["user"], rows["user"]), "self", lock=True),
        type_="email",
        address="new@example.edu",
        skip_confirmation=False,
    ),
    "create for text messages": lambda rows: registry.create(
        find_subject(Caller(rows["user"], rows["user"]), "self", lock=True),
        type_="sms",
        address="+16265550100",
        skip_confirmation=False,
    ),
    "find by address": lambda rows: registry.find(rows["user"], type_="email", address="U500.1@example.edu"),
    "resend": lambda rows: confirmations.resend(
        CommunicationChannel.objects.get(user=FIRST + 500, workflow_state="unconfirmed")
    ),
    "limit reached": lambda rows: limits.channel_limit_reached(rows["channel"]),
    "code": lambda rows: confirm.look_up(codes.new_email_code()),
    "register a device": lambda rows: registration.register(
        find_subject(Caller(rows["user"], rows["user"]), "self", lock=True),
        "t500",
        registration.find(rows["key"], "t500"),
    ),
    "remove a device": lambda rows: registration.remove_token(Caller(rows["user"], rows["user"]), "t500"),
    "prune devices": lambda rows: prune_devices(13),
    "list, filtered": search(type="email", workflow_state="active", search="example"),
    "preferences": lambda rows: preferences.of_channel(rows["channel"]),
    "one preference": lambda rows: preferences.of_channel(rows["channel"], "alert"),
    "set a preference": lambda rows: preferences.change(caller(rows), rows["channel"], {"alert": "daily"}),
    "defaults": lambda rows: defaults.of_account(Account.objects.get(pk=FIRST + 7)),
    "set defaults": set_defaults(apply_to_existing=False),
    "set defaults for all": set_defaults(apply_to_existing=True),
    "import by id": member(str(FIRST + 500)),
    "import by SIS id": member("sis_user_id:sis500"),
    "import by login": member("sis_login_id:PUPIL500"),
    "import by all three": member(str(FIRST + 500), "sis_user_id:sis500", "sis_login_id:pupil500"),
    "import, the next rows": lambda rows: imports.do_batch(an_import()),
    "import, its results": lambda rows: imports.results(an_import()),
    "reset all": lambda rows: bulk.schedule_reset(caller(rows), rows["account"], chosen(BOUNCING, rows)),
    "reset": lambda rows: bounce_resets.reset_bounce_counts(
        None, CommunicationChannel.objects.filter(user=FIRST + 500)
    ),
    "confirm all": lambda rows: bulk.confirm(caller(rows), chosen(UNCONFIRMED, rows)),
    "a bounce": lambda rows: bounces.record(
        [Report(Kind.PERMANENT, "U500.3@example.edu", None, "")], timezone.now()
    ),
    "recipients": lambda rows: recipients.find(
        rows["account"],
        [
            *(str(FIRST + n) for n in range(1, 200)),
            *(f"sis_user_id:sis{n}" for n in range(200, 400)),
            *(f"sis_login_id:Pupil{n}" for n in range(400, 600)),
        ],
    ),
    "an idempotency key": lambda rows: idempotency.find_first(
        caller(rows), rows["account"], "key500", "digest"
    ),
    "notifications": lambda rows: list(Dispatch.objects.filter(account=rows["account"]).order_by("-pk")[:10]),
    "what became of a notification": lambda rows: counts.of(Dispatch.objects.get(pk=FIRST + 500)),
    "cancel a notification": lambda rows: dispatches.cancel(caller(rows), FIRST + 500),
    "admin's notifications": admin_page(Dispatch, str(FIRST + 500)),
    "bouncing": report(BOUNCING, "admin"),
    "bouncing, all paths": report(BOUNCING, "admin", with_invalid_paths="1", order="desc"),
    "bouncing, newest first": report(BOUNCING, "boss", order="desc"),
    "bouncing, between": report(BOUNCING, "admin", after="2026-01-01", before="2099-01-01"),
    "bouncing, pattern": report(BOUNCING, "admin", pattern="u500.*@example.edu", path_type="email"),
    "own messages": messages("user"),
    "own messages, between": messages("user", start_time="2026-01-01", end_time="2099-01-01"),
    "messages of a user, for admins": messages("admin"),
    "messages of a user, for a site admin": messages("boss"),
    "a message of one's own": lambda rows: (
        access.own(Caller(rows["user"], rows["user"])).filter(pk=1).first()
    ),
    "ask for a test message": lambda rows: self_tests.request(
        rows["user"].communication_channels.get(position=3), caller(rows)
    ),
    "test messages": lambda rows: self_tests.newest(rows["user"]),
    "texts of the day": lambda rows: limits.texts_left([rows["account"].pk]),
    "old messages": lambda rows: retention.prune(300),
    "bodies to forget": lambda rows: retention.forget_bodies(),
    "audit": audit_page(),
    "audit, one action": audit_page(action="create"),
    "audit, between": audit_page(after="2026-01-01", before="2099-01-01"),
    "audit, one channel": audit_page(communication_channel_id=str(FIRST + 5 * 500 + 1)),
    "admin's search by address": admin_page(CommunicationChannel, "U500.1@example.edu"),
    "admin's search by login": admin_page(CommunicationChannel, "pupil500"),
    "admin's search by SIS id": admin_page(User, "sis500"),
    "admin's search by name": admin_page(User, "Nobody has"),
    "admin's list of channels": admin_page(CommunicationChannel),
    "admin's confirmations": admin_page(Confirmation, "sis500"),
    "admin's codes": admin_page(ConfirmationCode, "sis500"),
    "admin's devices": admin_page(PushDevice, "pupil500"),
    "admin's audit": admin_page(AuditEntry, "pupil500"),
    "admin's tokens": admin_page(AccessToken, "pupil500"),
    "admin's logins": admin_page(Login, "pupil500"),
    "unconfirmed": report(UNCONFIRMED, "admin"),
    "unconfirmed, newest first": report(UNCONFIRMED, "boss", order="desc"),
    "unconfirmed, all paths": report(UNCONFIRMED, "admin", with_invalid_paths="1", path_type="email"),
    "unconfirmed, between": report(UNCONFIRMED, "boss", after="2026-01-01", before="2099-01-01"),
    "unconfirmed, pattern": report(UNCONFIRMED, "admin", pattern="u500.*@example.edu"),
}


@pytest.mark.parametrize("name", CALLS)
def test_reads_by_an_index(name: str, large: dict[str, Any], db: None) -> None:
    with CaptureQueriesContext(connection) as captured:
        CALLS[name](large)
    assert scans([query["sql"] for query in captured]) == []


def scans(statements: list[str]) -> list[str]:
    """Statements that read a large table as a whole, with the plans that do."""
    found = []
    for statement in statements:
        if not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            continue
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) " + statement)
            [[[plan]]] = cursor.fetchall()
        scanned = [node["Relation Name"] for node in nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan"]
        if large := [table for table in scanned if size_of(table) > SCAN_ALLOWED]:
            found.append(f"{large} in {statement}")
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        if plan["Node Type"] == "Limit" and part["Node Type"] == "Seq Scan" and "Filter" not in part:
            continue  # it reads no more rows than the limit
        yield from nodes(part)


def size_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
        return int(cursor.fetchone()[0])
