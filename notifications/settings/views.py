"""The endpoints of what is set beside preferences: each parses, calls one rule, and answers."""

from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.rest.errors import NotAuthorized, ResourceNotFound
from canvas_channels.core.rest.params import flag
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.viewsets import ChannelErrorsMixin
from notifications.settings import accounts, courses, parsing, quiet_hours


class OwnSettingsViewSet(ChannelErrorsMixin):
    """For nobody but the user, or an admin who acts as them."""

    own_methods = frozenset({"GET", "PUT", "DELETE"})

    def find_own(self, user_id: str, *, lock: bool = False) -> Subject:
        if not self.find_user(user_id).is_self:
            raise NotAuthorized
        return self.find_user("self", lock=lock)


class CoursePreferenceViewSet(OwnSettingsViewSet):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if kwargs["course_id"] == 0:  # a course is another system's: no row says that it is not there
            raise ResourceNotFound

    def retrieve(self, request: CanvasRequest, user_id: str, course_id: int) -> Response:
        return Response(courses.of_course(self.find_own(user_id).user, course_id))

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str, course_id: int) -> Response:
        subject = self.find_own(user_id, lock=True)
        enabled = flag(request.params, "enabled")
        overrides = parsing.overrides(request.params)
        return Response(
            courses.replace(subject, course_id, enabled=enabled is not False, overrides=overrides)
        )

    @transaction.atomic
    def destroy(self, request: CanvasRequest, user_id: str, course_id: int) -> Response:
        subject = self.find_own(user_id, lock=True)
        return Response(courses.replace(subject, course_id, enabled=True, overrides=()))


class QuietHoursViewSet(OwnSettingsViewSet):
    def retrieve(self, request: CanvasRequest, user_id: str) -> Response:
        return Response(quiet_hours.of_user(self.find_own(user_id).user))

    @transaction.atomic
    def update(self, request: CanvasRequest, user_id: str) -> Response:
        subject = self.find_own(user_id, lock=True)
        starts, ends = parsing.times(request.params)
        return Response(quiet_hours.change(subject, starts, ends, parsing.days(request.params)))


class AccountSettingsViewSet(ChannelErrorsMixin):
    def retrieve(self, request: CanvasRequest, account_id: str) -> Response:
        return Response(accounts.settings_object(self.find_account(account_id)))

    @transaction.atomic
    def update(self, request: CanvasRequest, account_id: str) -> Response:
        account = self.find_account(account_id)
        wanted = parsing.account_settings(request.params)
        return Response(accounts.settings_object(accounts.change(self.caller, account, wanted)))
