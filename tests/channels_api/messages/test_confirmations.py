"""The rules of confirming, without HTTP and without a worker."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from channels_api.channels import confirm
from channels_api.errors import CodeRefused, CountryNotAllowed, MessageLimitReached, Reason
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel, Confirmation, ConfirmationCode
from tests.factories import issue_code, make_account, make_channel, make_user

pytestmark = pytest.mark.django_db


def email(address: str = "new@example.com", **fields: object) -> CommunicationChannel:
    return make_channel(make_user(), address, "email", "unconfirmed", **fields)


def sms(number: str = "+16265550100") -> CommunicationChannel:
    return make_channel(make_user(), number, "sms", "unconfirmed")


def ask(channel: CommunicationChannel) -> Confirmation:
    assert confirmations.resend(channel)
    return Confirmation.objects.filter(channel=channel).latest("id")


def issue(channel: CommunicationChannel) -> str:
    """Ask for a confirmation and make its code, as the worker does."""
    return issue_code(ask(channel)).code


def state_of(channel: CommunicationChannel) -> str:
    return CommunicationChannel.objects.get(pk=channel.pk).workflow_state


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def expect(reason: Reason, code: str) -> None:
    found = confirm.look_up(code)
    assert found.refused == reason
    with pytest.raises(CodeRefused) as caught:
        confirm.confirm_email(code)
    assert caught.value.reason == reason


def age(**by: float) -> None:
    Confirmation.objects.update(created_at=timezone.now() - timedelta(**by))


def test_a_links_code_confirms() -> None:
    channel = email()
    assert confirm.confirm_email(issue(channel)).workflow_state == "active"
    assert state_of(channel) == "active"


def test_confirming_changes_nothing_else() -> None:
    channel = email()
    channel.user.workflow_state = "pre_registered"
    channel.user.save()
    code = issue(channel)
    CommunicationChannel.objects.filter(pk=channel.pk).update(bounce_count=2)
    confirmed = confirm.confirm_email(code)
    confirmed.user.refresh_from_db()
    assert (confirmed.bounce_count, confirmed.user.workflow_state) == (2, "pre_registered")


def test_looking_up_changes_nothing() -> None:
    channel = email()
    found = confirm.look_up(issue(channel))
    assert (found.channel, found.refused) == (channel, None)
    assert state_of(channel) == "unconfirmed"


def test_only_digests_are_stored() -> None:
    code = issue(email())
    assert code not in str(list(ConfirmationCode.objects.values())) + str(list(Confirmation.objects.values()))


def test_a_used_code_is_refused() -> None:
    code = issue(email())
    confirm.confirm_email(code)
    expect(Reason.USED, code)


def test_a_code_of_a_channel_that_an_admin_confirmed_counts_as_used() -> None:
    channel = email()
    code = issue(channel)
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="active")
    expect(Reason.USED, code)


def test_a_used_code_does_not_bring_back_a_channel_that_was_removed_and_added_again() -> None:
    channel = email()
    code = issue(channel)
    confirm.confirm_email(code)
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="unconfirmed")
    expect(Reason.USED, code)


def test_a_resend_replaces_the_code() -> None:
    channel = email()
    first, second = issue(channel), issue(channel)
    expect(Reason.REPLACED, first)
    assert confirm.confirm_email(second) == channel


def test_the_codes_of_one_requests_retries_all_work_until_one_is_used() -> None:
    confirmation = ask(email())
    first, second = (issue_code(confirmation) for _ in range(2))
    confirm.confirm_email(first.code)
    expect(Reason.USED, second.code)


def test_an_email_code_expires(settings: Settings) -> None:
    settings.CONFIRMATION_EMAIL_DAYS = 0
    expect(Reason.EXPIRED, issue(email()))


def test_a_code_is_of_no_use_once_its_channel_is_retired() -> None:
    channel = email()
    code = issue(channel)
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="retired")
    expect(Reason.RETIRED, code)


@pytest.mark.parametrize("code", ["", "nonsense", "123456", "\x00", "ü"])
def test_an_unknown_code_is_refused(code: str) -> None:
    issue(email())
    expect(Reason.UNKNOWN, code)


def test_a_code_for_one_channel_confirms_no_other() -> None:
    code, other = issue(email()), email("other@example.com")
    confirm.confirm_email(code)
    assert state_of(other) == "unconfirmed"


def test_an_sms_code_confirms() -> None:
    channel = sms()
    assert confirm.confirm_sms(channel, f" {issue(channel)}\n").workflow_state == "active"
    assert state_of(channel) == "active"


def refused_sms(channel: CommunicationChannel, code: str) -> Reason:
    with pytest.raises(CodeRefused) as caught:
        confirm.confirm_sms(channel, code)
    return caught.value.reason


def test_an_sms_code_is_of_no_use_at_the_link() -> None:
    expect(Reason.UNKNOWN, issue(sms()))


def test_an_email_code_is_of_no_use_as_an_sms_code() -> None:
    channel = email()
    assert refused_sms(channel, issue(channel)) == Reason.USED
    assert state_of(channel) == "unconfirmed"


def test_an_sms_code_of_another_number_is_wrong() -> None:
    one, other = sms(), sms("+16265550101")
    code, others = issue(one), issue(other)
    if code != others:
        assert refused_sms(other, code) == Reason.UNKNOWN


def test_an_sms_code_is_used_once() -> None:
    channel = sms()
    code = issue(channel)
    confirm.confirm_sms(channel, code)
    assert refused_sms(channel, code) == Reason.USED


def test_an_sms_code_expires(settings: Settings) -> None:
    settings.CONFIRMATION_SMS_MINUTES = 0
    channel = sms()
    assert refused_sms(channel, issue(channel)) == Reason.EXPIRED


def test_five_wrong_tries_make_an_sms_code_void() -> None:
    channel = sms()
    code = issue(channel)
    for _ in range(5):
        assert refused_sms(channel, wrong(code)) == Reason.UNKNOWN
    assert refused_sms(channel, code) == Reason.VOID


def test_four_wrong_tries_do_not() -> None:
    channel = sms()
    code = issue(channel)
    for _ in range(4):
        refused_sms(channel, wrong(code))
    assert confirm.confirm_sms(channel, code) == channel


def test_a_resend_gives_five_new_tries() -> None:
    channel = sms()
    code = issue(channel)
    for _ in range(5):
        refused_sms(channel, wrong(code))
    assert confirm.confirm_sms(channel, issue(channel)) == channel


def test_an_sms_code_is_of_no_use_once_its_channel_is_retired() -> None:
    channel = sms()
    code = issue(channel)
    CommunicationChannel.objects.filter(pk=channel.pk).update(workflow_state="retired")
    assert refused_sms(channel, code) == Reason.RETIRED


def test_an_sms_code_is_of_no_use_once_its_owner_is_deactivated() -> None:
    channel = sms()
    code = issue(channel)
    User.objects.filter(pk=channel.user_id).update(workflow_state="deactivated")
    assert refused_sms(channel, code) == Reason.RETIRED
    channel.refresh_from_db()
    assert channel.workflow_state == "unconfirmed"


def test_no_code_is_made_for_a_request_that_was_sent() -> None:
    confirmation = ask(email())
    Confirmation.objects.mark_sent(confirmation.pk)
    assert confirmations.due([confirmation.pk]) == []


@pytest.mark.parametrize("state", ["active", "retired"])
def test_no_code_is_made_for_a_channel_that_needs_none(state: str) -> None:
    confirmation = ask(email())
    CommunicationChannel.objects.update(workflow_state=state)
    assert confirmations.due([confirmation.pk]) == []


def test_no_code_is_made_for_a_request_that_was_replaced() -> None:
    channel = email()
    older = ask(channel)
    ask(channel)
    assert confirmations.due([older.pk]) == []


def test_no_code_is_made_for_a_request_that_is_gone() -> None:
    assert confirmations.due([2**40]) == []


def test_a_used_request_is_not_marked_sent() -> None:
    channel = email()
    confirm.confirm_email(issue(channel))
    Confirmation.objects.mark_sent(channel.confirmations.get().pk)
    assert channel.confirmations.get().workflow_state == "used"


def test_a_code_that_arrived_although_its_sending_failed_works() -> None:
    channel = email()
    code = issue(channel)
    Confirmation.objects.mark_failed(channel.confirmations.get().pk, "no answer")
    assert confirm.confirm_email(code) == channel


def test_three_confirmations_a_channel_in_a_day(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY = 3
    channel = email()
    assert [confirmations.resend(channel) for _ in range(3)] == [True] * 3
    assert not confirmations.resend(channel)
    assert confirmations.limit_reached(channel)
    assert Confirmation.objects.count() == 3


def test_the_limit_of_a_channel_is_lifted_after_a_day() -> None:
    channel = email()
    for _ in range(3):
        ask(channel)
    age(hours=24, seconds=1)
    assert not confirmations.limit_reached(channel)
    assert confirmations.resend(channel)


def test_nothing_goes_to_an_active_channel() -> None:
    assert not confirmations.resend(make_channel(make_user()))


def test_nothing_goes_to_a_bouncing_channel() -> None:
    assert not confirmations.resend(email(bounce_count=1))


def test_nothing_goes_to_an_address_that_bounced_for_somebody_else() -> None:
    make_channel(make_user(), "New@example.com", bounce_count=1, last_bounce_at=timezone.now())
    assert not confirmations.resend(email())
    assert not Confirmation.objects.exists()


def test_a_bounce_is_forgotten_after_a_week() -> None:
    long_ago = timezone.now() - timedelta(days=7, seconds=1)
    make_channel(make_user(), "new@example.com", bounce_count=1, last_bounce_at=long_ago)
    assert confirmations.resend(email())


def expect_limit(channel: CommunicationChannel) -> int:
    before = Confirmation.objects.count()
    with pytest.raises(MessageLimitReached) as caught:
        confirmations.resend(channel)
    assert Confirmation.objects.count() == before
    return caught.value.retry_after


def test_a_user_may_ask_for_so_many_an_hour(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_USER_PER_HOUR = 2
    user = make_user()
    first, second, third = (make_channel(user, workflow_state="unconfirmed") for _ in range(3))
    ask(first)
    age(minutes=50)
    ask(second)
    assert 595 <= expect_limit(third) <= 600
    age(minutes=61)
    assert confirmations.resend(third)


def test_an_address_gets_so_many_an_hour_over_all_users(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 2
    ask(email("new@example.com"))
    ask(email("NEW@example.com"))
    assert 3595 <= expect_limit(email("New@Example.com")) <= 3600
    assert confirmations.resend(email("other@example.com"))


def test_a_number_gets_so_many_an_hour_over_all_users(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 1
    ask(sms())
    expect_limit(sms())


def test_an_account_has_a_daily_budget_of_text_messages(settings: Settings) -> None:
    settings.SMS_DAILY_BUDGET = 1
    ask(sms("+16265550101"))
    ask(email())
    assert expect_limit(sms("+16265550102")) > 3600
    elsewhere = make_user(account=make_account("Cheesecake"))
    assert confirmations.resend(make_channel(elsewhere, "+16265550103", "sms", "unconfirmed"))


def test_a_budget_of_nothing_sends_nothing(settings: Settings) -> None:
    settings.SMS_DAILY_BUDGET = 0
    expect_limit(sms())


def test_text_messages_go_to_allowed_countries_only(settings: Settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["US"]
    with pytest.raises(CountryNotAllowed):
        confirmations.resend(sms("+4930123456"))
    assert confirmations.resend(sms())


def test_a_star_allows_every_country(settings: Settings) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["*"]
    assert confirmations.resend(sms("+4930123456"))


def test_codes_long_expired_are_forgotten() -> None:
    old, fresh = issue(email()), issue(email("other@example.com"))
    rows = ConfirmationCode.objects.filter(confirmation__channel__address="new@example.com")
    rows.update(expires_at=timezone.now() - timedelta(days=31))
    assert confirmations.prune_codes() == 1
    expect(Reason.UNKNOWN, old)
    assert confirm.look_up(fresh).refused is None


def in_parallel(how_many: int, call: object) -> list[str]:
    """Call from many threads at once; how each ended."""
    ended: list[str] = []
    start = threading.Barrier(how_many)

    def run() -> None:
        start.wait()
        try:
            call()  # type: ignore[operator]
            ended.append("confirmed")
        except CodeRefused as error:
            ended.append(error.reason)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(ended)


@pytest.mark.django_db(transaction=True)
def test_a_link_opened_twice_at_once_confirms_once() -> None:
    code = issue(email())
    assert in_parallel(6, lambda: confirm.confirm_email(code)) == ["confirmed"] + ["used"] * 5


@pytest.mark.django_db(transaction=True)
def test_wrong_tries_at_once_are_all_counted() -> None:
    channel = sms()
    code = issue(channel)
    ended = in_parallel(8, lambda: confirm.confirm_sms(channel, wrong(code)))
    assert ended == ["unknown"] * 5 + ["void"] * 3
