"""Where SNS's credentials come from, and that a renewed file is read again."""

import json
import os
from pathlib import Path

import pytest
from pytest_django import Settings

from notifications.gateways import TransportError, sms
from tests.notifications.services import Sns

NUMBER = "+16265550100"


@pytest.fixture
def file(tmp_path: Path, settings: Settings, sns: Sns) -> Path:
    settings.SNS_CREDS_FILE = str(tmp_path / "sns.json")
    return tmp_path / "sns.json"


def write(file: Path, content: object) -> None:
    """Replace the file in one step, as an agent does."""
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(content))
    draft.rename(file)


def send_and_read_key(sns: Sns) -> str:
    """The access key that signed the call."""
    sms.send(NUMBER, "text")
    return sns.calls[-1]["authorization"].split("Credential=")[1].split("/")[0]


@pytest.mark.parametrize(
    "content",
    [
        {"AccessKeyId": "AKIDONE", "SecretAccessKey": "secret", "SessionToken": "session"},
        {"aws_access_key_id": "AKIDONE", "aws_secret_access_key": "secret"},
        {"access_key": "AKIDONE", "secret_key": "secret", "security_token": "session"},
        {"data": {"access_key": "AKIDONE", "secret_key": "secret", "security_token": None}},
    ],
)
def test_the_file_may_name_them_in_several_ways(content: object, file: Path, sns: Sns) -> None:
    write(file, content)
    assert send_and_read_key(sns) == "AKIDONE"


def test_without_a_file_they_come_by_boto3s_own_chain(sns: Sns) -> None:
    assert send_and_read_key(sns) == "testing"


def test_a_renewed_file_is_read_again(file: Path, sns: Sns) -> None:
    write(file, {"AccessKeyId": "AKIDONE", "SecretAccessKey": "secret"})
    assert send_and_read_key(sns) == "AKIDONE"
    write(file, {"AccessKeyId": "AKIDTWO", "SecretAccessKey": "secret"})
    assert send_and_read_key(sns) == "AKIDTWO"


def test_an_unchanged_file_keeps_the_client(file: Path, sns: Sns) -> None:
    write(file, {"AccessKeyId": "AKIDONE", "SecretAccessKey": "secret"})
    send_and_read_key(sns)
    same = file.stat()
    file.write_text(json.dumps({"AccessKeyId": "AKIDTWO", "SecretAccessKey": "secret"}))
    os.utime(file, ns=(same.st_atime_ns, same.st_mtime_ns))
    assert send_and_read_key(sns) == "AKIDONE"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "JSONDecodeError"),
        ('{"AccessKeyId": "AKID', "JSONDecodeError"),
        ("[]", "names no AccessKeyId"),
        ('{"AccessKeyId": "AKID"}', "names no AccessKeyId"),
    ],
)
def test_a_file_that_says_nothing_is_a_passing_failure(
    content: str, reason: str, file: Path, sns: Sns
) -> None:
    file.write_text(content)
    with pytest.raises(TransportError, match=reason) as caught:
        sms.send(NUMBER, "text")
    assert not caught.value.permanent


def test_a_missing_file_is_a_passing_failure(file: Path, sns: Sns) -> None:
    with pytest.raises(TransportError, match="SNS_CREDS_FILE cannot be read: No such file") as caught:
        sms.send(NUMBER, "text")
    assert not caught.value.permanent
