"""Links by which the reader of a mail stops its kind, without signing in (RFC 8058).

What a link is for is in it, signed: nothing is stored. It names since when the channel has been active at its
address, so that it is dead once that has ended, also where the address comes back.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction

from channels_api.errors import NotFound
from channels_api.models import CommunicationChannel
from notifications.preferences import rules
from notifications.preferences.models import CourseOverride, Frequency, NotificationCategory

# A separator that mail programs take for a part of the link.
_signer = Signer(salt="notifications.messages.unsubscribing", sep=".")


class NoSuchLink(NotFound):
    """It is none of ours, or its channel is gone."""


class Unsubscription(NamedTuple):
    """What a link stops."""

    channel: CommunicationChannel
    categories: list[NotificationCategory]

    @classmethod
    def behind(cls, secret: str) -> Self:
        """Raises :class:`NoSuchLink`."""
        try:
            channel_id, since, *category_ids = map(int, _signer.unsign(secret).split("-"))
        except (BadSignature, ValueError):
            raise NoSuchLink from None
        active = CommunicationChannel.objects.filter(workflow_state="active").select_related("user")
        channel = active.filter(pk=channel_id).first()
        if channel is None or _since(channel) != since:
            raise NoSuchLink
        found = NotificationCategory.objects.filter(pk__in=category_ids)
        return cls(channel, list(found.order_by("position", "pk")))


def link(channel: CommunicationChannel, category_ids: Iterable[int]) -> str:
    about = "-".join(map(str, [channel.pk, _since(channel), *category_ids]))
    return f"{settings.PUBLIC_URL}/unsubscribe/{_signer.sign(about)}"


@transaction.atomic
def unsubscribe(secret: str) -> Unsubscription:
    """Set the categories to ``never`` on the channel, in every course; again changes nothing.

    Raises :class:`NoSuchLink`.
    """
    found = Unsubscription.behind(secret)
    CommunicationChannel.objects.select_for_update(no_key=True).get(pk=found.channel.pk)
    for category in found.categories:
        overrides = CourseOverride.objects.filter(channel=found.channel, category=category)
        overridden = overrides.exclude(frequency=Frequency.NEVER).update(frequency=Frequency.NEVER)
        entries = rules.of_channel(found.channel)
        own = {entry["frequency"] for entry in entries if entry["category"] == category.slug}
        if overridden or own != {Frequency.NEVER.value}:
            rules.change_category(None, found.channel, category.slug, Frequency.NEVER)
    return found


def _since(channel: CommunicationChannel) -> int:
    """Microseconds, of which a later time at this address has others."""
    return int(channel.active_since.timestamp() * 1_000_000) if channel.active_since else 0
