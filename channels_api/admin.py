"""Django's admin for the registry: to look, to reset bounces, and to send, retire or try again.

Changing channels is the API's business, which keeps their rules. No token and no digest is shown.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.admin.base import (
    QuickAdmin,
    ReadOnlyAdmin,
    RetryAdmin,
    caller_of,
    changeable,
    ids,
    may_change,
    users_found,
)
from canvas_channels.core.identity.callers import Subject, locked
from canvas_channels.core.identity.models import User
from channels_api import admin_work
from channels_api.addresses import compared
from channels_api.channels import bounce_resets, registry
from channels_api.errors import ChannelError, NotPermitted
from channels_api.messages import confirmations
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, PushDevice, SecurityNotice

__all__ = ["admin_work"]


def found(request: HttpRequest, user_id: int, channel_id: int) -> tuple[Subject, CommunicationChannel]:
    """The channel and its owner, whose row is locked, as the API's rules take them.

    Raises :class:`NotPermitted` for an owner with more rights, and :class:`NoSuchChannel` for a retired one.
    """
    owner = locked(User.objects.filter(pk=user_id)).get()
    if not may_change(request, owner):
        raise NotPermitted
    imported = tuple(owner.imported_emails)
    subject = Subject(owner, caller_of(request), is_admin=True, imported_emails=imported)
    return subject, registry.find(owner, channel_id=channel_id)


class ChannelForm(ModelForm):  # type: ignore[type-arg]
    request: HttpRequest

    def clean_institutional(self) -> bool:
        """By the API's rule; Django's admin validates and saves in one transaction."""
        institutional: bool = self.cleaned_data["institutional"]
        try:
            subject, channel = found(self.request, self.instance.user_id, self.instance.pk)
            registry.check_institutional(subject, channel, institutional)
        except NotPermitted as error:
            raise ValidationError("The account keeps the institution's addresses as they are.") from error
        except ChannelError as error:
            raise ValidationError(error.message) from error
        return institutional


@admin.register(CommunicationChannel)
class CommunicationChannelAdmin(QuickAdmin):
    form = ChannelForm
    list_display = ("id", "user_id", "type", "address", "workflow_state", "position", "bounce_count")
    list_filter = ("type", "workflow_state", "institutional")
    search_help_text = "A whole address, or a user's login, SIS id or id."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("id", "user", "type", "address", "pending_address", "workflow_state", "position"),
                    "institutional",
                )
            },
        ),
        (
            "Bounces",
            {
                "fields": (
                    *("bounce_count", "last_bounce_summary", "last_transient_bounce_summary"),
                    *("last_bounce_at", "last_suppression_bounce_at", "last_transient_bounce_at"),
                )
            },
        ),
        ("Dates", {"fields": ("created_at", "updated_at", "retired_at")}),
    )
    readonly_fields = tuple(field for field in flatten_fieldsets(fieldsets) if field != "institutional")
    actions = ("reset_bounces", "send_confirmation", "retire")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: CommunicationChannel | None = None) -> bool:
        """Staff cannot change the channels of users who have rights that they lack."""
        return super().has_change_permission(request, obj) and may_change(request, obj.user if obj else None)

    def search_condition(self, term: str) -> Q:
        return Q(address_folded=compared(term)) | Q(user__in=users_found(term))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class of its own for each request
        form.request = request
        return form

    def save_model(self, request: HttpRequest, obj: CommunicationChannel, form: Any, change: bool) -> None:
        subject, channel = found(request, obj.user_id, obj.pk)
        registry.set_institutional(subject, channel, obj.institutional)

    @admin.action(description="Reset bounce counts to 0", permissions=["change"])
    @transaction.atomic
    def reset_bounces(self, request: HttpRequest, chosen: "QuerySet[CommunicationChannel]") -> None:
        owners = User.objects.filter(pk__in=chosen.order_by().values("user")).order_by("pk")
        held = owners.select_for_update(no_key=True)
        allowed = [user.pk for user in held if may_change(request, user)]
        count = bounce_resets.reset_bounce_counts(caller_of(request), chosen.filter(user__in=allowed))
        self.message_user(request, f"Reset {counted(count, 'channel')}.")

    @admin.action(description="Send another confirmation, within the limits", permissions=["change"])
    def send_confirmation(self, request: HttpRequest, chosen: "QuerySet[CommunicationChannel]") -> None:
        def resend(subject: Subject, channel: CommunicationChannel) -> bool:
            return confirmations.resend(channel, subject.caller)

        done, left = self._do(request, chosen, resend)
        asked, others = counted(done, "confirmation"), counted(left, "channel")
        self.message_user(request, f"Asked for {asked}; for {others} none is due, or a limit is reached.")

    @admin.action(description="Retire selected channels", permissions=["change"])
    def retire(self, request: HttpRequest, chosen: "QuerySet[CommunicationChannel]") -> None:
        def retire(subject: Subject, channel: CommunicationChannel) -> bool:
            registry.retire(subject, channel)
            return True

        done, left = self._do(request, chosen, retire)
        others = counted(left, "channel")
        self.message_user(
            request, f"Retired {counted(done, 'channel')}; retired already, or the institution's: {others}."
        )

    def _do(
        self,
        request: HttpRequest,
        chosen: "QuerySet[CommunicationChannel]",
        action: Callable[[Subject, CommunicationChannel], bool],
    ) -> tuple[int, int]:
        """Run ``action`` on each as the API does: in its own transaction, with the owner's row locked.

        Returns for how many it was done, and how many were left alone.
        """
        done = left = 0
        for channel_id, user_id in list(chosen.order_by("pk").values_list("pk", "user_id")):
            try:
                with transaction.atomic():
                    asked = action(*found(request, user_id, channel_id))
            except ChannelError:
                asked = False
            done, left = done + asked, left + (not asked)
        return done, left


@admin.register(Confirmation)
class ConfirmationAdmin(RetryAdmin):
    """Requests to confirm a channel. Their codes are kept as digests only, and those are not shown."""

    list_display = ("id", "channel_id", "user_id", "workflow_state", "failure", "created_at", "sent_at")
    list_filter = ("workflow_state",)
    search_help_text = "A whole address, or a user's login, SIS id or id."
    fields = (
        *("id", "channel", "user", "workflow_state", "wrong_tries", "failure"),
        *("created_at", "sent_at", "refused_at"),
    )

    def search_condition(self, term: str) -> Q:
        return Q(address_folded=compared(term)) | Q(user__in=users_found(term))

    def allowed(self, request: HttpRequest, chosen: "QuerySet[Any]") -> "QuerySet[Any]":
        """A code lets somebody in: only who may change them has it sent again."""
        return changeable(request, chosen)


@admin.register(SecurityNotice)
class SecurityNoticeAdmin(RetryAdmin):
    """What was told to users' other addresses; those are not shown, since users may have given them up."""

    list_display = (
        *("id", "user_id", "type", "kind", "about", "workflow_state", "failure", "created_at", "sent_at"),
    )
    list_filter = ("workflow_state", "kind")
    search_help_text = "A user's login, SIS id or id."
    fields = (
        *("id", "user", "type", "kind", "about", "replaced"),
        *("workflow_state", "failure", "created_at", "sent_at"),
    )

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term))


@admin.register(PushDevice)
class PushDeviceAdmin(RetryAdmin):
    """Devices as SNS knows them. Tokens are secret, and not shown."""

    list_display = ("id", "user_id", "developer_key", "workflow_state", "failure", "last_seen_at")
    list_select_related = ("developer_key",)
    list_filter = ("workflow_state",)
    search_help_text = "A user's login, SIS id or id."
    fields = (
        *("id", "user", "developer_key", "endpoint_arn", "workflow_state", "failure"),
        *("created_at", "updated_at", "checked_at", "last_seen_at"),
    )

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "action", "user_id", "channel_id", "actor_id", "acting_as_id")
    search_help_text = "The login, SIS id or id of the user whose channels they were."
    fields = (
        "id",
        "action",
        "user",
        "channel",
        "actor",
        "acting_as",
        "developer_key",
        "details",
        "created_at",
    )

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term)) | Q(pk__in=ids(term))
