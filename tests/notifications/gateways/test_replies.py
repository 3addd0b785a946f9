"""Whose fault a refused email is: by code, enhanced code and stage, against a mail server on loopback."""

import json
from collections.abc import Iterator

import pytest
import requests
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
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
    "550 5.4.1 Recipient address rejected: Access denied",
    "550 5.5.0 Requested action not taken: mailbox unavailable",
    "550 5.7.1 No such user!",
    "552 1 Requested mail action aborted, mailbox not found",
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
    "550 5.1.0 <noreply@us.example>: Sender address rejected: User unknown in local recipient table",
    "550-Verification failed for <noreply@us.example>\r\n550-Response: 550 5.1.1 User unknown\r\n"
    "550 Sender verify failed",
    "550 Domain of sender address does not exist",
    "550 5.1.8 Sender address rejected: Domain not found",
    "550 5.4.1 Relay Access Denied",
    "450 5.1.8 Sender address rejected: Domain not found",
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
    "552 5.1.1 Boite du destinataire pleine. Mailbox full",
    "550 Mailbox is full",
]
# What mail servers say, by their kind; at any stage.
NO_MAILBOX = {
    "Postfix": [
        "550 5.1.1 <a@x.org>: Recipient address rejected: User unknown in virtual mailbox table",
        "550 5.7.1 <a@x.org>: Recipient address rejected: User unknown in relay recipient table",
        "550 5.1.1 <a@x.org>: Recipient address rejected: undeliverable address: host mx said: 550 no",
        "550 5.1.2 <a@x.org>: Recipient address rejected: Domain not found",
    ],
    "Exim": ["550 unknown user <a@x.org>", "550-Callout verification failed:\n550 550 5.1.1 User unknown"],
    "Sendmail": ["550 5.1.1 <a@x.org>... User unknown", "553 5.3.0 <a@x.org>... No such user here"],
    "qmail": [
        "550 sorry, no mailbox here by that name. (#5.1.1)",
        "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
    ],
    "Exchange": [
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient a@x.org not found by SMTP address lookup",
        "550 5.4.1 [a@x.org]: Recipient address rejected: Access denied [x.prod.protection.outlook.com]",
        "550 5.4.1 All recipient addresses rejected : Access denied [x.protection.gbl]",
        "550 5.4.310 DNS domain x.org does not exist [Message=InfoDomainNonexistent]",
    ],
    "Outlook.com": ["550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."],
    "Gmail": [
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "550-5.1.1 double-checking the recipient's email address for typos",
        "550-5.2.1 The email account that you tried to reach is inactive.",
    ],
    "Yahoo": [
        "554 delivery error: dd Not a valid recipient - atlas.mail.ne1.yahoo.com",
        "554 30 Sorry, your message to a@x.org cannot be delivered. This mailbox is disabled (554.30).",
    ],
    "mail.ru": [
        "550 Message was not accepted -- invalid mailbox. Local mailbox a@x.org is unavailable: not found",
    ],
    "GMX": ["550 Requested action not taken: mailbox unavailable"],
    "Zoho": ["550 5.1.1 User does not exist - <a@x.org>"],
    "Mimecast": ["550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [x]"],
    "La Poste": ["550 5.5.0 Adresse destinataire invalide. Invalid recipient. LPN007_416"],
    "Domino": ["550 User some.name (a@x.org) not listed in Domino Directory"],
    "others": [
        "554 5.7.1 <a@x.org>: Recipient address rejected: User unknown",
        "550 5.7.1 Mailbox does not exist",
        "550 5.7.1 unknown mailbox",
        "550 5.3.0 The mailbox doesn't exist",
        "550 Access denied: user unknown",
        "550 5.1.1 User unknown. Look into your address book",
    ],
}
OUR_SENDER = {
    "Postfix": [
        "550 5.1.0 <us@us.edu>: Sender address rejected: User unknown in virtual alias table",
        "550 5.1.7 <us@us.edu>: Sender address rejected: undeliverable address: host said: 550 User unknown",
        "554 5.7.1 <us@us.edu>: Sender address rejected: Access denied",
        "554 5.7.1 <mx.us.edu[192.0.2.1]>: Client host rejected: Access denied",
        "550 5.7.1 <us.edu>: Helo command rejected: Host not found",
        "554 5.7.1 <a@x.org>: Recipient address rejected: Access denied",
        "450 4.1.8 <us@us.edu>: Sender address rejected: Domain not found",
    ],
    "Exim": [
        "550-Verification failed for <us@us.edu>\n550-No Such User Here\n550 Sender verify failed",
        "550-Callback setup failed while verifying <us@us.edu>\n550 User unknown",
    ],
    "Sendmail": ["553 5.1.8 <us@us.edu>... Domain of sender address us@us.edu does not exist"],
    "qmail": [
        "550 sorry, your envelope sender domain must exist (#5.7.1)",
        "571 sorry, sender address has invalid format (#5.1.7 - chkuser)",
    ],
    "Exchange": [
        "550 5.4.1 Relay Access Denied [x.prod.protection.outlook.com]",
        "550 5.1.8 Access denied, bad outbound sender AS(42004)",
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    ],
    "Outlook.com": [
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. It is on our block list"
    ],
    "Gmail": [
        "550-5.7.26 This mail is unauthenticated, which poses a security risk to the sender",
        "550-5.4.5 Daily SMTP relay sending limit exceeded for this user",
    ],
    "Yahoo": ["553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1"],
    "Yandex": [
        "553 5.7.1 Sender address rejected: not owned by auth user.",
        "554 5.7.1 [1] Message rejected under suspicion of SPAM",
    ],
    "GMX": [
        "550-Requested action not taken: mailbox unavailable\n550 Sender address has null MX",
        "554-Transaction failed\n554-Reject due to policy restrictions.",
    ],
    "Zoho": ["550 5.4.6 Unusual sending activity detected. Please try after sometime"],
    "Proofpoint": ["550 5.7.0 Local Policy Violation", "554 Blocked - see https://ipcheck.proofpoint.com/"],
    "Mimecast": ["550 Administrative prohibition - envelope blocked"],
    "SES": ["554 Message rejected: Email address is not verified. The following identities failed the check"],
    "others": [
        "554 5.7.1 no",
        "550 unknown sender: mailbox does not exist",
        "550 The sender's mailbox does not exist",
        "550 MAIL FROM: no such user",
        "550 Your address does not exist",
        "550 5.1.7 Invalid address",
        "550 5.2.1 Mailbox unavailable. Your IP address 192.0.2.1 is blacklisted",
        "550 Mailbox unavailable or access denied",
        "550 Too many invalid recipients",
        "550 5.7.1 Excessive unknown recipients",
        "550 5.7.1 Your IP address is not found in the SPF record",
        "550 5.5.0 Command rejected",
        "550 Insufficient permission",
        "550 5.1.0 Unknown address error '5.7.1 Access denied'",
    ],
}


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


@pytest.mark.parametrize("stage", [Stage.RECIPIENT, Stage.MESSAGE])
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        *((answer, Fault.MAILBOX) for answers in NO_MAILBOX.values() for answer in answers),
        *((answer, Fault.OURS) for answers in OUR_SENDER.values() for answer in answers),
    ],
)
def test_what_servers_say(answer: str, fault: Fault, stage: Stage) -> None:
    assert replies.fault_of(stage, int(answer[:3]), answer[4:]) is fault


@pytest.mark.parametrize(
    ("words", "otherwise", "fault"),
    [
        ("550 no", Stage.MESSAGE, Fault.MAILBOX),
        ("smtp; 554 no", Stage.RECIPIENT, Fault.OURS),
        ("smtp;421 try again", Stage.RECIPIENT, Fault.PASSING),
        ("host mx[192.0.2.1] said: 550 no (in reply to RCPT TO command)", Stage.MESSAGE, Fault.MAILBOX),
        ("host mx[192.0.2.1] said: 550 no (in reply to end of DATA command)", Stage.RECIPIENT, Fault.OURS),
        ("host mx said: 550 User unknown (in reply to MAIL FROM command)", Stage.RECIPIENT, Fault.OURS),
        ("after end of data: host mx: 550 5.1.1 User unknown", Stage.MESSAGE, Fault.MAILBOX),
        ("605 bounced before", Stage.RECIPIENT, Fault.PASSING),
        ("retry timeout exceeded 5.0.0", Stage.MESSAGE, Fault.OURS),
        ("5.0.0", Stage.RECIPIENT, Fault.MAILBOX),
        ("5.4.7 no answer within 500 hours", Stage.RECIPIENT, Fault.OURS),
    ],
)
def test_a_reply_that_a_report_tells(words: str, otherwise: Stage, fault: Fault) -> None:
    assert replies.fault_told(words, otherwise) is fault


@pytest.mark.parametrize("answer", [*MAILBOX, *(answer for answer in OURS if answer.startswith("5"))])
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
        ("5.1.0 - refused: '5.2.2 full'", "5.2.2"),
        ("5.0.0 no 5.1.0", "5.0.0"),
        ("Host 5.1.1.9 is listed", ""),
        ("Exim 4.94.2", ""),
        ("x5.1.1 15.1.1", ""),
        ("", ""),
    ],
)
def test_enhanced_codes_are_found_in_words(words: str, code: str) -> None:
    assert replies.enhanced_code(words) == code


def response_of(status: int, body: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, body.encode()
    return response


def answered(status: int, body: str) -> AnymailRequestsAPIError:
    return AnymailRequestsAPIError(TO, response=response_of(status, body))


def postmark(code: int, message: str) -> AnymailRequestsAPIError:
    """https://postmarkapp.com/developer/api/overview#error-codes"""
    return answered(422, json.dumps({"ErrorCode": code, "Message": message}))


def rejected(reason: str) -> AnymailRecipientsRefused:
    """https://mailchimp.com/developer/transactional/api/messages/"""
    body = json.dumps([{"email": TO, "status": "rejected", "reject_reason": reason}])
    return AnymailRecipientsRefused(response=response_of(200, body))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (answered(400, "'to' parameter is not a valid address"), Fault.MAILBOX),
        (answered(400, "Domain mg.example.com is not allowed to send"), Fault.OURS),
        (answered(400, "'from' parameter is not a valid address"), Fault.OURS),
        (answered(400, ""), Fault.OURS),
        (answered(422, "User not found"), Fault.OURS),
        (answered(422, "Sender signature not found"), Fault.OURS),
        (postmark(300, "Invalid 'To' address: 'new@example.com'."), Fault.MAILBOX),
        (postmark(300, "Invalid email request: the To address is not valid"), Fault.MAILBOX),
        (postmark(300, "Error parsing 'To': Illegal email domain 'example.com'"), Fault.MAILBOX),
        (postmark(300, "Invalid 'From' address: 'noreply@us.example'."), Fault.OURS),
        (postmark(300, "Error parsing 'Reply-To': Illegal email domain"), Fault.OURS),
        (postmark(400, "The 'From' address you supplied is not a Sender Signature"), Fault.OURS),
        (postmark(401, "The Sender Signature of 'noreply@us.example' is not confirmed"), Fault.OURS),
        (postmark(406, "You tried to send to a recipient that has been marked as inactive."), Fault.MAILBOX),
        (postmark(412, "All recipient addresses must share the domain of the 'From' address."), Fault.OURS),
        (postmark(413, "The server is inactive"), Fault.OURS),
        (postmark(1235, "The 'MessageStream' provided does not exist on this server."), Fault.OURS),
        (
            answered(
                400,
                '{"message":"Does not contain a valid address.","field":"personalizations.0.to.0.email"}',
            ),
            Fault.MAILBOX,
        ),
        (answered(400, '{"message":"Does not contain a valid address.","field":"from.email"}'), Fault.OURS),
        (answered(400, '{"code":"invalid_parameter","message":"email is not valid in to"}'), Fault.MAILBOX),
        (answered(400, '{"code":"invalid_parameter","message":"Sender is invalid"}'), Fault.OURS),
        (answered(422, '{"message":"Invalid `to` field. The email address needs to follow"}'), Fault.MAILBOX),
        (answered(422, '{"message":"Invalid `from` field."}'), Fault.OURS),
        (answered(422, '{"errors":{"to.0.email":["must be a valid email address."]}}'), Fault.MAILBOX),
        (answered(422, '{"errors":{"from.email":["must be a valid email address."]}}'), Fault.OURS),
        (answered(400, "The template does not exist. The account is disabled."), Fault.OURS),
        (rejected("hard-bounce"), Fault.MAILBOX),
        (rejected("invalid-sender"), Fault.OURS),
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
