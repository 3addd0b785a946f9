"""The audit trail of a user's channels, for their admins."""

from typing import Any

import django_filters
from django.forms import IntegerField
from rest_framework.response import Response

from canvas_channels.core.identity.callers import MAX_ID
from canvas_channels.core.rest.errors import NotAuthorized
from canvas_channels.core.rest.pagination import paginate
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api import audit
from channels_api.models import AuditEntry
from channels_api.viewsets import ChannelErrorsMixin


class IdFilter(django_filters.Filter):
    field_class = IntegerField


class AuditFilter(django_filters.FilterSet):
    """``before`` and ``after`` are as in the reports: they exclude the moment itself."""

    action = django_filters.ChoiceFilter(choices=[(action, action) for action in audit.Action])
    communication_channel_id = IdFilter("channel", min_value=1, max_value=MAX_ID)
    before = django_filters.IsoDateTimeFilter("created_at", "lt")
    after = django_filters.IsoDateTimeFilter("created_at", "gt")


class AuditViewSet(ChannelErrorsMixin):
    """Not the users' own to read: it names the admins who dealt with them."""

    queryset = AuditEntry.objects.none()

    def list(self, request: CanvasRequest, user_id: str) -> Response:
        subject = self.find_user(user_id)
        if not subject.administered():
            raise NotAuthorized
        page, link = paginate(request, self.clean_filters(AuditFilter, audit.of_user(subject.user.pk)))
        return Response([audit_object(entry) for entry in page], headers={"Link": link})


def audit_object(entry: AuditEntry) -> dict[str, Any]:
    """``actor_id`` is null for the service itself and for anyone who follows a link that was sent."""
    return {
        "id": entry.pk,
        "created_at": entry.created_at,
        "action": entry.action,
        "user_id": entry.user_id,
        "communication_channel_id": entry.channel_id,
        "actor_id": entry.actor_id,
        "actor_name": entry.actor.name if entry.actor else None,
        "acting_as_id": entry.acting_as_id,
        "developer_key_id": entry.developer_key_id,
        "developer_key_name": entry.developer_key.name if entry.developer_key else None,
        "details": entry.details,
    }
