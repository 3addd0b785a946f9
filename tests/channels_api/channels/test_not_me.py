"""What "this was not me" does, and what it does not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels_api.channels import confirm, not_me
from channels_api.errors import CodeRefused
from channels_api.messages import confirmations
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, ConfirmationCode
from tests.factories import issue_code, make_account, make_channel, make_user

pytestmark = pytest.mark.django_db

EMAIL, NUMBER = "new@example.com", "+16265550100"


def unconfirmed(address: str = EMAIL, type_: str = "email") -> CommunicationChannel:
    return make_channel(make_user(), address, type_, "unconfirmed")


def issue(channel: CommunicationChannel) -> confirmations.Issued:
    assert confirmations.resend(channel)
    return issue_code(Confirmation.objects.filter(channel=channel).latest("id"))


def refusal_of(secret: str) -> str:
    with pytest.raises(CodeRefused) as caught:
        not_me.refuse(secret)
    return caught.value.reason.value


def outcome() -> str:
    return AuditEntry.objects.get(action="refuse").details["outcome"]


@pytest.mark.parametrize(("address", "type_"), [(EMAIL, "email"), (NUMBER, "sms")])
def test_it_retires_a_channel_that_waits(address: str, type_: str) -> None:
    channel = not_me.refuse(issue(unconfirmed(address, type_)).refusal)
    assert (channel.workflow_state, channel.retired_at is None) == ("retired", False)
    assert outcome() == "retired"


def test_it_retires_a_channel_that_the_wrong_person_confirmed() -> None:
    issued = issue(unconfirmed())
    confirm.confirm_email(issued.code)
    assert not_me.refuse(issued.refusal).workflow_state == "retired"


def test_the_trail_names_nobody_as_who_did_it() -> None:
    channel = not_me.refuse(issue(unconfirmed()).refusal)
    entry = AuditEntry.objects.get(action="refuse")
    assert (entry.user_id, entry.channel_id, entry.actor_id) == (channel.user_id, channel.pk, None)


def test_only_digests_are_stored() -> None:
    issued = issue(unconfirmed())
    assert len(issued.refusal) * 6 >= 128
    assert issued.refusal not in str(list(ConfirmationCode.objects.values()))


def test_the_code_of_the_same_message_is_of_no_use_any_more() -> None:
    issued = issue(unconfirmed())
    not_me.refuse(issued.refusal)
    with pytest.raises(CodeRefused):
        confirm.confirm_email(issued.code)


def test_no_request_is_open_any_more() -> None:
    channel = unconfirmed(NUMBER, "sms")
    issue(channel)
    not_me.refuse(issue(channel).refusal)
    assert not Confirmation.objects.filter(workflow_state__in=confirmations.OPEN).exists()


def test_it_works_once() -> None:
    issued = issue(unconfirmed())
    not_me.refuse(issued.refusal)
    CommunicationChannel.objects.update(workflow_state="active", retired_at=None)  # an admin vouched for it
    assert refusal_of(issued.refusal) == "used"
    assert CommunicationChannel.objects.get().workflow_state == "active"


@pytest.mark.parametrize(("days", "reason"), [(29, None), (31, "expired")])
def test_it_works_a_month_longer_than_the_code(days: int, reason: str | None) -> None:
    issued = issue(unconfirmed())
    ConfirmationCode.objects.update(expires_at=timezone.now() - timedelta(days=days))
    assert not_me.look_up(issued.refusal).refused == reason


@pytest.mark.parametrize("secret", ["", "x" * 22, "\x00", "é" * 22])
def test_an_unknown_secret_is_refused(secret: str) -> None:
    issue(unconfirmed())
    assert refusal_of(secret) == "unknown"


def test_a_code_is_no_secret_to_refuse_by_nor_the_reverse() -> None:
    issued = issue(unconfirmed())
    assert refusal_of(issued.code) == "unknown"
    assert confirm.look_up(issued.refusal).refused == "unknown"


def test_it_retires_no_other_channel() -> None:
    other = unconfirmed()
    not_me.refuse(issue(make_channel(other.user, "b@example.com", workflow_state="unconfirmed")).refusal)
    other.refresh_from_db()
    assert other.workflow_state == "unconfirmed"


def test_a_resent_messages_link_works_beside_the_first() -> None:
    channel = unconfirmed()
    first, second = issue(channel), issue(channel)
    assert not_me.look_up(second.refusal).refused is None
    assert not_me.refuse(first.refusal).workflow_state == "retired"


def test_a_channel_that_is_gone_already_stays_as_it_is() -> None:
    issued = issue(unconfirmed())
    CommunicationChannel.objects.update(workflow_state="retired", retired_at=timezone.now())
    not_me.refuse(issued.refusal)
    assert outcome() == "gone_already"


class TestAnAddressThatIsToReplaceAnother:
    @pytest.fixture
    def channel(self) -> CommunicationChannel:
        return make_channel(make_user(), "old@example.com", pending_address=EMAIL)

    def test_only_it_is_dropped(self, channel: CommunicationChannel) -> None:
        left = not_me.refuse(issue(channel).refusal)
        assert (left.workflow_state, left.address, left.pending_address) == (
            "active",
            "old@example.com",
            None,
        )
        assert outcome() == "pending_dropped"

    def test_the_channel_goes_once_it_has_it(self, channel: CommunicationChannel) -> None:
        issued = issue(channel)
        confirm.confirm_email(issued.code)
        assert not_me.refuse(issued.refusal).workflow_state == "retired"

    def test_one_that_waits_by_now_stays(self, channel: CommunicationChannel) -> None:
        issued = issue(channel)
        CommunicationChannel.objects.update(pending_address="other@example.com")
        channel.refresh_from_db()
        newer = issue(channel)
        assert not_me.refuse(issued.refusal).pending_address == "other@example.com"
        assert confirm.look_up(newer.code).refused is None
        assert not_me.address_of(Confirmation.objects.earliest("id")) == EMAIL


class TestAnAddressThatTheInstitutionKeeps:
    @pytest.fixture
    def issued(self) -> confirmations.Issued:
        user = make_user(account=make_account(edit_institution_email=False))
        return issue(make_channel(user, EMAIL, workflow_state="unconfirmed", institutional=True))

    def test_it_stays(self, issued: confirmations.Issued) -> None:
        assert refusal_of(issued.refusal) == "kept"
        assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"
        assert outcome() == "kept"

    def test_it_cannot_be_confirmed_nor_asked_again(self, issued: confirmations.Issued) -> None:
        refusal_of(issued.refusal)
        assert confirm.look_up(issued.code).refused
        assert not confirmations.resend(CommunicationChannel.objects.get())


class TestAfterwards:
    def again(self, channel: CommunicationChannel, address: str = EMAIL) -> bool:
        CommunicationChannel.objects.filter(pk=channel.pk).update(
            workflow_state="unconfirmed", retired_at=None, address=address, address_folded=address
        )
        channel.refresh_from_db()
        return confirmations.resend(channel)

    def test_the_address_gets_no_confirmation_of_the_user(self) -> None:
        assert not self.again(not_me.refuse(issue(unconfirmed()).refusal))

    def test_another_address_of_the_user_does(self) -> None:
        assert self.again(not_me.refuse(issue(unconfirmed()).refusal), "other@example.com")

    def test_the_address_gets_those_of_other_users(self) -> None:
        not_me.refuse(issue(unconfirmed()).refusal)
        assert confirmations.resend(unconfirmed())

    def test_after_a_month_it_may_be_asked_again(self) -> None:
        channel = not_me.refuse(issue(unconfirmed()).refusal)
        Confirmation.objects.update(
            refused_at=timezone.now() - timedelta(days=31), created_at=timezone.now() - timedelta(days=31)
        )
        assert self.again(channel)
