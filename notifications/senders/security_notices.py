"""Telling a user's addresses what else lets somebody in."""

from functools import partial

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from channels_api.messages import security_notices
from channels_api.models import Announcement, CommunicationChannel
from notifications.gateways import email, sms
from notifications.gateways.email import Email
from notifications.senders.confirmations import locale_of
from notifications.senders.rendering import render_email, short

Kind = Announcement.Kind


def send(announcement_id: int) -> None:
    """Send it, where it still waits. Raises :class:`TransportError`.

    Twice is possible where a worker dies between sending and marking.
    """
    announcement = security_notices.due(announcement_id)
    if announcement is None:
        return
    with translation.override(locale_of(announcement.user)):
        if announcement.type == CommunicationChannel.Type.SMS:
            sms.send(announcement.address, render_sms(announcement))
        else:
            email.send(announcement.address, partial(render, announcement))
    security_notices.mark_sent(announcement_id)


def render(announcement: Announcement) -> Email:
    """The new address or login is masked: who reads this may be no longer, or not yet, the user."""
    context = {
        "announcement": announcement,
        "is_number": announcement.about_type == CommunicationChannel.Type.SMS,
        "user": announcement.user,
        "account": announcement.user.home_account,
        "link": _link(announcement),
    }
    template = {Kind.PASSWORD: "password_announcement", Kind.LOGIN: "login_announcement"}
    return render_email(template.get(Kind(announcement.kind), "announcement"), context)


def render_sms(announcement: Announcement) -> str:
    """Short, and of the letters of GSM 03.38, as a confirmation's."""
    if announcement.kind == Kind.PASSWORD:
        text = gettext("Your account at %(account)s has a new password. Not you? %(link)s")
    elif announcement.kind == Kind.LOGIN:
        text = gettext("%(about)s is a new login of your account at %(account)s. Not you? %(link)s")
    elif announcement.replaced:
        text = gettext("%(about)s takes the place of this number at %(account)s. Not you? %(link)s")
    else:
        text = gettext("%(about)s was added to your account at %(account)s. Not you? %(link)s")
    account = short(announcement.user.home_account.name)
    about, link = announcement.about.replace("…", "..."), _link(announcement)
    return text % {"about": about, "account": account, "link": link}


def _link(announcement: Announcement) -> str:
    """A page to put it right: whoever knows no password any more sets one by a link to their addresses."""
    path = "profile/communication" if announcement.kind == Kind.ADDRESS else "password-reset"
    return f"{settings.PUBLIC_URL}/{path}"
