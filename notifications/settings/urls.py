"""The paths of what is set beside preferences: for a course, for a time of day, for an account."""

from django.urls import path

from channels_api.urls import ACCOUNT, USER  # whose module registers <id>
from notifications.settings.views import (
    AccountSettingsViewSet,
    CoursePreferenceViewSet,
    QuietHoursViewSet,
)

courses = CoursePreferenceViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

urlpatterns = [
    path(f"{USER}/course_notification_preferences/<id:course_id>", courses),
    path(f"{USER}/settings/quiet_hours", QuietHoursViewSet.as_view({"get": "retrieve", "put": "update"})),
    path(f"{ACCOUNT}/settings", AccountSettingsViewSet.as_view({"get": "retrieve", "put": "update"})),
]
