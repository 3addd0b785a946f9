"""The SQL of the calls that clients make most, in one place: compiled once, or written by hand.

The rules say when each is sent. What a new channel is counted by is made of the limits' own parts, in
``channels_api.messages.channel_counts``.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, JSONField, OuterRef, QuerySet, TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from canvas_channels.core.identity import tokens
from canvas_channels.core.postgresql.trips import Query, Row
from canvas_channels.core.statements import Statement
from channels_api.addresses import compared
from channels_api.models import LIVE, CommunicationChannel, PushDevice

_CHANNEL_BY_ID = Statement(
    lambda user_id, channel_id: CommunicationChannel.objects.filter(LIVE, pk=channel_id, user=user_id),
    user_id=-1,
    channel_id=-2,
)
_CHANNEL_BY_ADDRESS = Statement(
    lambda user_id, **named: CommunicationChannel.objects.filter(LIVE, user=user_id, **named),
    user_id=-1,
    type="a type",
    address_folded="an address",
)
ORDER = ("id", "user_id", "position", "workflow_state", "institutional")
_IN_ORDER = Statement(  # locked in the order of their ids, as bounces lock them too
    lambda user_id: (
        CommunicationChannel.objects.filter(user=user_id)
        .select_for_update(no_key=True)
        .order_by("pk")
        .values_list(*ORDER)
    ),
    user_id=-1,
)
_NUMBER = """
UPDATE channels_api_communicationchannel channel SET position = moved.position
FROM unnest(%s::bigint[], %s::int[]) AS moved (id, position) WHERE channel.id = moved.id
"""
_VOID = """
UPDATE channels_api_confirmation SET workflow_state = 'replaced'
WHERE channel_id = %s AND workflow_state IN ('requested', 'sent', 'failed')
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name"
_HOLD = """
SELECT nextval(pg_get_serial_sequence('channels_api_pushdevice', 'id')),
       pg_advisory_xact_lock(hashtextextended(%s, 0))
"""
_DEVICE = Statement(
    lambda key_id, token_digest: PushDevice.objects.select_for_update().filter(
        developer_key=key_id, token_digest=token_digest
    ),
    key_id=-1,
    token_digest="a token's digest",  # noqa: S106 - a sample
)


def live_channels(columns: Sequence[str | Combinable], **samples: Any) -> Statement:
    """Of a ``user_id``, in order. ``samples`` are of the parameters that are in the columns."""

    def of_user(user_id: int, **_: Any) -> QuerySet[CommunicationChannel, Row]:
        channels = CommunicationChannel.objects.filter(LIVE, user_id=user_id)
        return channels.order_by("position", "id").values_list(*columns)

    return Statement(of_user, user_id=-1, **samples)


def channels_of_token(columns: Sequence[str | Combinable]) -> Statement:
    """A token (``tokens.find_token``), and beside it its user's live channels in order, as JSON."""
    row = Func(*columns, function="json_build_array", output_field=JSONField())
    live = CommunicationChannel.objects.filter(LIVE, user=OuterRef("user")).order_by("position", "id")
    rows = Func(ArraySubquery(live.values_list(row)), function="array_to_json", output_field=JSONField())
    return tokens.with_owners(Cast(rows, TextField()))


def live_channel(user_id: int, channel_id: int | None = None, type_: str = "", address: str = "") -> Query:
    """By its id, or by type and address (any case)."""
    if channel_id is not None:
        return _CHANNEL_BY_ID.query(user_id=user_id, channel_id=channel_id)
    return _CHANNEL_BY_ADDRESS.query(user_id=user_id, type=type_, address_folded=compared(address))


def channels_in_order(user_id: int) -> Query:
    """Lock all channels of a user, the retired ones too; yields the columns of ``ORDER``."""
    return _IN_ORDER.query(user_id=user_id)


def number(channel_ids: list[int], positions: list[int]) -> Query:
    return Query(_NUMBER, (channel_ids, positions))


def void_confirmations(channel_id: int) -> Query:
    """Replace what ``confirmations.OPEN`` says is open."""
    return Query(_VOID, (channel_id,))


def hold_token(key_id: int, token_digest: str) -> Query:
    """Nobody else registers it meanwhile; yields the key of the next device."""
    return Query(_HOLD, (f"device:{key_id}:{token_digest}",))


def device(key_id: int, token_digest: str) -> Query:
    """Lock the device that was registered with a token, under a key."""
    return _DEVICE.query(key_id=key_id, token_digest=token_digest)


def advisory_locks(names: Sequence[str]) -> Query:
    """Take them in the given order, until the transaction ends."""
    return Query(_LOCK, (list(names),))
