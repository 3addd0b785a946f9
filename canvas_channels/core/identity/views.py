"""The base of the API's viewsets: who calls, as whom, over whom (docs/contract.md, sections 1 and 2).

Checks come in the order of section 2.
"""

from typing import Any, ClassVar, cast

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBase
from oauth2_provider.models import AccessToken
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from canvas_channels.core.client_address import address_key
from canvas_channels.core.identity.accounts import AccountNotFound, find_account
from canvas_channels.core.identity.callers import (
    ActingRefused,
    Caller,
    Subject,
    UserNotFound,
    act_as,
    find_subject,
)
from canvas_channels.core.identity.models import Account, User
from canvas_channels.core.middleware.throttle import meter_of
from canvas_channels.core.rest.errors import (
    CSRFFailed,
    InvalidActAs,
    InvalidParameter,
    NotAuthorized,
    ResourceNotFound,
)
from canvas_channels.core.rest.params import misplaced, text
from canvas_channels.core.rest.requests import CanvasRequest


class CanvasViewSet(GenericViewSet[Any]):
    """Sets ``caller`` before an action runs; ``find_user`` then finds whom the action is about."""

    http_method_names = ("get", "post", "put", "delete", "head")
    objects: ClassVar[dict[str, str]] = {}  # what each parameter is in: see params.misplaced
    own_methods: ClassVar[frozenset[str]] = frozenset()  # see scopes.endpoint_scope
    request_class: type[CanvasRequest] = CanvasRequest
    request: CanvasRequest
    caller: Caller

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's; renders the answer, and leaves nothing of the call to the garbage collector.

        DRF lets request, answer and view each hold itself. To find hundreds of objects a call in such
        cycles stops all threads for longer than a call takes.
        """
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        if isinstance(response, Response):
            response.render()
            response.renderer_context.clear()  # type: ignore[attr-defined]  # the stubs lack it
        for method in self.action_map:
            delattr(self, method)
        return response

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> CanvasRequest:
        canvas_request = self.request_class(
            request, authenticators=self.get_authenticators(), negotiator=self.get_content_negotiator()
        )
        canvas_request.parser_context.clear()  # it holds the request
        return canvas_request

    def perform_authentication(self, request: Request) -> None:
        """Credentials, then the throttle: who has none that count is counted by address.

        Not DRF's ``check_throttles``, which would run only after the credentials were found good.
        """
        user_of_token = key = ""
        try:
            super().perform_authentication(request)
            if isinstance(request.auth, AccessToken):
                user_of_token, key = f"user:{request.user.pk}", f"token:{request.auth.pk}"
            elif request.user is not None:
                key = f"user:{request.user.pk}"
        except CSRFFailed:  # the session is good all the same, and no sign of an attacker at this address
            key = f"user:{request._request.session[SESSION_KEY]}"
            raise
        finally:
            meter_of(request).enter(key or address_key(request.META), user_of_token=user_of_token)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Credentials and scope, then the body, then acting as."""
        super().initial(request, *args, **kwargs)
        canvas_request = cast(CanvasRequest, request)
        params = canvas_request.params
        if canvas_request.holds_json:  # before the call does without what it says
            raise self.json_in_a_form()
        token = request.auth if isinstance(request.auth, AccessToken) else None
        user = cast(User, request.user)
        self.caller = Caller(user, user, token)
        if "as_user_id" in params:
            try:
                self.caller = act_as(self.caller, text(params["as_user_id"]) or "")
            except ActingRefused:
                raise InvalidActAs from None

    def json_in_a_form(self) -> InvalidParameter:
        told = "the body is JSON, so send it with Content-Type: application/json"
        for name, belongs_to in self.objects.items():
            return InvalidParameter(name, "invalid", f"{told}, or as a form's {belongs_to}[{name}]")
        return InvalidParameter("body", "invalid", told)

    def handle_exception(self, exc: Exception) -> Response:
        """DRF's; says where a value belongs that was sent in a shape that is not read."""
        if isinstance(exc, InvalidParameter):
            hint = misplaced(self.request.params, exc.attribute, self.objects)
            if hint:
                exc = InvalidParameter(exc.attribute, exc.kind, f"{exc.message}: {hint}")
        return super().handle_exception(exc)

    def find_user(self, user_id: str, *, lock: bool = False) -> Subject:
        """Whom the call is about. 404 where there is no such user, 403 without a right over them."""
        try:
            subject = find_subject(self.caller, user_id, lock=lock)
        except UserNotFound:
            raise ResourceNotFound from None
        if not subject.visible:
            raise NotAuthorized
        return subject

    def find_account(self, account_id: str) -> Account:
        """The account that the call is about. 404 where there is none, 403 unless its admin asks."""
        try:
            account = find_account(self.caller, account_id)
        except AccountNotFound:
            raise ResourceNotFound from None
        if not account.is_administered:
            raise NotAuthorized
        return account

    def require_site_admin(self) -> None:
        """403 unless a site admin asks, for themselves."""
        if not self.caller.user.is_site_admin:
            raise NotAuthorized
