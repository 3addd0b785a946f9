"""Signing in by a login's name."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.names import users_named
from canvas_channels.core.identity.signing_in.lockout import login_of
from canvas_channels.core.middleware.rates import SIGN_INS


class LoginBackend(ModelBackend):
    """Checks a login's ``unique_id`` (any case; the same name in two accounts: whose password fits).

    Raises :class:`~canvas_channels.core.rest.errors.RateLimitExceeded` where the login is tried too often,
    right passwords too: each try costs much, and the client's address gets back what was right.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or password is None:
            return None
        SIGN_INS.charge(f"login:{login_of(request, {'username': username})}")
        candidates = list(users_named(username))
        if not candidates:
            User().set_password(password)  # takes as long as a wrong password does
        for user in candidates:
            if user.check_password(password) and self.user_can_authenticate(user):
                return user
        return None
