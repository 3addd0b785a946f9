"""Locking out those who guess passwords: django-axes, kept in PostgreSQL so that all web processes agree."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

from canvas_channels.core.client_address import address_key
from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.identity.names import users_named
from canvas_channels.core.middleware.rates import SIGN_INS
from canvas_channels.core.trimming import trim

MAX_LOGIN = 255


def login_of(request: HttpRequest | None, credentials: Mapping[str, Any] | None = None) -> str:
    """The login that was typed, as it is counted: any case, at most as long as the column."""
    typed = (credentials or {}).get("username") or (request and request.POST.get("username")) or ""
    return lowered(trim(str(typed).replace("\x00", ""))[:MAX_LOGIN])[:MAX_LOGIN]


class Handler(AxesDatabaseHandler):
    """axes's own, but that it sweeps the whole table at each failure: here a client's own rows only."""

    def is_locked(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> bool:
        """Locked for this client, or for all: else somebody with many addresses may guess without end."""
        locked: bool = super().is_locked(request, credentials)
        return locked or _failures_everywhere(request, credentials) >= settings.SIGN_IN_FAILURES_PER_LOGIN

    def clean_expired_user_attempts(
        self, request: HttpRequest | None = None, credentials: Mapping[str, Any] | None = None
    ) -> int:
        """Forget the failures that no longer count; a job does it for those who never come back."""
        if request is None:
            return 0
        own = self.filter_user_attempts(request, credentials)
        before = get_cool_off_threshold(request)
        return sum(attempts.filter(attempt_time__lte=before).delete()[0] for attempts in own)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """A right password ends the counting. The failures are under the login typed, not the user's id."""
        SIGN_INS.give_back(address_key(request.META))
        if not _is_shared(login_of(request), user):
            for attempts in self.filter_user_attempts(request, None):
                attempts.delete()

    def user_logged_out(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """Nothing is counted by it."""


def _failures_everywhere(request: HttpRequest, credentials: Mapping[str, Any] | None) -> int:
    attempts = AccessAttempt.objects.filter(
        username=login_of(request, credentials), attempt_time__gt=get_cool_off_threshold(request)
    )
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0


def is_locked_out(request: HttpRequest, user: User) -> bool:
    """Whether signing in by any of the user's logins is locked: then nothing else tries passwords either."""
    return any(AxesProxyHandler.is_locked(request, {"username": name}) for name in _logins(user))


def count_failure(request: HttpRequest, user: User) -> None:
    """A wrong password for who is signed in already counts as a failed sign-in by each of their logins."""
    for name in _logins(user):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # else axes counts no further login
        AxesProxyHandler.user_login_failed(__name__, {"username": name}, request)


def forget_failures(user: User) -> None:
    """Let a user be tried again from everywhere, by each of their logins that is nobody else's too."""
    for name in _logins(user):
        if not _is_shared(name, user):
            forget(name)


def _logins(user: User) -> set[str]:
    """Each name once: the same one in two accounts is one that is typed."""
    return {lowered(name) for name in user.logins.values_list("unique_id", flat=True)}


def _is_shared(login: str, user: User) -> bool:
    """Whether another user has a login of that name: then the failures may be tries at their password."""
    return users_named(login).exclude(pk=user.pk).exists()


def forget(login: str) -> None:
    """Let a login be tried again from everywhere."""
    AccessAttempt.objects.filter(username=lowered(login)).delete()


def prune() -> None:
    """Remove failures that no longer count."""
    before = timezone.now() - timedelta(minutes=settings.SIGN_IN_LOCKOUT_MINUTES)
    AccessAttempt.objects.filter(attempt_time__lte=before).delete()
