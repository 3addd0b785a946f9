"""Telling a user's addresses what else lets somebody in."""

from functools import partial

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from channels_api.messages import security_notices
from channels_api.models import CommunicationChannel, SecurityNotice
from notifications.gateways import email, sms
from notifications.gateways.email import Email
from notifications.senders.confirmations import locale_of
from notifications.senders.rendering import render_email, short

Kind = SecurityNotice.Kind


def send(notice_id: int) -> None:
    """Send it, where it still waits. Raises :class:`TransportError`.

    Twice is possible where a worker dies between sending and marking.
    """
    notice = security_notices.due(notice_id)
    if notice is None:
        return
    with translation.override(locale_of(notice.user)):
        if notice.type == CommunicationChannel.Type.SMS:
            sms.send(notice.address, render_sms(notice))
        else:
            email.send(notice.address, partial(render, notice), f"n{notice_id}")
    SecurityNotice.objects.mark_sent(notice_id)


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
