# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""The endpoints of notification preferences: each parses, calls one rule, and answers."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import transaction
from rest_framework.response import Response

from canvas_channels.core.rest.errors import NotAuthorized
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.channels import registry
from channels_api.models import CommunicationChannel
from channels_api.viewsets import ChannelErrorsMixin
from notifications.preferences import catalogue, defaults, parsing, rules


class NotificationPreferenceViewSet(ChannelErrorsMixin):
    """How often a channel, named by its id or by type and address, gets which notification.

    Admins read; nobody but the owner changes, or an admin who acts as them.
    """

    own_methods = frozenset({"PUT"})
    objects: ClassVar = {"frequency": parsing.PREFERENCES}

    def list(self, request: CanvasRequest, user_id: str, **named: Any) -> Response:
        return self._answer(rules.of_channel(self._find(user_id, **named)))

    def retrieve(self, request: CanvasRequest, user_id: str, notification: str, **named: Any) -> Response:
        return self._answer(rules.of_channel(self._find(user_id, **named), notification))

    def list_categories(self, request: CanvasRequest, user_id: str, **named: Any) -> Response:
        self._find(user_id, **named)
        return Response({"categories": catalogue.category_slugs()})

    @transaction.atomic
    def update_many(self, request: CanvasRequest, user_id: str, **named: Any) -> Response:
        channel = self._find_own(user_id, **named)
        return self._answer(rules.change(self.caller, channel, parsing.frequencies(request.params)))

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str, notification: str, **named: Any) -> Response:
        channel = self._find_own(user_id, **named)
        wanted = {notification: parsing.one_frequency(request.params)}
        return self._answer(rules.change(self.caller, channel, wanted))

    @transaction.atomic
    def update_category(self, request: CanvasRequest, user_id: str, category: str, **named: Any) -> Response:
        channel = self._find_own(user_id, **named)
        frequency = parsing.one_frequency(request.params)
        return self._answer(rules.change_category(self.caller, channel, category, frequency))

    def _find_own(self, user_id: str, **named: Any) -> CommunicationChannel:
        if not self.find_user(user_id).is_self:
            raise NotAuthorized
        return self._find("self", **named)

    def _find(
        self, user_id: str, communication_channel_id: int | None = None, type: str = "", address: str = ""
    ) -> CommunicationChannel:
        user = self.find_user(user_id).user
        return registry.find(user, channel_id=communication_channel_id, type_=type, address=address)

    def _answer(self, entries: Sequence[rules.Entry]) -> Response:
        return Response({parsing.PREFERENCES: entries})


class NotificationPreferenceDefaultViewSet(ChannelErrorsMixin):
    """An account's own defaults, for its admins and for site admins."""

    objects: ClassVar = {
        "frequency": f"{parsing.DEFAULTS}[<category>][<type>]",
        "mandatory": f"{parsing.DEFAULTS}[<category>]",
    }

    def list(self, request: CanvasRequest, account_id: str) -> Response:
        return self._answer(defaults.of_account(self.find_account(account_id)))

    @transaction.atomic
    def update(self, request: CanvasRequest, account_id: str) -> Response:
        account = self.find_account(account_id)
        changed = defaults.change(
            self.caller,
            account,
            parsing.defaults(request.params),
            apply_to_existing=parsing.apply_to_existing(request.params),
        )
        return self._answer(changed)

    def _answer(self, found: Sequence[defaults.Default]) -> Response:
        return Response({parsing.DEFAULTS: [default.shown() for default in found]})
