"""The paths of messages that were sent."""

from django.urls import path

from channels_api.urls import BASE, USER  # whose module registers <id>
from notifications.record.views import CommMessageViewSet, MessageViewSet

messages = MessageViewSet.as_view

urlpatterns = [
    path("api/v1/comm_messages", CommMessageViewSet.as_view({"get": "list"})),
    path(f"{USER}/messages", messages({"get": "list"})),
    path(f"{USER}/messages/<id:id>", messages({"get": "retrieve"})),
    path(f"{BASE}/<id:id>/test", messages({"post": "test"})),
]
