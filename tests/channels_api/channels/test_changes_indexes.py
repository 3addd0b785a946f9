"""Changing a channel and a user's devices read by an index, on tables of 100,000 rows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from canvas_channels.core.identity.callers import Caller, find_subject
from canvas_channels.core.identity.models import User
from channels_api.channels import changes, confirm, registry
from channels_api.devices import registration
from channels_api.models import Confirmation, PushDevice
from tests.factories import APNS_ARN, issue_code, make_key, make_user

USERS = 20_000  # with five channels, confirmations and devices each
FIRST = 10_000_000  # ids of the rows begin behind it
EACH = f"""
INSERT INTO channels_api_communicationchannel (id, user_id, type, address, address_folded, workflow_state,
    position, institutional, bounce_count, created_at, updated_at)
SELECT {FIRST} + 5 * n + p, {FIRST} + n, 'email', 'u' || n || '.' || p, 'u' || n || '.' || p, 'active', p,
    false, 0, now(), now()
FROM generate_series(1, {USERS}) n, generate_series(1, 5) p;

INSERT INTO channels_api_confirmation (channel_id, user_id, address_folded, workflow_state, wrong_tries,
    failure, created_at)
SELECT id, user_id, address_folded, 'used', 0, '', created_at FROM channels_api_communicationchannel;

INSERT INTO channels_api_confirmationcode (confirmation_id, digest, expires_at)
SELECT id, md5(id::text), now() FROM channels_api_confirmation;

INSERT INTO channels_api_pushdevice (user_id, developer_key_id, token, token_digest, endpoint_arn,
    workflow_state, failure, last_seen_at, created_at, updated_at)
SELECT user_id, %(key)s, id, md5(id::text), '', 'registered', '', now(), now(), now()
FROM channels_api_communicationchannel;
"""
MADE = f"""
INSERT INTO identity_user (id, password, is_superuser, name, short_name, sortable_name, locale,
    home_account_id, workflow_state, is_site_admin, is_staff, created_at)
SELECT {FIRST} + n, '!', false, 'U', 'U', 'U', '', %(account)s, 'registered', false, false, now()
FROM generate_series(1, {USERS}) n;
"""
TABLES = {
    "channels_api_communicationchannel",
    "channels_api_confirmation",
    "channels_api_confirmationcode",
    "channels_api_pushdevice",
    "identity_user",
}


def wanted(user: User, **change: Any) -> None:
    subject = find_subject(Caller(user, user), "self", lock=True)
    channel = registry.find(user, channel_id=FIRST + 5 * (user.pk - FIRST) + 3)
    changes.change(subject, channel, changes.Changes(**change))


def confirmed(user: User) -> None:
    wanted(user, address="new@example.edu")
    issued = issue_code(Confirmation.objects.latest("id"))
    confirm.confirm_email(issued.code)


CALLS: dict[str, Callable[[User], object]] = {
    "new address": lambda user: wanted(user, address="new@example.edu"),
    "new address, confirmed": confirmed,
    "new position": lambda user: wanted(user, position="1"),
    "devices": lambda user: list(registration.of_user(user.pk)[:10]),
    "number of devices": lambda user: registration.of_user(user.pk).count(),
    "remove a device": lambda user: registration.remove_one(
        Caller(user, user), PushDevice.objects.filter(user=user)[0].pk
    ),
}


@pytest.mark.django_db
def test_reads_by_an_index() -> None:
    values = {"account": make_user().home_account_id, "key": make_key(sns_arn=APNS_ARN).pk}
    with connection.cursor() as cursor:
        for statement in (MADE + EACH).split(";\n\n"):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    assert scans("SELECT 1 FROM channels_api_pushdevice WHERE token = 'without an index'")
    user = User.objects.get(pk=FIRST + 500)
    scanned = {}
    for name, call in CALLS.items():
        with CaptureQueriesContext(connection) as captured:
            call(user)
        if found := [query["sql"] for query in captured if scans(query["sql"])]:
            scanned[name] = found
    assert scanned == {}


def scans(statement: str) -> bool:
    """Whether PostgreSQL would read one of the tables as a whole."""
    if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
        return False
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + statement)
        plan = [row[0] for row in cursor.fetchall()]
    return any(f"Seq Scan on {table} " in line for line in plan for table in TABLES)
