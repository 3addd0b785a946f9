import hashlib
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from tests.tools.benchmarks.straightforward.models import Token


class Authentication(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        checksum = hashlib.sha256(token).hexdigest()
        try:
            found = Token.objects.select_related("user", "application").get(token_checksum=checksum)
        except Token.DoesNotExist:
            raise AuthenticationFailed from None
        if found.expires < timezone.now() or found.user.workflow_state == "deactivated":
            raise AuthenticationFailed
        return found.user, found


class IsSomebody(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return request.user is not None
