"""What was sent, as admins and people themselves read it (docs/contract.md, section 7.5)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_api.models import AuditEntry
from notifications.models import Message
from tests.api.conftest import ApiClient
from tests.factories import (
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_dispatch,
    make_login,
    make_message,
    make_site_admin,
    make_token,
    make_user,
)

pytestmark = pytest.mark.django_db

COMM_MESSAGES = "/comm_messages"


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    load_catalogue()


@pytest.fixture
def account():
    return make_account(admins_can_view_notifications=True)


@pytest.fixture
def user(account):
    return make_user(account=account)


@pytest.fixture
def channel(user):
    return make_channel(user, "sheldon@example.edu")


def reader(user) -> ApiClient:
    return ApiClient(make_token(user))


def ids(answer) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()]


class TestAdmins:
    def test_the_object(self, account, user, channel, settings) -> None:
        settings.DEFAULT_FROM_EMAIL = "Caltech <n@caltech.example.com>"
        dispatch = make_dispatch(account, from_name="Physics", html_body="<p>To room 12.</p>")
        message = make_message(user, channel, dispatch=dispatch, sent_at=timezone.now())
        [found] = reader(make_admin(account)).call("GET", f"{COMM_MESSAGES}?user_id={user.pk}").json()
        assert found | {"created_at": None, "sent_at": None} == {
            "id": message.pk,
            "created_at": None,
            "sent_at": None,
            "workflow_state": "sent",
            "from": "n@caltech.example.com",
            "from_name": "Physics",
            "to": "sheldon@example.edu",
            "reply_to": None,
            "subject": "The lecture moves",
            "body": "To room 12.",
            "html_body": "<p>To room 12.</p>",
        }
        assert found["created_at"].endswith("Z")

    def test_bodies_of_registration_messages_are_not_shown(self, account, user, channel) -> None:
        make_message(user, channel, dispatch=make_dispatch(account, "confirm_registration"))
        [found] = reader(make_site_admin()).call("GET", f"{COMM_MESSAGES}?user_id={user.pk}").json()
        assert (found["body"], found["html_body"], found["subject"]) == (None, None, "The lecture moves")

    def test_newest_first_in_pages_and_in_a_period(self, account, user, channel) -> None:
        now = timezone.now().replace(microsecond=0)
        made = [make_message(user, channel).pk for _ in range(3)]
        for days, pk in enumerate(made):
            Message.objects.filter(pk=pk).update(created_at=now - timedelta(days=days))
        admin = reader(make_admin(account))
        path = f"{COMM_MESSAGES}?user_id={user.pk}"
        assert ids(admin.call("GET", path)) == made
        page = admin.call("GET", f"{path}&per_page=1&page=2")
        assert ids(page) == made[1:2]
        assert 'rel="next"' in page["Link"]
        moment = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert ids(admin.call("GET", f"{path}&start_time={moment}")) == made[:2]
        assert ids(admin.call("GET", f"{path}&end_time={moment}")) == made[1:]

    def test_at_most_a_year_back(self, user, channel) -> None:
        message = make_message(user, channel)
        Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(days=366))
        assert ids(reader(make_site_admin()).call("GET", f"{COMM_MESSAGES}?user_id={user.pk}")) == []

    @pytest.mark.parametrize(
        ("query", "attribute"),
        [("", "user_id"), ("user_id=", "user_id"), ("user_id={}&start_time=x", "start_time")],
    )
    def test_bad_parameters(self, user, query: str, attribute: str) -> None:
        answer = reader(make_site_admin()).call("GET", f"{COMM_MESSAGES}?{query.format(user.pk)}")
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [attribute]

    def test_nobody_else(self, account, user, channel) -> None:
        path = f"{COMM_MESSAGES}?user_id={user.pk}"
        make_message(user, channel)
        others = [user, make_user(account=account), make_admin(make_account("Cheesecake"))]
        assert [reader(other).call("GET", path).status_code for other in others] == [403] * 3
        admin = make_admin(account)
        account.admins_can_view_notifications = False
        account.save()
        assert reader(admin).call("GET", path).status_code == 403
        assert len(ids(reader(make_site_admin()).call("GET", path))) == 1

    def test_only_what_ones_own_account_sent(self, account, user, channel) -> None:
        other = make_account("Cheesecake", admins_can_view_notifications=True)
        make_login(user, other)
        here = make_message(user, channel)
        there = make_message(user, channel, dispatch=make_dispatch(other))
        path = f"{COMM_MESSAGES}?user_id={user.pk}"
        assert ids(reader(make_admin(account)).call("GET", path)) == [here.pk]
        assert ids(reader(make_admin(other)).call("GET", path)) == [there.pk]
        assert ids(reader(make_site_admin()).call("GET", path)) == [there.pk, here.pk]

    def test_nothing_of_somebody_with_more_rights(self, account) -> None:
        superuser = make_user(account=account, is_superuser=True)
        make_message(superuser, make_channel(superuser))
        answer = reader(make_admin(account)).call("GET", f"{COMM_MESSAGES}?user_id={superuser.pk}")
        assert answer.status_code == 403


class TestOwn:
    def test_ninety_days(self, user, channel) -> None:
        kept, old = (make_message(user, channel) for _ in range(2))
        Message.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
        me = reader(user)
        assert ids(me.call("GET", "/users/self/messages")) == [kept.pk]
        assert me.call("GET", f"/users/self/messages/{old.pk}").status_code == 404

    def test_what_became_of_a_push_device_by_device(self, user) -> None:
        push = make_channel(user, "For All Devices", "push")
        devices = {
            "7": {"state": "accepted", "reason": None},
            "12": {"state": "refused", "reason": "It is off."},
        }
        message = make_message(user, push, devices=devices)
        found = reader(user).call("GET", f"/users/self/messages/{message.pk}").json()
        assert found["devices"] == [
            {"id": 7, "state": "accepted", "reason": None},
            {"id": 12, "state": "refused", "reason": "It is off."},
        ]
        assert (found["notification"], found["category"]) == ("new_announcement", "announcement")

    def test_an_admin_sees_what_became_of_one_and_not_what_it_said(self, account, user, channel) -> None:
        message = make_message(user, channel)
        found = reader(make_admin(account)).call("GET", f"/users/{user.pk}/messages/{message.pk}").json()
        assert found["workflow_state"] == "sent"
        assert not {"body", "subject", "html_body", "to"} & found.keys()

    def test_while_acting_as_somebody_the_accounts_switch_counts(self, account, user, channel) -> None:
        message = make_message(user, channel)
        admin = reader(make_admin(account))
        paths = [f"/users/self/messages{end}?as_user_id={user.pk}" for end in ("", f"/{message.pk}")]
        assert [admin.call("GET", path).status_code for path in paths] == [200, 200]
        account.admins_can_view_notifications = False
        account.save()
        assert [admin.call("GET", path).status_code for path in paths] == [403, 403]

    def test_somebody_elses(self, account, user, channel) -> None:
        message = make_message(user, channel)
        other = reader(make_user(account=account))
        assert other.call("GET", f"/users/self/messages/{message.pk}").status_code == 404
        assert other.call("GET", f"/users/{user.pk}/messages/{message.pk}").status_code == 403


class TestTest:
    def test_one_message_now(self, user, channel) -> None:
        answer = reader(user).call("POST", f"/users/self/communication_channels/{channel.pk}/test")
        message = Message.objects.get()
        assert answer.json() == {"message_id": message.pk}
        assert (message.kind, message.type, message.address) == ("test", "email", "sheldon@example.edu")
        assert message.workflow_state == "created"
        entry = AuditEntry.objects.get(action="test")
        assert (entry.user_id, entry.channel_id) == (user.pk, channel.pk)

    def test_by_an_admin_over_them(self, account, user, channel) -> None:
        path = f"/users/{user.pk}/communication_channels/{channel.pk}/test"
        assert reader(make_admin(account)).call("POST", path).status_code == 200
        assert reader(make_user(account=account)).call("POST", path).status_code == 403

    @pytest.mark.parametrize(
        ("fields", "attribute"),
        [({"workflow_state": "unconfirmed"}, "workflow_state"), ({"bounce_count": 1}, "bounce_count")],
    )
    def test_one_that_no_message_goes_to(self, user, fields, attribute: str) -> None:
        channel = make_channel(user, **fields)
        answer = reader(user).call("POST", f"/users/self/communication_channels/{channel.pk}/test")
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [attribute]
        assert not Message.objects.exists()

    def test_a_retired_one(self, user) -> None:
        channel = make_channel(user, workflow_state="retired")
        path = f"/users/self/communication_channels/{channel.pk}/test"
        assert reader(user).call("POST", path).status_code == 404

    def test_five_an_hour_over_all_channels(self, user) -> None:
        channels = [make_channel(user).pk for _ in range(6)]
        me = reader(user)
        answers = [me.call("POST", f"/users/self/communication_channels/{pk}/test") for pk in channels]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 3590 <= int(answers[-1]["Retry-After"]) <= 3600
        assert Message.objects.count() == 5
        Message.objects.update(created_at=timezone.now() - timedelta(minutes=61))
        assert me.call("POST", f"/users/self/communication_channels/{channels[0]}/test").status_code == 200

    def test_a_full_address_says_when_there_is_room_again(self, user, settings) -> None:
        settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 2
        path = f"/users/self/communication_channels/{make_channel(user).pk}/test"
        me = reader(user)
        assert me.call("POST", path).status_code == 200
        Message.objects.update(created_at=timezone.now() - timedelta(minutes=40))
        assert me.call("POST", path).status_code == 200
        refused = me.call("POST", path)
        assert refused.status_code == 429
        assert 19 * 60 <= int(refused["Retry-After"]) <= 20 * 60

    def test_text_messages_have_their_limits(self, user, settings) -> None:
        phone = make_channel(user, "+16265550100", "sms")
        path = f"/users/self/communication_channels/{phone.pk}/test"
        me = reader(user)
        settings.SMS_ALLOWED_COUNTRIES = ["DE"]
        assert list(me.call("POST", path).json()["errors"]) == ["address"]
        settings.SMS_ALLOWED_COUNTRIES = ["US"]
        settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 3
        settings.SMS_DAILY_BUDGET = 2
        assert [me.call("POST", path).status_code for _ in range(3)] == [200, 200, 429]
        settings.SMS_DAILY_BUDGET = 100
        assert [me.call("POST", path).status_code for _ in range(2)] == [200, 429]
