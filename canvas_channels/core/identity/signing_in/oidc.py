"""Signing in by an institution's OpenID Connect provider (optional): the only call that a request makes.

authlib checks the answer: state, PKCE, nonce, and the id token's signature, issuer, audience and times
(OpenID Connect Core 1.0, section 3.1.3.7). This module finds out who the person is in this service.
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from joserfc.errors import JoseError
from requests import RequestException

from canvas_channels.core.constraints import constraint_of
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.trimming import trim

logger = logging.getLogger(__name__)

MAX_LOGIN = 255
# The errors of a provider that is down, slow, misconfigured or lying.
FAULTS = (AuthlibBaseError, JoseError, RequestException, LookupError, RuntimeError, TypeError, ValueError)


class OidcFailure(Exception):
    """The provider did not answer, or its answer proves nothing; the text is for operators."""


class NoSuchPerson(Exception):
    """The provider vouched for somebody who has no login here, or may not sign in."""


@cache
def client(issuer: str, client_id: str) -> DjangoOAuth2App:
    """The provider's client; it reads the provider's description once, when it is first needed."""
    registered: DjangoOAuth2App = OAuth().register(
        "oidc",
        client_id=client_id,
        client_secret=settings.OIDC_CLIENT_SECRET or None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.OIDC_SCOPES,
            "code_challenge_method": "S256",
            "default_timeout": settings.OIDC_TIMEOUT,
        },
    )
    return registered


def redirect_to_provider(request: HttpRequest, redirect_uri: str) -> HttpResponse:
    """Raises :class:`OidcFailure`."""
    try:
        answer: HttpResponse = _client().authorize_redirect(request, redirect_uri)
    except FAULTS as error:
        raise _failure(error) from error
    return answer


def claims_of(request: HttpRequest) -> Mapping[str, Any]:
    """What the provider says of the person who comes back from it. Raises :class:`OidcFailure`."""
    provider = _client()
    issuer = {"iss": {"essential": True, "values": [settings.OIDC_ISSUER]}}
    try:
        token = provider.authorize_access_token(request, claims_options=issuer)
        claims: dict[str, Any] = dict(token["userinfo"])  # of the id token, which was checked
        if settings.OIDC_LOGIN_CLAIM not in claims:
            more = dict(provider.userinfo(token=token))
            if more.get("sub") != claims["sub"]:
                raise OidcFailure("the user info is somebody else's")
            claims = more | claims
    except FAULTS as error:
        raise _failure(error) from error
    return claims


def person(claims: Mapping[str, Any]) -> User:
    """Whose login the claim ``OIDC_LOGIN_CLAIM`` names. Raises :class:`NoSuchPerson`.

    An address counts only where the provider says that it is verified. Nobody is made silently:
    only ``OIDC_CREATE_USERS`` has an unknown person added.
    """
    claim = settings.OIDC_LOGIN_CLAIM
    name = claims.get(claim)
    name = trim(name) if isinstance(name, str) else ""
    if not name or len(name) > MAX_LOGIN or "\x00" in name:
        raise NoSuchPerson
    if claim == "email" and claims.get("email_verified") is not True:
        raise NoSuchPerson
    account = _account()
    login = Login.objects.filter(account=account, unique_id__lower=name).select_related("user").first()
    user = login.user if login else _create(account, name, claims)
    if not user.is_active:
        raise NoSuchPerson
    return user


def _account() -> Account:
    wanted = {"pk": settings.OIDC_ACCOUNT} if settings.OIDC_ACCOUNT else {"is_default": True}
    account = Account.objects.filter(**wanted).first()
    if account is None:
        logger.error("the account of OIDC_ACCOUNT does not exist")
        raise NoSuchPerson
    return account


def _create(account: Account, name: str, claims: Mapping[str, Any]) -> User:
    if not settings.OIDC_CREATE_USERS:
        raise NoSuchPerson
    called = trim(str(claims.get("name") or "").replace("\x00", ""))[:255] or name
    try:
        with transaction.atomic():
            user = User.objects.create_user(called, account)
            Login.objects.create(user=user, account=account, unique_id=name)
    except IntegrityError as error:
        if constraint_of(error) != "unique_login_per_account":
            raise
        # the same person at the same time, in another window
        return Login.objects.get(account=account, unique_id__lower=name).user
    return user


def _client() -> DjangoOAuth2App:
    return client(settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID)


def _failure(error: Exception) -> OidcFailure:
    """Kind only: a provider's words may hold what it should not."""
    logger.warning("signing in by the provider failed", extra={"reason": type(error).__name__})
    return OidcFailure(type(error).__name__)
