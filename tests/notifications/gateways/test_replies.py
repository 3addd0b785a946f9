"""Whose fault a refused email is: by code, enhanced code and stage, against a mail server on loopback."""

from collections.abc import Iterator

import pytest
import requests
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRequestsAPIError,
    AnymailUnsupportedFeature,
)
from django.core.mail import BadHeaderError
from pytest_django import Settings

from notifications.gateways import TransportError, email, mailers, replies
from notifications.gateways.replies import Fault, Stage
from tests.notifications.diagnosis.smtp import Handler, mail_server

pytestmark = pytest.mark.django_db

TO = "new@example.com"
MAILBOX = [
    "550 5.1.1 User unknown",
    "550-5.1.1 The account that you tried to reach\r\n550 5.1.1 does not exist",
    "554 5.1.2 No such domain",
    "501 5.1.3 Bad recipient address syntax",
    "550 5.1.6 Mailbox has moved",
    "556 5.1.10 The domain takes no mail",
    "550 5.2.1 The account is disabled",
    "550 #5.1.1 Sorry, no mailbox here by that name (policy)",
    "550 5.0.0 User unknown",
    "554 delivery error: This user doesn't have a yahoo.com account [0]",
    "550 5.1.0 It does not have a mailbox here",
]
OURS = [
    "550 5.4.5 Daily sending quota exceeded",
    "554 5.7.1 Relay access denied",
    "550 5.7.1 Client host blocked",
    "550 5.7.26 Unauthenticated mail is not accepted",
    "550 5.7.0 Blocked",
    "530 5.7.0 Authentication required",
    "550 5.1.8 Bad sender's system address",
    "550 5.1.7 Bad sender",
    "552 5.3.4 Message too big for system",
    "550 5.3.0 Other mail system problem",
    "503 5.5.1 Bad sequence",
    "550 5.6.0 Other media error",
    "553 Sorry, that domain is not in my list of allowed rcpthosts (#5.7.1)",
    "550 relay not permitted",
    "550 Sender verify failed",
    "554 Transaction failed",
    "550 5.1.1.9 is listed as a source of spam",
    "550 Junk, says our RBL",
    "554 5.0.0 Banned after abuse",
    "554 5.0.0 You do not have an account here",
]
PASSING = [
    "421 4.3.2 Shutting down",
    "450 4.2.1 Greylisted",
    "452 4.2.2 Mailbox full",
    "451 4.7.1 Try again later",
    "552 5.2.2 Mailbox full",
    "552 Mailbox full",
    "550 4.2.2 Over quota",
    "550 5.2.2 Over quota",
    "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more",
    "550 5.2.1 Too many messages for this mailbox",
]


@pytest.fixture(autouse=True)
def _committed() -> None:
    """No row is needed to send."""


@pytest.fixture
def server(settings: Settings) -> Iterator[Handler]:
    handler = Handler()
    with mail_server(handler) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
        yield handler
        mailers.forget()


def refusal() -> TransportError:
    with pytest.raises(TransportError) as caught:
        email.send(TO, lambda: email.Email("subject", "text", "html"), "c1")
    return caught.value


@pytest.mark.parametrize("stage", ["refuses_recipient", "refuses_data"])
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        *((answer, Fault.MAILBOX) for answer in MAILBOX),
        *((answer, Fault.OURS) for answer in OURS),
        *((answer, Fault.PASSING) for answer in PASSING),
    ],
)
def test_a_refusal_of_recipient_or_message(answer: str, fault: Fault, stage: str, server: Handler) -> None:
    setattr(server, stage, answer)
    error = refusal()
    assert (error.permanent, error.ours) == (fault is Fault.MAILBOX, fault is Fault.OURS)
    assert answer[:3] in str(error)
    assert TO not in str(error)


@pytest.mark.parametrize("answer", [*MAILBOX, *OURS])
def test_a_refusal_of_the_sender_is_ours(answer: str, server: Handler) -> None:
    server.sender_refused = answer
    error = refusal()
    assert (error.permanent, error.ours) == (False, True)


@pytest.mark.parametrize(
    "answer", ["550 No", "551 Not local", "553 No such mailbox", "550 Mailbox unavailable"]
)
def test_without_an_enhanced_code_the_recipients_refusal_is_final(answer: str, server: Handler) -> None:
    server.refuses_recipient = answer
    assert refusal().permanent


@pytest.mark.parametrize("answer", ["550 No", "554 Message refused", "550 Rejected as spam"])
def test_without_an_enhanced_code_the_messages_refusal_is_not(answer: str, server: Handler) -> None:
    server.refuses_data = answer
    assert not refusal().permanent


def test_the_enhanced_code_is_shown(server: Handler) -> None:
    server.refuses_recipient = "554 5.7.1 <new@example.com>: Relay access denied"
    assert str(refusal()) == "n…@example.com: SMTPRecipientsRefused 554 5.7.1"


def test_a_login_that_the_server_does_not_offer_is_tried_again(server: Handler, settings: Settings) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "user", "password"
    error = refusal()
    assert (error.permanent, error.ours) == (False, True)


@pytest.mark.parametrize("stage", [Stage.SESSION, Stage.SENDER])
@pytest.mark.parametrize("code", range(500, 600))
def test_before_the_recipient_nothing_is_the_mailboxs_fault(stage: Stage, code: int) -> None:
    assert replies.fault_of(stage, code, "5.1.1 User unknown") is Fault.OURS


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("code", [-1, 0, 200, 354, 421, 450, 499, 600])
def test_what_is_no_permanent_reply_passes(stage: Stage, code: int) -> None:
    assert replies.fault_of(stage, code, "5.1.1 User unknown") is Fault.PASSING


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("5.1.1 no", "5.1.1"),
        ("no (5.7.26)", "5.7.26"),
        ("no 5.1.10.", "5.1.10"),
        ("Host 5.1.1.9 is listed", ""),
        ("Exim 4.94.2", ""),
        ("x5.1.1 15.1.1", ""),
        ("", ""),
    ],
)
def test_enhanced_codes_are_found_in_words(words: str, code: str) -> None:
    assert replies.enhanced_code(words) == code


def answered(status: int, body: str) -> AnymailRequestsAPIError:
    response = requests.Response()
    response.status_code, response._content = status, body.encode()
    return AnymailRequestsAPIError(TO, response=response)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (answered(400, "'to' parameter is not a valid address"), Fault.MAILBOX),
        (answered(400, "Domain mg.example.com is not allowed to send"), Fault.OURS),
        (answered(422, "Sender signature not found"), Fault.OURS),
        (answered(422, "Not allowed to send: out of credits"), Fault.OURS),
        (answered(401, ""), Fault.OURS),
        (answered(402, ""), Fault.OURS),
        (answered(403, ""), Fault.OURS),
        (answered(404, "Domain not found"), Fault.OURS),
        (answered(413, ""), Fault.OURS),
        (answered(408, ""), Fault.PASSING),
        (answered(429, ""), Fault.PASSING),
        (answered(500, ""), Fault.PASSING),
        (AnymailInvalidAddress("of the sender"), Fault.OURS),
        (AnymailConfigurationError("no key"), Fault.OURS),
        (BadHeaderError("From"), Fault.OURS),
        (AnymailUnsupportedFeature("what"), Fault.MAILBOX),
        (ConnectionResetError(), Fault.PASSING),
    ],
)
def test_providers_and_other_failures(error: Exception, fault: Fault) -> None:
    assert email.fault_of(error, TO) is fault
