"""What SNS says is read before it is masked: a token may be any text, and so any part of what is said."""

from typing import Any

import pytest

from channels_api.models import PushDevice
from notifications.gateways import EndpointExists, EndpointGone, TransportError, push, sms
from tests.factories import make_key
from tests.notifications.senders.test_devices import GONE_TOO, make_application, make_device, seen, sync
from tests.notifications.services import Sns, always, refuse

pytestmark = pytest.mark.django_db(transaction=True)

TOKENS = ["a", "1", ":", "\\", "arn", "GCM", "endpoint", "123456789012", "No", "+16265550100", "a@b.de", ".*"]


@pytest.fixture
def application(sns: Sns) -> str:
    return make_application(sns.client(), platform="GCM")


@pytest.mark.parametrize("token", TOKENS)
def test_the_endpoint_that_a_token_has_is_found(token: str, sns: Sns, application: str) -> None:
    operator = sns.client()
    made = operator.create_platform_endpoint(
        PlatformApplicationArn=application, Token=token, CustomUserData="x", Attributes={"Enabled": "false"}
    )
    device = make_device(make_key(sns_arn=application), token)
    sync(device)
    assert (device.workflow_state, device.endpoint_arn) == ("registered", made["EndpointArn"])
    found = seen(operator, device.endpoint_arn)
    assert (found["Token"], found["Enabled"], found["CustomUserData"]) == (token, "true", str(device.user_id))


@pytest.mark.parametrize("token", TOKENS)
def test_an_endpoint_that_is_gone_is_made_again(token: str, sns: Sns, application: str) -> None:
    device = make_device(make_key(sns_arn=application), token)
    sync(device)
    lost, answers = device.endpoint_arn, [GONE_TOO]
    sns.client().delete_endpoint(EndpointArn=lost)
    sns.script = lambda fields: (
        answers.pop() if answers and fields["Action"] == "GetEndpointAttributes" else None
    )
    sync(device)
    assert device.workflow_state == "registered"
    assert device.endpoint_arn != lost


@pytest.mark.parametrize("number", ["+16265550100", "+4930123456"])
def test_a_number_in_the_words_changes_nothing(number: str, sns: Sns) -> None:
    sns.script = always("Publish", GONE_TOO)
    with pytest.raises(TransportError) as caught:
        sms.send(number, "text")
    assert not caught.value.permanent


@pytest.mark.parametrize("token", ["e", "a-token-of-a-device", "TOKEN"])
def test_no_token_is_in_what_is_shown(token: str, sns: Sns, application: str) -> None:
    words = f"Invalid parameter: Token Reason: {token.upper()} is none"
    sns.script = always("CreatePlatformEndpoint", refuse("InvalidParameter", words))
    device = make_device(make_key(sns_arn=application), token)
    with pytest.raises(TransportError) as caught:
        sync(device)
    error = caught.value
    assert (error.code, error.permanent) == ("InvalidParameter", True)
    assert str(error) == f"SNS: InvalidParameter: {error.words}"
    assert token.lower() not in error.words.lower()


def test_an_arn_that_exists_is_no_text_for_people(sns: Sns, application: str) -> None:
    arn = f"{application.replace(':app/', ':endpoint/')}/uuid"
    words = f"Invalid parameter: Token Reason: Endpoint {arn} already exists with the same Token, but no"
    sns.script = always("CreatePlatformEndpoint", refuse("InvalidParameter", words))
    with pytest.raises(EndpointExists) as caught:
        push.create(application, "a", "1")
    assert caught.value.arn == arn
    assert "a" not in str(caught.value).removeprefix("SNS: InvalidParameter: ")


def test_gone_is_told_from_other_refusals_of_a_parameter(sns: Sns, application: str) -> None:
    arn: Any = f"{application.replace(':app/', ':endpoint/')}/uuid"
    sns.script = always("GetEndpointAttributes", GONE_TOO)
    with pytest.raises(EndpointGone):
        push.attributes(arn, "endpoint")
    sns.script = always("GetEndpointAttributes", refuse("InvalidParameter", "Invalid parameter: EndpointArn"))
    with pytest.raises(TransportError):
        push.attributes(arn, "endpoint")
    assert not PushDevice.objects.exists()
