"""The jobs. Each calls one function; what it may cost to run one twice is that function's business.

Tasks of ``procrastinate``: one for each of :data:`notifications.kinds.KINDS`, and the periodic ones.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status

from canvas_channels.core import outbox
from canvas_channels.core.identity import pruning
from canvas_channels.core.metrics import STALLED
from canvas_channels.core.outbox import Job
from channels_api.accounts import progress
from channels_api.channels import spellings
from channels_api.messages import confirmations, password_resets, security_notices
from channels_api.models import Progress
from notifications.bounce_mail import receiving
from notifications.deciding import fan_out
from notifications.dispatches.models import Dispatch
from notifications.gateways import TransportError
from notifications.kinds import KINDS
from notifications.record import retention
from notifications.scheduling import digests, waiting
from notifications.senders import devices
from notifications.webhooks import events
from notifications.worker.retry import Backoff, is_last

logger = logging.getLogger(__name__)


def add_task(job: Job, deliver: Callable[[Any], None], mark_failed: Callable[..., None] | None) -> None:
    """Have the workers do a job. ``mark_failed`` None: ``deliver`` keeps failures on the rows itself."""

    def run(context: JobContext, /, **arguments: Any) -> None:
        """A failure's reason goes on the row before the queue hears of it."""
        given = arguments[job.argument]
        try:
            deliver(given)
        except Exception as error:
            reason = str(error) if isinstance(error, TransportError) else type(error).__name__
            final = is_last(error, context.job.attempts)
            if mark_failed:
                final = final and _fail_for_good(context, mark_failed, given, reason)
                if not final:
                    mark_failed(given, reason, final=False)
            extra = {"action": job.name, "row": given, "reason": reason, "final": final}
            logger.warning("delivery failed", extra={**extra, "ours": getattr(error, "ours", False)})
            raise

    app.task(name=job.name, retry=Backoff(), pass_context=True)(run)


for kind in KINDS.values():
    add_task(kind.model.job, kind.deliver, None if kind.many else kind.model.objects.mark_failed)
add_task(Progress.job, progress.run, progress.mark_failed)
add_task(Dispatch.job, fan_out.run, fan_out.mark_failed)
app.task(name=digests.SHARE.name)(digests.make_share)  # one that failed is done by the next turn


def _fail_for_good(context: JobContext, mark_failed: Callable[..., None], row_id: int, reason: str) -> bool:
    """Not where it was asked for again meanwhile: what was tried then is yet to be seen.

    A retry changes the row too, so once this is written, its job is queued already or comes later.
    """
    with transaction.atomic():
        mark_failed(row_id, reason, final=True)
        asked_again = outbox.is_waiting(context.job.lock)
        transaction.set_rollback(asked_again)
    return not asked_again


@app.periodic(cron="* * * * *")
@app.task(
    name="notifications.retry_stalled",
    queueing_lock="retry_stalled",
    priority=outbox.PERIODIC,
    pass_context=True,
)
async def retry_stalled(context: JobContext, timestamp: int) -> None:
    """Give the jobs of dead workers to living ones.

    A ``queueing_lock``, never a ``lock``: its own stalled job would keep the lock for ever.
    """
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        STALLED.labels(job.task_name).inc()
        logger.warning("stalled job comes back", extra={"action": job.task_name, "job": job.id})
        try:
            await manager.retry_job(job)
        except UniqueViolation:  # a periodic one, and the next of its kind waits already
            await manager.finish_job(job, Status.ABORTED, delete_job=False)


@app.periodic(cron="17 * * * *")
@app.task(
    name="notifications.remove_finished",
    queueing_lock="remove_finished",
    priority=outbox.PERIODIC,
    pass_context=True,
)
async def remove_finished(context: JobContext, timestamp: int) -> None:
    """Forget jobs that ended ``FINISHED_JOBS_DAYS`` ago; rows keep what mattered."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=24 * settings.FINISHED_JOBS_DAYS,
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )


@app.periodic(cron="*/10 * * * *")
@app.task(name="notifications.settle_spellings", queueing_lock="settle_spellings", priority=outbox.PERIODIC)
def settle_spellings(timestamp: int) -> None:
    """Bring what a version before this one writes, while it still runs, in line with this one's rules."""
    spellings.settle()


@app.periodic(cron="*/5 * * * *")
@app.task(name="notifications.forget_bodies", queueing_lock="forget_bodies", priority=outbox.PERIODIC)
def forget_bodies(timestamp: int) -> None:
    """Forget what registration messages said that are sent: they hold links that let somebody in."""
    retention.forget_bodies()


@app.periodic(cron="* * * * *")
@app.task(name="notifications.collect_waiting", queueing_lock="collect_waiting", priority=outbox.PERIODIC)
def collect_waiting(timestamp: int) -> None:
    """Send what has waited for newer news, for the end of quiet hours or for another try."""
    waiting.collect()


@app.periodic(cron="*/15 * * * *")
@app.task(name="notifications.make_digests", queueing_lock="make_digests", priority=outbox.PERIODIC)
def make_digests(timestamp: int) -> None:
    """Have the digests made that are due."""
    digests.ask()


@app.periodic(cron="*/5 * * * *")
@app.task(name="notifications.collect_bounces", queueing_lock="collect_bounces", priority=outbox.PERIODIC)
def collect_bounces(timestamp: int) -> None:
    """Read the bounces that came back by mail, where ``BOUNCE_MAILBOX_URL`` says where to."""
    if settings.BOUNCE_MAILBOX_URL:
        receiving.collect()


@app.periodic(cron="27 3 * * *")
@app.task(name="notifications.prune", queueing_lock="prune", priority=outbox.PERIODIC)
def prune(timestamp: int) -> None:
    """Remove devices unheard of for ``PUSH_DEVICE_DAYS``, and old codes, tokens, events and sessions."""
    while devices.prune(settings.PUSH_DEVICE_DAYS):
        pass
    while events.prune(settings.WEBHOOK_EVENT_DAYS):
        pass
    while retention.prune(settings.MESSAGE_DAYS):
        pass
    confirmations.prune_codes()
    security_notices.prune()
    progress.prune()
    password_resets.prune()
    pruning.prune()
