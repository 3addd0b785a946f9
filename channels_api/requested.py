"""The confirmations that wait, by a statement compiled once, and the codes that a worker makes for them."""

from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from canvas_channels.statements import Statement, insert
from channels_api import codes
from channels_api.models import CommunicationChannel, Confirmation, ConfirmationCode

REQUESTED = Statement(
    lambda confirmation_id: Confirmation.objects.filter(
        pk=confirmation_id, workflow_state=Confirmation.WorkflowState.REQUESTED
    ).select_related("channel", "user__home_account"),
    confirmation_id=-1,
)


class Issued(NamedTuple):
    """What the worker sends. ``refusal`` is the secret of the link that says "this was not me"."""

    code: str
    refusal: str


def issue_code(confirmation: Confirmation) -> Issued:
    """Make a code for the worker to send."""
    if confirmation.channel.type == CommunicationChannel.Type.SMS:
        code = codes.new_sms_code()
        digest = codes.sms_digest(confirmation.pk, code)
        valid_for = timedelta(minutes=settings.CONFIRMATION_SMS_MINUTES)
    else:
        code = codes.new_email_code()
        digest = codes.email_digest(code)
        valid_for = timedelta(days=settings.CONFIRMATION_EMAIL_DAYS)
    refusal = codes.new_refusal()
    insert(
        ConfirmationCode(
            confirmation=confirmation,
            digest=digest,
            refusal_digest=codes.refusal_digest(refusal),
            expires_at=timezone.now() + valid_for,
        )
    )
    return Issued(code, refusal)
