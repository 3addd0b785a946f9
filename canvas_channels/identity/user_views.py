"""Users, as Canvas's clients look them up before anything else."""

from rest_framework.response import Response

from canvas_channels.identity.profiles import profile
from canvas_channels.identity.views import CanvasViewSet
from canvas_channels.rest.requests import CanvasRequest


class UserViewSet(CanvasViewSet):
    def retrieve(self, request: CanvasRequest, user_id: str) -> Response:
        return Response(profile(self.find_user(user_id), self.caller))
