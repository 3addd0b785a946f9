"""What a call will ask PostgreSQL for once its user is found, to be sent along (``core.postgresql.trips``).

Guesses, of which the rules know nothing: a wrong one costs a trip, and changes no answer. ``caller`` is who
asks, ``user_id`` the user whose channels it is about.
"""

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.postgresql.trips import Query
from channels_api import statements
from channels_api.addresses import PUSH_ADDRESS
from channels_api.channels.changes import Changes
from channels_api.devices import registration
from channels_api.messages import channel_counts
from channels_api.models import CommunicationChannel

Type = CommunicationChannel.Type


def of_create(caller: Caller, user_id: int, *, type_: str | None, address: str | None) -> list[Query]:
    known = address and type_ in {Type.EMAIL, Type.SMS}
    return channel_counts.asked(caller.user, user_id, type_ or "", address or "") if known else []


def of_registering(caller: Caller, user_id: int, *, token: str | None) -> list[Query]:
    """Nothing for somebody else, who may not: the row of a device would be locked."""
    asked = registration.asked(caller, user_id, token)
    if not asked:
        return []
    push = statements.live_channel(user_id, type_=Type.PUSH, address=PUSH_ADDRESS)
    return [*asked, push, *channel_counts.asked(caller.user, user_id, Type.PUSH, PUSH_ADDRESS)]


def of_change(caller: Caller, user_id: int, *, channel_id: int, wanted: Changes) -> list[Query]:
    found = [statements.live_channel(user_id, channel_id)]
    if wanted.address:
        type_ = Type.EMAIL if "@" in wanted.address else Type.SMS
        found += channel_counts.asked(caller.user, user_id, type_, wanted.address)
    elif wanted.position is not None:
        found.append(statements.channels_in_order(user_id))
    return found
