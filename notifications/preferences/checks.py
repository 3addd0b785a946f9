"""What a frequency and a type of channel may be. Pure rules."""

from channels_api.errors import InvalidValue, Reason
from channels_api.models import CommunicationChannel
from notifications.preferences.models import Frequency


def check_frequency(value: str | None) -> Frequency:
    """Raises :class:`InvalidValue` for what is no frequency; None and empty are none."""
    if value not in Frequency.values:
        reason = Reason.INCLUSION if value else Reason.BLANK
        raise InvalidValue("frequency", reason, f"must be one of {', '.join(Frequency.values)}")
    return Frequency(value)


def check_type(value: str | None) -> str:
    """Raises :class:`InvalidValue` for what is no type of channel; None and empty are none."""
    if value not in CommunicationChannel.Type.values:
        raise InvalidValue("type", Reason.INCLUSION if value else Reason.BLANK, "must be email, sms or push")
    return str(value)
