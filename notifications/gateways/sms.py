"""Text messages, by SNS ``Publish`` to a number (needs the action ``sns:Publish``)."""

from django.conf import settings

from canvas_channels.core import metrics
from channels_api.addresses import clean_phone_number, mask
from channels_api.errors import InvalidAddress
from notifications.gateways import EndpointGone, TransportError, sns

_TRANSACTIONAL = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}


@metrics.delivery("sms")
def send(number: str, text: str) -> None:
    """Deliver to a number in E.164. Raises :class:`TransportError`."""
    try:
        clean_phone_number(number, None)
    except InvalidAddress as error:  # stored before the rules were as strict
        raise TransportError(f"{mask(number)}: {error}", permanent=True) from None
    try:
        with sns.errors_named(number, mask(number)):
            sns.client(settings.AWS_REGION).publish(
                PhoneNumber=number,
                Message=text,
                MessageAttributes=_TRANSACTIONAL,  # type: ignore[arg-type]
            )
    except EndpointGone as error:
        raise TransportError(f"SNS: {error}") from None
