"""Sending the message of a confirmation."""

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from canvas_channels.core.identity.models import User
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel, Confirmation
from notifications.gateways import email, sms
from notifications.gateways.email import Email
from notifications.senders.rendering import render_email, short


def send(confirmation_id: int) -> None:
    """Make a code and send it, where the confirmation still waits for one.

    Raises :class:`TransportError`. Twice is possible where a worker dies between sending and marking;
    both codes work.
    """
    confirmation = confirmations.due(confirmation_id)
    if confirmation is None:
        return
    channel, user = confirmation.channel, confirmation.user
    address = channel.address_to_confirm
    with translation.override(locale_of(user)):
        if channel.type == CommunicationChannel.Type.SMS:
            sms.send(address, render_sms(*confirmations.issue_code(confirmation), user))
        else:
            email.send(
                address,
                lambda: render_confirmation(address, *confirmations.issue_code(confirmation), user),
                f"c{confirmation_id}",
            )
    Confirmation.objects.mark_sent(confirmation_id)


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


def locale_of(user: User) -> str:
    """The nearest language that there are texts in: the user's, else the account's, else the default."""
    try:
        return translation.get_supported_language_variant(user.locale or user.home_account.locale)
    except LookupError:
        return settings.LANGUAGE_CODE
