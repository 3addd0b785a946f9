"""Sending the message of a confirmation."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from canvas_channels.core.identity.locales import locale_of
from canvas_channels.core.identity.models import User
from channels_api.messages import confirmations
from channels_api.messages.confirmations import Issued
from channels_api.models import CommunicationChannel, Confirmation
from notifications.gateways import email, sms
from notifications.gateways.email import Email
from notifications.senders.rendering import render_email, short
from notifications.worker.together import Steps


def deliver(confirmation_ids: Sequence[int]) -> list[tuple[int, Steps]]:
    """Make codes and send them, for those confirmations that still wait for one. The steps raise
    :class:`TransportError`.

    Twice is possible where a worker dies between sending and marking; both codes work. The codes of all are
    made at once, when there is somebody to take the first.
    """
    due = confirmations.due(confirmation_ids)
    issue = cache(lambda: confirmations.issue_codes(due))
    return [(confirmation.pk, _send(confirmation, issue)) for confirmation in due]


def _send(confirmation: Confirmation, issue: Callable[[], Mapping[int, Issued]]) -> Steps:
    channel, user = confirmation.channel, confirmation.user
    address = channel.address_to_confirm
    with translation.override(locale_of(user)):
        if channel.type != CommunicationChannel.Type.SMS:
            email.send(
                address,
                lambda: render_confirmation(address, *issue()[confirmation.pk], user),
                f"c{confirmation.pk}",
            )
            return
        text = render_sms(*issue()[confirmation.pk], user)
    yield partial(sms.send, address, text)


def render_confirmation(address: str, code: str, refusal: str, user: User) -> Email:
    """Both links are built on the configured host only."""
    context = {
        "address": address,
        "user": user,
        "account": user.home_account,
        "link": f"{settings.PUBLIC_URL}/register/{code}",
        "refuse_link": refuse_link(refusal),
        "days": settings.CONFIRMATION_EMAIL_DAYS,
    }
    return render_email("confirmation", context)


def render_sms(code: str, refusal: str, user: User) -> str:
    """Short, and of the letters of GSM 03.38: others would make two or three messages of it, each paid."""
    text = gettext("%(code)s is your code to confirm this number for %(account)s. Not you? %(link)s")
    return text % {"code": code, "account": short(user.home_account.name), "link": refuse_link(refusal)}


def refuse_link(refusal: str) -> str:
    return f"{settings.PUBLIC_URL}/not-me/{refusal}"
