"""The paths of notifications that an institution's systems ask for; Canvas has none of them."""

from django.urls import path

from channels_api.urls import ACCOUNT  # whose module registers <id>
from notifications.dispatches.views import NotificationViewSet

notifications = NotificationViewSet.as_view

urlpatterns = [
    path(f"{ACCOUNT}/notifications", notifications({"get": "list", "post": "create"})),
    path(f"{ACCOUNT}/notifications/<id:id>", notifications({"get": "retrieve", "delete": "destroy"})),
]
