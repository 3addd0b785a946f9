"""``manage.py check_push`` against moto's SNS, with a script before it where Amazon answers otherwise.

moto knows no sandbox, keeps no date that is wrong, denies nobody, and has one account.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from canvas_channels.core.identity.models import DeveloperKey
from tests import ROOT
from tests.commands import failing, run
from tests.documents import commands, manage
from tests.factories import make_key
from tests.live import free_port
from tests.notifications.services import Sns, always, refuse

pytestmark = pytest.mark.django_db

NUMBER = "+16265550100"
TOPIC = "arn:aws:sns:us-east-1:123456789012:endpoints"
EVENTS = {"EventEndpointDeleted": TOPIC, "EventDeliveryFailure": TOPIC}
MISSING = "arn:aws:sns:us-east-1:123456789012:app/APNS/Missing"
ANSWER = (
    '<{0}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{0}Result>{1}</{0}Result></{0}Response>'
)


def sandboxed(yes: bool) -> Any:
    action = "GetSMSSandboxAccountStatus"
    inside = f"<IsInSandbox>{str(yes).lower()}</IsInSandbox>"
    return always(action, (200, ANSWER.format(action, inside)))


def both(*scripts: Any) -> Any:
    return lambda fields: next(filter(None, (script(fields) for script in scripts)), None)


def deny(*actions: str) -> Any:
    denied = refuse("AuthorizationError", "User: ... is not authorized to perform: ...", 403)
    return lambda fields: denied if fields["Action"] in actions else None


@pytest.fixture
def amazon(sns: Sns, settings: Settings) -> Sns:
    """An account as it should be."""
    sns.script = sandboxed(False)
    sns.client().set_sms_attributes(attributes={"MonthlySpendLimit": "100"})
    settings.SNS_TOPIC_ARNS = [TOPIC]
    settings.SMS_ALLOWED_COUNTRIES = ["US", "CA"]
    return sns


@pytest.fixture
def key(amazon: Sns) -> DeveloperKey:
    return make_key(sns_arn=application(amazon))


def application(sns: Sns, platform: str = "APNS", region: str = "us-east-1", **attributes: str) -> str:
    made = sns.client(region).create_platform_application(
        Name="Student", Platform=platform, Attributes={**EVENTS, **attributes}
    )
    return str(made["PlatformApplicationArn"])


def left(sns: Sns, arn: str) -> list[Any]:
    found: list[Any] = sns.client().list_endpoints_by_platform_application(PlatformApplicationArn=arn)[
        "Endpoints"
    ]
    return found


@pytest.mark.parametrize("platform", ["APNS", "APNS_SANDBOX", "GCM"])
def test_all_steps_are_tried_and_nothing_is_left_behind(platform: str, amazon: Sns) -> None:
    arn = application(amazon, platform)
    make_key(sns_arn=arn)
    said = run("check_push")
    for action in ("CreatePlatform", "GetEndpoint", "SetEndpoint", "Delete"):
        assert re.search(f"^ok .*: {action}", said, re.MULTILINE)
    assert "All is well" in said
    assert left(amazon, arn) == []


def test_the_documented_commands_make_a_key_and_try_it(amazon: Sns) -> None:
    arn = application(amazon)
    make, check = commands("docs/providers.md", "Amazon SNS")
    [[command, *arguments]] = manage(make)
    assert arn.rpartition("/")[0] in arguments[-1]
    run(command, *arguments[:-1], arn)
    every_step, to_a_number = [run(*line) for line in manage(check)]
    assert "All is well" in every_step
    assert "All is well" in to_a_number
    assert [call["PhoneNumber"] for call in amazon.calls if call["Action"] == "Publish"] == [NUMBER]


def test_the_region_is_the_arns(amazon: Sns) -> None:
    make_key(sns_arn=application(amazon, region="eu-central-1"))
    run("check_push", "--only", "devices")
    [call] = [call for call in amazon.calls if call["Action"] == "CreatePlatformEndpoint"]
    assert "/eu-central-1/sns/" in call["authorization"]


def test_no_key_has_an_application(amazon: Sns) -> None:
    make_key()
    assert "create_developer_key NAME --sns-arn" in failing("check_push")


def test_one_key_alone_may_be_tried(key: DeveloperKey) -> None:
    make_key(sns_arn=MISSING)
    assert "All is well" in run("check_push", "--developer-key", key.client_id)
    assert "All is well" in run("check_push", "--key", str(key.pk))


def test_texts_alone_may_be_tried(amazon: Sns) -> None:
    assert "All is well" in run("check_push", "--only", "texts")


@pytest.mark.parametrize(
    "action", ["CreatePlatformEndpoint", "GetEndpointAttributes", "SetEndpointAttributes", "DeleteEndpoint"]
)
def test_an_action_that_the_policy_lacks_is_named(action: str, amazon: Sns, key: DeveloperKey) -> None:
    amazon.script = both(deny(action), sandboxed(False))
    said = failing("check_push")
    assert f'Allow "sns:{action}" on "arn:aws:sns:us-east-1:123456789012:' in said
    assert said.count("\nwrong ") == 1


def test_the_other_rights_are_tried_even_if_nothing_can_be_made(amazon: Sns, key: DeveloperKey) -> None:
    amazon.script = both(deny("CreatePlatformEndpoint", "DeleteEndpoint"), sandboxed(False))
    said = failing("check_push")
    endpoints = "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/Student/*"
    assert f'Allow "sns:DeleteEndpoint" on "{endpoints}"' in said
    assert said.count("\nwrong ") == 2


def test_an_endpoint_that_cannot_be_deleted_is_named(amazon: Sns, key: DeveloperKey) -> None:
    amazon.script = deny("DeleteEndpoint")
    said = failing("check_push", "--only", "devices")
    [endpoint] = left(amazon, key.sns_arn)
    assert f"left behind: {endpoint['EndpointArn']}" in said


def test_an_application_that_does_not_exist_with_those_that_do(amazon: Sns) -> None:
    application(amazon)
    make_key(sns_arn=MISSING)
    said = failing("check_push")
    assert "SNS knows no such application" in said
    assert "There are: APNS/Student." in said


def test_an_application_that_does_not_exist_for_who_may_not_read_it(amazon: Sns) -> None:
    make_key(sns_arn=MISSING)
    amazon.script = both(
        deny("GetPlatformApplicationAttributes", "ListPlatformApplications"), sandboxed(False)
    )
    assert "SNS knows no such application" in failing("check_push")


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("arn:aws:sns:cn-north-1:123456789012:app/APNS/Student", "is in the partition aws-cn"),
        ("arn:aws-us-gov:sns:us-east-1:123456789012:app/APNS/Student", "is in the partition aws"),
    ],
)
def test_a_region_of_another_partition(arn: str, words: str, amazon: Sns) -> None:
    make_key(sns_arn=arn)
    assert words in failing("check_push")


def test_an_application_of_another_account(amazon: Sns, sts: None) -> None:
    make_key(sns_arn="arn:aws:sns:us-east-1:999999999999:app/APNS/Student")
    assert "is of the account 999999999999, the credentials of 123456789012" in failing("check_push")


def test_a_disabled_application(amazon: Sns) -> None:
    make_key(sns_arn=application(amazon, Enabled="false"))
    assert "Apple or Google refuses its credentials" in failing("check_push")


def test_a_disabled_application_for_who_may_not_read_it(amazon: Sns, key: DeveloperKey) -> None:
    disabled = refuse("PlatformApplicationDisabled", "Platform application is disabled")
    amazon.script = both(
        deny("GetPlatformApplicationAttributes"),
        always("CreatePlatformEndpoint", disabled),
        sandboxed(False),
    )
    assert "Upload a current .p8 token" in failing("check_push")


@pytest.mark.parametrize(
    ("topic", "words"), [("", "goes to no topic"), (f"{TOPIC}2", "Add it to SNS_TOPIC_ARNS")]
)
def test_events_that_nobody_hears_are_a_warning(topic: str, words: str, amazon: Sns) -> None:
    make_key(sns_arn=application(amazon, EventEndpointDeleted=topic))
    said = run("check_push")
    assert words in said
    assert "All is well, 2 to look at" in said  # the other: that this is not Amazon


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidClientTokenId", "AWS does not know the access key"),
        ("SignatureDoesNotMatch", "the secret key does not go with the access key"),
        ("ExpiredToken", "the session token has expired"),
        ("RequestExpired", "clock is wrong"),
        ("OptInRequired", "may not use SNS here"),
    ],
)
def test_credentials_that_are_no_good_are_said_once(
    code: str, words: str, amazon: Sns, key: DeveloperKey
) -> None:
    amazon.script = lambda _fields: refuse(code, "no", 403)
    said = failing("check_push", "--only", "devices")
    assert words in said
    assert said.count("\nwrong ") == 1


def test_throttling_is_said(amazon: Sns, key: DeveloperKey) -> None:
    throttled = always("SetEndpointAttributes", refuse("Throttling", "Rate exceeded"))
    amazon.script = both(throttled, sandboxed(False))
    assert "Run this again in a minute" in failing("check_push")


def test_where_credentials_come_from_and_whose_they_are(key: DeveloperKey, sts: None) -> None:
    said = run("check_push")
    assert "from AWS_ACCESS_KEY_ID in the environment" in said
    assert "they are those of arn:aws:sts::123456789012:user/moto" in said


def test_no_credentials(key: DeveloperKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "there are no credentials" in failing("check_push")


def test_a_temporary_key_without_its_token(key: DeveloperKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIATESTINGTESTING00")
    assert "Set AWS_SESSION_TOKEN" in failing("check_push")


def test_a_credentials_file_that_others_may_read(
    key: DeveloperKey, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "sns.json"
    file.write_text(json.dumps({"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret-of-the-file"}))
    file.chmod(0o644)
    settings.SNS_CREDS_FILE = str(file)
    said = run("check_push")
    assert "from SNS_CREDS_FILE" in said
    assert "Give the file mode 600" in said
    assert "secret-of-the-file" not in said


def test_a_credentials_file_that_is_none(key: DeveloperKey, settings: Settings, tmp_path: Path) -> None:
    settings.SNS_CREDS_FILE = str(tmp_path / "missing.json")
    assert "It must be a JSON object with AccessKeyId" in failing("check_push")


def test_nothing_listens(key: DeveloperKey, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{free_port()}")
    settings.SNS_TIMEOUT += 1  # no client of another test serves
    said = failing("check_push")
    assert "Let this machine reach it over HTTPS" in said


@pytest.mark.parametrize(("minutes", "words"), [(2, "clock: 1"), (10, "Set the clock by NTP")])
def test_a_clock_that_is_wrong(
    minutes: int, words: str, amazon: Sns, key: DeveloperKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon.ahead = -60.0 * minutes
    said = failing("check_push") if minutes > 5 else run("check_push")
    assert words in said
    assert "seconds ahead of Amazon's" in said


def test_the_sandbox(amazon: Sns, key: DeveloperKey) -> None:
    amazon.script = sandboxed(True)
    assert 'Choose "Exit SMS sandbox"' in failing("check_push")


def test_what_the_worker_never_asks_may_be_denied(amazon: Sns, key: DeveloperKey) -> None:
    amazon.script = deny(
        "GetPlatformApplicationAttributes",
        "ListPlatformApplications",
        "GetSMSSandboxAccountStatus",
        "GetSMSAttributes",
    )
    said = run("check_push")
    assert said.count("(optional)") == 3


@pytest.mark.parametrize(
    ("countries", "words", "wrong"),
    [([], "no country is allowed", True), (["*"], "invites paid-SMS fraud", False)],
)
def test_allowed_countries(
    countries: list[str], words: str, wrong: bool, key: DeveloperKey, settings: Settings
) -> None:
    settings.SMS_ALLOWED_COUNTRIES = countries
    assert words in (failing("check_push") if wrong else run("check_push"))


def test_a_small_spending_limit_is_a_warning(amazon: Sns, key: DeveloperKey) -> None:
    amazon.client().set_sms_attributes(attributes={"MonthlySpendLimit": "1"})
    assert "spends at most 1 USD a month" in run("check_push")


def test_a_message_is_sent_only_where_it_is_asked_for(amazon: Sns, key: DeveloperKey) -> None:
    run("check_push")
    assert "Publish" not in amazon.actions()
    said = run("check_push", "--to", NUMBER)
    assert "Publish" in amazon.actions()
    assert NUMBER not in said


def test_publishing_that_the_policy_lacks(amazon: Sns, key: DeveloperKey) -> None:
    amazon.script = both(deny("Publish"), sandboxed(False))
    said = failing("check_push", "--to", NUMBER)
    assert 'Allow "sns:Publish"' in said
    assert NUMBER not in said


def test_a_number_that_opted_out(amazon: Sns, key: DeveloperKey) -> None:
    action = "CheckIfPhoneNumberIsOptedOut"
    opted_out = always(action, (200, ANSWER.format(action, "<isOptedOut>true</isOptedOut>")))
    amazon.script = both(opted_out, sandboxed(False))
    assert "has opted out" in failing("check_push", "--to", NUMBER)
    assert "Publish" not in amazon.actions()


def test_a_number_of_a_country_that_is_not_allowed(key: DeveloperKey) -> None:
    assert "Add it to SMS_ALLOWED_COUNTRIES" in failing("check_push", "--to", "+4930123456")


def test_a_number_that_is_none_is_status_2() -> None:
    command = [sys.executable, "manage.py", "check_push", "--to", "555"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "begin with +" in done.stderr


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Says whose the credentials are, as only Amazon's own can where SNS is Amazon's."""
    server = Sns("sts")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    yield
    server.stop()


def test_a_key_of_another_platform_is_not_confused(amazon: Sns) -> None:
    arn = application(amazon)
    make_key(sns_arn=arn.replace("APNS/", "APNS_SANDBOX/"))
    assert "There are: APNS/Student." in failing("check_push")
