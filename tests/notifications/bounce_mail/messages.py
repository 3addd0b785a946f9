"""Messages as mail servers and feedback loops send them."""

TO = "bounces@example.edu"

_REPORT = """From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: {date}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your message.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Sat, 28 Nov 2026 09:59:00 +0000

Final-Recipient: rfc822; somebody@example.net
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--b
Content-Type: text/rfc822-headers

Subject: News

--b--
"""

_COMPLAINT = """From: feedback@isp.example.net
To: fbl@example.edu
Subject: FW: News
Date: Sat, 28 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {type}
User-Agent: SomeGenerator/1.0
Version: 1
{fields}
--b
Content-Type: message/rfc822

{headers}From: notifications@example.edu
Subject: News

Hello
--b--
"""


def report(
    to: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <somebody@example.net>: User unknown",
    date: str = "Sat, 28 Nov 2026 10:00:00 +0000",
) -> bytes:
    return _REPORT.format(to=to, action=action, status=status, diagnostic=diagnostic, date=date).encode()


def complaint(return_path: str, type_: str = "abuse", *, in_report: bool = True) -> bytes:
    fields = f"Original-Mail-From: <{return_path}>\n" if in_report else ""
    headers = "" if in_report else f"Return-Path: <{return_path}>\n"
    return _COMPLAINT.format(type=type_, fields=fields, headers=headers).encode()


def exim(to: str, reason: str) -> bytes:
    """A report that gives the reason to people only."""
    bare = report(to, status="5.0.0", diagnostic="").replace(b"Diagnostic-Code: \n", b"")
    return bare.replace(b"I could not deliver your message.", reason.encode())


def qmail(to: str, reason: str = "Sorry, no mailbox here by that name. (#5.1.1)") -> bytes:
    """In a form of its own, which no RFC knows."""
    return (
        f"From: MAILER-DAEMON@mx.example.net\nTo: {to}\nSubject: failure notice\n\n"
        "Hi. This is the qmail-send program at mx.example.net.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<somebody@example.net>:\n{reason}\n\n"
        "--- Below this line is a copy of the message.\n\nReturn-Path: <x@example.edu>\n"
        "Subject: User unknown\n"
    ).encode()


def vacation(to: str) -> bytes:
    return (
        f"From: somebody@example.net\nTo: {to}\nSubject: Out of office\nAuto-Submitted: auto-replied\n\n"
        "I am away. 550 5.1.1 is my room."
    ).encode()
