"""Asking for a notification, and cancelling it. Knows nothing of HTTP."""

from dataclasses import dataclass

from django.db import transaction

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Account
from canvas_channels.core.late import late
from channels_api import audit
from channels_api.audit import Action
from channels_api.errors import InvalidValue, NotFound, Reason
from notifications.dispatches import recipients
from notifications.dispatches.models import Dispatch
from notifications.messages.models import Message
from notifications.preferences import catalogue

MOST_UNKNOWN = 100  # recipients that are kept by name
_LONGEST_NAME = 255

_sanitised = late("notifications.dispatches.html.sanitised")

State = Dispatch.WorkflowState


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be sent; an empty text was not given. ``user_ids`` are as given, in any order."""

    notification: str
    user_ids: list[str]
    subject: str
    body: str
    html_body: str
    short: str
    url: str
    from_name: str
    course_id: int | None
    course_name: str
    object_id: str


class NoSuchDispatch(NotFound):
    message = "no such notification"


def send(caller: Caller, account: Account, wanted: Wanted, *, key: str = "", digest: str = "") -> Dispatch:
    """Write down what is to be sent, for whom, and ask for it to be decided.

    Runs in the caller's transaction, in a number of statements that does not grow. ``key`` and ``digest`` are
    those of an ``Idempotency-Key``. Raises :class:`InvalidValue` where the catalogue lacks the notification.
    """
    notification = catalogue.notification_called(wanted.notification)
    if notification is None:
        raise InvalidValue("notification", Reason.INCLUSION, "is not in the catalogue of notifications")
    found = recipients.find(account, wanted.user_ids)
    dispatch = Dispatch.objects.create(
        account=account,
        notification=notification,
        actor=caller.actor,
        developer_key=caller.developer_key,
        idempotency_key=key,
        parameters_digest=digest,
        subject=wanted.subject,
        body=wanted.body,
        html_body=_sanitised(wanted.html_body),
        short=wanted.short or wanted.subject,
        url=wanted.url,
        from_name=wanted.from_name,
        course_id=wanted.course_id,
        course_name=wanted.course_name,
        object_id=wanted.object_id,
        recipients_count=len(wanted.user_ids),
        unknown_count=len(found.unknown),
        unknown=[_shown(name) for name in found.unknown[:MOST_UNKNOWN]],
    )
    recipients.write(dispatch.pk, found.user_ids)
    Dispatch.job.ask([dispatch.pk])
    _record(caller, Action.SEND_NOTIFICATION, dispatch, recipients_count=dispatch.recipients_count)
    return dispatch


@transaction.atomic
def cancel(caller: Caller, dispatch_id: int) -> Dispatch:
    """Send nothing more of it. One of which everything is sent stays as it is; so does a cancelled one.

    What is on its way now is not tried again should it fail. The fan-out holds the row while it decides some
    recipients, and looks at the state first: what it has written is cancelled here, and it writes no more.
    Raises :class:`NoSuchDispatch`.
    """
    held = Dispatch.objects.select_for_update(of=("self",), no_key=True)
    dispatch = held.select_related("notification__category").filter(pk=dispatch_id).first()
    if dispatch is None:
        raise NoSuchDispatch
    messages = Message.objects.filter(dispatch=dispatch)
    count = messages.cancel()
    sending = messages.filter(workflow_state=Message.WorkflowState.SENDING)
    is_open = dispatch.workflow_state != State.COMPLETED
    if dispatch.workflow_state != State.CANCELLED and (is_open or count or sending.exists()):
        dispatch.workflow_state = State.CANCELLED
        dispatch.save(update_fields=["workflow_state"])
        _record(caller, Action.CANCEL_NOTIFICATION, dispatch, messages=count)
    return dispatch


def _shown(name: str) -> str:
    """As it was given, as far as JSON in PostgreSQL can hold it."""
    return name[:_LONGEST_NAME].replace("\x00", "\ufffd")


def _record(caller: Caller, action: Action, dispatch: Dispatch, **details: int) -> None:
    """Without a word of what it says."""
    audit.record(
        caller,
        action,
        user_id=None,
        account_id=dispatch.account_id,
        notification_id=dispatch.pk,
        notification=dispatch.notification.slug,
        **details,
    )
