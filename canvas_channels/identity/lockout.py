"""Locking out whoever guesses passwords: django-axes, kept in PostgreSQL so that all web processes agree."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

MAX_LOGIN = 255


def login_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """The login that was typed, as it is counted: any case, at most as long as the column."""
    typed = (credentials or {}).get("username") or request.POST.get("username") or ""
    return str(typed).replace("\x00", "").strip().lower()[:MAX_LOGIN]


class Handler(AxesDatabaseHandler):
    """axes's own, but that it sweeps the whole table at each failure: here a client's own rows only."""

    def is_locked(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> bool:
        """Locked for this client, or for all: else whoever has many addresses may guess without end."""
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
        for attempts in self.filter_user_attempts(request, None):
            attempts.delete()

    def user_logged_out(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """Nothing is counted by it."""


def _failures_everywhere(request: HttpRequest, credentials: Mapping[str, Any] | None) -> int:
    attempts = AccessAttempt.objects.filter(
        username=login_of(request, credentials), attempt_time__gt=get_cool_off_threshold(request)
    )
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0


def forget(login: str) -> None:
    """Let a login be tried again from everywhere."""
    AccessAttempt.objects.filter(username=login.lower()).delete()


def prune() -> None:
    """Remove failures that no longer count."""
    before = timezone.now() - timedelta(minutes=settings.SIGN_IN_LOCKOUT_MINUTES)
    AccessAttempt.objects.filter(attempt_time__lte=before).delete()
