"""(b): a bare WSGI function with the same two statements: about the least that a Python server can do."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import psycopg

TOKEN = """
SELECT t.user_id, t.expires, t.scope, u.workflow_state, u.is_site_admin, k.workflow_state, k.require_scopes
FROM oauth2_provider_accesstoken t
JOIN identity_user u ON u.id = t.user_id
LEFT JOIN identity_developerkey k ON k.id = t.application_id
WHERE t.token_checksum = %s
"""
CHANNELS = """
SELECT id, address, type, position, user_id, workflow_state, bounce_count, last_bounce_at, created_at,
       institutional, pending_address
FROM channels_api_communicationchannel
WHERE user_id = %s AND workflow_state IN ('unconfirmed', 'active')
ORDER BY position, id
"""
COLUMNS = (
    "id",
    "address",
    "type",
    "position",
    "user_id",
    "workflow_state",
    "bounce_count",
    "last_bounce_at",
    "created_at",
    "institutional",
    "pending_address",
)
DATES = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS

_local = threading.local()


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0)
    connection: psycopg.Connection[Any] = _local.connection
    return connection


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    connection = _connection()
    token = environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    row = connection.execute(TOKEN, [hashlib.sha256(token.encode()).hexdigest()]).fetchone()
    if row is None:
        start_response("401 Unauthorized", [])
        return [b""]
    rows = connection.execute(CHANNELS, [row[0]]).fetchall()
    body = orjson.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows[:10]], option=DATES)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
