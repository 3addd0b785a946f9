"""Signing in by a login's name."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from canvas_channels.identity.models import User


class LoginBackend(ModelBackend):
    """Checks a login's ``unique_id`` (any case; the same name in two accounts: whose password fits)."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or password is None:
            return None
        candidates = list(
            User.objects.filter(logins__unique_id__lower=username.lower()).distinct().order_by("id")
        )
        if not candidates:
            User().set_password(password)  # takes as long as a wrong password does
        for user in candidates:
            if user.check_password(password) and self.user_can_authenticate(user):
                return user
        return None
