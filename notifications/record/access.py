"""Who may read which messages (docs/contract.md, section 7.5). Knows nothing of HTTP."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.core.identity.accounts import accounts_of
from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import User
from channels_api.errors import NotPermitted
from notifications.messages.models import Message

OWN_FOR = timedelta(days=90)
ADMINS_FOR = timedelta(days=365)


def of_user(caller: Caller, subject: Subject) -> QuerySet[Message]:
    """What admins read of a user: at most a year back, newest first. Raises :class:`NotPermitted`.

    Site admins read everything, account admins what their own accounts sent, where those let them
    (``admins_can_view_notifications``).
    """
    if not subject.administered():
        raise NotPermitted
    return _seen_by(caller.user, _newest(subject.user, ADMINS_FOR))


def own(caller: Caller) -> QuerySet[Message]:
    """The caller's own messages of 90 days, newest first. Raises :class:`NotPermitted`.

    Who acts as somebody reads no more of them than :func:`of_user` shows.
    """
    messages = _newest(caller.user, OWN_FOR)
    return _seen_by(caller.actor, messages) if caller.acting else messages


def _newest(user: User, age: timedelta) -> QuerySet[Message]:
    recent = Message.objects.filter(user=user, created_at__gt=timezone.now() - age)
    related = ("dispatch", "notification__category", "account")
    return recent.select_related(*related).order_by("-created_at", "-id")


def _seen_by(admin: User, messages: QuerySet[Message]) -> QuerySet[Message]:
    if admin.is_site_admin:
        return messages
    accounts = list(accounts_of(admin).filter(admins_can_view_notifications=True).order_by())
    if not accounts:
        raise NotPermitted
    return messages.filter(account__in=accounts)
