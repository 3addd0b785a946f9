"""The jobs. Each calls one function; what it may cost to run one twice is that function's business.

Tasks of ``procrastinate``: one for each of :data:`notifications.kinds.KINDS`, and the periodic ones.
"""

import logging
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job as QueueJob
from procrastinate.jobs import Status
from procrastinate.manager import QUEUEING_LOCK_CONSTRAINT

from canvas_channels.core import outbox
from canvas_channels.core.identity import pruning
from canvas_channels.core.metrics import STALLED
from channels_api.accounts import progress
from channels_api.channels import spellings
from channels_api.messages import confirmations, password_resets, security_notices
from notifications.bounce_mail import receiving
from notifications.gateways.email import address_refused
from notifications.kinds import KINDS, Kind
from notifications.record import retention
from notifications.scheduling import digests, waiting
from notifications.senders import devices
from notifications.webhooks import bounces, events
from notifications.worker.batches import Batch, note_failure
from notifications.worker.process import WorkerConnector
from notifications.worker.retry import Backoff
from notifications.worker.turns import Turn

logger = logging.getLogger(__name__)


def add_deliveries(kind: Kind) -> None:
    """Have the workers deliver a kind, until their time is up or they are told to end."""
    job = kind.model.job
    batch = Batch(job, kind.deliver, kind.settle, kind.model.objects.mark_failed)

    def work(context: JobContext, /, **arguments: Any) -> None:
        _refuse_stale_database(context)
        connector = context.app.connector
        assert isinstance(connector, WorkerConnector)  # noqa: S101 - a worker's, see process.install()
        turn = Turn(lambda: connector.ends, long=kind.in_parts)
        if kind.many:
            kind.deliver(arguments[job.argument], turn)
        elif kind.in_parts:
            _deliver_in_parts(kind, context.job, turn)
        else:
            batch.work(context.job, turn, connector.lose)

    app.task(name=job.name, retry=Backoff(), pass_context=True)(work)


def _deliver_in_parts(kind: Kind, job: QueueJob, turn: Turn) -> None:
    """Another job goes on with the row when the turn is over.

    Not a job a part: a worker notices one that waited for its predecessor's lock only when it next polls.
    """
    model = kind.model
    row_id: Any = job.task_kwargs[model.job.argument]
    try:
        while kind.deliver(row_id):
            if turn.is_over:
                model.job.ask([row_id])
                return
    except Exception as error:
        note_failure(model.job, row_id, job.lock, error, job.attempts, model.objects.mark_failed)
        raise


def _refuse_stale_database(context: JobContext) -> None:
    """Raise where the job's connection leads to another database than the queue's, which lacks the job.

    A primary that was frozen takes connections for a moment when it thaws, though another one has taken over:
    to a job that does not find its row there is nothing to do, and the queue would never hear of it again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM procrastinate_jobs WHERE id = %s", [context.job.id])
        if cursor.fetchone() is None:
            connection.close()
            raise OperationalError("this database does not know the job")


address_refused.connect(bounces.record_refusal)
for kind in KINDS.values():
    add_deliveries(kind)
app.task(name=digests.SHARE.name)(digests.make_share)  # one that failed is done by the next turn


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
            await manager.retry_job(job, priority=job.priority + 1)  # before others of its kind
        except UniqueViolation as error:
            if error.constraint_name != QUEUEING_LOCK_CONSTRAINT:
                raise
            # a periodic one, and the next of its kind waits already
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
