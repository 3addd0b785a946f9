"""Django's admin for messages, without what they say, and for what stands around it in mails."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from canvas_channels.core.identity.admin.base import (
    QuickAdmin,
    RetryAdmin,
    caller_of,
    changeable,
    ids,
    users_found,
)
from channels_api import audit
from channels_api.audit import Action
from notifications.messages.frames import NAMES, MessageFrame
from notifications.messages.models import Message


@admin.register(Message)
class MessageAdmin(RetryAdmin):
    list_display = ("id", "user_id", "type", "kind", "workflow_state", "failure", "created_at", "sent_at")
    search_help_text = "A user's login, SIS id or id."
    fields = (
        *("id", "user", "account", "channel", "dispatch", "notification", "kind", "type", "workflow_state"),
        *("waits_for", "attempts", "failure", "devices", "provider_id", "created_at", "due_at", "sent_at"),
    )

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term))

    def allowed(self, request: HttpRequest, chosen: "QuerySet[Any]") -> "QuerySet[Any]":
        """What it says may let somebody in: only who may change them has it sent again."""
        return changeable(request, chosen)


@admin.register(MessageFrame)
class MessageFrameAdmin(QuickAdmin):
    list_display = ("id", "account", "kind", "subject", "updated_at")
    list_select_related = ("account",)
    list_filter = ("kind",)
    search_help_text = "An account's id."
    fieldsets = (
        (
            None,
            {
                "fields": ("account", "kind", "subject", "opening", "closing"),
                "description": f"Liquid templates. They know: {', '.join(NAMES)}.",
            },
        ),
    )
    raw_id_fields = ("account",)

    def search_condition(self, term: str) -> Q:
        return Q(account__in=ids(term))

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: MessageFrame, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        audit.record(
            caller_of(request),
            Action.SET_MESSAGE_FRAME,
            user_id=None,
            account_id=obj.account_id,
            kind=obj.kind,
            changed=form.changed_data,
        )
