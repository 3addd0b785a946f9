"""Postmark's webhooks, which HTTP basic authentication alone guards.

Payloads: https://postmarkapp.com/developer/webhooks/bounce-webhook, .../spam-complaint-webhook and
.../delivery-webhook; kinds of bounces: https://postmarkapp.com/developer/api/bounce-api#bounce-types.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from notifications.webhooks import tracking
from notifications.webhooks.models import WebhookEvent
from tests.factories import load_catalogue, make_channel, make_message, make_user
from tests.notifications.providers import post
from tests.notifications.services import run_worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("webhooks")]

ADDRESS = "john@example.com"
DETAILS = "smtp;550 5.1.1 The email account that you tried to reach does not exist."


def bounce(type_: str = "HardBounce", record_type: str = "Bounce") -> dict[str, Any]:
    return {
        "RecordType": record_type,
        "MessageStream": "outbound",
        "ID": 4323372036854775807,
        "Type": type_,
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Tag": "Test",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {"a_key": "a_value"},
        "ServerID": 23,
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": DETAILS,
        "Email": ADDRESS,
        "From": "sender@example.com",
        "BouncedAt": "2019-11-05T16:33:54.9070259Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Test subject",
        "Content": "<Full dump of bounce>",
    }


DELIVERY = {
    "RecordType": "Delivery",
    "ServerID": 23,
    "MessageStream": "outbound",
    "MessageID": "00000000-0000-0000-0000-000000000000",
    "Recipient": ADDRESS,
    "Tag": "welcome-email",
    "DeliveredAt": "2021-02-21T16:34:52Z",
    "Details": "Test delivery webhook details",
    "Metadata": {"example": "value"},
}


def test_a_hard_bounce_is_counted_with_its_details() -> None:
    channel = make_channel(make_user(), ADDRESS)
    assert post("postmark", bounce()).json() == {"received": 1}
    run_worker()
    channel.refresh_from_db()
    assert (channel.bounce_count, channel.last_bounce_summary) == (1, DETAILS)
    assert channel.last_bounce_at == datetime(2019, 11, 5, 16, 33, 54, 907025, UTC)


@pytest.mark.parametrize(
    ("type_", "state"),
    [
        ("HardBounce", "bounced"),
        ("ManuallyDeactivated", "bounced"),
        ("SoftBounce", "sent"),
        ("SpamComplaint", "sent"),
    ],
)
def test_the_message_that_came_back(type_: str, state: str) -> None:
    load_catalogue()
    channel = make_channel(make_user(), ADDRESS)
    message = make_message(channel.user, channel, provider_id=bounce()["MessageID"])
    other = make_message(channel.user, channel, provider_id="another")
    post("postmark", bounce(type_))
    run_worker()
    post("postmark", DELIVERY | {"MessageID": message.provider_id})  # late, and no way back
    run_worker()
    for row in (message, other):
        row.refresh_from_db()
    assert (message.workflow_state, other.workflow_state) == (state, "sent")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (bounce(), "permanent"),
        (bounce("BadEmailAddress"), "permanent"),
        ({**bounce(), "Details": "smtp;554 5.7.1 Relay access denied"}, "transient"),
        ({**bounce(), "Details": "smtp;550 5.7.1 No such user!"}, "permanent"),
        ({**bounce(), "Details": "smtp;554 Transaction failed"}, "transient"),
        ({**bounce(), "Details": "smtp;550 Domain of sender address does not exist"}, "transient"),
        ({**bounce(), "Details": "smtp;550 5.4.5 Quota exceeded"}, "transient"),
        ({**bounce(), "Details": ""}, "permanent"),
        (bounce("OpenRelayTest"), "transient"),
        (bounce("SoftBounce"), "transient"),
        (bounce("Transient"), "transient"),
        (bounce("DnsError"), "transient"),
        (bounce("Blocked"), "transient"),
        (bounce("DMARCPolicy"), "transient"),
        (bounce("ManuallyDeactivated"), "suppression"),
        (bounce("SpamNotification"), "complaint"),
        (bounce("SpamComplaint", "SpamComplaint"), "complaint"),
        (DELIVERY, "delivery"),
    ],
)
def test_kinds_of_events(event: dict[str, Any], kind: str) -> None:
    [report] = tracking.read("postmark", json.dumps(event))
    assert (report.kind, report.address) == (kind, ADDRESS)


@pytest.mark.parametrize(
    "event",
    [
        bounce("AutoResponder"),
        bounce("AddressChange"),
        bounce("ChallengeVerification"),
        bounce("VirusNotification"),
        *(bounce(kind) for kind in ("Unsubscribe", "Subscribe", "Unknown", "Unconfirmed")),
        *(bounce(kind) for kind in ("SMTPApiError", "InboundError", "TemplateRenderingFailed")),
        bounce("a type of tomorrow"),
        {"RecordType": "Open", "Recipient": ADDRESS, "ReceivedAt": "2021-02-21T16:34:52Z"},
        {
            "RecordType": "SubscriptionChange",
            "Recipient": ADDRESS,
            "ChangedAt": "2020-02-01T10:53:34.416071Z",
            "SuppressSending": True,
            "SuppressionReason": "HardBounce",
        },
    ],
)
def test_what_says_nothing_of_an_address(event: dict[str, Any]) -> None:
    assert tracking.read("postmark", json.dumps(event)) == []


def test_the_same_event_again_is_not_stored_again() -> None:
    """Deliveries have no id, so all of the event counts, in any order of its keys."""
    assert post("postmark", DELIVERY).json() == {"received": 1}
    assert post("postmark", dict(reversed(DELIVERY.items()))).json() == {"received": 0}


def test_a_wrong_secret_is_refused() -> None:
    assert post("postmark", bounce(), secret="webhooks:another-secret-00").status_code == 401


def test_incoming_mail_is_no_event_of_this_webhook() -> None:
    post("postmark", {"FromFull": {"Email": ADDRESS}, "MessageID": "x"})
    run_worker()
    assert "incoming" in WebhookEvent.objects.get().failure


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_no_clock_shows_is_refused_for_good(time: str) -> None:
    channel = make_channel(make_user(), ADDRESS)
    assert post("postmark", {**bounce(), "BouncedAt": time}).json() == {"received": 1}
    run_worker()
    event = WebhookEvent.objects.get()
    assert (event.workflow_state, event.failure) == (
        "failed",
        "The event is not as Postmark documents it: OverflowError",
    )
    channel.refresh_from_db()
    assert channel.bounce_count == 0
