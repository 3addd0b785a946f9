"""Subscriptions of this service to SNS topics (needs the action ``sns:ConfirmSubscription``)."""

from notifications.gateways import EndpointGone, TransportError, sns
from notifications.gateways.push import region_of


def confirm_subscription(topic_arn: str, token: str) -> None:
    """Confirm; only this account may unsubscribe then. Raises :class:`TransportError`."""
    try:
        with sns.errors_named(token):
            sns.client(region_of(topic_arn)).confirm_subscription(
                TopicArn=topic_arn, Token=token, AuthenticateOnUnsubscribe="true"
            )
    except EndpointGone as error:
        raise TransportError(f"SNS: no such topic: {error}", permanent=True) from None
