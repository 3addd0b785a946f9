"""A channel as its row on the page shows it: what it is, what it waits for, what may be done to it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.identity.models import Account
from canvas_channels.web.channels.sent import MessageRow
from channels_api.addresses import as_written
from channels_api.channels import ordering, replacement
from channels_api.messages import limits
from channels_api.models import LIVE, CommunicationChannel, Confirmation
from notifications.record import self_tests

SECONDS_BETWEEN = 60  # a message takes its time; so long the page asks people to wait for it

Type, State = CommunicationChannel.Type, CommunicationChannel.WorkflowState


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """``up``, ``down``: the positions to move it to; None where it stays.

    ``wait`` is in seconds from now, until which a message may yet come; ``sent_at`` None: none was asked
    for in the last 24 hours. ``exhausted``: none may be for now. ``test``: the newest test message of the
    last hour. ``last_email``: no other email address is confirmed.
    """

    channel: CommunicationChannel
    up: int | None
    down: int | None
    kept: bool
    sent_at: datetime | None
    wait: int
    exhausted: bool
    failed: bool
    test: MessageRow | None
    last_email: bool

    @property
    def name(self) -> str:
        return name_of(self.channel)

    @property
    def kind(self) -> str:
        match self.channel.type:
            case Type.SMS:
                return gettext("Text message")
            case Type.PUSH:
                return gettext("Push notification")
        return gettext("Email")

    @property
    def badge(self) -> str:
        """Whether it waits, or is bad."""
        if self.channel.is_bouncing:
            return "bad"
        return "waits" if self.channel.awaits_confirmation else ""

    @property
    def pending_address(self) -> str:
        return shown(self.channel.type, self.channel.pending_address or "")

    @property
    def address_to_confirm(self) -> str:
        return shown(self.channel.type, self.channel.address_to_confirm)

    # What the parts of it are called in the page: the keyboard goes on at one of them.

    @property
    def anchor(self) -> str:
        return f"channel-{self.channel.pk}"

    @property
    def anchor_up(self) -> str:
        return f"up-{self.channel.pk}"

    @property
    def anchor_down(self) -> str:
        return f"down-{self.channel.pk}"

    @property
    def change_field(self) -> str:
        return f"change-{self.channel.pk}"

    @property
    def code_field(self) -> str:
        return f"code-{self.channel.pk}"

    @property
    def test_button(self) -> str:
        return f"send_test-{self.channel.pk}"

    @property
    def may_test(self) -> bool:
        """By the rule of ``self_tests.request``."""
        return self_tests.reaches(self.channel)

    @property
    def may_resend(self) -> bool:
        """By the rule of ``confirmations.resend``."""
        return self.channel.takes_confirmation and not self.exhausted


def name_of(channel: CommunicationChannel) -> str:
    """Its address; the push channel's stands for all devices."""
    if channel.type == Type.PUSH:
        return gettext("All devices")
    return shown(channel.type, channel.address)


def shown(type_: str, address: str) -> str:
    """An address as people write it."""
    return as_written(address) if type_ == Type.SMS and address else address


def channel_rows(subject: Subject, *, editable: bool) -> list[ChannelRow]:
    """The user's live channels in their order; three statements."""
    live = list(CommunicationChannel.objects.filter(LIVE, user=subject.user.pk).order_by("position", "id"))
    account = subject.user.home_account
    sent = limits.asked_today([row for row in live if row.awaits_confirmation])
    tests = self_tests.newest(subject.user)
    emails = [row.pk for row in live if row.type == Type.EMAIL and row.workflow_state == State.ACTIVE]
    found = []
    for place, row in enumerate(live, 1):
        row.user = subject.user
        swaps_up = editable and place > 1 and _may_swap(live[place - 2], row, place, account)
        swaps_down = editable and place < len(live) and _may_swap(row, live[place], place + 1, account)
        asked = sent.get(row.pk, [])
        found.append(
            ChannelRow(
                row,
                up=place - 1 if swaps_up else None,
                down=place + 1 if swaps_down else None,
                kept=replacement.is_kept(row, account),
                sent_at=asked[0].created_at if asked else None,
                wait=_wait(asked[0]) if asked else 0,
                exhausted=limits.had_enough(len(asked)),
                failed=bool(asked) and asked[0].workflow_state == Confirmation.WorkflowState.FAILED,
                test=MessageRow(tests[row.pk]) if row.pk in tests else None,
                last_email=emails == [row.pk],
            )
        )
    return found


def _may_swap(
    first: CommunicationChannel, second: CommunicationChannel, place: int, account: Account
) -> bool:
    """Whether neighbours, the second at ``place``, may change places by the rule of ``ordering.move``."""
    return place != 2 or ordering.due_first([second, first], account) is None


def _wait(newest: Confirmation) -> int:
    past = (timezone.now() - newest.created_at).total_seconds()
    return max(0, round(SECONDS_BETWEEN - past))
