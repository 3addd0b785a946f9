"""Canvas's paths of preferences: below a channel's id, and below its type and address."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from channels_api.urls import BASE  # whose module registers <id> and <channel_type>
from notifications.preferences.views import (
    NotificationPreferenceDefaultViewSet,
    NotificationPreferenceViewSet,
)


class NameConverter(StringConverter):
    """A notification or a category; with an ``@`` it would be the end of an address with slashes."""

    regex = "[^/@]+"


register_converter(NameConverter, "preference_name")

preferences = NotificationPreferenceViewSet.as_view
defaults = NotificationPreferenceDefaultViewSet.as_view

urlpatterns = [
    path(
        "api/v1/accounts/<str:account_id>/notification_preference_defaults",
        defaults({"get": "list", "put": "update"}),
    ),
]

for channel in ("<id:communication_channel_id>", "<channel_type:type>/<path:address>"):
    base = f"{BASE}/{channel}"
    urlpatterns += [
        path(f"{base}/notification_preferences", preferences({"get": "list", "put": "update_many"})),
        path(
            f"{base}/notification_preferences/<preference_name:notification>",
            preferences({"get": "retrieve", "put": "update"}),
        ),
        path(f"{base}/notification_preference_categories", preferences({"get": "list_categories"})),
        path(
            f"{base}/notification_preference_categories/<preference_name:category>",
            preferences({"put": "update_category"}),
        ),
    ]
