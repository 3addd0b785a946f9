"""Every list, report and look-up reads by an index, on tables of 100,000 rows and PostgreSQL's own choice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from canvas_channels.identity import tokens
from canvas_channels.identity.callers import Caller, find_subject
from canvas_channels.identity.models import Account, User
from canvas_channels.web.chart import bounces_by_day
from channels_api import audit, channels, codes, confirmations, devices, limits, people, reports
from channels_api.audit_views import AuditFilter
from channels_api.models import CommunicationChannel
from channels_api.representation import FIELDS
from notifications.devices import prune as prune_devices
from tests.factories import FCM_ARN, make_account, make_admin, make_key, make_site_admin, make_token

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
"""


@pytest.fixture(scope="module")
def large(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Any]]:
    """Rows of an account, seeded once, in a transaction that is rolled back in the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        account = make_account(is_default=not Account.objects.filter(is_default=True).exists())
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


def audit_page(**filters: str) -> Callable[[dict[str, Any]], object]:
    def read(rows: dict[str, Any]) -> object:
        found = AuditFilter(filters, queryset=audit.of_user(rows["user"].pk)).qs
        return found.count(), list(found[:10])

    return read


BOUNCING, UNCONFIRMED = reports.BOUNCING, reports.UNCONFIRMED
CALLS: dict[str, Callable[[dict[str, Any]], object]] = {
    "token": lambda rows: tokens.find_token(rows["token"]),
    "list": lambda rows: channels.live_rows(rows["user"].pk, FIELDS),
    "user by id": lambda rows: subject(rows, str(FIRST + 500)),
    "user by SIS id": lambda rows: subject(rows, "sis_user_id:sis500"),
    "user by login": lambda rows: subject(rows, "sis_login_id:PUPIL500"),
    "user by login, of a site admin": lambda rows: subject(rows, "sis_login_id:pupil500", "boss"),
    "people": lambda rows: list(people.find_people(rows["admin"], "pupil500")),
    "people, of a site admin": lambda rows: list(people.find_people(rows["boss"], "12025550100")),
    "bounces by day": lambda rows: bounces_by_day(
        reports.channels_of(reports.BOUNCING, rows["account"], rows["admin"])
    ),
    "create": lambda rows: channels.create(
        find_subject(Caller(rows["user"], rows["user"]), "self", lock=True),
        type_="email",
        address="new@example.edu",
        skip_confirmation=False,
    ),
    "find by address": lambda rows: channels.find(rows["user"], type_="email", address="U500.1@example.edu"),
    "resend": lambda rows: confirmations.resend(
        CommunicationChannel.objects.get(user=FIRST + 500, workflow_state="unconfirmed")
    ),
    "limit reached": lambda rows: limits.channel_limit_reached(rows["channel"]),
    "code": lambda rows: confirmations.look_up(codes.new_email_code()),
    "register a device": lambda rows: devices.register(
        find_subject(Caller(rows["user"], rows["user"]), "self", lock=True),
        rows["key"],
        "t500",
    ),
    "remove a device": lambda rows: devices.remove_token(Caller(rows["user"], rows["user"]), "t500"),
    "prune devices": lambda rows: prune_devices(13),
    "bouncing": report(BOUNCING, "admin"),
    "bouncing, newest first": report(BOUNCING, "boss", order="desc"),
    "bouncing, between": report(BOUNCING, "admin", after="2026-01-01", before="2099-01-01"),
    "bouncing, pattern": report(BOUNCING, "admin", pattern="u500.*@example.edu", path_type="email"),
    "audit": audit_page(),
    "audit, one action": audit_page(action="create"),
    "audit, between": audit_page(after="2026-01-01", before="2099-01-01"),
    "audit, one channel": audit_page(communication_channel_id=str(FIRST + 5 * 500 + 1)),
    "unconfirmed": report(UNCONFIRMED, "admin"),
    "unconfirmed, newest first": report(UNCONFIRMED, "boss", order="desc"),
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
        if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
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
        yield from nodes(part)


def size_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = %s", [table])
        return int(cursor.fetchone()[0])
