"""Sending the link that sets a new password."""

from functools import partial

from django.conf import settings
from django.utils import translation

from canvas_channels.core.identity.locales import locale_of
from canvas_channels.core.identity.models import PasswordReset, User
from channels_api.messages import password_resets
from notifications.gateways import TransportError, email
from notifications.gateways.email import Email
from notifications.senders.rendering import render_email


def send(reset_id: int) -> None:
    """Send a link to each address that has none yet; one that is refused keeps none of the others waiting.

    Raises :class:`TransportError`: a passing one where there is any, since only those are worth a retry.
    """
    reset = PasswordReset.objects.waiting().filter(pk=reset_id).first()
    if reset is None:
        return
    failures = []
    for user, channel in list(password_resets.recipients(reset)):
        try:
            row = f"h{channel.pk}"
            email.send(channel.address, partial(render, user), row, f"r{reset_id}{row}")
        except TransportError as error:
            failures.append(error)
        else:
            password_resets.record_recipient(reset, channel)
    if failures:
        raise next((error for error in failures if not error.permanent), failures[0])


def render(user: User) -> Email:
    context = {
        "user": user,
        "account": user.home_account,
        "link": password_resets.link(user),
        "minutes": settings.PASSWORD_RESET_MINUTES,
    }
    with translation.override(locale_of(user)):
        return render_email("password_reset", context)
