"""Asks for deliveries: the only way from the registry to ``notifications``, by the name of a job.

``defer`` joins the surrounding transaction, so that a rolled-back request never sends anything, and
a crash never loses what an accepted one asked for. A test checks that each name exists.
"""

from collections.abc import Sequence

from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

from canvas_channels.rest.request_id import as_argument

SEND_CONFIRMATION = "notifications.send_confirmation"
SEND_ANNOUNCEMENT = "notifications.send_announcement"
SYNC_DEVICE = "notifications.sync_device"
RUN_PROGRESS = "notifications.run_progress"
SEND_PASSWORD_RESET = "notifications.send_password_reset"  # noqa: S105 - a job's name

# In a worker the app's own connector is the queue's: its jobs would begin before our transaction ends.
_manager = JobManager(DjangoConnector())


def send_confirmation(confirmation_id: int) -> None:
    """Send the code of a confirmation; the worker makes it, so that no code is ever an argument."""
    _ask(SEND_CONFIRMATION, lock=f"confirmation:{confirmation_id}").defer(
        confirmation_id=confirmation_id, **as_argument()
    )


def send_announcements(announcement_ids: Sequence[int]) -> None:
    """Tell a user's other addresses that one was confirmed."""
    _defer_all(SEND_ANNOUNCEMENT, "announcement", announcement_ids)


def sync_device(device_id: int) -> None:
    """Bring SNS in line with a device's row."""
    sync_devices([device_id])


def sync_devices(device_ids: Sequence[int]) -> None:
    """Bring SNS in line with devices' rows; of one device's jobs only one runs at a time."""
    _defer_all(SYNC_DEVICE, "device", device_ids)


def run_progress(progress_id: int) -> None:
    """Do the next part of a bulk action; one at a time per action."""
    _ask(RUN_PROGRESS, lock=f"progress:{progress_id}").defer(progress_id=progress_id, **as_argument())


def send_password_reset(reset_id: int) -> None:
    """Send a link to set a new password; the worker makes it, so that no link is ever an argument."""
    _ask(SEND_PASSWORD_RESET, lock=f"password_reset:{reset_id}").defer(reset_id=reset_id, **as_argument())


def _ask(name: str, *, lock: str) -> JobDeferrer:
    return configure_task(name=name, job_manager=_manager, lock=lock)


def _defer_all(task: str, what: str, row_ids: Sequence[int]) -> None:
    """A job for each row, under its lock, in one statement."""
    jobs = [
        _ask(task, lock=f"{what}:{row_id}").make_new_job(**{f"{what}_id": row_id}, **as_argument())
        for row_id in row_ids
    ]
    if jobs:
        _manager.batch_defer_jobs(jobs)
