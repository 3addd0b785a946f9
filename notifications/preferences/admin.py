"""Django's admin for the catalogue, which operators edit, and for the accounts' defaults, to look at.

An entry is renamed or added, never deleted: clients and people's choices hang on it.
"""

from django.contrib import admin
from django.db.models import Q

from canvas_channels.core.identity.admin.base import QuickAdmin, ReadOnlyAdmin, ids
from notifications.preferences.models import (
    MandatoryCategory,
    Notification,
    NotificationCategory,
    NotificationPreference,
    NotificationPreferenceDefault,
)


class CatalogueAdmin(QuickAdmin):
    def search_condition(self, term: str) -> Q:
        return Q(name__icontains=term) | Q(slug__icontains=term) | Q(pk__in=ids(term))


@admin.register(NotificationCategory)
class NotificationCategoryAdmin(CatalogueAdmin):
    list_display = ("name", "slug", "default_frequency", "position")
    fields = ("name", "slug", "default_frequency", "position")
    ordering = ("position", "pk")


@admin.register(Notification)
class NotificationAdmin(CatalogueAdmin):
    list_display = ("name", "slug", "category")
    fields = ("name", "slug", "category", "push", "delay_for")
    list_select_related = ("category",)
    list_filter = ("category",)
    ordering = ("category__position", "pk")


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(ReadOnlyAdmin):
    """What people chose themselves."""

    list_display = ("id", "channel_id", "notification", "frequency")
    list_select_related = ("notification",)
    search_help_text = "The id of its channel."
    fields = ("id", "channel", "notification", "frequency")

    def search_condition(self, term: str) -> Q:
        return Q(channel__in=ids(term))


@admin.register(NotificationPreferenceDefault)
class NotificationPreferenceDefaultAdmin(ReadOnlyAdmin):
    """They are set by the API, which asks who may."""

    list_display = ("id", "account", "category", "type", "frequency", "applies_from")
    list_select_related = ("account", "category")
    list_filter = ("type", "frequency")
    search_help_text = "An account's id."
    fields = ("id", "account", "category", "type", "frequency", "applies_from")

    def search_condition(self, term: str) -> Q:
        return Q(account__in=ids(term))


@admin.register(MandatoryCategory)
class MandatoryCategoryAdmin(ReadOnlyAdmin):
    """They are set by the API, which asks who may."""

    list_display = ("id", "account", "category", "created_at")
    list_select_related = ("account", "category")
    search_help_text = "An account's id."
    fields = ("id", "account", "category", "created_at")

    def search_condition(self, term: str) -> Q:
        return Q(account__in=ids(term))
