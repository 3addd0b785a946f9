"""Who may read which messages (docs/contract.md, section 7.5). Knows nothing of HTTP."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from canvas_channels.core.identity.accounts import accounts_of
from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import Account, User
from channels_api.errors import NotPermitted
from notifications.messages.models import Message

OWN_FOR = timedelta(days=90)
ADMINS_FOR = timedelta(days=365)


def shown(caller: Caller, subject: Subject) -> QuerySet[Message]:
    """What the caller reads of a user's, or of their own. Raises :class:`NotPermitted`."""
    return own(caller) if subject.is_self else of_user(caller, subject)


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


def may_read(caller: Caller) -> bool:
    """Whether the caller reads messages of those whom they administer."""
    return caller.user.is_site_admin or _letting(caller.user).exists()


def _letting(admin: User) -> QuerySet[Account]:
    return accounts_of(admin).filter(admins_can_view_notifications=True).order_by()


def _seen_by(admin: User, messages: QuerySet[Message]) -> QuerySet[Message]:
    if admin.is_site_admin:
        return messages
    accounts = list(_letting(admin))
    if not accounts:
        raise NotPermitted
    return messages.filter(account__in=accounts)
