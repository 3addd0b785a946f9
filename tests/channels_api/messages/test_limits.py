"""Limits on confirmations: which count for what, in which window, and when one more may be sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from channels_api.errors import CountryNotAllowed, MessageLimitReached
from channels_api.messages import limits
from channels_api.messages.limits import DAY, HOUR, Limits, LimitsReached
from channels_api.models import CommunicationChannel, Confirmation
from tests.factories import make_account, make_channel, make_security_notice, make_user

pytestmark = pytest.mark.django_db

EMAIL, NUMBER = "penny@example.edu", "+16265550100"
NO_LIMITS = Limits(per_channel=99, per_user=99, per_address=99, per_account=99)


@pytest.fixture
def user() -> User:
    return make_user(account=make_account(is_default=True))


@pytest.fixture
def channel(user: User) -> CommunicationChannel:
    return make_channel(user, EMAIL, workflow_state="unconfirmed")


def ask(channel: CommunicationChannel, ago: timedelta = timedelta(0), **fields: Any) -> None:
    account = channel.user.home_account if channel.type == "sms" else None
    made = Confirmation.objects.create(
        channel=channel,
        user=channel.user,
        account=account,
        address_folded=channel.address_folded,
        **fields,
    )
    Confirmation.objects.filter(pk=made.pk).update(created_at=timezone.now() - ago)


def reached(user: User, allowed: dict[str, int], type_: str = "email", address: str = EMAIL) -> LimitsReached:
    wanted = {name: getattr(NO_LIMITS, name) for name in Limits.__slots__} | allowed
    asked = limits.limits_reached(
        Limits(**wanted),
        user_id=user.pk,
        type_=type_,
        address_folded=address,
        **limits.since(timezone.now()),
    )
    found: dict[str, Any] = dict(User.objects.values(**asked).get(pk=user.pk))
    return LimitsReached(**found)


NAMES = {
    "per_channel": "channel_reached_at",
    "per_user": "user_reached_at",
    "per_address": "address_reached_at",
}


@pytest.mark.parametrize(
    ("limit", "window"), [("per_channel", DAY), ("per_user", HOUR), ("per_address", HOUR)]
)
class TestWindows:
    def test_it_is_reached_by_as_many(
        self, user: User, channel: CommunicationChannel, limit: str, window: timedelta
    ) -> None:
        ask(channel)
        assert getattr(reached(user, {limit: 2}), NAMES[limit]) is None
        ask(channel, window - timedelta(seconds=5))
        assert getattr(reached(user, {limit: 2}), NAMES[limit]) is not None

    def test_what_is_older_does_not_count(
        self, user: User, channel: CommunicationChannel, limit: str, window: timedelta
    ) -> None:
        ask(channel, window + timedelta(seconds=5))
        assert getattr(reached(user, {limit: 1}), NAMES[limit]) is None

    def test_it_is_reached_at_the_oldest_that_counts(
        self, user: User, channel: CommunicationChannel, limit: str, window: timedelta
    ) -> None:
        for minutes in (50, 30, 10):
            ask(channel, timedelta(minutes=minutes))
        at = getattr(reached(user, {limit: 2}), NAMES[limit])
        assert abs(timezone.now() - at - timedelta(minutes=30)) < timedelta(seconds=5)

    def test_none_at_all_is_reached_at_once(self, user: User, limit: str, window: timedelta) -> None:
        assert getattr(reached(user, {limit: 0}), NAMES[limit]) is not None


class TestWhatCounts:
    def test_of_a_channel_only_its_present_address(self, user: User, channel: CommunicationChannel) -> None:
        ask(channel)
        assert reached(user, {"per_channel": 1}, address="other@example.edu").channel_reached_at is None

    def test_of_an_address_whosever_it_is(self, user: User, channel: CommunicationChannel) -> None:
        ask(make_channel(make_user(), EMAIL))
        found = reached(user, {"per_address": 1, "per_channel": 1, "per_user": 1})
        assert found.address_reached_at is not None
        assert (found.channel_reached_at, found.user_reached_at) == (None, None)

    def test_of_a_user_all_their_channels(self, user: User, channel: CommunicationChannel) -> None:
        ask(make_channel(user, "other@example.edu"))
        found = reached(user, {"per_user": 1, "per_channel": 1})
        assert (found.user_reached_at is not None, found.channel_reached_at) == (True, None)

    def test_a_number_hears_of_security_notices_too(self, user: User) -> None:
        notice = make_security_notice(user, NUMBER)
        notice.type, notice.address_folded = "sms", NUMBER
        notice.save()
        found = reached(user, {"per_address": 1, "per_account": 1}, "sms", NUMBER)
        assert None not in {found.address_reached_at, found.account_reached_at}
        assert reached(user, {"per_address": 1}).address_reached_at is None

    def test_an_accounts_texts_of_a_day(self, user: User) -> None:
        ask(make_channel(user, NUMBER, "sms"), HOUR * 23)
        stranger = make_user(account=make_account("Cheesecake"))
        assert reached(user, {"per_account": 1}, "sms").account_reached_at is not None
        assert reached(stranger, {"per_account": 1}, "sms").account_reached_at is None

    @pytest.mark.parametrize(("days", "bounced"), [(6, True), (8, False)])
    def test_a_bounce_of_a_week_on_anybodys_channel(self, user: User, days: int, bounced: bool) -> None:
        at = timezone.now() - timedelta(days=days)
        make_channel(make_user(), EMAIL, bounce_count=1, last_bounce_at=at)
        assert reached(user, {}).bounced is bounced

    @pytest.mark.parametrize(("days", "refused"), [(29, True), (31, False)])
    def test_a_readers_no_of_a_month(
        self, user: User, channel: CommunicationChannel, days: int, refused: bool
    ) -> None:
        ask(channel, refused_at=timezone.now() - timedelta(days=days))
        assert reached(user, {}).refused is refused


class TestMaySend:
    def judged(self, **fields: Any) -> LimitsReached:
        nothing: dict[str, Any] = dict.fromkeys([*NAMES.values(), "account_reached_at"])
        return LimitsReached(
            **nothing | {"account_id": 1, "confirmation_id": 1, "bounced": False, "refused": False} | fields
        )

    def test_where_nothing_is_reached(self) -> None:
        assert self.judged().may_send()

    @pytest.mark.parametrize("name", ["bounced", "refused", "channel_reached_at"])
    def test_nothing_is_sent_and_nobody_told(self, name: str) -> None:
        assert not self.judged(**{name: timezone.now()}).may_send()

    @pytest.mark.parametrize(
        ("name", "ago", "wait"),
        [
            ("user_reached_at", timedelta(minutes=50), 600),
            ("address_reached_at", timedelta(minutes=59, seconds=59, milliseconds=900), 1),
            ("account_reached_at", timedelta(hours=23), 3600),
        ],
    )
    def test_how_long_to_wait(self, name: str, ago: timedelta, wait: int) -> None:
        with pytest.raises(MessageLimitReached) as refused:
            self.judged(**{name: timezone.now() - ago}).may_send()
        assert wait - 1 <= refused.value.retry_after <= wait

    def test_the_longest_wait_counts(self) -> None:
        now = timezone.now()
        with pytest.raises(MessageLimitReached) as refused:
            self.judged(user_reached_at=now - timedelta(minutes=50), account_reached_at=now).may_send()
        assert refused.value.retry_after == 24 * 3600


@pytest.mark.parametrize(
    ("allowed", "number", "refused"),
    [
        (["US"], NUMBER, False),
        (["DE"], NUMBER, True),
        (["DE", "*"], NUMBER, False),
        ([], NUMBER, True),
        (["US"], "+14165550100", True),
        *((["US"], number, True) for number in ("6265550100", "0049 30 901820", "", "+", "nonsense", "+999")),
        (["*"], "6265550100", False),
    ],
)
def test_countries(settings: Settings, allowed: list[str], number: str, refused: bool) -> None:
    settings.SMS_ALLOWED_COUNTRIES = allowed
    if not refused:
        limits.check_country(number)
        return
    with pytest.raises(CountryNotAllowed):
        limits.check_country(number)
