"""Fills a database by COPY: users with a login and five channels each, and a token for some of them.

Whatever the size, 1,000 channels bounce and 1,000 are unconfirmed, and one more user, a site admin, has 100.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import Connection

CHANNELS_EACH = 5
TOKENS = 5000
REPORTED = 1000
ADMIN = 0  # the number of the site admin's token
SEEDED = (
    "identity_account",
    "identity_developerkey",
    "identity_user",
    "identity_login",
    "channels_api_communicationchannel",
    "oauth2_provider_accesstoken",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = """
INSERT INTO identity_account
    (id, name, is_default, region, locale, users_can_edit_comm_channels, edit_institution_email,
     created_at)
VALUES (1, 'Benchmark', true, 'US', 'en', true, true, now())
"""
KEY = """
INSERT INTO identity_developerkey
    (id, client_id, redirect_uris, post_logout_redirect_uris, client_type, authorization_grant_type,
     client_secret, hash_client_secret, name, skip_authorization, created, updated, algorithm,
     allowed_origins, registration_source, sns_arn, require_scopes, scopes, workflow_state)
VALUES (1, 'benchmark', '', '', 'public', 'authorization-code', '', true, 'benchmark', false, now(), now(),
        '', '', 'manual', '', false, '{}', 'active')
"""
USERS = """
COPY identity_user
    (id, password, is_superuser, name, short_name, sortable_name, locale, home_account_id, workflow_state,
     is_site_admin, is_staff, created_at)
FROM STDIN
"""
LOGINS = """
COPY identity_login (user_id, account_id, unique_id, sis_user_id, imported_email, created_at) FROM STDIN
"""
CHANNELS = """
COPY channels_api_communicationchannel
    (user_id, type, address, address_folded, workflow_state, position, institutional, bounce_count,
     last_bounce_at, created_at, updated_at)
FROM STDIN
"""
ACCESS_TOKENS = """
COPY oauth2_provider_accesstoken
    (id, user_id, token, token_checksum, application_id, expires, scope, resource, created, updated)
FROM STDIN
"""


INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def token_of(number: int) -> str:
    """The token of the n-th user who has one, from 1; the site admin's is ``ADMIN``."""
    return f"benchmark-token-{number}"


def seed(database_url: str, users: int) -> None:
    """``users`` of them, with ids 1..users, on a migrated and empty database; the site admin comes after."""
    everyone, admin = range(1, users + 1), users + 1
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")  # foreign keys need no check
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(ACCOUNT)
        connection.execute(KEY)
        _copy(connection, USERS, map(_user, everyone))
        _copy(connection, USERS, [_user(admin, is_site_admin=True)])
        with _indexes_later(connection, "identity_login"):
            _copy(connection, LOGINS, map(_login, everyone))
        with _indexes_later(connection, "channels_api_communicationchannel"):
            _copy(connection, CHANNELS, _channels(everyone, CHANNELS_EACH))
            _copy(connection, CHANNELS, _channels([admin], 100))
        numbers = range(1, TOKENS + 1)
        _copy(connection, ACCESS_TOKENS, (_token(number, 1 + (number * 37) % users) for number in numbers))
        _copy(connection, ACCESS_TOKENS, [_token(ADMIN, admin)])
    with psycopg.connect(database_url, autocommit=True) as connection:
        # Not the empty ones: plans for a table that is known to be empty read all of it.
        connection.execute(f"VACUUM ANALYZE {', '.join(SEEDED)}")
        connection.execute("CHECKPOINT")


@contextmanager
def _indexes_later(connection: Connection[Any], table: str) -> Iterator[None]:
    """Makes a table's indexes after its rows, which takes a fraction of the time."""
    indexes = connection.execute(INDEXES, [table]).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        connection.execute(definition)


def _copy(connection: Connection[Any], statement: LiteralString, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _user(number: int, *, is_site_admin: bool = False) -> tuple[Any, ...]:
    name = f"U {number}"
    return number, "!", False, name, name, name, "", 1, "registered", is_site_admin, False, START


def _login(number: int) -> tuple[Any, ...]:
    return number, 1, f"user{number}", f"sis{number}", "", START


def _channels(users: Iterable[int], each: int) -> Iterator[tuple[Any, ...]]:
    for user in users:
        at = START + timedelta(seconds=user)
        for position in range(1, each + 1):
            address = f"user{user}.{position}@example.edu"
            state = "unconfirmed" if position == 1 and user <= REPORTED else "active"
            bounced = at if position == 2 and user <= REPORTED else None
            yield (
                *(user, "email", address, address, state, position, False, 1 if bounced else 0, bounced),
                *(at, at),
            )


def _token(number: int, user: int) -> tuple[Any, ...]:
    checksum = hashlib.sha256(token_of(number).encode()).hexdigest()
    end = datetime(9999, 12, 31, tzinfo=UTC)
    return number, user, "", checksum, 1, end, "", "[]", START, START
