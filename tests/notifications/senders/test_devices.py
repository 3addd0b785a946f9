"""Every pitfall of SNS's platform endpoints, against moto's server over HTTP.

Where moto diverges from Amazon, a script stands between the two (``services.Sns``): moto never throttles,
never says NotFound as InvalidParameter, hands tokens back as they came (Amazon: in lower case), and takes
the endpoints of all applications for one set.
"""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from canvas_channels.core.identity.callers import Caller, find_subject
from canvas_channels.core.identity.models import DeveloperKey, User
from channels_api.devices import registration
from channels_api.models import PushDevice
from notifications.gateways import TransportError, push
from notifications.senders import devices
from notifications.worker.retry import MAX_TRIES
from tests.factories import make_key, make_user
from tests.notifications.services import (
    Answer,
    Fields,
    Sns,
    always,
    jobs,
    make_due,
    once,
    refuse,
    run_worker,
    sync_device,
)

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "AB12" * 16
FCM_TOKEN = "fcm:Token-1"
GONE = refuse("NotFound", "Endpoint does not exist", 404)
GONE_TOO = refuse(
    "InvalidParameter", "Invalid parameter: TargetArn Reason: No endpoint found for the target arn"
)


@pytest.fixture
def operator(sns: Sns) -> Any:
    return sns.client()


@pytest.fixture
def key(operator: Any) -> DeveloperKey:
    return make_key(sns_arn=make_application(operator))


def make_application(operator: Any, name: str = "Student", platform: str = "APNS") -> str:
    arn: str = operator.create_platform_application(Name=name, Platform=platform, Attributes={})[
        "PlatformApplicationArn"
    ]
    return arn


def make_device(key: DeveloperKey, token: str = TOKEN, user: User | None = None, **fields: Any) -> PushDevice:
    return PushDevice.objects.create(
        developer_key=key,
        user=user or make_user(),
        token=token,
        token_digest=registration.digest(token),
        **{"last_seen_at": timezone.now(), **fields},
    )


def registered(key: DeveloperKey, sns: Sns, token: str = TOKEN) -> PushDevice:
    """A device that SNS knows."""
    device = make_device(key, token)
    sync(device)
    sns.calls.clear()
    return device


def sync(device: PushDevice) -> None:
    try:
        sync_device(device.pk)
    finally:
        device.refresh_from_db()


def remove(device: PushDevice) -> None:
    device.workflow_state = "removed"
    device.save()
    sync(device)


def seen(operator: Any, arn: str) -> dict[str, str]:
    found: dict[str, str] = operator.get_endpoint_attributes(EndpointArn=arn)["Attributes"]
    return found


def endpoints(operator: Any, key: DeveloperKey) -> list[str]:
    found = operator.list_endpoints_by_platform_application(PlatformApplicationArn=key.sns_arn)
    return [endpoint["EndpointArn"] for endpoint in found["Endpoints"]]


def test_a_new_device_is_created_enabled_and_owned(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = make_device(key)
    sync(device)
    assert (device.workflow_state, device.failure) == ("registered", "")
    assert sns.calls[0]["CustomUserData"] == str(device.user_id)
    found = seen(operator, device.endpoint_arn)
    assert (found["Token"], found["Enabled"]) == (TOKEN, "true")


def test_the_queue_registers_a_device(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    run_worker()
    device.refresh_from_db()
    assert endpoints(operator, key) == [device.endpoint_arn]


def test_a_device_in_line_is_only_read(sns: Sns, key: DeveloperKey) -> None:
    device = registered(key, sns)
    sync(device)
    sns.calls.clear()
    sync(device)
    assert sns.actions() == ["GetEndpointAttributes"]


def disable(operator: Any, device: PushDevice) -> None:
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})


class TestARegisteredDevice:
    """It is believed to be in line until something says otherwise."""

    @pytest.fixture
    def device(self, sns: Sns, key: DeveloperKey) -> PushDevice:
        return registered(key, sns)

    @pytest.mark.parametrize(
        ("code", "state"),
        [
            ("InvalidParameter", "failed"),
            ("ValidationError", "failed"),
            ("AuthorizationError", "pending"),
            ("Throttling", "pending"),
            ("InternalError", "pending"),
        ],
    )
    def test_a_refused_change_leaves_it_out_of_line(
        self, sns: Sns, operator: Any, device: PushDevice, code: str, state: str
    ) -> None:
        disable(operator, device)
        sns.script = always("SetEndpointAttributes", refuse(code, f"no {TOKEN.lower()}"))
        PushDevice.job.ask_again([device.pk])
        run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure) == (state, f"SNS: {code}: no …")

    @pytest.mark.parametrize("action", ["GetEndpointAttributes", "CreatePlatformEndpoint"])
    def test_a_token_that_sns_calls_invalid_fails_it(
        self, sns: Sns, operator: Any, device: PushDevice, action: str
    ) -> None:
        operator.delete_endpoint(EndpointArn=device.endpoint_arn)
        sns.script = always(action, refuse("InvalidParameter", "Invalid parameter: Token"))
        PushDevice.job.ask_again([device.pk])
        run_worker()
        device.refresh_from_db()
        assert device.workflow_state == "failed"
        assert device.failure == "SNS: InvalidParameter: Invalid parameter: Token"

    def test_an_endpoint_that_cannot_be_made_again_leaves_it_pending(
        self, sns: Sns, operator: Any, device: PushDevice
    ) -> None:
        operator.delete_endpoint(EndpointArn=device.endpoint_arn)
        sns.script = always("CreatePlatformEndpoint", refuse("ServiceUnavailable", "down", 503))
        with pytest.raises(TransportError):
            sync(device)
        assert device.workflow_state == "pending"

    def test_another_application_that_cannot_be_reached_leaves_it_pending(
        self, sns: Sns, key: DeveloperKey, device: PushDevice
    ) -> None:
        key.sns_arn = key.sns_arn.replace("Student", "Missing")
        key.save()
        with pytest.raises(TransportError):
            sync(device)
        assert device.workflow_state == "pending"

    def test_a_key_that_lost_its_application_fails_it(self, key: DeveloperKey, device: PushDevice) -> None:
        key.sns_arn = ""
        key.save()
        PushDevice.job.ask_again([device.pk])
        run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure[:20]) == ("failed", "The developer key na")

    def test_an_outage_proves_nothing(self, sns: Sns, device: PushDevice) -> None:
        sns.script = always("GetEndpointAttributes", refuse("ServiceUnavailable", "down", 503))
        PushDevice.job.ask_again([device.pk])
        run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure) == ("registered", "SNS: ServiceUnavailable: down")

    def test_an_outage_that_outlasts_all_tries_fails_it(self, sns: Sns, device: PushDevice) -> None:
        sns.script = always("GetEndpointAttributes", refuse("ServiceUnavailable", "down", 503))
        PushDevice.job.ask_again([device.pk])
        make_due(attempts=MAX_TRIES - 1)
        run_worker()
        device.refresh_from_db()
        assert device.workflow_state == "failed"


class TestTheNextStartOfItsApp:
    """The app registers the same token whenever it starts."""

    @pytest.fixture
    def device(self, sns: Sns, key: DeveloperKey) -> PushDevice:
        device = start(make_user(), key)
        run_worker()
        sns.calls.clear()
        device.refresh_from_db()
        return device

    @pytest.mark.parametrize("token", [TOKEN, TOKEN.lower()])
    def test_enables_what_was_disabled(
        self, key: DeveloperKey, operator: Any, device: PushDevice, token: str
    ) -> None:
        disable(operator, device)
        an_hour_passes()
        start(device.user, key, token)
        run_worker()
        device.refresh_from_db()
        assert seen(operator, device.endpoint_arn)["Enabled"] == "true"
        assert (device.workflow_state, device.failure) == ("registered", "")

    def test_makes_again_what_was_deleted(self, key: DeveloperKey, operator: Any, device: PushDevice) -> None:
        operator.delete_endpoint(EndpointArn=device.endpoint_arn)
        an_hour_passes()
        start(device.user, key)
        run_worker()
        device.refresh_from_db()
        assert endpoints(operator, key) == [device.endpoint_arn]

    def test_only_looks_at_what_is_right_and_once_an_hour(
        self, sns: Sns, key: DeveloperKey, device: PushDevice
    ) -> None:
        for _ in range(2):
            an_hour_passes()
            for _ in range(3):
                assert start(device.user, key).workflow_state == "registered"
                run_worker()
        assert sns.actions() == ["GetEndpointAttributes", "GetEndpointAttributes"]

    def test_looks_at_one_that_an_earlier_version_registered(
        self, sns: Sns, key: DeveloperKey, device: PushDevice
    ) -> None:
        PushDevice.objects.update(checked_at=None)
        start(device.user, key)
        run_worker()
        assert sns.actions() == ["GetEndpointAttributes"]

    def test_waits_for_no_later_try(self, sns: Sns, key: DeveloperKey, device: PushDevice) -> None:
        PushDevice.objects.update(workflow_state="pending", endpoint_arn="")
        sns.script = always("CreatePlatformEndpoint", refuse("Throttling", "Rate exceeded"))
        an_hour_passes()
        start(device.user, key)
        run_worker()
        sns.script = None
        an_hour_passes()
        start(device.user, key)
        run_worker()
        device.refresh_from_db()
        assert device.workflow_state == "registered"

    @pytest.mark.parametrize("state", ["failed", "removed"])
    def test_brings_back_what_was_given_up_within_the_hour(
        self, key: DeveloperKey, operator: Any, device: PushDevice, state: str
    ) -> None:
        disable(operator, device)
        PushDevice.objects.update(workflow_state=state, failure="why")
        assert start(device.user, key).workflow_state == "pending"
        run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure) == ("registered", "")
        assert seen(operator, device.endpoint_arn)["Enabled"] == "true"

    def test_of_another_user_within_the_hour_moves_it(
        self, key: DeveloperKey, operator: Any, device: PushDevice
    ) -> None:
        amy = make_user("Amy")
        start(amy, key)
        run_worker()
        assert seen(operator, device.endpoint_arn)["CustomUserData"] == str(amy.pk)


def start(user: User, key: DeveloperKey, token: str = TOKEN) -> PushDevice:
    with transaction.atomic():
        subject = find_subject(Caller(user, user), "self", lock=True)
        return registration.register(subject, token, registration.find(key, token))


def an_hour_passes() -> None:
    PushDevice.objects.update(checked_at=F("checked_at") - timedelta(hours=1))


def test_a_disabled_endpoint_gets_token_owner_and_enabled_together(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    device = registered(key, sns)
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})
    sync(device)
    [change] = [call for call in sns.calls if call["Action"] == "SetEndpointAttributes"]
    names = {
        value for name, value in change.items() if name.startswith("Attributes.") and name.endswith(".key")
    }
    assert names == {"Token", "CustomUserData", "Enabled"}
    assert seen(operator, device.endpoint_arn)["Enabled"] == "true"


def test_an_endpoint_with_another_token_is_mended(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = registered(key, sns)
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Token": "CD34" * 16})
    sync(device)
    assert seen(operator, device.endpoint_arn)["Token"] == TOKEN


def lower_tokens(sns: Sns, operator: Any, arn: str) -> None:
    """As Amazon does: hand the token back in lower case."""
    operator.set_endpoint_attributes(
        EndpointArn=arn, Attributes={"Token": seen(operator, arn)["Token"].lower()}
    )


def test_apns_tokens_are_compared_in_lower_case(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = registered(key, sns)
    sync(device)
    lower_tokens(sns, operator, device.endpoint_arn)
    sns.calls.clear()
    sync(device)
    assert sns.actions() == ["GetEndpointAttributes"]


def test_fcm_tokens_are_compared_as_they_are(sns: Sns, operator: Any) -> None:
    key = make_key(sns_arn=make_application(operator, platform="GCM"))
    device = registered(key, sns, FCM_TOKEN)
    lower_tokens(sns, operator, device.endpoint_arn)
    sync(device)
    assert seen(operator, device.endpoint_arn)["Token"] == FCM_TOKEN


def test_an_endpoint_that_exists_with_other_attributes_is_adopted(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    made = operator.create_platform_endpoint(
        PlatformApplicationArn=key.sns_arn,
        Token=TOKEN,
        CustomUserData="somebody",
        Attributes={"Enabled": "false"},
    )
    device = make_device(key)
    sync(device)
    assert device.endpoint_arn == made["EndpointArn"]
    found = seen(operator, device.endpoint_arn)
    assert (found["Enabled"], found["CustomUserData"]) == ("true", str(device.user_id))


def test_the_endpoint_of_another_application_is_not_adopted(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    other = make_application(operator, "Teacher")
    operator.create_platform_endpoint(PlatformApplicationArn=other, Token=TOKEN, CustomUserData="somebody")
    device = make_device(key)
    with pytest.raises(TransportError, match="another application") as caught:
        sync(device)
    assert caught.value.permanent
    assert device.endpoint_arn == ""


@pytest.mark.parametrize("gone", [GONE, GONE_TOO])
def test_an_endpoint_deleted_behind_our_back_is_made_again(sns: Sns, key: DeveloperKey, gone: Answer) -> None:
    device = registered(key, sns)
    sns.script = once("GetEndpointAttributes", gone)
    sync(device)
    assert sns.actions()[:2] == ["GetEndpointAttributes", "CreatePlatformEndpoint"]
    assert device.workflow_state == "registered"


def test_an_endpoint_that_was_really_deleted_is_made_again(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    device = registered(key, sns)
    before = device.endpoint_arn
    operator.delete_endpoint(EndpointArn=before)
    sync(device)
    assert endpoints(operator, key) == [device.endpoint_arn] != [before]


def test_an_endpoint_that_vanishes_before_it_is_set_is_made_again(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    device = registered(key, sns)
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes={"Enabled": "false"})
    sns.script = once("SetEndpointAttributes", GONE)
    sync(device)
    assert sns.actions().count("CreatePlatformEndpoint") == 1
    assert seen(operator, device.endpoint_arn)["Enabled"] == "true"


def test_an_endpoint_that_keeps_vanishing_is_left_for_later(sns: Sns, key: DeveloperKey) -> None:
    device = registered(key, sns)
    sns.script = always("GetEndpointAttributes", GONE)
    with pytest.raises(TransportError, match="vanishes") as caught:
        sync(device)
    assert not caught.value.permanent
    assert sns.actions().count("CreatePlatformEndpoint") == 1


def test_the_arn_is_kept_even_if_the_next_call_fails(sns: Sns, key: DeveloperKey) -> None:
    device = make_device(key)
    sns.script = always("GetEndpointAttributes", refuse("InternalError", "sorry", 500))
    with pytest.raises(TransportError):
        sync(device)
    assert device.endpoint_arn.startswith("arn:aws:sns:us-east-1:123456789012:endpoint/APNS/Student/")


def test_a_device_that_changed_hands_gets_its_new_owner(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = registered(key, sns)
    device.user = make_user()
    device.save()
    sync(device)
    assert seen(operator, device.endpoint_arn)["CustomUserData"] == str(device.user_id)


def test_an_application_that_was_replaced_gets_an_endpoint_of_its_own(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    device = registered(key, sns)
    operator.delete_endpoint(EndpointArn=device.endpoint_arn)  # moto would find its token again
    key.sns_arn = make_application(operator, "Student2")
    key.save()
    sync(device)
    assert "/APNS/Student2/" in device.endpoint_arn


def test_a_removed_device_is_deleted(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = registered(key, sns)
    sync(device)
    remove(device)
    assert endpoints(operator, key) == []
    assert device.endpoint_arn == ""


def test_a_removed_device_that_never_reached_sns_needs_no_call(sns: Sns, key: DeveloperKey) -> None:
    remove(make_device(key))
    assert sns.calls == []


def test_a_removed_device_that_is_gone_already_is_no_error(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    device = registered(key, sns)
    operator.delete_endpoint(EndpointArn=device.endpoint_arn)
    remove(device)
    assert device.endpoint_arn == ""


def test_an_endpoint_that_vanishes_while_it_is_deleted_is_no_error(sns: Sns, key: DeveloperKey) -> None:
    device = registered(key, sns)
    sync(device)
    sns.script = once("DeleteEndpoint", GONE)
    remove(device)
    assert device.endpoint_arn == ""


@pytest.mark.parametrize("theirs", [{"CustomUserData": "somebody"}, {"Token": "CD34" * 16}])
def test_an_endpoint_that_is_no_longer_ours_is_not_deleted(
    sns: Sns, key: DeveloperKey, operator: Any, theirs: dict[str, str]
) -> None:
    device = registered(key, sns)
    sync(device)
    operator.set_endpoint_attributes(EndpointArn=device.endpoint_arn, Attributes=theirs)
    arn = device.endpoint_arn
    remove(device)
    assert endpoints(operator, key) == [arn]


def test_an_endpoint_that_another_key_of_the_application_uses_is_not_deleted(
    sns: Sns, key: DeveloperKey, operator: Any
) -> None:
    device = registered(key, sns)
    sync(make_device(make_key(sns_arn=key.sns_arn), user=device.user))
    remove(device)
    assert len(endpoints(operator, key)) == 1


def test_throttling_is_a_delay(sns: Sns, key: DeveloperKey) -> None:
    sns.script = once("CreatePlatformEndpoint", refuse("Throttling", "Rate exceeded"))
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    run_worker()
    device.refresh_from_db()
    assert (device.workflow_state, device.failure) == ("pending", "SNS: Throttling: Rate exceeded")
    make_due()
    run_worker()
    device.refresh_from_db()
    assert (device.workflow_state, device.failure) == ("registered", "")


def test_an_outage_is_a_delay(sns: Sns, key: DeveloperKey) -> None:
    sns.script = always("CreatePlatformEndpoint", refuse("ServiceUnavailable", "down", 503))
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    run_worker()
    device.refresh_from_db()
    assert device.workflow_state == "pending"


def test_no_answer_at_all_is_a_delay(sns: Sns, key: DeveloperKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:1")
    with pytest.raises(TransportError, match="EndpointConnectionError") as caught:
        sync(make_device(key))
    assert not caught.value.permanent


def test_a_hanging_service_is_given_up_after_the_timeout(
    sns: Sns, key: DeveloperKey, settings: Settings
) -> None:
    settings.SNS_TIMEOUT = 0.2

    def hang(_fields: Fields) -> None:
        time.sleep(0.5)

    sns.script = hang
    with pytest.raises(TransportError, match="ReadTimeoutError"):
        sync(make_device(key))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AuthorizationError", 403),
        ("ExpiredToken", 403),
        ("InvalidClientTokenId", 403),
        ("KMSThrottling", 400),
    ],
)
def test_what_an_operator_can_mend_is_shown_and_tried_again(
    sns: Sns, key: DeveloperKey, code: str, status: int
) -> None:
    sns.script = always("CreatePlatformEndpoint", refuse(code, "not now", status))
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    run_worker()
    device.refresh_from_db()
    assert (device.workflow_state, device.failure) == ("pending", f"SNS: {code}: not now")
    assert "notifications.sync_device" in jobs("todo")


def test_a_wrong_application_is_shown(sns: Sns) -> None:
    key = make_key(sns_arn="arn:aws:sns:us-east-1:123456789012:app/APNS/Missing")
    with pytest.raises(TransportError, match="no platform application") as caught:
        sync(make_device(key))
    assert not caught.value.permanent


def test_a_token_that_sns_refuses_is_given_up_at_once_and_not_shown(sns: Sns, key: DeveloperKey) -> None:
    sns.script = always("CreatePlatformEndpoint", refuse("InvalidParameter", f"Token {TOKEN} is not valid"))
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    run_worker()
    device.refresh_from_db()
    assert device.workflow_state == "failed"
    assert device.failure == "SNS: InvalidParameter: Token … is not valid"
    assert "notifications.sync_device" in jobs("failed")


def test_a_failed_device_is_left_alone(sns: Sns, key: DeveloperKey) -> None:
    sync(make_device(key, workflow_state="failed"))
    assert sns.calls == []


def test_a_device_that_is_gone_is_no_error(sns: Sns) -> None:
    sync_device(2**40)
    assert sns.calls == []


def test_a_key_without_an_application_is_shown(sns: Sns) -> None:
    with pytest.raises(TransportError, match="names no SNS") as caught:
        sync(make_device(make_key()))
    assert caught.value.permanent


def test_when_tries_run_out_the_device_failed(sns: Sns, key: DeveloperKey) -> None:
    sns.script = always("CreatePlatformEndpoint", refuse("Throttling", "Rate exceeded"))
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    make_due(attempts=MAX_TRIES - 1)
    run_worker()
    device.refresh_from_db()
    assert device.workflow_state == "failed"


def test_a_removal_that_fails_for_good_stays_a_removal(sns: Sns, key: DeveloperKey) -> None:
    device = make_device(key, workflow_state="removed")
    PushDevice.objects.mark_failed(device.pk, "why")
    device.refresh_from_db()
    assert (device.workflow_state, device.failure) == ("removed", "why")


def test_a_device_removed_meanwhile_stays_removed(sns: Sns, key: DeveloperKey) -> None:
    device = make_device(key)

    def remove_it(_fields: Fields) -> None:
        PushDevice.objects.filter(pk=device.pk).update(workflow_state="removed")
        connection.close()  # the server's thread has its own

    sns.script = remove_it
    sync(device)
    assert device.workflow_state == "removed"
    assert device.endpoint_arn


def test_the_region_comes_from_the_arn(sns: Sns) -> None:
    key = make_key(sns_arn=make_application(sns.client("eu-central-1"), platform="APNS_SANDBOX"))
    device = make_device(key)
    sync(device)
    assert device.endpoint_arn.startswith(
        "arn:aws:sns:eu-central-1:123456789012:endpoint/APNS_SANDBOX/Student/"
    )
    assert all("/eu-central-1/sns/" in call["authorization"] for call in sns.calls)


@pytest.mark.parametrize(
    ("endpoint", "belongs"),
    [
        ("arn:aws:sns:us-east-1:1:endpoint/APNS/Student/uuid", True),
        ("arn:aws:sns:us-east-1:1:endpoint/APNS/Student2/uuid", False),
        ("arn:aws:sns:us-east-1:1:endpoint/APNS_SANDBOX/Student/uuid", False),
        ("arn:aws:sns:eu-west-1:1:endpoint/APNS/Student/uuid", False),
        ("arn:aws:sns:us-east-1:2:endpoint/APNS/Student/uuid", False),
    ],
)
def test_which_endpoints_are_an_applications(endpoint: str, belongs: bool) -> None:
    assert push.belongs_to(endpoint, "arn:aws:sns:us-east-1:1:app/APNS/Student") is belongs


def test_devices_unheard_of_are_pruned(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = registered(key, sns)
    sync(device)
    PushDevice.objects.update(last_seen_at=timezone.now() - timedelta(days=271))
    recent = make_device(key, "CD34" * 16, last_seen_at=timezone.now() - timedelta(days=269))
    assert devices.prune(270) == 1
    run_worker()
    assert endpoints(operator, key) == []
    recent.refresh_from_db()
    assert recent.workflow_state == "pending"


def test_two_jobs_of_one_device_run_one_after_the_other(sns: Sns, key: DeveloperKey, operator: Any) -> None:
    device = make_device(key)
    PushDevice.job.ask_again([device.pk])
    PushDevice.job.ask_again([device.pk])
    run_worker(concurrency=4)
    assert sns.actions().count("CreatePlatformEndpoint") == 1
