"""Somebody of whom every table holds something; what tells who they are."""

import json
from collections.abc import Iterator

from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from oauth2_provider.models import AccessToken, DeviceGrant, Grant, IDToken, RefreshToken

from canvas_channels.core.identity.models import AccountUser, PasswordReset
from channels_api.accounts import imports
from channels_api.models import (
    Progress,
    PushDevice,
)
from notifications.models import (
    CourseOverride,
    CoursePreference,
    Dispatch,
    DispatchRecipient,
    Message,
    Notification,
    QuietHours,
    WebhookEvent,
)
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS, change, issued_code
from tests.factories import (
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_key,
    make_security_notice,
    make_token,
    make_user,
)

DEVICE_TOKEN = "5e1d" * 16
ARN = "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/Student/0ddba11"
# Whatever tells who somebody is, as it is before.
PERSONAL = [
    *("Penelope", "Hofstadter", "penny@", "pen-ny", "sis-p3nny", "6265550199", "new-penny@", "p3nny"),
    *("203.0.113.77", DEVICE_TOKEN, "Pasadena browser", ARN.rpartition("/")[2]),
]


class Person:
    """A user of whom every table holds something, and who was not alone in the account."""

    def __init__(self) -> None:
        load_catalogue()
        self.account = make_account(is_default=True)
        self.key = make_key(sns_arn=ARN.replace(":endpoint/", ":app/").rpartition("/")[0])
        self.user = make_user(
            *("Penelope Hofstadter", self.account, "pen-ny", "sis-p3nny"),
            password="a password of penny's",
            imported_email="penny@caltech.example.com",
            is_staff=True,
            is_site_admin=True,
            locale="de",
        )
        self.admin = make_admin(self.account)
        self.tokens = [make_token(self.user, self.key), make_token(self.user, self.key)]
        self.me = ApiClient(self.tokens[0])
        self.browser = Client()
        self.browser.force_login(self.user)
        self._identity()
        self._channels()
        self._deliveries()
        self._messages()

    def _identity(self) -> None:
        user, key = self.user, self.key
        AccountUser.objects.create(account=self.account, user=user)
        user.groups.add(Group.objects.create(name="Clerks"))
        token = AccessToken.objects.filter(user=user).latest("pk")
        RefreshToken.objects.create(user=user, application=key, access_token=token, token="")
        Grant.objects.create(user=user, application=key, code="c", expires=token.expires)
        IDToken.objects.create(user=user, application=key, expires=token.expires)
        DeviceGrant.objects.create(user=user, client_id="x", expires=token.expires, user_code="u")
        AccessAttempt.objects.create(
            username="pen-ny",
            ip_address="203.0.113.77",
            user_agent="Pasadena browser",
            failures_since_start=1,
        )
        kept = {"ns": "app", "data": {"nick": "p3nny"}}
        assert self.me.call("PUT", "/users/self/custom_data/names", json=kept).status_code == 201
        PasswordReset.objects.create(unique_id="pen-ny")
        PasswordReset.objects.create(unique_id="penny@caltech.example.com")
        for about, words in ((user, "Penelope Hofstadter"), (self.account, "Caltech")):
            LogEntry.objects.create(
                user=user,
                content_type=ContentType.objects.get_for_model(about),
                object_id=str(about.pk),
                object_repr=words,
                action_flag=CHANGE,
                change_message=f"Changed {words}" if about is user else "",
            )

    def _channels(self) -> None:
        self.channel = make_channel(self.user, "Penny@caltech.example.com", institutional=True)
        form = "communication_channel[type]=sms&communication_channel[address]=(626) 555-0199"
        assert self.me.call("POST", CHANNELS, form).status_code == 200
        change(self.me, self.channel, address="new-penny@example.edu")
        issued_code(self.channel)
        path = f"{CHANNELS}/{self.channel.pk}/notification_preferences/alert"
        assert self.me.call("PUT", path, "notification_preferences[frequency]=weekly").status_code == 200
        body = {"communication_channel": {"type": "push", "token": DEVICE_TOKEN}}
        assert self.me.call("POST", CHANNELS, json=body).status_code == 200
        PushDevice.objects.update(endpoint_arn=ARN, workflow_state="registered")
        make_security_notice(self.user, "penny@caltech.example.com")
        users = [["sis_user_id:sis-p3nny"], ["sis_login_id:PEN-NY"], [str(self.user.pk)]]
        users += [[f"hex:sis_user_id:{b'sis-p3nny'.hex()}"], [str(self.admin.pk)]]
        rows = [
            {"users": names, "type": "email", "address": "a@example.edu", "skip_confirmation": False}
            for names in users
        ]
        rows[0]["address"] = "penny@caltech.example.com"
        imports.start(None, self.account, rows)
        started = {"account": self.account, "user": self.user, "actor": self.user}
        Progress.objects.create(**started, tag=Progress.Tag.IMPORT)

    def _deliveries(self) -> None:
        bounce = {"event": "bounce", "email": "penny@caltech.example.com", "reason": "p3nny is unknown"}
        gone = {"Message": json.dumps({"EventType": "EndpointDeleted", "EndpointArn": ARN})}
        other = bounce | {"email": "apenny@caltech.example.com", "reason": "550"}
        for provider, event in (("sendgrid", bounce), ("amazon_sns", gone), ("sendgrid", other)):
            WebhookEvent.objects.create(
                provider=provider,
                key=str(WebhookEvent.objects.count()),
                request_id="0" * 32,
                body=json.dumps(event),
            )

    def _messages(self) -> None:
        news = Notification.objects.get(slug="new_announcement")
        asked = Dispatch.objects.create(
            account=self.account, notification=news, subject="News", body="A lecture.", recipients_count=1
        )
        DispatchRecipient.objects.create(dispatch=asked, user=self.user)
        Message.objects.create(
            user=self.user,
            channel=self.channel,
            account=self.account,
            dispatch=asked,
            notification=news,
            type="email",
            address="penny@caltech.example.com",
            body="Hello p3nny",
        )
        CoursePreference.objects.create(user=self.user, course_id=12, enabled=False)
        CourseOverride.objects.create(
            channel=self.channel, course_id=12, category=news.category, frequency="daily"
        )
        QuietHours.objects.create(user=self.user, starts="22:00", ends="07:00")


def tables() -> Iterator[tuple[str, str]]:
    """Every row of the database as text, with its table's name, in order: rows move when they are written."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t ORDER BY 1')
            for (row,) in cursor.fetchall():
                yield table, row


def personal(row: str) -> list[str]:
    return [word for word in PERSONAL if word.lower() in row.lower()]
