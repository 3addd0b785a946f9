"""What a mail looks like to a mail program, and what it lets its reader do."""

import re
from email.message import EmailMessage
from typing import Any

import pytest
from pytest_django import Settings

from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel
from notifications.messages import delivery
from notifications.messages.models import Message
from notifications.messages.unsubscribing import Unsubscription
from notifications.scheduling import digests
from notifications.worker.turns import Turn
from tests.factories import (
    make_account,
    make_channel,
    make_dispatch,
    make_message,
    make_security_notice,
    make_user,
)
from tests.notifications.senders.test_password_resets import ask
from tests.notifications.services import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

Mails = list[EmailMessage]

HTML = '<p>To <a href="https://canvas.example.edu/map">room 12</a>.</p><ul><li>Bring<br>chalk</li></ul>'
LOADS = re.compile(r"<(img|link|script|iframe|video|object)\b|@import|url\(|\bsrc=", re.IGNORECASE)


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user("Sheldon Cooper", make_account("Caltech")), "sheldon@example.com")


def send(channel: CommunicationChannel, notification: str = "new_announcement", **fields: Any) -> Message:
    about = {name: fields.pop(name) for name in ("kind", "mandatory") if name in fields}
    dispatch = make_dispatch(channel.user.home_account, notification, **fields)
    message = make_message(channel.user, channel, dispatch=dispatch, workflow_state="created", **about)
    delivery.deliver([message.pk], Turn())
    return message


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(["plain"])
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(["html"])
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


def secrets_in(text: str) -> list[str]:
    return re.findall(r"http://channels\.example\.com/unsubscribe/([\w.-]+)", text)


def categories_behind(secret: str) -> list[str]:
    return [category.slug for category in Unsubscription.behind(secret).categories]


def test_it_says_what_was_said(channel: CommunicationChannel, mails: Mails) -> None:
    send(channel, url="https://canvas.example.edu/a", from_name="Dr. Gablehauser")
    [mail] = mails
    assert mail["Subject"] == "The lecture moves"
    assert mail["From"] == '"Dr. Gablehauser" <notifications@localhost>'
    for shown in (text_of(mail), html_of(mail)):
        assert "To room 12." in shown
        assert "https://canvas.example.edu/a" in shown
        assert "http://channels.example.com/profile/notifications" in shown
        assert "by your notification preferences: Announcements" in shown


def test_without_a_name_of_its_own_it_is_the_accounts(channel: CommunicationChannel, mails: Mails) -> None:
    send(channel)
    assert mails[0]["From"] == "Caltech <notifications@localhost>"


def test_html_comes_as_it_is_in_a_frame_whose_styles_are_inlined(
    channel: CommunicationChannel, mails: Mails
) -> None:
    send(channel, html_body=HTML, url="https://canvas.example.edu/a")
    html = html_of(mails[0])
    assert HTML in html
    assert re.search(
        r'<a class="button" href="https://canvas.example.edu/a" style="[^"]*background: #1f5fbf', html
    )
    assert "prefers-color-scheme: dark" in html
    assert not LOADS.search(html)


def test_what_was_said_cannot_inject_markup(channel: CommunicationChannel, mails: Mails) -> None:
    send(channel, subject="<img src=x>", body="<!-- body --><img src=y>", from_name="<img src=z>")
    html = html_of(mails[0])
    assert "<img" not in html
    assert "&lt;img src=y&gt;" in html


def test_paragraphs_of_a_text_stay(channel: CommunicationChannel, mails: Mails) -> None:
    send(channel, body="One.\n\nTwo.")
    assert "<p>One.</p>\n\n<p>Two.</p>" in html_of(mails[0])


def test_one_click_unsubscribes_from_its_category(channel: CommunicationChannel, mails: Mails) -> None:
    message = send(channel)
    [mail] = mails
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<http")
    [secret] = secrets_in(mail["List-Unsubscribe"])
    assert categories_behind(secret) == ["announcement"]
    assert secrets_in(text_of(mail)) == secrets_in(html_of(mail)) == [secret]
    assert mail["Feedback-ID"] == (
        f"{message.dispatch_id}:{message.account_id}:new_announcement:canvas-channels"
    )


@pytest.mark.parametrize(
    "about",
    [
        {"notification": "enrollment_registration"},
        {"notification": "migration_import_finished"},
        {"mandatory": True},
    ],
)
def test_what_cannot_be_switched_off_has_no_link_for_it(
    channel: CommunicationChannel, mails: Mails, about: dict[str, Any]
) -> None:
    send(channel, **about)
    [mail] = mails
    assert "List-Unsubscribe" not in mail
    assert "/unsubscribe/" not in text_of(mail) + html_of(mail)


def test_it_is_in_the_users_language(channel: CommunicationChannel, mails: Mails) -> None:
    channel.user.locale = "de"
    channel.user.save()
    send(channel)
    assert "„Ankündigungen“ abbestellen" in html_of(mails[0])
    assert '<html lang="de">' in html_of(mails[0])


def test_a_test_message_says_so(channel: CommunicationChannel, mails: Mails) -> None:
    message = Message.objects.create(
        user=channel.user,
        channel=channel,
        account=channel.user.home_account,
        kind="test",
        type="email",
        address=channel.address,
        subject="Test message",
        body="This is a test.",
    )
    delivery.deliver([message.pk], Turn())
    [mail] = mails
    assert "a test message was asked for" in text_of(mail)
    assert "List-Unsubscribe" not in mail


class TestDigests:
    @pytest.fixture
    def digest(self, channel: CommunicationChannel, mails: Mails) -> EmailMessage:
        account = channel.user.home_account
        url = "https://canvas.example.edu/a"
        for dispatch in (
            make_dispatch(account, "assignment_graded", subject="Your essay", course_name="Physics"),
            make_dispatch(account, "new_announcement", url=url),
        ):
            make_message(
                channel.user,
                channel,
                dispatch=dispatch,
                kind="digest_entry",
                frequency="daily",
                workflow_state="staged",
                waits_for="digest",
                due_at="2020-01-01T00:00:00Z",
            )
        digests.make()
        run_worker()
        [mail] = mails
        return mail

    def test_entries_are_by_category_with_the_course_at_their_head(self, digest: EmailMessage) -> None:
        assert digest["Subject"] == "Daily notifications from Caltech"
        for shown in (text_of(digest), html_of(digest)):
            places = [
                shown.index(words) for words in ("Announcements", "The lecture moves", "Physics: Your essay")
            ]
            assert places == sorted(places)
            assert "https://canvas.example.edu/a" in shown
        assert "once a day" in text_of(digest)
        assert not LOADS.search(html_of(digest))

    def test_each_category_has_its_own_link_and_the_header_one_for_all(self, digest: EmailMessage) -> None:
        for shown in (text_of(digest), html_of(digest)):
            assert [categories_behind(secret) for secret in secrets_in(shown)] == [
                ["announcement"],
                ["grading"],
            ]
        [secret] = secrets_in(digest["List-Unsubscribe"])
        assert sorted(categories_behind(secret)) == ["announcement", "grading"]


def test_every_message_of_the_service_says_that_nobody_has_to_answer(
    mails: Mails, settings: Settings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Caltech <channels@caltech.example.edu>"
    user = make_user(login="penny@example.com")
    channel = make_channel(user)
    confirmations.resend(make_channel(user, workflow_state="unconfirmed"))
    notice = make_security_notice(user, channel.address)
    type(notice).job.ask([notice.pk])
    ask()
    run_worker()
    send(channel)
    assert len(mails) == 4
    for mail in mails:
        assert mail["Auto-Submitted"] == "auto-generated"
        assert re.fullmatch(r"<\w+\.\w{16}@caltech\.example\.edu>", mail["Message-ID"])
    assert len({mail["Message-ID"] for mail in mails}) == 4
