"""``/unsubscribe/<secret>``: by a person on the page, and by a mailbox's own button (RFC 8058)."""

from typing import Any

import pytest
from django.test import Client

from channels_api.models import AuditEntry, CommunicationChannel
from notifications.messages import unsubscribing
from notifications.models import (
    CourseOverride,
    Notification,
    NotificationCategory,
    NotificationPreference,
)
from notifications.preferences import rules
from tests.factories import make_channel, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> CommunicationChannel:
    return make_channel(make_user(), "sheldon@example.com", active_since="2020-01-01T00:00:00Z")


@pytest.fixture
def mailbox() -> Client:
    """Without session, cookie or token."""
    return Client(enforce_csrf_checks=True)


def category(slug: str) -> NotificationCategory:
    return NotificationCategory.objects.get(slug=slug)


def path_of(channel: CommunicationChannel, *slugs: str) -> str:
    channel = CommunicationChannel.objects.get(pk=channel.pk)
    link = unsubscribing.link(channel, [category(slug).pk for slug in slugs or ["announcement"]])
    return link.removeprefix("http://channels.example.com")


def frequencies(channel: CommunicationChannel, slug: str = "announcement") -> set[str]:
    return {entry["frequency"] for entry in rules.of_channel(channel) if entry["category"] == slug}


def test_the_page_shows_what_it_is_about_and_changes_nothing(
    mailbox: Client, channel: CommunicationChannel
) -> None:
    page = mailbox.get(path_of(channel))
    assert page.status_code == 200
    assert all(words in page.text for words in ("sheldon@<wbr>example.<wbr>com", "Announcements", "<button"))
    assert mailbox.head(path_of(channel)).status_code == 200
    assert not NotificationPreference.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        ("", "text/plain"),
        ("{", "application/json"),
        ("--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"\xff", "application/octet-stream"),
    ],
)
def test_one_click_needs_nothing_but_the_link(
    mailbox: Client, channel: CommunicationChannel, body: Any, content_type: str
) -> None:
    answer = mailbox.post(path_of(channel), body, content_type)
    assert answer.status_code == 200
    assert "Unsubscribed" in answer.text
    assert frequencies(channel) == {"never"}
    assert frequencies(channel, "due_date") != {"never"}


def test_it_works_twice_and_is_in_the_audit_trail_once(
    mailbox: Client, channel: CommunicationChannel
) -> None:
    path = path_of(channel)
    assert [mailbox.post(path).status_code for _ in range(2)] == [200, 200]
    [entry] = AuditEntry.objects.filter(action="set_preferences")
    assert (entry.user_id, entry.channel_id, entry.actor_id) == (channel.user_id, channel.pk, None)
    assert set(entry.details["set"].values()) == {"never"}


def test_a_digests_header_stops_all_of_its_categories(mailbox: Client, channel: CommunicationChannel) -> None:
    mailbox.post(path_of(channel, "announcement", "grading"))
    assert frequencies(channel) == frequencies(channel, "grading") == {"never"}


def test_what_was_chosen_for_one_course_is_stopped_too(
    mailbox: Client, channel: CommunicationChannel
) -> None:
    for slug in ("announcement", "grading"):
        CourseOverride.objects.create(
            channel=channel, course_id=1, category=category(slug), frequency="immediately"
        )
    mailbox.post(path_of(channel))
    overrides = CourseOverride.objects.values_list("category__slug", "frequency")
    assert dict(overrides) == {"announcement": "never", "grading": "immediately"}


def test_other_channels_stay(mailbox: Client, channel: CommunicationChannel) -> None:
    other = make_channel(channel.user)
    notification = Notification.objects.get(slug="new_announcement")
    NotificationPreference.objects.create(channel=other, notification=notification, frequency="daily")
    mailbox.post(path_of(channel))
    assert "daily" in frequencies(other)


def retire(channel: CommunicationChannel) -> None:
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="retired")


def bring_back(channel: CommunicationChannel) -> None:
    fields = {"workflow_state": "active", "active_since": "2021-01-01T00:00:00Z"}
    CommunicationChannel.objects.filter(pk=channel.pk).update(**fields)


def delete(channel: CommunicationChannel) -> None:
    channel.delete()


@pytest.mark.parametrize("end", [retire, bring_back, delete])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_is_dead_once_its_channel_was_retired(
    mailbox: Client, channel: CommunicationChannel, end: Any, method: str
) -> None:
    path = path_of(channel)
    end(channel)
    assert getattr(mailbox, method)(path).status_code == 404
    assert not NotificationPreference.objects.exists()


@pytest.mark.parametrize("secret", ["x", "1-2-3", "1-2-3.abc", ".", "%00", "ä"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_of_nobody_is_a_page_that_says_so(mailbox: Client, secret: str, method: str) -> None:
    answer = getattr(mailbox, method)(f"/unsubscribe/{secret}", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "<h1" in answer.text


def test_a_changed_link_is_none(mailbox: Client, channel: CommunicationChannel) -> None:
    about, _, signature = path_of(channel).rpartition(".")
    assert mailbox.post(f"{about}1.{signature}").status_code == 404


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(mailbox: Client, channel: CommunicationChannel, method: str) -> None:
    assert getattr(mailbox, method)(path_of(channel)).status_code == 405


def test_the_secret_stays_on_the_page(mailbox: Client, channel: CommunicationChannel) -> None:
    answer = mailbox.get(path_of(channel))
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
