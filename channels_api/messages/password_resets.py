"""Setting a new password by a link that is sent to the user's own addresses. Knows nothing of HTTP.

A request writes a row and asks for a job, the same whether the login exists; only the job looks it up. The
link's token is Django's: signed, short-lived, and void once the password changed, so single-use.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import PasswordReset, User
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.identity.names import users_named
from canvas_channels.core.trimming import trim
from channels_api import audit
from channels_api.audit import Action
from channels_api.errors import MessageLimitReached
from channels_api.messages.limits import advisory_locks
from channels_api.models import CommunicationChannel
from channels_api.models.channels import BOUNCED_FOR, bounced_since

HOUR = timedelta(hours=1)
KEPT_FOR = timedelta(days=1)
MAX_USERS = 5  # who share a login's name in different accounts
MAX_ADDRESSES = 3  # of each user


class Tokens(PasswordResetTokenGenerator):
    """Django's, made by the database's clock: a worker's may be wrong by hours."""

    def _now(self) -> datetime:
        with connection.cursor() as cursor:
            cursor.execute("SELECT now() AT TIME ZONE %s", [settings.TIME_ZONE])
            now: datetime = cursor.fetchone()[0]
        return now


_tokens = Tokens()


@transaction.atomic
def request(login: str, client: str | None = None) -> None:
    """Have a link sent to whom the login belongs to; beyond its limit nothing is sent, and nobody told.

    ``client`` is what a client's address is counted by; None: nobody's. Raises :class:`MessageLimitReached`
    where it asked too often, whatever for: each web process counts too, but perhaps for itself alone.
    """
    typed = lowered(trim(login.replace("\x00", "")))
    locks = [f"password reset:{typed}"]
    advisory_locks([f"password resets of:{client}", *locks] if client else locks)
    recent = PasswordReset.objects.filter(created_at__gt=timezone.now() - HOUR)
    if client:
        _check(recent.filter(client=client))
    if recent.filter(unique_id=typed).count() < settings.PASSWORD_RESETS_PER_LOGIN_PER_HOUR:
        PasswordReset.job.ask([PasswordReset.objects.create(unique_id=typed, client=client).pk])


def recipients(reset: PasswordReset) -> Iterator[tuple[User, CommunicationChannel]]:
    """Each user and channel that the link goes to: trusted, active email channels that do not bounce."""
    for user in users_named(reset.unique_id).select_related("home_account")[:MAX_USERS]:
        if not may_reset(user):
            continue
        channels = CommunicationChannel.objects.filter(
            ~bounced_since(timezone.now() - BOUNCED_FOR),
            _trusted(),
            user=user,
            type=CommunicationChannel.Type.EMAIL,
            workflow_state=CommunicationChannel.WorkflowState.ACTIVE,
        ).exclude(pk__in=reset.sent_to)
        for channel in channels.order_by("position", "pk")[:MAX_ADDRESSES]:
            yield user, channel


def _trusted() -> Q:
    """A token that may only add an address, or a session left open, must not be worth a password."""
    before = timezone.now() - timedelta(days=settings.PASSWORD_RESET_ADDRESS_DAYS)
    old = Q(active_since__lte=before) | Q(active_since=None, created_at__lte=before)
    return Q(added_with_scopes=False) & (Q(institutional=True) | Q(made_with_user=True) | old)


def may_reset(user: User) -> bool:
    """Whether the user may set a password: a first one only where there is no sign-in by OpenID Connect."""
    return user.is_active and (user.has_usable_password() or not settings.OIDC_ISSUER)


def link(user: User) -> str:
    """Built on the configured host only, never a request's."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return f"{settings.PUBLIC_URL}/password-reset/{uid}/{_tokens.make_token(user)}"


def record_recipient(reset: PasswordReset, channel: CommunicationChannel) -> None:
    """Lets a retried job skip the addresses that have the link already."""
    reset.sent_to.append(channel.pk)
    reset.save(update_fields=["sent_to"])


def _check(recent: "QuerySet[PasswordReset]") -> None:
    most = settings.PASSWORD_RESETS_PER_ADDRESS_PER_HOUR
    for reached_at in recent.order_by("-created_at").values_list("created_at", flat=True)[most - 1 : most]:
        raise MessageLimitReached(max(1, math.ceil((reached_at + HOUR - timezone.now()).total_seconds())))


def record_change(user: User, how: Action) -> None:
    """Put a changed password in the audit trail."""
    caller = Caller(user, user) if how is Action.PASSWORD_CHANGE else None
    audit.record(caller, how, user_id=user.pk)


def prune() -> None:
    """Forget requests that no limit counts any more."""
    PasswordReset.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
