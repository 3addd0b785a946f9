"""Mailgun's webhooks, signed with its webhook signing key.

Payloads: https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure; the signature:
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks.
"""

import json
from typing import Any

import pytest
from pytest_django import Settings

from notifications.webhooks import tracking
from notifications.webhooks.models import WebhookEvent
from tests.factories import make_channel, make_user
from tests.notifications.providers import mailgun, post
from tests.notifications.services import run_worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("webhooks")]

ADDRESS = "alice@example.com"
NOT_KNOWN = "No such user here"


def failed(severity: str = "permanent", reason: str = "bounce") -> dict[str, Any]:
    return {
        "event": "failed",
        "id": "pl271FzxTTmGRW8Uj3dUWw",
        "timestamp": 1458594717.0,
        "log-level": "error",
        "severity": severity,
        "reason": reason,
        "recipient": ADDRESS,
        "recipient-domain": "example.com",
        "envelope": {"transport": "smtp", "sender": "postmaster@samples.mailgun.org", "targets": ADDRESS},
        "flags": {"is-authenticated": True, "is-test-mode": False},
        "delivery-status": {
            "attempt-no": 1,
            "code": 550,
            "message": NOT_KNOWN,
            "description": None,
            "session-seconds": 0.0,
        },
        "message": {
            "headers": {
                "to": f"Alice <{ADDRESS}>",
                "message-id": "20130503192659.13651.20287@samples.mailgun.org",
                "from": "John Doe <sender@example.com>",
                "subject": "This is a test subject",
            },
            "attachments": [],
            "size": 111,
        },
        "tags": ["my_tag_1"],
        "user-variables": {"my_var_1": "Mailgun Variable #1"},
    }


def refused(code: int, message: str, reason: str = "bounce", **status: Any) -> dict[str, Any]:
    told = {"code": code, "message": message, "description": "", **status}
    return {**failed(reason=reason), "delivery-status": told}


def other(event: str, **fields: Any) -> dict[str, Any]:
    kept = {name: value for name, value in failed().items() if name not in {"severity", "reason"}}
    return {**kept, "event": event, "delivery-status": {"code": 250, "message": "OK"}, **fields}


def complained() -> dict[str, Any]:
    return {name: value for name, value in other("complained").items() if name != "delivery-status"}


def test_a_permanent_failure_is_counted_with_the_servers_words() -> None:
    channel = make_channel(make_user(), ADDRESS)
    assert post("mailgun", mailgun(failed())).json() == {"received": 1}
    run_worker()
    channel.refresh_from_db()
    assert (channel.bounce_count, channel.last_bounce_summary) == (1, NOT_KNOWN)


@pytest.mark.parametrize(
    ("data", "kind", "summary"),
    [
        (failed(), "permanent", NOT_KNOWN),
        (failed(reason="generic"), "permanent", NOT_KNOWN),
        (failed(severity="temporary", reason="generic"), "transient", NOT_KNOWN),
        (failed(reason="suppress-bounce"), "suppression", NOT_KNOWN),
        (failed(reason="suppress-complaint"), "suppression", NOT_KNOWN),
        (failed(reason="suppress-unsubscribe"), "suppression", NOT_KNOWN),
        (complained(), "complaint", "complaint: spam"),
        (other("delivered"), "delivery", "OK"),
    ],
)
def test_kinds_of_events(data: dict[str, Any], kind: str, summary: str) -> None:
    [report] = tracking.read("mailgun", json.dumps(mailgun(data)))
    assert (report.kind, report.address, report.summary) == (kind, ADDRESS, summary)
    assert report.at is not None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (refused(550, "5.1.1 User unknown"), "permanent"),
        (refused(550, "User unknown", "generic", **{"enhanced-code": "5.1.1"}), "permanent"),
        (refused(552, "1 Requested mail action aborted, mailbox not found"), "permanent"),
        (refused(550, "5.5.0 Requested action not taken: mailbox unavailable"), "permanent"),
        (refused(550, "5.1.0 Sender address rejected: User unknown"), "transient"),
        (refused(554, "Transaction failed"), "transient"),
        (refused(550, "5.4.5 Daily sending quota exceeded"), "transient"),
        (refused(554, "5.7.1 Relay access denied"), "transient"),
        (refused(550, "blocked", "generic", **{"enhanced-code": "5.7.1"}), "transient"),
        (refused(552, "5.2.2 Mailbox full"), "transient"),
        (refused(550, "no", **{"bounce-type": "soft"}), "transient"),
        (refused(498, "No MX for example.com"), "transient"),
        (refused(602, "Too old", "old"), "transient"),
        (refused(550, "5.1.1 User unknown", "old"), "transient"),
        (refused(550, "Blocked", "espblock"), "transient"),
        (refused(550, "Try later", "greylisted"), "transient"),
        (refused(605, "Not delivering to previously bounced address", "suppress-bounce"), "suppression"),
        (refused(550, "no", "a reason of tomorrow"), "transient"),
    ],
)
def test_only_a_mailbox_that_is_not_there_counts(data: dict[str, Any], kind: str) -> None:
    [report] = tracking.read("mailgun", json.dumps(mailgun(data)))
    assert report.kind == kind


@pytest.mark.parametrize("event", ["accepted", "opened", "clicked", "unsubscribed", "rejected"])
def test_what_says_nothing_of_an_address(event: str) -> None:
    assert tracking.read("mailgun", json.dumps(mailgun(other(event)))) == []


def test_an_event_that_is_signed_anew_is_the_same() -> None:
    """Mailgun tries again with another token and signature; its own id counts."""
    assert post("mailgun", mailgun(failed())).json() == {"received": 1}
    assert post("mailgun", mailgun(failed())).json() == {"received": 0}


def test_the_same_id_of_another_day_is_another_event() -> None:
    post("mailgun", mailgun(failed()))
    assert post("mailgun", mailgun({**failed(), "timestamp": 1458694717.0})).json() == {"received": 1}


def test_a_wrong_signature_is_refused() -> None:
    assert post("mailgun", mailgun(failed(), key="another key")).status_code == 403
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("body", [{"event-data": failed()}, {"signature": {}, "event-data": failed()}])
def test_a_missing_signature_is_refused(body: dict[str, Any]) -> None:
    assert post("mailgun", body).status_code == 403


@pytest.mark.parametrize("signature", ["x", 1, None, []])
def test_a_signature_block_that_is_none_is_refused(signature: Any) -> None:
    assert post("mailgun", {"signature": signature, "event-data": failed()}).status_code in {400, 403}


def test_without_a_signing_key_the_webhook_is_not_set_up(settings: Settings) -> None:
    settings.ANYMAIL = {}
    response = post("mailgun", mailgun(failed()))
    assert response.status_code == 503
    assert response.json() == {"errors": [{"message": "This webhook is not set up."}]}


@pytest.mark.parametrize("data", [{}, {"event": "failed", "id": "x", "recipient": 1}])
def test_an_event_that_is_not_as_documented_is_refused_for_good(data: dict[str, Any]) -> None:
    post("mailgun", mailgun(data))
    run_worker()
    event = WebhookEvent.objects.get()
    assert event.workflow_state == "failed"
    assert "Mailgun documents it" in event.failure
