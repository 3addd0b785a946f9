"""The CommunicationChannel object (docs/contract.md, section 3), and how a list of them is read."""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import orjson
from django.db.models import CharField, Func, Value
from django.db.models.expressions import Combinable

from canvas_channels.core.identity import tokens
from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.postgresql import replica
from canvas_channels.core.postgresql.trips import Row
from canvas_channels.core.statements import Statement
from channels_api import audit, statements
from channels_api.models import CommunicationChannel

FIELDS = (
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
BOUNCE_DETAILS = (
    "last_bounce_summary",
    "last_suppression_bounce_at",
    "last_transient_bounce_at",
    "last_transient_bounce_summary",
)


def fields_for(*, bounce_details: bool) -> tuple[str, ...]:
    """The columns to read; ``bounce_details`` are for site admins only."""
    return FIELDS + BOUNCE_DETAILS if bounce_details else FIELDS


class Timestamp(Func):
    """What ``rest.errors.timestamp`` makes of a column, made by PostgreSQL: cheaper for many rows."""

    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
    output_field = CharField()


def columns(fields: tuple[str, ...]) -> list[str | Combinable]:
    """For ``values_list``: rows that are answered as they are."""
    return [Timestamp(field) if field.endswith("_at") else field for field in fields]


def channel_object(channel: CommunicationChannel, *, bounce_details: bool = False) -> dict[str, Any]:
    return {field: getattr(channel, field) for field in fields_for(bounce_details=bounce_details)}


def live_rows(user_id: int, fields: tuple[str, ...]) -> list[Row]:
    """The user's live channels in order, as rows of ``fields``: at most 100, in one statement."""
    return _live(fields).fetch(user_id=user_id)


def with_token(user_id: str) -> Statement | None:
    """How the token is read that asks for a user's channels: with what :func:`listed_rows` can use."""
    if replica.is_configured():
        return _changes_of_token()
    return _of_token() if user_id == "self" else None


def listed_rows(subject: Subject, fields: tuple[str, ...]) -> Sequence[Sequence[Any]]:
    """:func:`live_rows`; the caller's own may have come with the token already, or come from a replica.

    :func:`with_token` reads them with the token.
    """
    caller = subject.caller
    token: Any = caller.token if caller and subject.in_person else None
    if token is not None and token.beside:
        rows = _beside(token, fields)
        if rows is not None:
            return rows
    return live_rows(subject.user.pk, fields)


def _beside(token: Any, fields: tuple[str, ...]) -> Sequence[Sequence[Any]] | None:
    [beside] = token.beside
    if not replica.is_configured():
        return cast("list[list[Any]]", orjson.loads(beside)) if fields == FIELDS else None
    known = {} if beside is None else {"changes": beside}
    return replica.ask(_on_replica(fields, changed=bool(known)).query(user_id=token.user_id, **known))


@cache
def _live(fields: tuple[str, ...]) -> Statement:
    return statements.live_channels(columns(fields))


@cache
def _of_token() -> Statement:
    return statements.channels_of_token(columns(FIELDS))


@cache
def _changes_of_token() -> Statement:
    return tokens.with_owners(audit.changes("user"))


@cache
def _on_replica(fields: tuple[str, ...], *, changed: bool) -> Statement:
    samples = {"changes": "{-2}"} if changed else {}
    is_there = audit.has_all(**samples) if changed else Value(value=True)
    return statements.live_channels([*columns(fields), replica.SecondsBehind(), is_there], **samples)
