"""Django's admin for the registry: to look, to reset bounces and to try a device again.

Changing channels is the API's business, which keeps their rules. No token and no digest is shown.
"""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from canvas_channels.identity.admin_base import QuickAdmin, ReadOnlyAdmin, ids, users_found
from canvas_channels.identity.callers import Caller
from canvas_channels.identity.models import User
from channels_api import audit, ordering, retries
from channels_api.addresses import fold
from channels_api.audit import Action
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, PushDevice


def caller_of(request: HttpRequest) -> Caller:
    """Who is signed in, as the audit trail names them."""
    return Caller(user=request.user, actor=request.user)  # type: ignore[arg-type]


@admin.register(CommunicationChannel)
class ChannelPages(QuickAdmin):
    list_display = ("id", "user_id", "type", "address", "workflow_state", "position", "bounce_count")
    list_filter = ("type", "workflow_state", "institutional")
    search_help_text = "A whole address, or a user's login, SIS id or id."
    fields = (
        *("id", "user", "type", "address", "workflow_state", "position", "institutional"),
        "pending_address",
        *("bounce_count", "last_bounce_at", "last_bounce_summary", "last_suppression_bounce_at"),
        *("last_transient_bounce_at", "last_transient_bounce_summary"),
        *("retired_at", "created_at", "updated_at"),
    )
    readonly_fields = tuple(field for field in fields if field != "institutional")
    actions = ("reset_bounces",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def search_condition(self, term: str) -> Q:
        return Q(address_folded=fold(term)) | Q(user__in=users_found(term))

    def save_model(self, request: HttpRequest, obj: CommunicationChannel, form: Any, change: bool) -> None:
        owner = User.objects.select_for_update(of=("self",), no_key=True).select_related("home_account")
        account = owner.get(pk=obj.user_id).home_account
        if "institutional" in form.changed_data:
            obj.save(update_fields=["institutional", "updated_at"])
            self._record(request, obj, Action.SET_INSTITUTIONAL, institutional=obj.institutional)
            ordering.settle(obj, account)

    @admin.action(description="Reset bounce counts to 0", permissions=["change"])
    @transaction.atomic
    def reset_bounces(self, request: HttpRequest, channels: "QuerySet[CommunicationChannel]") -> None:
        bouncing = list(channels.filter(bounce_count__gt=0).select_for_update(of=("self",)))
        for channel in bouncing:
            channel.bounce_count = 0
            channel.save(update_fields=["bounce_count", "updated_at"])
            self._record(request, channel, Action.RESET_BOUNCE_COUNT)
        self.message_user(request, f"Reset {len(bouncing)} channels.")

    def _record(
        self, request: HttpRequest, channel: CommunicationChannel, action: Action, **details: Any
    ) -> None:
        audit.record(caller_of(request), action, user_id=channel.user_id, channel_id=channel.pk, **details)


@admin.register(Confirmation)
class ConfirmationPages(ReadOnlyAdmin):
    """Requests to confirm a channel. Their codes are kept as digests only, and those are not shown."""

    list_display = ("id", "channel_id", "user_id", "workflow_state", "failure", "created_at", "sent_at")
    list_filter = ("workflow_state",)
    search_help_text = "A whole address, or a user's login, SIS id or id."
    fields = (
        *("id", "channel", "user", "workflow_state", "wrong_tries", "failure", "sent_at", "created_at"),
    )
    actions = ("send_again",)

    def search_condition(self, term: str) -> Q:
        return Q(address_folded=fold(term)) | Q(user__in=users_found(term))

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("channels_api.change_confirmation")

    @admin.action(description="Send selected confirmations that failed or wait", permissions=["retry"])
    def send_again(self, request: HttpRequest, chosen: "QuerySet[Confirmation]") -> None:
        asked = retries.retry_confirmations(list(chosen.values_list("pk", flat=True)))
        self.message_user(request, f"Asked for {asked} confirmations.")


@admin.register(PushDevice)
class DevicePages(ReadOnlyAdmin):
    """Devices as SNS knows them. Their tokens are not shown: whoever has one can be sent to."""

    list_display = ("id", "user_id", "developer_key", "workflow_state", "failure", "last_seen_at")
    list_select_related = ("developer_key",)
    list_filter = ("workflow_state",)
    search_help_text = "A user's login, SIS id or id."
    fields = (
        *("id", "user", "developer_key", "endpoint_arn", "workflow_state", "failure"),
        *("last_seen_at", "created_at", "updated_at"),
    )
    actions = ("try_again",)

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term))

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("channels_api.change_pushdevice")

    @admin.action(description="Bring SNS in line with selected devices again", permissions=["retry"])
    def try_again(self, request: HttpRequest, devices: "QuerySet[PushDevice]") -> None:
        asked = retries.retry_devices(list(devices.values_list("pk", flat=True)))
        self.message_user(request, f"Asked for {asked} devices.")


@admin.register(AuditEntry)
class AuditPages(ReadOnlyAdmin):
    list_display = ("id", "created_at", "action", "user_id", "channel_id", "actor_id", "acting_as_id")
    search_help_text = "The login, SIS id or id of the user whose channels they were."
    fields = (*("created_at", "action", "user", "channel", "actor", "acting_as", "developer_key", "details"),)

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term)) | Q(pk__in=ids(term))
