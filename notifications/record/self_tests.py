"""A message that a user sends to themselves, to see that a channel works (docs/contract.md, section 7.6)."""

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.locales import locale_of
from canvas_channels.core.identity.models import User
from channels_api import audit
from channels_api.audit import Action
from channels_api.errors import InvalidValue, MessageLimitReached, Reason
from channels_api.messages import limits
from channels_api.messages.limits import DAY, HOUR, Limits
from channels_api.models import CommunicationChannel
from notifications.messages import queue
from notifications.messages.models import Message

PER_HOUR = 5

Type = CommunicationChannel.Type


def request(channel: CommunicationChannel, caller: Caller) -> Message:
    """Have a message sent over the channel now, whatever was chosen for it.

    Runs in the caller's transaction, which holds the user's row lock. Raises :class:`InvalidValue` where the
    channel is not active or messages to it come back, :class:`CountryNotAllowed`, and
    :class:`MessageLimitReached`.
    """
    if channel.workflow_state != CommunicationChannel.WorkflowState.ACTIVE:
        raise InvalidValue("workflow_state", Reason.INVALID, "must be active: it has to be confirmed first")
    if channel.is_bouncing:
        raise InvalidValue("bounce_count", Reason.INVALID, "must be 0: messages to this address come back")
    _check_limits(channel)
    user = channel.user
    with translation.override(locale_of(user)):
        message = Message.objects.create(
            user=user,
            channel=channel,
            account=user.home_account,
            kind=Message.Kind.TEST,
            type=channel.type,
            text_account=user.home_account if channel.type == Type.SMS else None,
            address=channel.address,
            subject=gettext("Test message"),
            body=gettext("This is a test. Messages from %(account)s reach you here.")
            % {"account": user.home_account.name},
        )
    audit.record(caller, Action.TEST, user_id=user.pk, channel_id=channel.pk)
    queue.ask([message.pk], bulk=False)
    return message


def reaches(channel: CommunicationChannel) -> bool:
    """Whether a test message may be asked for, but for the limits."""
    return channel.workflow_state == CommunicationChannel.WorkflowState.ACTIVE and not channel.is_bouncing


def newest(user: User) -> dict[int, Message]:
    """By channel, the newest test message of the last hour; one statement."""
    recent = _of_last_hour(user).filter(channel__isnull=False).order_by("channel", "-id")
    return {message.channel_id: message for message in recent.distinct("channel") if message.channel_id}


def _of_last_hour(user: User) -> QuerySet[Message]:
    since = timezone.now() - HOUR
    return Message.objects.filter(user=user, kind=Message.Kind.TEST, created_at__gt=since)


def _check_limits(channel: CommunicationChannel) -> None:
    account = channel.user.home_account
    if channel.type == Type.SMS:
        limits.check_country(channel.address)
    if channel.type != Type.PUSH:
        limits.hold(channel.type, [channel.address_folded], account.pk)
    an_hour_ago = timezone.now() - HOUR
    tests = _of_last_hour(channel.user)
    reached = [limits.reached_at(PER_HOUR, an_hour_ago, tests)]
    if channel.type != Type.PUSH:
        most, to = Limits.of(channel.type).per_address, channel.address_folded
        same = {"channel__type": channel.type, "channel__address_folded": to}
        of_all_users = Message.objects.filter(kind=Message.Kind.TEST, **same)
        reached.append(limits.address_reached_at(most, channel.type, to, an_hour_ago, of_all_users))
    at = User.objects.filter(pk=channel.user_id).values_list(*reached).get()
    limits.refuse_while((moment, HOUR) for moment in at)
    if channel.type == Type.SMS and not limits.texts_left([account.pk])[account.pk]:
        raise MessageLimitReached(int(DAY.total_seconds()))
