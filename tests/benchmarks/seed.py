"""Fills a database by COPY: users, five channels each, and a token for some of them."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import Connection

CHANNELS_EACH = 5
TOKENS = 5000
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
CHANNELS = """
COPY channels_api_communicationchannel
    (user_id, type, address, address_folded, workflow_state, position, institutional, bounce_count,
     created_at, updated_at)
FROM STDIN
"""
ACCESS_TOKENS = """
COPY oauth2_provider_accesstoken
    (id, user_id, token, token_checksum, application_id, expires, scope, resource, created, updated)
FROM STDIN
"""


def token_of(number: int) -> str:
    """The token of the n-th user who has one, from 1."""
    return f"benchmark-token-{number}"


def seed(database_url: str, users: int) -> None:
    """``users`` of them, with ids 1..users, on a migrated and empty database."""
    everyone = range(1, users + 1)
    positions = range(1, CHANNELS_EACH + 1)
    with psycopg.connect(database_url) as connection:
        connection.execute(ACCOUNT)
        connection.execute(KEY)
        _copy(connection, USERS, map(_user, everyone))
        _copy(connection, CHANNELS, (_channel(user, position) for user in everyone for position in positions))
        numbers = range(1, min(TOKENS, users) + 1)
        _copy(connection, ACCESS_TOKENS, (_token(number, 1 + (number * 37) % users) for number in numbers))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _copy(connection: Connection[Any], statement: LiteralString, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _user(number: int) -> tuple[Any, ...]:
    name = f"U {number}"
    return number, "!", False, name, name, name, "", 1, "registered", False, False, START


def _channel(user: int, position: int) -> tuple[Any, ...]:
    address = f"user{user}.{position}@example.edu"
    at = START + timedelta(seconds=user)
    return user, "email", address, address, "active", position, False, 0, at, at


def _token(number: int, user: int) -> tuple[Any, ...]:
    checksum = hashlib.sha256(token_of(number).encode()).hexdigest()
    end = datetime(9999, 12, 31, tzinfo=UTC)
    return number, user, "", checksum, 1, end, "", "[]", START, START
