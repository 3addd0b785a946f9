"""(b): a bare WSGI function with the same two statements: about the least that a Python server can do.

To create, it writes the same four rows in one transaction, which is one statement here.
"""

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
# The user's row is held, as positions have to be without doubles; foreign keys are checked at the end.
CREATE = """
WITH owner AS (SELECT id FROM identity_user WHERE id = %(user)s FOR NO KEY UPDATE),
channel AS (
    INSERT INTO channels_api_communicationchannel
        (user_id, type, address, address_folded, workflow_state, position, institutional, bounce_count,
         created_at, updated_at)
    SELECT owner.id, %(type)s, %(address)s::text, lower(%(address)s::text), 'unconfirmed', (
        SELECT coalesce(max(position), 0) + 1 FROM channels_api_communicationchannel WHERE user_id = owner.id
    ), false, 0, now(), now()
    FROM owner
    RETURNING *
), confirmation AS (
    INSERT INTO channels_api_confirmation
        (channel_id, user_id, address_folded, workflow_state, failure, wrong_tries, created_at)
    SELECT id, user_id, address_folded, 'requested', '', 0, created_at FROM channel
    RETURNING id
), entry AS (
    INSERT INTO channels_api_auditentry
        (user_id, channel_id, action, actor_id, developer_key_id, details, created_at)
    SELECT user_id, id, 'create', user_id, 1, '{"confirmed": false}', created_at FROM channel
)
SELECT channel.id, address, type, position, user_id, workflow_state, bounce_count, last_bounce_at, created_at,
       institutional, pending_address, procrastinate_defer_jobs_v1(ARRAY[ROW(
           'default', 'notifications.send_confirmation', 0, 'confirmation:' || confirmation.id, NULL,
           jsonb_build_object('confirmation_id', confirmation.id), NULL
       )::procrastinate_job_to_defer_v1])
FROM channel, confirmation
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
    answer: object
    if environ["REQUEST_METHOD"] == "POST":
        given = orjson.loads(environ["wsgi.input"].read())["communication_channel"]
        asked = {"user": row[0], "type": given["type"], "address": given["address"]}
        [(*channel, _)] = connection.execute(CREATE, asked).fetchall()
        answer = dict(zip(COLUMNS, channel, strict=True))
    else:
        rows = connection.execute(CHANNELS, [row[0]]).fetchall()
        answer = [dict(zip(COLUMNS, row, strict=True)) for row in rows[:10]]
    body = orjson.dumps(answer, option=DATES)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
