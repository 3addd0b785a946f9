"""Creating many channels at once, in the background (docs/contract.md, section 9). Knows nothing of HTTP.

Each row is one transaction that makes the channel and keeps the row's result: so an import that was
interrupted goes on where it stopped, and makes nothing twice.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Count, Q

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.accounts import lock_member
from canvas_channels.core.identity.callers import Caller, UserNotFound, login_named
from canvas_channels.core.identity.models import Account, User
from canvas_channels.core.identity.models.names import lowered
from channels_api.accounts.import_rows import Row
from channels_api.channels import registry
from channels_api.errors import ChannelError, InvalidValue, NotPermitted, Reason
from channels_api.models import CommunicationChannel, ImportRow, Progress

BATCH = 100  # rows of one step, after which the progress shows them

logger = logging.getLogger(__name__)


@transaction.atomic
def start(caller: Caller | None, account: Account, rows: Sequence[Row]) -> Progress:
    """Create the progress and its rows. ``caller`` None: the service itself."""
    progress = Progress.objects.create(
        account=account,
        user=caller.user if caller else None,
        actor=caller.actor if caller else None,
        developer_key=caller.developer_key if caller else None,
        tag=Progress.Tag.IMPORT,
    )
    ImportRow.objects.bulk_create(
        [ImportRow(progress=progress, number=n, data=row) for n, row in enumerate(rows, 1)],
        batch_size=1_000,
    )
    return progress


def do_batch(progress: Progress) -> tuple[int, str]:
    """Import the next rows; returns the percentage done and a sentence for people."""
    waiting = progress.rows.filter(result__isnull=True).order_by("number")
    caller = progress.caller()
    for row_id in list(waiting.values_list("pk", flat=True)[:BATCH]):
        _do_row(progress, caller, row_id)
    counts = progress.rows.aggregate(
        rows=Count("pk"),
        done=Count("pk", filter=Q(result__isnull=False)),
        failed=Count("pk", filter=Q(result__status="failed")),
    )
    words = f"{counts['done']} of {counted(counts['rows'], 'row')} done, {counts['failed']} failed"
    return 100 * counts["done"] // max(1, counts["rows"]), words


def forget(user: User) -> int:
    """Fail the waiting rows that name the user and delete their data; returns how many there were."""
    names: set[tuple[Any, ...]] = {("user", user.pk)}
    for login in user.logins.all():
        names.add((login.account_id, "unique_id__lower", lowered(login.unique_id)))
        names.add((login.account_id, "sis_user_id", login.sis_user_id))
    waiting = ImportRow.objects.filter(result__isnull=True).select_related("progress")
    ids = [row.pk for row in waiting.iterator() if names & _names(row)]
    return ImportRow.objects.filter(pk__in=ids).update(
        data={}, result=_failed("user_id", Reason.NOT_FOUND, "no such user in this account")
    )


def _names(row: ImportRow) -> set[tuple[Any, ...]]:
    """Whom a row is about: by id, or by what a login of the import's account has."""
    found: set[tuple[Any, ...]] = set()
    for name in row.data.get("users", ()):
        with suppress(UserNotFound):
            for field, value in login_named(name).items():
                if field == "unique_id__lower":
                    value = lowered(value)
                found.add((field, value) if field == "user" else (row.progress.account_id, field, value))
    return found


def results(progress: Progress) -> list[Any]:
    """The result of each row that is done, in order."""
    done = progress.rows.filter(result__isnull=False).order_by("number")
    return [{"row": row.number, **row.result} for row in done.only("number", "result")]


@transaction.atomic
def _do_row(progress: Progress, caller: Caller | None, row_id: int) -> None:
    waiting = ImportRow.objects.select_for_update(skip_locked=True).filter(result__isnull=True)
    row = waiting.filter(pk=row_id).first()
    if row is None:
        return  # another worker's
    row.result = _result(progress.account, caller, row)
    row.data = {}
    row.save(update_fields=["result", "data"])


def _result(account: Account, caller: Caller | None, row: ImportRow) -> dict[str, Any]:
    try:
        with transaction.atomic():
            channel = _create(account, caller, row.data)
    except ChannelError as error:
        return _failed(error.attribute, error.reason.type, error.message)
    except UserNotFound:
        return _failed("user_id", Reason.NOT_FOUND, "no such user in this account")
    except (OperationalError, InterfaceError):
        raise  # a passing failure: the job is tried again, and begins with this row
    except DatabaseError as error:
        logger.error("import row failed", extra={"row": row.pk, "reason": type(error).__name__})
        return _failed("row", "internal", "An error occurred.")
    return {
        "status": "created",
        "communication_channel_id": channel.pk,
        "user_id": channel.user_id,
        "workflow_state": channel.workflow_state,
    }


def _create(account: Account, caller: Caller | None, data: Row) -> CommunicationChannel:
    if "malformed" in data:
        attribute, reason, message = data["malformed"]
        raise InvalidValue(attribute, Reason(reason), message)
    subject = lock_member(caller, account, data["users"])
    if not subject.administered():
        raise NotPermitted
    return registry.create(
        subject,
        type_=data["type"],
        address=data["address"],
        skip_confirmation=data["skip_confirmation"],
        made_with_user=not subject.with_scopes,
    )


def _failed(attribute: str, kind: str, message: str) -> dict[str, Any]:
    return {"status": "failed", "errors": [{"attribute": attribute, "type": kind, "message": message}]}
