"""OAuth 2 at Canvas's paths: an app sends people to ``login/oauth2/auth``, and gets its token.

https://developerdocs.instructure.com/services/canvas/oauth2 and RFC 6749.
"""

import json
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from oauth2_provider.forms import AllowForm
from oauth2_provider.models import AccessToken
from oauth2_provider.views.base import AuthorizationView, TokenView
from rest_framework.request import Request

from canvas_channels.core.client_address import address_key
from canvas_channels.core.identity.authentication import BearerTokenAuthentication
from canvas_channels.core.identity.models import DeveloperKey
from canvas_channels.core.identity.oauth.validator import AUTHORIZATION_PARAMS, read_token_request
from canvas_channels.core.identity.tokens import checksum, revoke_token
from canvas_channels.core.middleware.rates import TOKENS
from canvas_channels.core.rest.errors import CanvasError, Unauthenticated
from canvas_channels.core.rest.params import boolean
from canvas_channels.core.rest.requests import CanvasRequest
from canvas_channels.web.pages import POLICY, policy
from canvas_channels.web.people.acting import ACTING_AS


class ConsentForm(AllowForm):
    """django-oauth-toolkit's, without OpenID Connect; a key that requires no scopes may be asked for none."""

    nonce = claims = resource = None
    scope = forms.CharField(required=False, widget=forms.HiddenInput())

    def clean_client_id(self) -> str:
        client_id: str = self.cleaned_data["client_id"]
        if not DeveloperKey.objects.filter(client_id=client_id).exists():
            raise forms.ValidationError("unknown")
        return client_id


class Authorize(AuthorizationView):
    """Asks the person who is signed in whether an app may have a token, and redirects with a code."""

    template_name = "web/authorize.html"
    form_class = ConsentForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Refused while acting as somebody: the page would speak of them, and the token be the admin's."""
        if ACTING_AS in request.session:
            raise PermissionDenied
        known = request.GET.copy()
        for name in set(known) - AUTHORIZATION_PARAMS:
            del known[name]
        request.GET = known  # type: ignore[assignment]
        if any("\x00" in value for value in (*request.GET.values(), *request.POST.values())):
            response = self.form_invalid(None)
        else:
            response = super().dispatch(request, *args, **kwargs)
        response[POLICY] = policy(leads_to=getattr(self, "oauth2_data", {}).get("redirect_uri") or "")
        return response

    def form_invalid(self, form: ConsentForm | None) -> HttpResponse:
        """A form that is not as the page had it."""
        answer: HttpResponse = self.render_to_response({"error": {"error": "invalid_request"}}, status=400)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What several scopes say in the same words is said once."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        words = map(str, context.get("scopes_descriptions", ()))
        return context | {"scopes_descriptions": list(dict.fromkeys(words))}


@method_decorator(csrf_exempt, name="dispatch")
class Token(TokenView):
    """POST exchanges a code, or refreshes; DELETE revokes the token that it is called with."""

    http_method_names = ("post", "delete")

    @sensitive_variables()
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            params = read_token_request(request)
        except CanvasError as error:
            return refuse("invalid_request", error.body["errors"][0]["message"], error.status_code)
        if any("\x00" in value for value in params.values()):
            return refuse("invalid_request", "A parameter holds a null character.", 400)
        request.oauth_params = params  # type: ignore[attr-defined]
        with transaction.atomic():
            response: HttpResponse = self.authorization_flow_token_response(request)
            response["Content-Type"] = "application/json"
            if response.status_code == 200:
                response.content = json.dumps(as_canvas(json.loads(response.content)))
                TOKENS.give_back(address_key(request.META))
        return response

    def delete(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """``expire_sessions=1`` signs the user out everywhere too."""
        prepared = CanvasRequest(request)
        try:
            user, token = bearer_of(prepared)
            params = prepared.params
        except CanvasError as error:
            return JsonResponse(error.body, status=error.status_code, headers=error.headers)
        with transaction.atomic():
            if boolean(params.get("expire_sessions")):
                user.end_sessions()
            revoke_token(token)
        return JsonResponse({})


def bearer_of(request: Request) -> tuple[Any, AccessToken]:
    """The token that the request comes with, and its user. Raises :class:`CanvasError`."""
    found = BearerTokenAuthentication().authenticate(request)
    if found is None:
        raise Unauthenticated(other_scheme="HTTP_AUTHORIZATION" in request.META)
    return found


def as_canvas(answer: dict[str, Any]) -> dict[str, Any]:
    """Canvas's answer: with the user, and no scope where the token has none."""
    token = AccessToken.objects.select_related("user").get(token_checksum=checksum(answer["access_token"]))
    if not answer.get("scope"):
        answer.pop("scope", None)
    return answer | {"user": {"id": token.user.pk, "name": token.user.name}}


def refuse(error: str, description: str, status: int) -> JsonResponse:
    """An error in OAuth's form (RFC 6749, section 5.2)."""
    return JsonResponse({"error": error, "error_description": description}, status=status)
