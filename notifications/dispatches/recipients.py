"""Whom a dispatch is for: found and written in one statement each, however many they are."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection

from canvas_channels.core.identity.callers import UserNotFound, login_named
from canvas_channels.core.identity.models import Account, Login
from notifications.dispatches.models import DispatchRecipient

_LOGIN = Login._meta.db_table
_FIND = f"""
    WITH names AS MATERIALIZED (
        SELECT name, LOWER(name) AS lower FROM unnest(%(unique_id__lower)s::text[]) AS name
    )
    SELECT 'user', user_id::text, user_id FROM {_LOGIN}
    WHERE account_id = %(account)s AND user_id = ANY(%(user)s::bigint[])
    UNION ALL
    SELECT 'unique_id__lower', name, user_id FROM {_LOGIN} JOIN names ON LOWER(unique_id) = lower
    WHERE account_id = %(account)s AND LOWER(unique_id) = ANY(ARRAY(SELECT lower FROM names))
    UNION ALL
    SELECT 'sis_user_id', sis_user_id, user_id FROM {_LOGIN}
    WHERE account_id = %(account)s AND sis_user_id = ANY(%(sis_user_id)s::text[])
"""  # noqa: S608 - of a table's name only
_WRITE = f"""
    INSERT INTO {DispatchRecipient._meta.db_table} (dispatch_id, user_id, decided)
    SELECT %s, unnest(%s::bigint[]), false
"""


class Found(NamedTuple):
    """``user_ids``: each once, in order. ``unknown``: the names of nobody in the account, each once."""

    user_ids: list[int]
    unknown: list[str]


def find(account: Account, names: Iterable[str]) -> Found:
    """Who has a login in the account by these names: any form of ``user_id`` but ``self``."""
    named = {name: _login(name) for name in names}
    values: dict[str, list[str | int]] = {"user": [], "unique_id__lower": [], "sis_user_id": []}
    for login in named.values():
        if login:
            field, value = login
            values[field].append(value)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"account": account.pk, **values})
        found = {(field, value): user_id for field, value, user_id in cursor.fetchall()}
    unknown = [name for name, login in named.items() if not login or (login[0], str(login[1])) not in found]
    return Found(sorted(set(found.values())), unknown)


def write(dispatch_id: int, user_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [dispatch_id, user_ids])


def _login(name: str) -> tuple[str, str | int] | None:
    """A field of a login, and what it has to be."""
    try:
        [login] = login_named(name).items()
    except UserNotFound:
        return None
    return login
