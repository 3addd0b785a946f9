"""Asks for deliveries: the only way from the registry to ``notifications``, by the name of a job.

``defer`` joins the surrounding transaction, so that a rolled-back request never sends anything, and
a crash never loses what an accepted one asked for. A test checks that each name exists.

Of the jobs under one lock, procrastinate runs none before those with an earlier id or a higher priority, even
where such a one is not due for an hour. So what is asked for again takes the place of what waits, and goes
ahead of what runs just now, should that have to wait for another try.
"""

from collections.abc import Sequence

from django.db import connection
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task
from procrastinate.types import JSONDict

from canvas_channels.core.request_id import as_argument

SEND_CONFIRMATION = "notifications.send_confirmation"
SEND_SECURITY_NOTICE = "notifications.send_announcement"
SYNC_DEVICE = "notifications.sync_device"
RUN_PROGRESS = "notifications.run_progress"
SEND_PASSWORD_RESET = "notifications.send_password_reset"  # noqa: S105 - a job's name

_NOTICE = "announcement"  # as jobs that wait in the queue call it

BULK = -10  # a priority: whoever waits at a screen comes before what goes to thousands
FIRST = 0  # procrastinate's default, and that of every try after the first
AGAIN = 1

# In a worker the app's own connector is the queue's: its jobs would begin before our transaction ends.
_manager = JobManager(DjangoConnector())


def send_confirmation(confirmation_id: int) -> None:
    """Send the code of a confirmation; the worker makes it, so that no code is ever an argument."""
    _ask(SEND_CONFIRMATION, lock=f"confirmation:{confirmation_id}").defer(
        confirmation_id=confirmation_id, **as_argument()
    )


def send_confirmations_again(confirmation_ids: Sequence[int]) -> None:
    """The same for confirmations that were asked for before."""
    ask_again(SEND_CONFIRMATION, "confirmation", confirmation_ids)


def send_security_notices(notice_ids: Sequence[int]) -> None:
    """Tell a user's addresses what else lets somebody in."""
    ask(SEND_SECURITY_NOTICE, _NOTICE, notice_ids)


def send_security_notices_again(notice_ids: Sequence[int]) -> None:
    """The same for notices that were asked for before."""
    ask_again(SEND_SECURITY_NOTICE, _NOTICE, notice_ids)


def sync_device(device_id: int) -> None:
    """Bring SNS in line with a device's row."""
    sync_devices([device_id])


def sync_devices(device_ids: Sequence[int]) -> None:
    """Bring SNS in line with devices' rows as they are now; of one device's jobs only one runs at a time."""
    ask_again(SYNC_DEVICE, "device", device_ids)


def run_progress(progress_id: int) -> None:
    """Do the next part of a bulk action; one at a time per action."""
    _ask(RUN_PROGRESS, lock=f"progress:{progress_id}").defer(progress_id=progress_id, **as_argument())


def send_password_reset(reset_id: int) -> None:
    """Send a link to set a new password; the worker makes it, so that no link is ever an argument."""
    _ask(SEND_PASSWORD_RESET, lock=f"password_reset:{reset_id}").defer(reset_id=reset_id, **as_argument())


def ask(task: str, what: str, row_ids: Sequence[int], *, priority: int = FIRST) -> None:
    """A job for each row, under its lock, in one statement."""
    jobs = [
        _ask(task, lock=f"{what}:{row_id}", priority=priority).make_new_job(
            **{f"{what}_id": row_id}, **as_argument()
        )
        for row_id in row_ids
    ]
    if jobs:
        _manager.batch_defer_jobs(jobs)


def ask_in_batches(task: str, argument: str, row_ids: Sequence[int], at_once: int, *, priority: int) -> None:
    """Jobs that take ``at_once`` rows each, under no lock, in one statement."""
    batches: list[JSONDict] = [
        {argument: list(row_ids[start : start + at_once])} for start in range(0, len(row_ids), at_once)
    ]
    jobs = [
        _ask(task, lock=None, priority=priority).make_new_job(**batch, **as_argument()) for batch in batches
    ]
    if jobs:
        _manager.batch_defer_jobs(jobs)


def ask_again(task: str, what: str, row_ids: Sequence[int]) -> None:
    """A job for each row that runs now, whatever waits for it. The caller holds the rows' locks."""
    if row_ids:
        with connection.cursor() as cursor:  # procrastinate cancels by id only
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE status = 'todo' AND lock = ANY(%s)",
                [[f"{what}:{row_id}" for row_id in row_ids]],
            )
        ask(task, what, row_ids, priority=AGAIN)


def bring_forward(job_ids: Sequence[int]) -> int:
    """Have jobs run now that wait for another try; returns how many.

    Each is replaced by a copy: workers are told of new jobs only.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH waiting AS (UPDATE procrastinate_jobs SET status = 'cancelled' "
            "WHERE status = 'todo' AND id = ANY(%s) RETURNING *) "
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args) "
            "SELECT queue_name, task_name, %s, lock, queueing_lock, args FROM waiting ORDER BY id",
            [list(job_ids), AGAIN],
        )
        return int(cursor.rowcount)


def is_waiting(lock: str | None) -> bool:
    """Whether a job under this lock is still to run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND lock = %s)", [lock]
        )
        (found,) = cursor.fetchone() or (False,)
    return bool(found)


def _ask(name: str, *, lock: str | None, priority: int = FIRST) -> JobDeferrer:
    return configure_task(name=name, job_manager=_manager, lock=lock, priority=priority)
