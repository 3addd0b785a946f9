"""Who is asking: a bearer token, or the service's own session (docs/contract.md, section 1)."""

from typing import cast

from django.conf import settings
from django.http import QueryDict
from oauth2_provider.models import AccessToken
from rest_framework import authentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from canvas_channels.core.identity.models import DeveloperKey, User
from canvas_channels.core.identity.tokens import find_token, is_expired
from canvas_channels.core.rest.credentials import bearer_token
from canvas_channels.core.rest.errors import (
    CanvasError,
    CSRFFailed,
    ExpiredToken,
    InvalidToken,
    MalformedRequest,
)
from canvas_channels.core.rest.params import text
from canvas_channels.core.rest.requests import CanvasRequest


class BearerTokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer``, else ``access_token`` in the query string, else in the body.

    One statement reads the token with its user and developer key, and what else the call asks for.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        plain = self._plain_token(cast(CanvasRequest, request))
        if plain is None:
            return None
        token = find_token(plain, cast(CanvasRequest, request).token_statement)
        if token is None or token.user is None or not token.user.is_active:
            raise InvalidToken
        key = token.application
        if key is not None and key.workflow_state != DeveloperKey.WorkflowState.ACTIVE:
            raise InvalidToken
        if is_expired(token):
            raise ExpiredToken(token.expires)
        return token.user, token

    def _plain_token(self, request: CanvasRequest) -> str | None:
        plain = bearer_token(request.META.get("HTTP_AUTHORIZATION", ""))
        if plain is not None:
            return plain
        try:
            if "access_token" in request.query_params:
                return request.query_params["access_token"]
            return text(request.params.get("access_token"))
        except MalformedRequest:
            return None  # reported once it is known who asks


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session; an unsafe method needs the CSRF token, in a header or a form, else 403 in JSON."""

    def enforce_csrf(self, request: Request) -> None:
        """Django's check, with the token of a form put where it looks on every method: into the header.

        It would read the form itself, on POST only, with limits and answers that are not the API's.
        """
        plain = request._request
        plain.POST = QueryDict()
        if settings.CSRF_HEADER_NAME not in plain.META:
            token = self._token_of_form(cast(CanvasRequest, request))
            if token:
                plain.META[settings.CSRF_HEADER_NAME] = token
        try:
            super().enforce_csrf(plain)  # type: ignore[arg-type]  # the stubs want DRF's request
        except PermissionDenied as error:
            raise CSRFFailed(str(error.detail).removeprefix("CSRF Failed: ")) from error

    def _token_of_form(self, request: CanvasRequest) -> str | None:
        try:
            return text(request.body_params.get("csrfmiddlewaretoken"))
        except CanvasError:
            return None  # reported to those who may call
