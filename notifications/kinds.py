"""The kinds of what jobs do for rows, for the jobs, ``manage.py deliveries``, Django's admin and the metrics.

CONTRIBUTING.md says how to add one.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.models import PasswordReset
from canvas_channels.core.late import late
from canvas_channels.core.outgoing import Outgoing, OutgoingQuerySet
from channels_api.addresses import mask, mask_login
from channels_api.models import Confirmation, Progress, PushDevice, SecurityNotice
from notifications.dispatches.models import Dispatch
from notifications.messages.models import Message
from notifications.webhooks.models import WebhookEvent
from notifications.worker.together import each


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What differs between kinds. The rest is the model's (``canvas_channels.core.outgoing``).

    ``deliver`` takes ids, and returns the steps of those rows that are to be delivered: they raise
    :class:`TransportError`, whose reason goes on the row, and ``settled`` writes down what they return. Where
    ``many``, a job is for many rows: ``deliver`` takes them and a turn, and writes down itself what becomes
    of them. Where ``in_parts``, it takes an id, does the next part of that row, writes down how far it is,
    and returns whether there is more to do.
    ``to`` shows an operator where a row goes: masked, no full address and no token.
    """

    model: type[Outgoing]
    deliver: Callable[..., Any]
    to: Callable[[Any], str]
    since: str = "created_at"
    many: bool = False
    in_parts: bool = False
    settled: Callable[[Mapping[int, Any]], None] | None = None  # None: they are marked as sent

    @property
    def rows(self) -> "OutgoingQuerySet[Any]":
        return self.model.objects.all()

    def settle(self, results: Mapping[int, Any]) -> None:
        """What steps returned, by the rows that they delivered."""
        if self.settled:
            self.settled(results)
        else:
            self.rows.mark_sent(*results)

    def retry(self, row_ids: Collection[int]) -> int:
        """Deliver rows now that failed or wait; returns how many. They are locked in one order."""
        return self.rows.retry(row_ids)


# By the names that ``manage.py deliveries`` shows.
KINDS = {
    "confirmation": Kind(
        model=Confirmation,
        deliver=late("notifications.senders.confirmations.deliver"),
        to=lambda row: f"{row.channel.type} {mask(row.channel.address_to_confirm)}",
    ),
    "security_notice": Kind(
        model=SecurityNotice,
        deliver=late("notifications.senders.security_notices.deliver"),
        to=lambda row: f"{row.type} {mask(row.address)}",
    ),
    "password_reset": Kind(
        model=PasswordReset,
        deliver=each(late("notifications.senders.password_resets.send")),
        to=lambda row: mask_login(row.unique_id),
    ),
    "device": Kind(
        model=PushDevice,
        deliver=late("notifications.senders.devices.deliver"),
        settled=late("notifications.senders.devices.settle"),
        to=lambda row: f"push of user {row.user_id}",
        since="updated_at",
    ),
    "message": Kind(
        model=Message,
        deliver=late("notifications.messages.delivery.deliver"),
        to=lambda row: row.type if row.type == "push" else f"{row.type} {mask(row.address)}",
        many=True,
    ),
    "event": Kind(
        model=WebhookEvent,
        deliver=each(late("notifications.webhooks.events.handle")),
        to=lambda row: row.provider,
        since="received_at",
    ),
    "dispatch": Kind(
        model=Dispatch,
        deliver=late("notifications.deciding.fan_out.step"),
        to=lambda row: f"{counted(row.recipients_count, 'recipient')} of account {row.account_id}",
        in_parts=True,
    ),
    "progress": Kind(
        model=Progress,
        deliver=late("channels_api.accounts.progress.step"),
        to=lambda row: f"{row.tag} of account {row.account_id}",
        in_parts=True,
    ),
}
BY_JOB = {kind.model.job.name: kind for kind in KINDS.values()}


def of_job(job: ProcrastinateJob) -> tuple[Kind, list[int]] | None:
    """The kind and the rows that a job is for; None for a job that is for no row that is listed."""
    kind = BY_JOB.get(job.task_name)
    if kind is None:
        return None
    rows = job.args[kind.model.job.argument]
    return kind, rows if kind.many else [rows]
