"""Who is asking: a bearer token, or the service's own session (the contract's section 1)."""

from typing import cast

from oauth2_provider.models import AccessToken
from rest_framework import authentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from canvas_channels.identity.models import DeveloperKey, User
from canvas_channels.identity.tokens import find_token, is_expired
from canvas_channels.rest.errors import CSRFFailed, ExpiredToken, InvalidToken, MalformedRequest
from canvas_channels.rest.params import text
from canvas_channels.rest.requests import CanvasRequest


class BearerTokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer``, else ``access_token`` in the query string, else in the body.

    One statement reads the token with its user and developer key.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        plain = self._plain_token(cast(CanvasRequest, request))
        if plain is None:
            return None
        token = find_token(plain)
        if token is None or token.user is None or not token.user.is_active:
            raise InvalidToken
        key = token.application
        if key is not None and key.workflow_state != DeveloperKey.WorkflowState.ACTIVE:
            raise InvalidToken
        if is_expired(token):
            raise ExpiredToken(token.expires)
        return token.user, token

    def _plain_token(self, request: CanvasRequest) -> str | None:
        scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            return str(credentials).strip()
        try:
            if "access_token" in request.query_params:
                return request.query_params["access_token"]
            return text(request.params.get("access_token"))
        except MalformedRequest:
            return None  # reported once it is known who asks


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session; an unsafe method needs the CSRF token, else 403 in JSON."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise CSRFFailed(str(error.detail).removeprefix("CSRF Failed: ")) from error
