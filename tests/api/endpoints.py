"""Every endpoint of the API with who may use it (docs/contract.md, section 1), and somebody to use it on."""

from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from canvas_channels.core.identity.models import Account, CustomData, User
from canvas_channels.core.identity.oauth.scopes import endpoint_scope
from channels_api.devices import registration
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, Progress, PushDevice
from tests.api.conftest import ApiClient
from tests.changing import issued_code
from tests.factories import (
    FCM_ARN,
    load_catalogue,
    make_account,
    make_channel,
    make_dispatch,
    make_key,
    make_message,
    make_site_admin,
    make_user,
)
from tests.responses import ClientResponse

READERS = {"self", "account admin", "site admin"}
ADMINS = {"account admin", "site admin"}
SITE_ADMIN = {"site admin"}
OWN = {"self"}
USER = "/api/v1/users/{user}"
CHANNELS = f"{USER}/communication_channels"
SELF = "/api/v1/users/self/communication_channels"
ACCOUNT = "/api/v1/accounts/{account}"
NEW = "communication_channel[type]=email&communication_channel[address]=new@example.edu"
MANY = "notification_preferences[alert][frequency]=daily"
ONE = "notification_preferences[frequency]=daily"
DEFAULTS = "notification_preference_defaults[alert][email][frequency]=weekly"
NOTIFICATION = "notification=alert&user_ids[]={user}&subject=S&body=B"
MANDATORY = "&notification_preference_defaults[alert][mandatory]=1"
COURSE = "enabled=0&overrides[][communication_channel_id]={channel}&overrides[][category]=alert"
COURSE += "&overrides[][frequency]=daily"
ROWS = "attachment=user_id,type,address%0A{user},email,i@example.edu"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``path`` and ``form`` name what :class:`World` has. ``own``: it is about the caller, whoever calls."""

    method: str
    path: str
    allowed: set[str] = field(default_factory=set)
    form: str = ""
    own: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1/')}"

    def call(self, client: ApiClient, world: "World", query: str = "") -> ClientResponse:
        names = world.names()
        path = self.path.format(**names)
        headers = {"authorization": f"Bearer {client.token}"} if client.token else {}
        kind = "application/x-www-form-urlencoded"
        answer: Any = client.generic(
            self.method, path + query, self.form.format(**names), kind, headers=headers
        )
        content = answer.getvalue()  # a report is made as it is read
        if answer.streaming:
            answer.streaming_content = [content]
        return answer

    def route(self, world: "World") -> tuple[str, str]:
        return self.method, resolve(self.path.format(**world.names())).route

    def scope(self, world: "World") -> str:
        match = resolve(self.path.format(**world.names()))
        view: Any = match.func
        return endpoint_scope(self.method, match.route, getattr(view.cls, "own_methods", ()))


def _preferences(channel: str) -> list[Endpoint]:
    base = f"{CHANNELS}/{channel}"
    return [
        Endpoint("GET", f"{base}/notification_preferences", READERS),
        Endpoint("GET", f"{base}/notification_preferences/alert", READERS),
        Endpoint("GET", f"{base}/notification_preference_categories", READERS),
        Endpoint("PUT", f"{base}/notification_preferences", OWN, MANY),
        Endpoint("PUT", f"{base}/notification_preferences/alert", OWN, ONE),
        Endpoint("PUT", f"{base}/notification_preference_categories/alert", OWN, ONE),
    ]


ENDPOINTS = [
    Endpoint("GET", USER, READERS),
    Endpoint("PUT", USER, READERS, "user[time_zone]=UTC"),
    Endpoint("GET", f"{USER}/profile", READERS),
    Endpoint("POST", f"{ACCOUNT}/users", ADMINS, "user[name]=New&pseudonym[unique_id]=new"),
    *(
        Endpoint(method, f"{USER}/custom_data{scope}", READERS, form)
        for scope in ("", "/a/b")
        for method, form in (("GET", "ns=app"), ("PUT", "ns=app&data=2"), ("DELETE", "ns=app"))
    ),
    Endpoint("GET", CHANNELS, READERS),
    Endpoint("POST", CHANNELS, READERS, NEW),
    Endpoint("PUT", f"{CHANNELS}/{{channel}}", READERS, "communication_channel[position]=2"),
    Endpoint("DELETE", f"{CHANNELS}/{{channel}}", READERS),
    Endpoint("DELETE", f"{CHANNELS}/email/o@example.edu", READERS),
    Endpoint("POST", f"{CHANNELS}/{{bouncing}}", SITE_ADMIN),
    Endpoint("POST", f"{CHANNELS}/{{unconfirmed}}/resend", READERS),
    Endpoint("GET", f"{CHANNELS}/audit", ADMINS),
    *_preferences("{channel}"),
    *_preferences("email/o@example.edu"),
    Endpoint("DELETE", f"{SELF}/push", OWN, "push_token=fcm0", own=True),
    Endpoint("GET", f"{SELF}/push/devices", OWN, own=True),
    Endpoint("DELETE", f"{SELF}/push/devices/{{device}}", OWN, own=True),
    Endpoint("POST", f"{SELF}/{{phone}}/confirm", OWN, "confirmation_code={code}", own=True),
    Endpoint("GET", f"{ACCOUNT}/bouncing_communication_channels.csv", ADMINS),
    Endpoint("GET", f"{ACCOUNT}/bouncing_communication_channels.json", ADMINS),
    Endpoint("GET", f"{ACCOUNT}/unconfirmed_communication_channels.csv", ADMINS),
    Endpoint("GET", f"{ACCOUNT}/unconfirmed_communication_channels.json", ADMINS),
    Endpoint("POST", f"{ACCOUNT}/bouncing_communication_channels/reset", SITE_ADMIN),
    Endpoint("POST", f"{ACCOUNT}/unconfirmed_communication_channels/confirm", SITE_ADMIN),
    Endpoint("POST", f"{ACCOUNT}/communication_channels/import", ADMINS, ROWS),
    Endpoint("GET", f"{ACCOUNT}/notification_preference_defaults", ADMINS),
    Endpoint("PUT", f"{ACCOUNT}/notification_preference_defaults", ADMINS, DEFAULTS + MANDATORY),
    *(
        Endpoint(method, f"{USER}/course_notification_preferences/42", OWN, form)
        for method, form in (("GET", ""), ("PUT", COURSE), ("DELETE", ""))
    ),
    Endpoint("GET", f"{USER}/settings/quiet_hours", OWN),
    Endpoint("PUT", f"{USER}/settings/quiet_hours", OWN, "from=22:00&to=07:00&days[]=mon"),
    Endpoint("GET", f"{ACCOUNT}/settings", ADMINS),
    Endpoint("PUT", f"{ACCOUNT}/settings", ADMINS, "sms_notifications=1&default_time_zone=UTC"),
    Endpoint("GET", "/api/v1/comm_messages", ADMINS, "user_id={user}"),
    Endpoint("GET", f"{USER}/messages", OWN),
    Endpoint("GET", f"{USER}/messages/{{message}}", READERS),
    Endpoint("POST", f"{CHANNELS}/{{channel}}/test", READERS),
    Endpoint("POST", f"{ACCOUNT}/notifications", ADMINS, NOTIFICATION),
    Endpoint("GET", f"{ACCOUNT}/notifications", ADMINS),
    Endpoint("GET", f"{ACCOUNT}/notifications/{{dispatch}}", ADMINS),
    Endpoint("DELETE", f"{ACCOUNT}/notifications/{{dispatch}}", ADMINS),
    Endpoint("GET", "/api/v1/progress/{progress}", ADMINS),
    Endpoint("GET", "/api/v1/progress/{own_progress}", READERS),
    Endpoint("POST", "/confirmations/{user}/re_send/{unconfirmed}", READERS),
    Endpoint("GET", "/confirmations/{user}/limit_reached/{unconfirmed}", READERS),
]


def routes() -> set[tuple[str, str]]:
    """Method and route of everything that a viewset answers."""
    found: set[tuple[str, str]] = set()

    def collect(patterns: "list[URLPattern | URLResolver]", prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                collect(pattern.url_patterns, route)
            else:
                methods = getattr(pattern.callback, "actions", {}).keys() - {"head"}  # DRF's own, once called
                found.update((method.upper(), route) for method in methods)

    collect(get_resolver().url_patterns, "")
    return found


class World:
    """An owner with something for each endpoint, in an account of its own."""

    def __init__(self) -> None:
        load_catalogue()
        self.account: Account = make_account("Caltech", admins_can_view_notifications=True)
        self.owner: User = make_user(account=self.account)
        self.key = make_key(sns_arn=FCM_ARN)
        self.channel = make_channel(self.owner, "o@example.edu")
        make_channel(self.owner, "For All Devices", "push")
        self.phone = make_channel(self.owner, "+16265550100", "sms", "unconfirmed")
        self._ask(self.phone)
        self.code = issued_code(self.phone)
        CustomData.objects.create(user=self.owner, namespace="app", data='{"a":{"b":1}}')
        self.progress = Progress.objects.create(account=self.account, user=make_site_admin(), tag="x")
        self.own_progress = Progress.objects.create(account=self.account, user=self.owner, tag="x")
        self.add()

    def add(self, count: int = 1) -> None:
        """More of everything that there may be many of."""
        for _ in range(count):
            number = PushDevice.objects.count()
            now = timezone.now()
            self.bouncing = make_channel(self.owner, bounce_count=1, last_bounce_at=now)
            self.unconfirmed = make_channel(self.owner, workflow_state="unconfirmed")
            self.device = PushDevice.objects.create(
                user=self.owner,
                developer_key=make_key(name=f"App {number}", sns_arn=FCM_ARN),
                token=f"fcm{number}",
                token_digest=registration.digest(f"fcm{number}"),
                last_seen_at=now,
            )
            self.message = make_message(self.owner, self.channel)
            self.dispatch = make_dispatch(self.account, recipients=[self.owner], workflow_state="queued")
            make_message(self.owner, self.channel, dispatch=self.dispatch, workflow_state="created")
            AuditEntry.objects.create(
                user=self.owner,
                channel=self.channel,
                action="create",
                actor=make_user("Leonard"),
                developer_key=make_key(),
            )

    def _ask(self, channel: CommunicationChannel) -> None:
        Confirmation.objects.create(channel=channel, user=self.owner, address_folded=channel.address_folded)

    def names(self) -> dict[str, object]:
        return {
            "account": self.account.pk,
            "user": self.owner.pk,
            "channel": self.channel.pk,
            "bouncing": self.bouncing.pk,
            "unconfirmed": self.unconfirmed.pk,
            "phone": self.phone.pk,
            "code": self.code,
            "device": self.device.pk,
            "message": self.message.pk,
            "dispatch": self.dispatch.pk,
            "progress": self.progress.pk,
            "own_progress": self.own_progress.pk,
        }
