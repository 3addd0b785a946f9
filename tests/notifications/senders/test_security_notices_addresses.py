"""A confirmed address is told to the user's others, by a real worker over real servers."""

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from channels_api.channels.confirm import confirm_email, confirm_sms
from channels_api.errors import MessageLimitReached
from channels_api.messages import confirmations, security_notices
from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from tests.commands import run
from tests.factories import issue_code, make_account, make_channel, make_user
from tests.notifications.senders.test_confirmations import Mailbox
from tests.notifications.services import Sns, always, jobs, make_due, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

NEW, OTHER, NUMBER = "new@example.com", "other@example.com", "+16265550100"


def confirm(channel: CommunicationChannel) -> None:
    """As its owner does, by the link or the code that was sent to them."""
    assert confirmations.resend(channel)
    confirmation = Confirmation.objects.filter(channel=channel).latest("pk")
    issued = issue_code(confirmation)
    Confirmation.objects.mark_sent(confirmation.pk)
    if channel.type == "sms":
        confirm_sms(channel, issued.code)
    else:
        confirm_email(issued.code)


def adds(address: str = NEW, type_: str = "email", *, account: Any = None, **user: Any) -> Any:
    """A user who adds a channel, and has others."""
    return make_channel(make_user(account=account, **user), address, type_, "unconfirmed")


def told() -> list[tuple[str, str]]:
    return list(SecurityNotice.objects.order_by("pk").values_list("type", "address"))


def test_other_addresses_are_told(mailbox: Mailbox) -> None:
    channel = adds(account=make_account("Caltech"))
    make_channel(channel.user, OTHER)
    confirm(channel)
    run_worker()
    [mail] = mailbox
    assert (mail["to"], mail["subject"]) == (OTHER, "A new email address for your account at Caltech")
    assert "n…@example.com was added to your account at Caltech and confirmed." in mail["body"]
    assert NEW not in mail["body"] + mail["html"]
    assert "/profile/communication" in mail["html"]
    assert SecurityNotice.objects.get().workflow_state == "sent"


def test_other_numbers_are_told(sns: Sns) -> None:
    channel = adds(account=make_account("Caltech"))
    make_channel(channel.user, NUMBER, "sms")
    confirm(channel)
    run_worker()
    [call] = sns.calls
    assert call["PhoneNumber"] == NUMBER
    assert call["Message"].startswith("n...@example.com was added to your account at Caltech. Not you? http")


def test_a_confirmed_number_is_told_to_addresses(mailbox: Mailbox) -> None:
    channel = adds(NUMBER, "sms")
    make_channel(channel.user, OTHER)
    confirm(channel)
    run_worker()
    assert mailbox[0]["subject"].startswith("A new phone number")
    assert "+1…00 was added" in mailbox[0]["body"]


def test_it_is_in_the_users_language(mailbox: Mailbox) -> None:
    channel = adds(locale="es")
    make_channel(channel.user, OTHER)
    confirm(channel)
    run_worker()
    assert mailbox[0]["subject"].strip().startswith("Una nueva dirección")


def test_the_first_address_is_told_to_nobody() -> None:
    confirm(adds())
    assert told() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"workflow_state": "unconfirmed"},
        {"workflow_state": "retired"},
        {"bounce_count": 1},
        {"type": "push", "address": "For All Devices"},
    ],
)
def test_who_is_not_told(fields: dict[str, Any]) -> None:
    channel = adds()
    make_channel(channel.user, **({"address": OTHER} | fields))
    make_channel(make_user(), "stranger@example.com")
    confirm(channel)
    assert told() == []


def test_only_so_many_are_told(settings: Settings) -> None:
    channel = adds()
    for number in range(7):
        make_channel(channel.user, f"other{number}@example.com")
        make_channel(channel.user, f"+1626555010{number}", "sms")
    confirm(channel)
    assert [type_ for type_, _ in told()].count("email") == 5
    assert [type_ for type_, _ in told()].count("sms") == 2


class TestAChangedAddress:
    @pytest.fixture
    def channel(self) -> CommunicationChannel:
        return make_channel(make_user(), "old@example.com", pending_address=NEW)

    def test_is_told_to_the_old_one(self, channel: CommunicationChannel, mailbox: Mailbox) -> None:
        confirm(channel)
        run_worker()
        [mail] = mailbox
        assert mail["to"] == "old@example.com"
        assert "n…@example.com takes the place of this address" in " ".join(mail["body"].split())

    def test_is_told_to_the_others_too(self, channel: CommunicationChannel) -> None:
        make_channel(channel.user, OTHER)
        confirm(channel)
        assert told() == [("email", "old@example.com"), ("email", OTHER)]

    def test_is_not_told_to_an_old_one_that_bounces(self, channel: CommunicationChannel) -> None:
        CommunicationChannel.objects.update(bounce_count=1)
        confirm(channel)
        assert told() == []

    def test_a_changed_number_is_told_to_the_old_one(self, sns: Sns) -> None:
        confirm(make_channel(make_user(), NUMBER, "sms", pending_address="+16265550199"))
        run_worker()
        assert sns.calls[0]["PhoneNumber"] == NUMBER
        assert "+1...99 takes the place of this number" in sns.calls[0]["Message"]


def test_a_confirmation_that_is_rolled_back_tells_nobody() -> None:
    channel = adds()
    make_channel(channel.user, OTHER)
    with transaction.atomic():
        confirm(channel)
        transaction.set_rollback(True)
    assert told() == []
    assert jobs("todo") == []


class TestTextMessagesAreCounted:
    @pytest.fixture
    def channel(self) -> CommunicationChannel:
        channel = adds()
        make_channel(channel.user, NUMBER, "sms")
        return channel

    def test_beyond_the_budget_none_is_sent(self, settings: Settings, channel: CommunicationChannel) -> None:
        settings.SMS_DAILY_BUDGET = 0
        confirm(channel)
        assert told() == []

    def test_they_count_against_the_budget(self, settings: Settings, channel: CommunicationChannel) -> None:
        settings.SMS_DAILY_BUDGET = 1
        confirm(channel)
        assert told() == [("sms", NUMBER)]
        another = adds("+16265550101", "sms", account=channel.user.home_account)
        with pytest.raises(MessageLimitReached):
            confirmations.resend(another)

    def test_they_count_against_no_other_accounts(
        self, settings: Settings, channel: CommunicationChannel
    ) -> None:
        settings.SMS_DAILY_BUDGET = 1
        confirm(channel)
        assert confirmations.resend(adds("+16265550101", "sms", account=make_account()))

    def test_confirmations_count_against_them(
        self, settings: Settings, channel: CommunicationChannel
    ) -> None:
        settings.SMS_DAILY_BUDGET = 1
        assert confirmations.resend(adds("+16265550101", "sms", account=channel.user.home_account))
        confirm(channel)
        assert told() == []

    def test_none_goes_to_a_country_that_is_not_allowed(
        self, settings: Settings, channel: CommunicationChannel
    ) -> None:
        settings.SMS_ALLOWED_COUNTRIES = ["DE"]
        confirm(channel)
        assert told() == []


class TestSending:
    @pytest.fixture
    def notice(self) -> SecurityNotice:
        channel = adds()
        make_channel(channel.user, NUMBER, "sms")
        confirm(channel)
        return SecurityNotice.objects.get()

    def test_a_job_that_runs_twice_sends_once(self, notice: SecurityNotice, sns: Sns) -> None:
        SecurityNotice.job.ask([notice.pk])
        run_worker()
        assert len(sns.calls) == 1

    def test_an_outage_is_a_delay(self, notice: SecurityNotice, sns: Sns) -> None:
        sns.script = always("Publish", refuse("InternalFailure", "down", 500))
        run_worker()
        notice.refresh_from_db()
        assert (notice.workflow_state, bool(notice.failure)) == ("requested", True)
        sns.script = None
        make_due()
        run_worker()
        notice.refresh_from_db()
        assert (notice.workflow_state, notice.failure) == ("sent", "")

    def test_a_failure_is_kept_and_listed_without_the_number(self, notice: SecurityNotice, sns: Sns) -> None:
        sns.script = always("Publish", refuse("OptedOut", "opted out"))
        run_worker()
        notice.refresh_from_db()
        assert notice.workflow_state == "failed"
        [line] = [line for line in run("deliveries").splitlines() if line.startswith("security_notice:")]
        assert line.startswith(f"security_notice:{notice.pk}\tfailed\t")
        assert NUMBER not in line
        assert "OptedOut" in line

    def test_it_is_tried_again_on_demand(self, notice: SecurityNotice, sns: Sns) -> None:
        sns.script = always("Publish", refuse("OptedOut", "opted out"))
        run_worker()
        sns.script = None
        run("deliveries", "--retry", f"security_notice:{notice.pk}")
        run_worker()
        notice.refresh_from_db()
        assert notice.workflow_state == "sent"

    def test_nothing_goes_to_an_address_that_bounced_since(self, notice: SecurityNotice, sns: Sns) -> None:
        CommunicationChannel.objects.filter(type="sms").update(bounce_count=1)
        run_worker()
        notice.refresh_from_db()
        assert (notice.workflow_state, sns.calls) == ("failed", [])

    def test_an_address_that_was_removed_since_is_told(self, notice: SecurityNotice, sns: Sns) -> None:
        """Whoever took the account over may have removed it to that end."""
        CommunicationChannel.objects.filter(type="sms").update(workflow_state="retired")
        run_worker()
        assert len(sns.calls) == 1

    def test_old_ones_are_forgotten(self, notice: SecurityNotice) -> None:
        security_notices.prune()
        assert SecurityNotice.objects.exists()
        SecurityNotice.objects.update(created_at=timezone.now() - security_notices.KEPT_FOR)
        security_notices.prune()
        assert not SecurityNotice.objects.exists()
