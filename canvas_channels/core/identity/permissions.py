"""What any call needs before its own rules: somebody who asks, and a token whose scopes name the call."""

from typing import TYPE_CHECKING

from oauth2_provider.models import AccessToken
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from canvas_channels.core.identity.oauth.scopes import endpoint_scope
from canvas_channels.core.rest.errors import InsufficientScopes, Unauthenticated

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which reads the settings that name this module


class ScopeAllows(BasePermission):
    """A token of a key that requires scopes reaches only what its scopes name."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if request.user is None:
            raise Unauthenticated(other_scheme="HTTP_AUTHORIZATION" in request.META)
        token = request.auth
        if not isinstance(token, AccessToken) or token.application is None:
            return True
        if not token.application.require_scopes or request.resolver_match is None:
            return True
        own_methods = getattr(view, "own_methods", ())
        needed = endpoint_scope(request.method or "", request.resolver_match.route, own_methods)
        if needed not in token.scope.split():
            raise InsufficientScopes
        return True
