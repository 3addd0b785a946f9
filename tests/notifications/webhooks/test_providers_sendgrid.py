"""SendGrid's Event Webhook, signed with its key.

Payloads: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event; the signature:
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from notifications.webhooks import tracking
from notifications.webhooks.models import WebhookEvent
from tests.factories import make_channel, make_user
from tests.notifications.providers import post, post_sendgrid
from tests.notifications.services import run_worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("webhooks")]

ADDRESS = "example@test.com"
COMMON = {
    "email": ADDRESS,
    "timestamp": 1513299569,
    "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
    "category": ["cat facts"],
    "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==",
    "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
}
BOUNCE = {
    **COMMON,
    "event": "bounce",
    "reason": "500 unknown recipient",
    "status": "5.0.0",
    "type": "bounce",
    "bounce_classification": "invalid",
}
BLOCKED = {
    **COMMON,
    "event": "bounce",
    "reason": "550 blocked for spam",
    "status": "5.7.1",
    "type": "blocked",
}
DEFERRED = {**COMMON, "event": "deferred", "response": "400 try again later", "attempt": "5"}
DELIVERED = {**COMMON, "event": "delivered", "response": "250 OK"}
SPAM = {**COMMON, "event": "spamreport"}
DROPPED = {**COMMON, "event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}


def test_a_bounce_is_counted_with_its_reason() -> None:
    channel = make_channel(make_user(), ADDRESS)
    assert post_sendgrid([BOUNCE]).json() == {"received": 1}
    run_worker()
    channel.refresh_from_db()
    assert (channel.bounce_count, channel.last_bounce_summary) == (1, "500 unknown recipient")
    assert channel.last_bounce_at == datetime.fromtimestamp(1513299569, UTC)


def test_a_request_brings_many_events() -> None:
    later = {**DELIVERED, "sg_event_id": "ZGVsaXZlcmVkLTAtMTg", "timestamp": 1513299570}
    channel = make_channel(make_user(), ADDRESS)
    assert post_sendgrid([BOUNCE, later, BOUNCE]).json() == {"received": 2}
    run_worker()
    channel.refresh_from_db()
    assert channel.bounce_count == 0
    assert channel.last_bounce_summary == "500 unknown recipient"


@pytest.mark.parametrize(
    ("event", "kind", "summary"),
    [
        (BOUNCE, "permanent", "500 unknown recipient"),
        (BLOCKED, "transient", "550 blocked for spam"),
        ({**BLOCKED, "type": "expired"}, "transient", "550 blocked for spam"),
        (DEFERRED, "transient", "400 try again later"),
        (DROPPED, "suppression", ""),
        ({**DROPPED, "reason": "Spam Reporting Address"}, "suppression", ""),
        ({**DROPPED, "reason": "Unsubscribed Address"}, "suppression", ""),
        (SPAM, "complaint", "complaint: spam"),
        (DELIVERED, "delivery", "250 OK"),
    ],
)
def test_kinds_of_events(event: dict[str, Any], kind: str, summary: str) -> None:
    [report] = tracking.read("sendgrid", json.dumps(event))
    assert (report.kind, report.address, report.summary) == (kind, ADDRESS, summary)


@pytest.mark.parametrize(
    ("classified", "status", "reason", "kind"),
    [
        ("Invalid Address", "5.0.0", "550 no", "permanent"),
        ("Technical", "5.1.1", "550 no", "transient"),
        ("Content", "5.0.0", "550 no", "transient"),
        ("Reputation", "5.0.0", "550 no", "transient"),
        ("Frequency or Volume Too High", "5.0.0", "550 no", "transient"),
        ("Mailbox Unavailable", "5.2.1", "550 disabled", "permanent"),
        ("Mailbox Unavailable", "5.2.2", "552 full", "transient"),
        ("Unclassified", "5.7.1", "550 no", "transient"),
        (None, "5.4.5", "550 quota", "transient"),
        (None, "5.1.1", "550 no", "permanent"),
        (None, None, "550 5.1.0 Sender address rejected: User unknown", "transient"),
        (None, "5.7.1", "550 5.7.1 No such user!", "permanent"),
        (None, "", "421 no", "transient"),
        (None, None, None, "permanent"),
    ],
)
def test_a_bounce_by_its_classification_and_status(
    classified: str | None, status: str | None, reason: str | None, kind: str
) -> None:
    event = {**BOUNCE, "bounce_classification": classified, "status": status, "reason": reason}
    [report] = tracking.read("sendgrid", json.dumps(event))
    assert report.kind == kind


@pytest.mark.parametrize(
    "event",
    [
        {**COMMON, "event": "processed"},
        {**COMMON, "event": "open", "useragent": "Mozilla/4.0"},
        {**COMMON, "event": "unsubscribe"},
        {**DROPPED, "reason": "Recipient List over Package Quota"},
        {**BOUNCE, "email": ""},
    ],
)
def test_what_says_nothing_of_an_address(event: dict[str, Any]) -> None:
    assert tracking.read("sendgrid", json.dumps(event)) == []


def test_a_wrong_signature_is_refused() -> None:
    response = post_sendgrid([BOUNCE], signed=b"[]")
    assert response.status_code == 403
    assert response.json() == {"errors": [{"message": "The request's signature is wrong."}]}
    assert not WebhookEvent.objects.exists()


def test_the_secret_alone_is_not_enough() -> None:
    assert post("sendgrid", [BOUNCE]).status_code == 403


def test_without_a_key_the_secret_is_enough(settings: Settings) -> None:
    settings.ANYMAIL = {}
    assert post("sendgrid", [BOUNCE]).status_code == 200


def test_a_key_that_is_none_is_the_operators_to_mend(settings: Settings) -> None:
    settings.ANYMAIL = {"SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": "no key"}
    assert post_sendgrid([BOUNCE]).status_code == 503


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"[", b'"x"', b""])
def test_what_is_no_list_of_events_is_refused(body: bytes, settings: Settings) -> None:
    settings.ANYMAIL = {}
    response = post("sendgrid", body)
    assert response.status_code == 400
    assert response.json() == {"errors": [{"message": "The request body is no event of this provider."}]}


def test_no_events_are_no_error() -> None:
    assert post_sendgrid([]).json() == {"received": 0}


def test_an_event_that_lacks_what_is_documented_is_refused_for_good() -> None:
    post_sendgrid([{"sg_event_id": "x", "email": ADDRESS}])
    run_worker()
    event = WebhookEvent.objects.get()
    assert (event.workflow_state, event.failure) == (
        "failed",
        "The event is not as SendGrid documents it: KeyError",
    )
