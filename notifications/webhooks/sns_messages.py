"""Whether a message that came as one of Amazon SNS is one, of a topic of ours, and of now.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware

from notifications.gateways import TransportError, certificates

NOTIFICATION = "Notification"
SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"

# SNS tries an HTTPS endpoint for 3,600 seconds at most; the rest is for clocks that differ.
CLOCKS_DIFFER = timedelta(minutes=5)
REPLAY_WINDOW = timedelta(hours=1) + CLOCKS_DIFFER

_OF_SUBSCRIPTIONS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION_CONFIRMATION: _OF_SUBSCRIPTIONS,
    UNSUBSCRIBE_CONFIRMATION: _OF_SUBSCRIPTIONS,
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "1": hashes.SHA1(),  # noqa: S303 - what SNS signs with unless a topic says 2
    "2": hashes.SHA256(),
}


def verify(message: dict[str, Any], received_at: datetime) -> None:
    """Raises :class:`TransportError`: permanent for a message that cannot be trusted.

    What can be told without calling out comes first. The replay window counts to when the message came,
    not to when a worker reads it. Amazon signs for every account, so the topic must be one of ours.
    """
    if message.get("TopicArn") not in settings.SNS_TOPIC_ARNS:
        raise _refused(f"SNS_TOPIC_ARNS does not name the topic {message.get('TopicArn')!r:.300}")
    text = string_to_sign(message)
    algorithm = _HASHES.get(str(message.get("SignatureVersion")))
    if algorithm is None:
        raise _refused("The SignatureVersion is neither 1 nor 2")
    _check_time(message["Timestamp"], received_at)
    key = certificates.source.public_key(str(message.get("SigningCertURL")), received_at)
    try:
        signature = base64.b64decode(str(message.get("Signature")), validate=True)
        key.verify(signature, text.encode(), padding.PKCS1v15(), algorithm)
    except (binascii.Error, InvalidSignature):
        raise _refused("The signature is wrong") from None


def string_to_sign(message: dict[str, Any]) -> str:
    """The signed fields, name and value on a line each. Raises :class:`TransportError`."""
    names = _SIGNED.get(str(message.get("Type")))
    if names is None:
        raise _refused("The Type is none that SNS documents")
    present = [name for name in names if name != "Subject" or message.get(name) is not None]
    for name in present:
        if not isinstance(message.get(name), str):
            raise _refused(f"The field {name} is missing")
    return "".join(f"{name}\n{message[name]}\n" for name in present)


def _check_time(timestamp: str, received_at: datetime) -> None:
    try:
        sent_at = parse_datetime(timestamp)
    except ValueError:
        sent_at = None
    if sent_at is None or not is_aware(sent_at):
        raise _refused("The Timestamp is no time")
    if not -CLOCKS_DIFFER <= received_at - sent_at <= REPLAY_WINDOW:
        raise _refused("The Timestamp is too far from when the message came")


def _refused(reason: str) -> TransportError:
    return TransportError(f"SNS message refused: {reason}", permanent=True)
