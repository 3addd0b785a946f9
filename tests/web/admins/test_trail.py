"""The audit trail of a person, on a page for their admins."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import User
from canvas_channels.web.admins.trail import WORDS
from channels_api import audit
from channels_api.audit import Action
from channels_api.models import AuditEntry
from tests.factories import make_admin, make_channel, make_key, make_user
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheldon() -> User:
    return make_user("Sheldon Cooper")


@pytest.fixture
def admin() -> User:
    return make_admin(name="Amy Admin")


@pytest.fixture
def client(admin: User) -> Client:
    return signed_in(admin)


def trail(client: Client, user: User, query: str = "") -> str:
    """The list, without the filter above it."""
    answer = client.get(f"/users/{user.pk}/audit{query}")
    assert answer.status_code == 200
    return answer.text.partition('<div class="card">')[2]


def test_every_action_has_words() -> None:
    assert WORDS.keys() == set(Action)
    assert len({str(words) for words in WORDS.values()}) == len(WORDS)


def test_who_did_what_acting_as_whom_and_from_which_key(client: Client, sheldon: User, admin: User) -> None:
    channel = make_channel(sheldon, "sheldon@example.com")
    audit.record(
        Caller(sheldon, admin, key=make_key(name="Student app")),
        Action.MOVE,
        user_id=sheldon.pk,
        channel_id=channel.pk,
        from_position=3,
        position=1,
    )
    page = trail(client, sheldon)
    for shown in (
        "Moved in the order",
        "Amy Admin",
        "acting as them",
        "with Student app",
        "from_position: 3",
    ):
        assert shown in page
    assert "from_position: 3" in page
    assert "sheldon@" in page


def test_whoever_acted_as_somebody_else_is_told_apart(client: Client, sheldon: User, admin: User) -> None:
    other = make_admin(name="Somebody else")
    audit.record(Caller(other, admin), Action.CREATE, user_id=sheldon.pk)
    page = trail(client, sheldon)
    assert f"acting as user {other.pk}" in page
    assert "Somebody else" not in page  # as the API


def test_what_nobody_signed_in_did(client: Client, sheldon: User) -> None:
    audit.record(None, Action.BOUNCE, user_id=sheldon.pk, reason="permanent")
    page = trail(client, sheldon)
    assert "The service, or a link that was sent" in page
    assert "reason: permanent" in page


def test_no_address_of_a_removed_channel(client: Client, sheldon: User) -> None:
    gone = make_channel(sheldon, "gone@example.com", workflow_state="retired")
    audit.record(None, Action.RETIRE, user_id=sheldon.pk, channel_id=gone.pk)
    page = trail(client, sheldon)
    assert f"channel {gone.pk}, removed" in page
    assert "gone@" not in page


def test_what_is_written_is_no_html(client: Client, sheldon: User) -> None:
    audit.record(None, Action.IMPORT, user_id=sheldon.pk, reason="<b>bold</b>")
    assert "<b>bold</b>" not in trail(client, sheldon)


def test_others_entries_are_not_among_them(client: Client, sheldon: User) -> None:
    audit.record(None, Action.ERASE, user_id=make_user().pk)
    audit.record(None, Action.ERASE, user_id=None)
    assert "Nothing yet." in trail(client, sheldon)


def test_by_what_was_done_and_by_day(client: Client, sheldon: User) -> None:
    sheldon.time_zone = "Asia/Tokyo"
    sheldon.save()
    for action, moment in (
        (Action.CREATE, "2026-11-26T14:59:59Z"),
        (Action.TEST, "2026-11-26T15:00:00Z"),  # the 27th in Tokyo
        (Action.RESEND, "2026-11-27T14:59:59Z"),
        (Action.MOVE, "2026-11-27T15:00:00Z"),
    ):
        audit.record(None, action, user_id=sheldon.pk)
        AuditEntry.objects.filter(action=action).update(created_at=moment)

    def shown(query: str) -> set[str]:
        page = trail(client, sheldon, query)
        return {
            action
            for action in (Action.CREATE, Action.TEST, Action.RESEND, Action.MOVE)
            if str(WORDS[action]) in page
        }

    assert shown("?since=2026-11-27") == {Action.TEST, Action.RESEND, Action.MOVE}
    assert shown("?until=2026-11-27") == {Action.CREATE, Action.TEST, Action.RESEND}
    assert shown("?since=2026-11-27&until=2026-11-27&action=") == {Action.TEST, Action.RESEND}
    assert shown("?action=move&until=2026-11-28") == {Action.MOVE}


@pytest.mark.parametrize(
    "query", ["action=no_such_thing", "since=yesterday", "until=9999-12-31", "since=0001-01-01", "until=%00"]
)
def test_what_is_no_filter_lists_nothing(client: Client, sheldon: User, query: str) -> None:
    audit.record(None, Action.BOUNCE, user_id=sheldon.pk, reason="permanent")
    answer = client.get(f"/users/{sheldon.pk}/audit?{query}")
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert "reason: permanent" not in answer.text


def test_in_pages_that_keep_the_filter(client: Client, sheldon: User) -> None:
    audit.record(None, Action.IMPORT, user_id=sheldon.pk)
    AuditEntry.objects.update(created_at=timezone.now() - timedelta(days=1))
    for _ in range(50):
        audit.record(None, Action.TEST, user_id=sheldon.pk)
    since = (timezone.now() - timedelta(days=5)).date()
    first = trail(client, sheldon, f"?since={since}")
    assert "Imported" not in first
    assert f"?since={since}&amp;page=2" in first
    assert "Imported" in trail(client, sheldon, f"?since={since}&page=2")
