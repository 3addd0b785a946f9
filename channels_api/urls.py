"""Canvas's paths. Order counts: a literal ``push`` comes before a type and an address."""

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from channels_api.accounts.audit_views import AuditViewSet
from channels_api.accounts.report_formats import FORMATS
from channels_api.accounts.reports import BOUNCING, UNCONFIRMED
from channels_api.accounts.views import AccountChannelsViewSet, ImportViewSet, ProgressViewSet
from channels_api.channels.views import CommunicationChannelViewSet
from channels_api.devices.views import DeviceViewSet
from channels_api.users.views import UserViewSet


class IdConverter(IntConverter):
    """A row's id: what does not fit PostgreSQL's bigint names nothing."""

    regex = "[0-9]{1,18}"


class ChannelTypeConverter:
    regex = "email|sms|push"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(IdConverter, "id")
register_converter(ChannelTypeConverter, "channel_type")

channels = CommunicationChannelViewSet.as_view
account = AccountChannelsViewSet.as_view
ACCOUNT = "api/v1/accounts/<str:account_id>"
devices = DeviceViewSet.as_view
USER = "api/v1/users/<str:user_id>"
users = UserViewSet.as_view
BASE = f"{USER}/communication_channels"
DEVICES = "api/v1/users/self/communication_channels/push/devices"

urlpatterns = [
    path(USER, users({"get": "retrieve", "put": "update"})),
    path(f"{USER}/profile", users({"get": "profile"})),
    path(f"{ACCOUNT}/users", users({"post": "create"})),
    path(BASE, channels({"get": "list", "post": "create"})),
    path(f"{BASE}/audit", AuditViewSet.as_view({"get": "list"})),
    path("api/v1/users/self/communication_channels/push", channels({"delete": "delete_push_token"})),
    path(DEVICES, devices({"get": "list"})),
    path(f"{DEVICES}/<id:id>", devices({"delete": "destroy"})),
    path(f"{BASE}/<id:id>", channels({"put": "update", "delete": "destroy", "post": "reset_bounce_count"})),
    path(f"{BASE}/<id:id>/resend", channels({"post": "resend"})),
    path("api/v1/users/self/communication_channels/<id:id>/confirm", channels({"post": "confirm"})),
    path(f"{BASE}/<channel_type:type>/<path:address>", channels({"delete": "destroy_by_address"})),
    *(
        path(
            f"{ACCOUNT}/{about.name}.{extension}",
            account({"get": "report"}, about=about),
            {"extension": extension},
        )
        for about in (BOUNCING, UNCONFIRMED)
        for extension in FORMATS
    ),
    path(f"{ACCOUNT}/{BOUNCING.name}/reset", account({"post": "reset"}, about=BOUNCING)),
    path(f"{ACCOUNT}/{UNCONFIRMED.name}/confirm", account({"post": "confirm"}, about=UNCONFIRMED)),
    path(f"{ACCOUNT}/communication_channels/import", ImportViewSet.as_view({"post": "create"})),
    path("api/v1/progress/<id:id>", ProgressViewSet.as_view({"get": "retrieve"})),
    path("confirmations/<str:user_id>/re_send/<id:id>", channels({"post": "resend"})),
    path("confirmations/<str:user_id>/limit_reached/<id:id>", channels({"get": "limit_reached"})),
]
