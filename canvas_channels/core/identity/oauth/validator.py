"""OAuth 2 as Canvas's clients speak it, on top of django-oauth-toolkit.

Public clients must use PKCE with S256 (RFC 7636); codes and refreshing only, no other grants. Codes and
refresh tokens are locked while they are used, so that each code makes one token. Of codes, as of tokens, only
digests are stored. The caller opens the transaction.
"""

from base64 import b64decode
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from oauth2_provider.models import AccessToken, Grant, RefreshToken, set_token_value
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request as OAuthRequest
from oauthlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    UnsupportedCodeChallengeMethodError,
)
from oauthlib.oauth2.rfc6749.grant_types.authorization_code import code_challenge_method_s256

from canvas_channels.core.identity.models import DeveloperKey
from canvas_channels.core.identity.tokens import checksum
from canvas_channels.core.rest.credentials import split
from canvas_channels.core.rest.params import text
from canvas_channels.core.rest.requests import CanvasRequest

# What the two endpoints know. Others (OpenID Connect's, RFC 8707's) count as absent: nothing here reads them,
# and django-oauth-toolkit stores them.
AUTHORIZATION_PARAMS = frozenset(
    {
        *("client_id", "response_type", "redirect_uri", "scope", "state"),
        *("code_challenge", "code_challenge_method"),
    }
)
TOKEN_PARAMS = frozenset(
    {
        *("grant_type", "client_id", "client_secret", "scope"),
        *("code", "redirect_uri", "code_verifier", "refresh_token"),
    }
)
CODE_DIGEST = "sha256$"  # before the digest of a code, which is all that is stored
REPEATED_FOR = timedelta(minutes=1)  # how long a refresh is answered again
CODE_REFUSED = "The code is wrong, too old or used already, or another client's."
VERIFIER_REFUSED = "The code_verifier does not belong to the code_challenge that the code was asked for with."
VERIFIER_UNASKED = "The code was asked for without a code_challenge, so it takes no code_verifier."
REDIRECT_REFUSED = "The redirect_uri is not the one that the code was asked for with."
REFRESH_REFUSED = "The refresh_token is wrong or revoked, or another client's."
S256_LENGTH = 43  # of 32 bytes in base64url without padding


class RequestReader(OAuthLibCore):
    """Takes the token request's parameters in any shape: a form, JSON, or the query string."""

    def _extract_params(self, request: HttpRequest) -> tuple[str, str, Any, dict[str, Any]]:
        _, method, body, headers = super()._extract_params(request)
        if hasattr(request, "oauth_params"):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return request.path, method, dict(request.oauth_params), headers
        known = [(name, value) for name, value in request.GET.lists() if name in AUTHORIZATION_PARAMS]
        return f"{request.path}?{urlencode(known, doseq=True)}", method, body, headers

    def extract_headers(self, request: HttpRequest) -> dict[str, Any]:
        """With a client's credentials only, the scheme as django-oauth-toolkit spells it.

        Those that are no text would be a fault, and prove nothing.
        """
        headers: dict[str, Any] = super().extract_headers(request)
        scheme, credentials = split(headers.pop("HTTP_AUTHORIZATION", ""))
        headers.pop("Authorization", None)
        try:
            readable = b"\x00" not in b64decode(credentials)
        except ValueError:
            readable = False
        if scheme == "basic" and readable:
            headers["HTTP_AUTHORIZATION"] = headers["Authorization"] = f"Basic {credentials}"
        return headers


def read_token_request(request: HttpRequest) -> dict[str, str]:
    """The parameters of a token request. Raises :class:`MalformedRequest` and its kin.

    Without a ``grant_type`` a code is meant, as in Canvas: older mobile apps send none.
    """
    params = CanvasRequest(request).params
    flat = {name: value for name in TOKEN_PARAMS if (value := text(params.get(name))) is not None}
    return {"grant_type": "authorization_code"} | flat


class Validator(OAuth2Validator):
    def is_pkce_required(self, client_id: str, request: OAuthRequest) -> bool:
        """Refuses "plain" here, before anybody is asked: django-oauth-toolkit would only afterwards."""
        if request.code_challenge:
            if request.code_challenge_method != "S256":
                raise UnsupportedCodeChallengeMethodError(request=request)
            if len(request.code_challenge) != S256_LENGTH:
                raise InvalidRequestError("The code_challenge is none of S256.", request=request)
        return bool(request.client.client_type == DeveloperKey.CLIENT_PUBLIC)

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: OAuthRequest, *args: Any, **kwargs: Any
    ) -> bool:
        try:
            return bool(super().validate_redirect_uri(client_id, redirect_uri, request, *args, **kwargs))
        except ValueError:  # a port beyond 65535, for one
            return False

    def confirm_redirect_uri(
        self,
        client_id: str,
        code: str,
        redirect_uri: str,
        client: DeveloperKey,
        request: OAuthRequest,
        *args: Any,
    ) -> bool:
        """Refuses with ``invalid_grant`` (RFC 6749, section 5.2); oauthlib would with ``invalid_request``."""
        with suppress(ValueError):
            if super().confirm_redirect_uri(client_id, code, redirect_uri, client, request, *args):
                return True
        raise InvalidGrantError(REDIRECT_REFUSED, request=request)

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: DeveloperKey, request: OAuthRequest, *args: Any
    ) -> bool:
        """A key that requires scopes must be asked for some (Canvas: ``invalid_scope``)."""
        if client.require_scopes and not scopes:
            return False
        return bool(super().validate_scopes(client_id, scopes, client, request, *args))

    def validate_code(
        self, client_id: str, code: str, client: DeveloperKey, request: OAuthRequest, *args: Any
    ) -> bool:
        """The code, locked: of two who present it at once, the second finds it used.

        What is wrong is told to a client that is known by now, and of a code the same whatever it is.
        A verifier without a challenge means that somebody took the challenge out of the authorization
        request (RFC 9700, section 4.8.2).
        """
        codes = Grant.objects.select_for_update().filter(application=client, code__in=stored_as(code))
        grant = codes.first()
        if grant is None:
            raise InvalidGrantError(CODE_REFUSED, request=request)
        if request.code_verifier and not grant.code_challenge:
            raise InvalidGrantError(VERIFIER_UNASKED, request=request)
        request.code = grant.code  # by which it is looked up from here on
        valid = super().validate_code(client_id, grant.code, client, request, *args)
        request.scopes = [scope for scope in getattr(request, "scopes", None) or () if scope]
        if not valid or not request.user.is_active:
            raise InvalidGrantError(CODE_REFUSED, request=request)
        return True

    def get_code_challenge(self, code: str, request: OAuthRequest) -> str | None:
        """The challenge of the code. Says, as oauthlib does not, that it is the verifier that is wrong."""
        challenge: str | None = super().get_code_challenge(code, request)
        verifier = request.code_verifier
        if challenge and verifier and not code_challenge_method_s256(verifier, challenge):
            raise InvalidGrantError(VERIFIER_REFUSED, request=request)
        return challenge

    def _create_authorization_code(
        self, request: OAuthRequest, code: dict[str, Any], expires: datetime | None = None
    ) -> Grant:
        digest = {"code": CODE_DIGEST + checksum(code["code"])}
        return super()._create_authorization_code(request, code | digest, expires)

    def validate_refresh_token(
        self, refresh_token: str, client: DeveloperKey, request: OAuthRequest, *args: Any
    ) -> bool:
        """The refresh token, locked against a revocation meanwhile, and so that one at a time is answered."""
        same = RefreshToken.objects.select_for_update().filter(token_checksum=checksum(refresh_token))
        live = same.filter(revoked__isnull=True).first()
        valid = live and super().validate_refresh_token(refresh_token, client, request, *args)
        if not valid or not request.user.is_active:
            raise InvalidGrantError(REFRESH_REFUSED, request=request)
        return True

    def _save_bearer_token(
        self, token: dict[str, Any], request: OAuthRequest, *args: Any, **kwargs: Any
    ) -> None:
        """A refresh token that is used again within a minute is answered with the same access token.

        Else the last of several refreshes at once would end the tokens that the others were answered with.
        Only a checksum of that token is stored, so it is made such that it can be made again.
        """
        if request.grant_type != "refresh_token":
            super()._save_bearer_token(token, request, *args, **kwargs)
            return
        found = AccessToken.objects.select_for_update().filter(refresh_token=request.refresh_token_instance)
        kept = found.first()
        if kept is None:  # erased meanwhile
            raise InvalidGrantError(request=request)
        now = timezone.now()
        plain = refreshed(request.refresh_token, kept.expires)
        same_scopes = set(kept.scope.split()) == set(token["scope"].split())
        same = kept.token_checksum == checksum(plain) and same_scopes
        if not same or kept.updated < now - REPEATED_FOR:
            kept.expires = now + timedelta(seconds=token["expires_in"])
            kept.scope = token["scope"]
            plain = refreshed(request.refresh_token, kept.expires)
            set_token_value(kept, plain)
            kept.save()
        token["access_token"] = plain
        token["expires_in"] = round((kept.expires - now).total_seconds())


def stored_as(code: str) -> list[str]:
    """How a code may be kept: as a digest, or as earlier versions did. A digest itself is no code."""
    digest = CODE_DIGEST + checksum(code)
    return [digest] if code.startswith(CODE_DIGEST) else [digest, code]


def refreshed(refresh_token: str, expires: datetime) -> str:
    """The access token that a refresh token was exchanged for, by the end that it was given."""
    return salted_hmac(
        "canvas_channels.identity.oauth.refreshed",
        f"{expires.timestamp():.6f} {refresh_token}",
        algorithm="sha256",
    ).hexdigest()
