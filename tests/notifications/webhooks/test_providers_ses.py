"""Amazon SES, whose notifications come as signed messages of SNS.

Payloads: https://docs.aws.amazon.com/ses/latest/dg/notification-examples.html and, for event publishing,
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html.
"""

import json
from typing import Any

import pytest

from channels_api.models import CommunicationChannel
from notifications.webhooks import tracking
from notifications.webhooks.models import WebhookEvent
from tests.factories import make_channel, make_user
from tests.notifications.providers import TOPIC, SnsSigner
from tests.notifications.services import Sns, always, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "jane@example.com"
DIAGNOSIS = "smtp; 550 5.1.1 <jane@example.com>... User unknown"
MAIL = {
    "timestamp": "2016-01-27T14:59:38.237Z",
    "source": "john@example.com",
    "sourceArn": "arn:aws:ses:us-east-1:888888888888:identity/example.com",
    "sourceIp": "127.0.3.0",
    "sendingAccountId": "123456789012",
    "messageId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa0680-000000",
    "destination": [ADDRESS, "mary@example.com"],
}


def bounce(
    type_: str = "Permanent",
    subtype: str = "General",
    named: str = "notificationType",
    *,
    status: str = "",
) -> Any:
    """``status``: of a server that says no more."""
    return {
        named: "Bounce",
        "bounce": {
            "bounceType": type_,
            "reportingMTA": "dns; email.example.com",
            "bouncedRecipients": [
                {
                    "emailAddress": ADDRESS,
                    "status": status or "5.1.1",
                    "action": "failed",
                    "diagnosticCode": f"smtp; 550 {status} no" if status else DIAGNOSIS,
                }
            ],
            "bounceSubType": subtype,
            "timestamp": "2016-01-27T14:59:38.237Z",
            "feedbackId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa068a-000000",
            "remoteMtaIp": "127.0.2.0",
        },
        "mail": MAIL,
    }


def complaint(**fields: Any) -> Any:
    return {
        "notificationType": "Complaint",
        "complaint": {
            "userAgent": "AnyCompany Feedback Loop (V0.01)",
            "complainedRecipients": [{"emailAddress": ADDRESS}],
            "complaintFeedbackType": "abuse",
            "arrivalDate": "2016-01-27T14:59:38.237Z",
            "timestamp": "2016-01-27T14:59:38.237Z",
            "feedbackId": "000001378603177f-18c07c78-fa81-4a58-9dd1-fedc3cb8f49a-000000",
            **fields,
        },
        "mail": MAIL,
    }


DELIVERY = {
    "notificationType": "Delivery",
    "mail": MAIL,
    "delivery": {
        "timestamp": "2016-01-27T14:59:38.237Z",
        "recipients": [ADDRESS],
        "processingTimeMillis": 546,
        "reportingMTA": "a8-70.smtp-out.amazonses.com",
        "smtpResponse": "250 ok:  Message 64111812 accepted",
        "remoteMtaIp": "127.0.2.0",
    },
}
DELAY = {
    "eventType": "DeliveryDelay",
    "mail": MAIL,
    "deliveryDelay": {
        "timestamp": "2020-06-16T00:25:40.914Z",
        "delayType": "TransientCommunicationFailure",
        "expirationTime": "2020-06-16T00:25:40.914Z",
        "delayedRecipients": [
            {"emailAddress": ADDRESS, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 timed out"}
        ],
    },
}


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user(), "Jane@Example.com")


def handled(signer: SnsSigner, message: dict[str, Any]) -> WebhookEvent:
    """The event, once a worker saw it."""
    assert signer.post("amazon_ses", message).status_code == 200
    run_worker()
    return WebhookEvent.objects.latest("pk")


def test_a_permanent_bounce_is_counted_with_its_diagnostic_code(
    signer: SnsSigner, channel: CommunicationChannel
) -> None:
    assert handled(signer, signer.message(bounce())).workflow_state == "handled"
    channel.refresh_from_db()
    assert (channel.bounce_count, channel.last_bounce_summary) == (1, DIAGNOSIS)
    assert channel.last_bounce_at is not None


def test_a_delivery_sets_the_count_back(signer: SnsSigner, channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.update(bounce_count=3)
    handled(signer, signer.message(DELIVERY, version="2"))
    channel.refresh_from_db()
    assert channel.bounce_count == 0


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (bounce(), "permanent"),
        (bounce("Permanent", "NoEmail"), "permanent"),
        (bounce("Permanent", "General", "eventType"), "permanent"),
        (bounce("Permanent", "Suppressed"), "suppression"),
        (bounce("Permanent", "OnAccountSuppressionList"), "suppression"),
        (bounce("Permanent", "UnsubscribedRecipient"), "suppression"),
        (bounce("Permanent", "General", status="5.7.1"), "transient"),
        (bounce("Permanent", "General", status="5.4.5"), "transient"),
        (bounce("Permanent", "General", status="5.1.8"), "transient"),
        (bounce("Permanent", "NoEmail", status="5.7.1"), "permanent"),
        *((bounce("Transient", kind), "transient") for kind in ("MessageTooLarge", "CustomTimeoutExceeded")),
        *((bounce("Transient", kind), "transient") for kind in ("ContentRejected", "AttachmentRejected")),
        (bounce("Transient", "MailboxFull"), "transient"),
        (bounce("Transient", "General"), "transient"),
        (bounce("Undetermined", "Undetermined"), "transient"),
        (DELAY, None),
        (complaint(), "complaint"),
        (complaint(complaintFeedbackType=None), "complaint"),
        (complaint(complaintSubType="OnAccountSuppressionList"), "suppression"),
        (complaint(complaintFeedbackType="not-spam"), None),
        (DELIVERY, "delivery"),
        ({"eventType": "Send", "mail": MAIL, "send": {}}, None),
        ({"eventType": "Reject", "mail": MAIL, "reject": {"reason": "Bad content"}}, None),
        ({"eventType": "Open", "mail": MAIL, "open": {"userAgent": "Mozilla/5.0"}}, None),
        ("Successfully validated SNS topic for Amazon SES event publishing.", None),
    ],
)
def test_kinds_of_events(event: Any, kind: str | None, signer: SnsSigner) -> None:
    reports = tracking.read("amazon_ses", json.dumps(signer.message(event)))
    assert [(report.kind, report.address) for report in reports] == ([(kind, ADDRESS)] if kind else [])


def test_the_topic_of_this_service_is_confirmed_by_the_worker(signer: SnsSigner, sns: Sns) -> None:
    event = handled(signer, subscription(signer))
    assert event.workflow_state == "failed"  # moto knows no such topic
    [call] = sns.calls
    assert (call["Action"], call["TopicArn"], call["Token"]) == ("ConfirmSubscription", TOPIC, "2336412f37")
    assert call["AuthenticateOnUnsubscribe"] == "true"


def test_a_topic_that_exists_is_confirmed(signer: SnsSigner, sns: Sns) -> None:
    sns.client().create_topic(Name="ses-events")
    assert handled(signer, subscription(signer)).workflow_state == "handled"


def test_another_topic_is_not_confirmed(signer: SnsSigner, sns: Sns) -> None:
    event = handled(signer, subscription(signer, TopicArn=f"{TOPIC}-of-others"))
    assert sns.calls == []
    assert event.workflow_state == "failed"
    assert "SNS_TOPIC_ARNS" in event.failure


def test_an_outage_of_sns_delays_the_confirmation(signer: SnsSigner, sns: Sns) -> None:
    sns.script = always("ConfirmSubscription", refuse("InternalFailure", status=500))
    event = handled(signer, subscription(signer))
    assert (event.workflow_state, event.failure) == ("received", "SNS: InternalFailure: ")


def test_an_unsubscription_is_heeded_without_a_call(signer: SnsSigner, sns: Sns) -> None:
    message = subscription(signer, Type="UnsubscribeConfirmation")
    assert handled(signer, message).workflow_state == "handled"
    assert sns.calls == []


def test_incoming_mail_is_refused_for_good(signer: SnsSigner) -> None:
    event = handled(signer, signer.message({"notificationType": "Received", "mail": MAIL}))
    assert event.workflow_state == "failed"
    assert "incoming" in event.failure


@pytest.mark.parametrize(
    "text", ["no JSON", {"notificationType": "Bounce"}, {"eventType": "Bounce", "bounce": 1}]
)
def test_what_ses_does_not_document_is_refused_for_good(text: Any, signer: SnsSigner) -> None:
    event = handled(signer, signer.message(text))
    assert event.workflow_state == "failed"
    assert event.failure.startswith("The event is not as Amazon SES documents it")


@pytest.mark.parametrize("header", ["x-amz-sns-message-type", "x-amz-sns-message-id"])
def test_headers_of_another_message_are_refused(header: str, signer: SnsSigner) -> None:
    response = signer.post("amazon_ses", signer.message(bounce()), **{header: "another"})
    assert response.status_code in {400, 403}
    assert not WebhookEvent.objects.exists()


def subscription(signer: SnsSigner, **fields: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html"""
    return signer.message(
        f"You have chosen to subscribe to the topic {TOPIC}.",
        **{
            "Type": "SubscriptionConfirmation",
            "Token": "2336412f37",
            "SubscribeURL": f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}",
            **fields,
        },
    )
