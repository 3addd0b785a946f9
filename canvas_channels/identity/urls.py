"""Canvas's paths of users themselves."""

from django.urls import path

from canvas_channels.identity.user_views import UserViewSet

urlpatterns = [
    path("api/v1/users/<str:user_id>", UserViewSet.as_view({"get": "retrieve"})),
]
