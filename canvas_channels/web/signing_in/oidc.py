"""Signing in by the institution's OpenID Connect provider, where ``OIDC_ISSUER`` names one."""

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET

from canvas_channels.core.client_address import address_key
from canvas_channels.core.identity.signing_in import oidc
from canvas_channels.core.identity.signing_in.oidc import NoSuchPerson, OidcFailure
from canvas_channels.core.middleware.rates import RETURNS
from canvas_channels.web.pages import page

NEXT = "oidc_next"
BACKEND = "canvas_channels.identity.backends.LoginBackend"


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Send the person to the provider; a GET, since a browser would not let a form lead elsewhere."""
    _require_provider()
    request.session[NEXT] = _safe_next(request)
    try:
        return oidc.redirect_to_provider(request, settings.PUBLIC_URL + reverse("oidc_callback"))
    except OidcFailure:
        return page(request, "oidc_refused.html", {"reason": "failed"}, status=502)


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the person back to."""
    _require_provider()
    try:
        user = oidc.person(oidc.claims_of(request))
    except OidcFailure:
        return page(request, "oidc_refused.html", {"reason": "failed"}, status=400)
    except NoSuchPerson:
        return page(request, "oidc_refused.html", {"reason": "unknown"}, status=403)
    target = request.session.pop(NEXT, "") or resolve_url(settings.LOGIN_REDIRECT_URL)
    login(request, user, backend=BACKEND)
    RETURNS.give_back(address_key(request.META))
    return redirect(target)


def _require_provider() -> None:
    if not settings.OIDC_ISSUER:
        raise Http404


def _safe_next(request: HttpRequest) -> str:
    target = request.GET.get(REDIRECT_FIELD_NAME, "")
    allowed = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if allowed else ""
