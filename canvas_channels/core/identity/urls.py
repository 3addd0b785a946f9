"""Canvas's paths of what is kept of users for apps."""

from django.urls import path

from canvas_channels.core.identity.custom_data.views import CustomDataViewSet

USER = "api/v1/users/<str:user_id>"
custom_data = CustomDataViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

urlpatterns = [
    path(f"{USER}/custom_data", custom_data),
    path(f"{USER}/custom_data/<path:scope>", custom_data),
]
