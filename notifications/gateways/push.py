"""Platform endpoints of SNS: one a device. The region of every call comes from the ARN.

Needs the actions ``sns:CreatePlatformEndpoint``, ``sns:GetEndpointAttributes``,
``sns:SetEndpointAttributes``, ``sns:DeleteEndpoint`` and ``sns:Publish``.
"""

from contextlib import suppress

from canvas_channels.core import metrics
from notifications.gateways import EndpointGone, TransportError, sns

DISABLED = "SNS disabled the endpoint: Apple or Google no longer knows the token"

_DISABLED = {"EndpointDisabled", "EndpointDisabledException"}


def region_of(arn: str) -> str:
    """``arn:<partition>:sns:<region>:<account>:...``"""
    return arn.split(":")[3]


def belongs_to(endpoint_arn: str, application_arn: str) -> bool:
    """Whether an endpoint is one of the platform application's."""
    return endpoint_arn.startswith(application_arn.replace(":app/", ":endpoint/", 1) + "/")


def create(application_arn: str, token: str, owner: str) -> str:
    """The ARN of the token's endpoint, made now or found with the same attributes.

    Raises :class:`EndpointExists` where it exists with others, and :class:`TransportError`.
    """
    try:
        with sns.errors_named(token):
            made = sns.client(region_of(application_arn)).create_platform_endpoint(
                PlatformApplicationArn=application_arn, Token=token, CustomUserData=owner
            )
    except EndpointGone as error:
        raise TransportError(f"SNS: no platform application: {error}") from None
    return made["EndpointArn"]


def attributes(arn: str, token: str) -> dict[str, str]:
    """``Token``, ``Enabled`` and ``CustomUserData``. Raises :class:`EndpointGone`, :class:`TransportError`.

    ``token`` is only kept out of error texts.
    """
    with sns.errors_named(token):
        return sns.client(region_of(arn)).get_endpoint_attributes(EndpointArn=arn)["Attributes"]


def enable(arn: str, token: str, owner: str) -> None:
    """Set all three at once: the owner alone would leave a dead endpoint dead.

    Raises :class:`EndpointGone`, :class:`TransportError`.
    """
    with sns.errors_named(token):
        sns.client(region_of(arn)).set_endpoint_attributes(
            EndpointArn=arn, Attributes={"Token": token, "CustomUserData": owner, "Enabled": "true"}
        )


def delete(arn: str) -> None:
    """Delete an endpoint; one that is gone is no error. Raises :class:`TransportError`."""
    with suppress(EndpointGone), sns.errors_named(arn, "the endpoint"):
        sns.client(region_of(arn)).delete_endpoint(EndpointArn=arn)


@metrics.delivery("push")
def publish(arn: str, message: str, token: str) -> None:
    """Send a message, a JSON object with a text for each platform, to one device.

    Raises :class:`EndpointGone` where SNS has no such endpoint or has disabled it, and
    :class:`TransportError`.
    """
    try:
        with sns.errors_named(token):
            sns.client(region_of(arn)).publish(TargetArn=arn, Message=message, MessageStructure="json")
    except TransportError as error:
        if error.code in _DISABLED:
            raise EndpointGone(DISABLED) from None
        raise
    except EndpointGone:
        raise EndpointGone("SNS does not have its endpoint any more") from None
