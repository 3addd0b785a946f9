"""This app's own paths."""

from django.urls import include, path

urlpatterns = [
    path("", include("notifications.dispatches.urls")),
    path("", include("notifications.preferences.urls")),
    path("", include("notifications.record.urls")),
    path("", include("notifications.settings.urls")),
    path("", include("notifications.webhooks.urls")),
]
