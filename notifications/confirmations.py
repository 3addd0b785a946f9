"""Sending the message of a confirmation."""

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from canvas_channels.identity.models import User
from channels_api import confirmations
from channels_api.models import CommunicationChannel
from notifications.gateways import email, sms
from notifications.gateways.email import Email


def send(confirmation_id: int) -> None:
    """Make a code and send it, where the confirmation still waits for one.

    Raises :class:`TransportError`. Twice is possible where a worker dies between sending and marking;
    both codes work.
    """
    issued = confirmations.issue_code(confirmation_id)
    if issued is None:
        return
    confirmation, code = issued
    channel = confirmation.channel
    address = channel.address_to_confirm
    with translation.override(locale_of(confirmation.user)):
        if channel.type == CommunicationChannel.Type.SMS:
            sms.send(address, render_sms(code, confirmation.user))
        else:
            email.send(address, render_email(address, code, confirmation.user))
    confirmations.mark_sent(confirmation_id)


def render_email(address: str, code: str, user: User) -> Email:
    """The link is built on the configured host only."""
    context = {
        "address": address,
        "user": user,
        "account": user.home_account,
        "link": f"{settings.PUBLIC_URL}/register/{code}",
        "days": settings.CONFIRMATION_EMAIL_DAYS,
    }
    subject, text, html = (
        render_to_string(f"notifications/confirmation{part}", context)
        for part in ("_subject.txt", ".txt", ".html")
    )
    return Email(" ".join(subject.split()), text, html)


def render_sms(code: str, user: User) -> str:
    return gettext("%(code)s is your code to confirm this number for %(account)s.") % {
        "code": code,
        "account": user.home_account.name,
    }


def locale_of(user: User) -> str:
    """The nearest language that there are texts in: the user's, else the account's, else the default."""
    try:
        return translation.get_supported_language_variant(user.locale or user.home_account.locale)
    except LookupError:
        return settings.LANGUAGE_CODE
