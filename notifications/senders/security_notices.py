"""Telling a user's addresses what else lets somebody in."""

from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from canvas_channels.core.identity.locales import locale_of
from channels_api.messages import security_notices
from channels_api.models import CommunicationChannel, SecurityNotice
from notifications.gateways import email, sms
from notifications.gateways.email import Email
from notifications.senders.rendering import render_email, short
from notifications.worker.together import Steps

Kind = SecurityNotice.Kind


def deliver(notice_ids: Sequence[int]) -> list[tuple[int, Steps]]:
    """Send those that still wait. The steps raise :class:`TransportError`.

    Twice is possible where a worker dies between sending and marking.
    """
    return [(notice.pk, _send(notice)) for notice in security_notices.due(notice_ids)]


def _send(notice: SecurityNotice) -> Steps:
    with translation.override(locale_of(notice.user)):
        if notice.type != CommunicationChannel.Type.SMS:
            email.send(notice.address, partial(render, notice), f"n{notice.pk}")
            return
        text = render_sms(notice)
    yield partial(sms.send, notice.address, text)


def render(notice: SecurityNotice) -> Email:
    """The new address or login is masked: who reads this may be no longer, or not yet, the user."""
    context = {
        "notice": notice,
        "is_number": notice.about_type == CommunicationChannel.Type.SMS,
        "user": notice.user,
        "account": notice.user.home_account,
        "link": _link(notice),
    }
    return render_email(f"security_notice/{notice.kind}", context)


def render_sms(notice: SecurityNotice) -> str:
    """Short, and of the letters of GSM 03.38, as a confirmation's."""
    if notice.kind == Kind.PASSWORD:
        text = gettext("Your account at %(account)s has a new password. Not you? %(link)s")
    elif notice.kind == Kind.LOGIN:
        text = gettext("%(about)s is a new login of your account at %(account)s. Not you? %(link)s")
    elif notice.replaced:
        text = gettext("%(about)s takes the place of this number at %(account)s. Not you? %(link)s")
    else:
        text = gettext("%(about)s was added to your account at %(account)s. Not you? %(link)s")
    account = short(notice.user.home_account.name)
    about, link = notice.about.replace("…", "..."), _link(notice)
    return text % {"about": about, "account": account, "link": link}


def _link(notice: SecurityNotice) -> str:
    """The page to react on: the user's channels, or a password reset where a password or login is new."""
    path = "profile/communication" if notice.kind == Kind.ADDRESS else "password-reset"
    return f"{settings.PUBLIC_URL}/{path}"
