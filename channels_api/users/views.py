"""Users, as Canvas's clients look them up before anything else, change them and make them."""

from typing import Any, ClassVar

from django.db import transaction
from rest_framework.response import Response

from canvas_channels.core.identity.profiles import profile
from canvas_channels.core.rest.params import Params, boolean, nested, refuse_ignored, text
from canvas_channels.core.rest.requests import CanvasRequest
from canvas_channels.core.trimming import trim
from channels_api.models import CommunicationChannel
from channels_api.users import rules
from channels_api.viewsets import ChannelErrorsMixin


def _attributes(user: Params) -> dict[str, str | None]:
    """What is no scalar is empty, which no attribute may be."""
    return {
        name: None if user[name] is None else text(user[name]) or ""
        for name in (*rules.NAMES, *rules.LOCAL)
        if name in user
    }


def _channel(given: Any) -> rules.NewChannel | None:
    if not isinstance(given, dict):
        return None
    address = given.get("address")
    return rules.NewChannel(
        type_=text(given.get("type", CommunicationChannel.Type.EMAIL)) or "",
        address=None if address is None else text(address) or "",
        skip_confirmation=boolean(given.get("skip_confirmation")),
    )


class UserViewSet(ChannelErrorsMixin):
    objects: ClassVar = {
        **dict.fromkeys((*rules.NAMES, *rules.LOCAL), "user"),
        **dict.fromkeys(("unique_id", "sis_user_id"), "pseudonym"),
        **dict.fromkeys(("type", "address", "skip_confirmation"), "communication_channel"),
    }

    def retrieve(self, request: CanvasRequest, user_id: str) -> Response:
        return Response(profile(self.find_user(user_id), self.caller))

    def profile(self, request: CanvasRequest, user_id: str) -> Response:
        return Response(rules.profile_object(self.find_user(user_id), self.caller))

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str) -> Response:
        subject = self.find_user(user_id, lock=True)
        refuse_ignored(request.params, "user", self.objects)
        rules.change(subject, _attributes(nested(request.params, "user")))
        return Response(rules.user_object(subject, self.caller))

    @transaction.atomic
    def create(self, request: CanvasRequest, account_id: str) -> Response:
        account = self.find_account(account_id)
        refuse_ignored(request.params, "communication_channel", self.objects)
        user, pseudonym = nested(request.params, "user"), nested(request.params, "pseudonym")
        wanted = rules.NewUser(
            attributes=_attributes(user),
            unique_id=trim(text(pseudonym.get("unique_id")) or ""),
            sis_user_id=trim(text(pseudonym.get("sis_user_id")) or ""),
            skip_registration=boolean(user.get("skip_registration")),
            channel=_channel(request.params.get("communication_channel")),
        )
        return Response(rules.user_object(rules.provision(self.caller, account, wanted), self.caller))
