"""An account's own wording around its mails: what a template may do, and that none stops a message."""

import time
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from channels_api.models import AuditEntry, CommunicationChannel
from notifications.messages import delivery
from notifications.messages.frames import MessageFrame, frame_of
from notifications.worker.turns import Turn
from tests.factories import (
    make_account,
    make_channel,
    make_dispatch,
    make_message,
    make_site_admin,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)

Mails = list[EmailMessage]

NAMES = {
    "account": "Caltech",
    "subject": "A & B",
    "name": "<Sheldon>",
    "course": "",
    "topic": "",
    "language": "de",
}

BROKEN = [
    "{{ nobody }}",
    "{% if name %}",
    "{{ name | safe }}",
    "{% include 'frame' %}",
    "{% render 'frame' %}",
    "{% for i in (1..1000000000) reversed %}x{% endfor %}",
    "{{ (1..1000000000) | join: 'x' }}",
    "{{ name | replace: 'a', 'aaaaaaaaaa' }}",
    "{{ name.__class__ }}",
    "{% assign a = 'aaaaaaaaaa' %}" + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 60,
    "x" * 20_001,
]


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user("Sheldon Cooper", make_account("Caltech")), "sheldon@example.com")


def make_frame(**fields: Any) -> MessageFrame:
    return MessageFrame(account=fields.pop("account", None) or make_account(), kind="notification", **fields)


def rendered(**fields: Any) -> Any:
    frame = make_frame(**fields)
    frame.clean()
    frame.save()
    return frame_of(frame.account_id, "notification", NAMES)


@pytest.mark.parametrize("source", BROKEN)
@pytest.mark.parametrize("part", ["subject", "opening", "closing"])
def test_a_broken_template_is_refused_at_once(source: str, part: str) -> None:
    started = time.thread_time()  # of the CPU: how busy the machine is does not matter
    with pytest.raises(ValidationError) as caught:
        make_frame(**{part: source}).clean()
    assert list(caught.value.message_dict) == [part]
    assert time.thread_time() - started < 2


@pytest.mark.parametrize("source", BROKEN)
def test_one_that_got_there_all_the_same_stops_no_message(
    channel: CommunicationChannel, mails: Mails, source: str
) -> None:
    account = channel.user.home_account
    make_frame(account=account, subject=source[:500], opening=source, closing="Bye, {{ name }}").save()
    message = make_message(channel.user, channel, dispatch=make_dispatch(account), workflow_state="created")
    delivery.deliver([message.pk], Turn())
    [mail] = mails
    body = mail.get_body(["plain"])
    assert body
    assert "Bye, Sheldon Cooper" in body.get_content()
    if len(source) < 500:
        assert mail["Subject"] == "The lecture moves"


def test_names_are_escaped_in_html_and_plain_in_text() -> None:
    frame = rendered(subject="[{{ account }}] {{ subject }}", opening="Hello {{ name }},\n\nnews:")
    assert frame.subject == "[Caltech] A & B"
    assert frame.opening.html == "<p>Hello &lt;Sheldon&gt;,</p>\n\n<p>news:</p>"
    assert frame.opening.text == "Hello <Sheldon>,\n\nnews:"


def test_html_of_a_few_tags_stays() -> None:
    opening = '<p>See <a href="https://caltech.edu">us</a><br>or <b>call</b>.</p>'
    frame = rendered(
        opening=opening + '<img src="https://x.example"><script>1</script><a href="javascript:1">x</a>'
    )
    assert "<b>call</b>" in frame.opening.html
    assert 'href="https://caltech.edu"' in frame.opening.html
    assert not any(bad in frame.opening.html for bad in ("img", "script", "1"))
    assert frame.opening.text.startswith("See us\nor call.")


def test_a_template_decides_by_language() -> None:
    opening = "{% if language == 'de' %}Guten Tag{% else %}Hello{% endif %}"
    assert rendered(opening=opening).opening.text == "Guten Tag"


def test_whatever_is_empty_is_ours() -> None:
    frame = rendered()
    assert (frame.subject, frame.opening.html, frame.closing.text) == ("A & B", "", "")


def test_links_and_headers_are_not_the_templates(channel: CommunicationChannel, mails: Mails) -> None:
    account = channel.user.home_account
    make_frame(account=account, subject="{{ subject }}", opening="<!-- body -->", closing="-").save()
    message = make_message(channel.user, channel, dispatch=make_dispatch(account), workflow_state="created")
    delivery.deliver([message.pk], Turn())
    [mail] = mails
    shown = mail.get_body(["html"])
    assert shown
    assert "To room 12." in shown.get_content()
    assert "/unsubscribe/" in shown.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


class TestAdmin:
    @pytest.fixture
    def browser(self) -> Client:
        client = Client()
        client.force_login(make_site_admin(is_superuser=True, is_staff=True))
        return client

    def save(self, browser: Client, **fields: str) -> Any:
        account = make_account("Caltech")
        sent = {"account": account.pk, "kind": "digest", "subject": "", "opening": "", "closing": ""}
        return browser.post("/admin/notifications/messageframe/add/", sent | fields)

    def test_saving_is_in_the_audit_trail(self, browser: Client) -> None:
        assert self.save(browser, opening="Hello {{ name }}").status_code == 302
        frame = MessageFrame.objects.get()
        [entry] = AuditEntry.objects.filter(action="set_message_frame")
        assert entry.details["account_id"] == frame.account_id
        assert entry.actor_id is not None

    def test_a_broken_one_says_what_is_wrong(self, browser: Client) -> None:
        page = self.save(browser, opening="{{ nobody }}")
        assert page.status_code == 200
        assert "is undefined" in page.text
        assert not MessageFrame.objects.exists()

    def test_messages_are_shown_without_what_they_say(
        self, browser: Client, channel: CommunicationChannel
    ) -> None:
        message = make_message(channel.user, channel, subject="Secret")
        page = browser.get(f"/admin/notifications/message/{message.pk}/change/")
        assert page.status_code == 200
        assert "Secret" not in page.text
