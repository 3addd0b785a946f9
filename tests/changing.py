"""Changing channels by the API, and proving addresses as the worker's message lets people do it."""

from typing import Any

from channels_api.models import CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.factories import issue_code

CHANNELS = "/users/self/communication_channels"
DUPLICATE = {"errors": {"path": [{"attribute": "path", "type": "unique!", "message": "unique!"}]}}
FORBIDDEN = {
    "status": "unauthorized",
    "errors": [{"message": "user not authorized to perform that action"}],
}


def change(client: ApiClient, channel: CommunicationChannel, skip: bool = False, **wanted: Any) -> Any:
    """PUT the attributes as JSON at the owner's own path."""
    path = f"/users/{channel.user_id}/communication_channels/{channel.pk}"
    body = {"communication_channel": wanted} | ({"skip_confirmation": True} if skip else {})
    return client.call("PUT", path, json=body)


def issued_code(channel: CommunicationChannel) -> str:
    """The code of the newest request, as the worker would make and send it."""
    return issue_code(Confirmation.objects.filter(channel=channel).latest("id")).code


def error(attribute: str, answer: Any) -> str:
    """The slug of the error on an attribute."""
    assert answer.status_code == 400, answer.content
    [only] = answer.json()["errors"][attribute]
    assert only["attribute"] == attribute
    kind: str = only["type"]
    return kind
