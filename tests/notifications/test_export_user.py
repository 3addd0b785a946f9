"""Exporting what the service keeps of a user."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.models import User
from channels_api.models import (
    ConfirmationCode,
    PushDevice,
)
from tests.commands import refusal, run
from tests.factories import (
    make_user,
)
from tests.notifications.personal import DEVICE_TOKEN, PERSONAL, Person, personal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person() -> Person:
    return Person()


class TestExporting:
    """``manage.py export_user``."""

    @pytest.fixture
    def exported(self, person: Person) -> Any:
        return json.loads(run("export_user", "--user", str(person.user.pk)))

    def test_holds_all_that_is_personal_but_secrets(self, person: Person, exported: Any) -> None:
        text = json.dumps(exported)
        assert set(PERSONAL) - set(personal(text)) == {DEVICE_TOKEN}
        secrets = [User.objects.get(pk=person.user.pk).password, *person.tokens]
        secrets += [checksum for (checksum,) in AccessToken.objects.values_list("token_checksum")]
        secrets += [digest for (digest,) in ConfirmationCode.objects.values_list("digest")]
        secrets += [digest for (digest,) in PushDevice.objects.values_list("token_digest")]
        assert [secret for secret in secrets if secret in text] == []

    def test_profile_and_logins(self, person: Person, exported: Any) -> None:
        assert exported["user"]["name"] == "Penelope Hofstadter"
        assert exported["logins"][0]["sis_user_id"] == "sis-p3nny"
        assert [row["account_id"] for row in exported["administered_accounts"]] == [person.account.pk]
        assert [row["expires"] for row in exported["tokens"]] == [None, None]
        assert exported["tokens"][0]["developer_key_name"] == "Student app"

    def test_custom_data(self, exported: Any) -> None:
        [kept] = exported["custom_data"]
        assert (kept["namespace"], kept["data"]) == ("app", {"names": {"nick": "p3nny"}})

    def test_channels(self, person: Person, exported: Any) -> None:
        first = exported["communication_channels"][0]
        assert (first["address"], first["pending_address"]) == (
            "Penny@caltech.example.com",
            "new-penny@example.edu",
        )
        assert first["notification_preferences"] == {"alert": "weekly"}
        assert [row["workflow_state"] for row in first["confirmations"]] == ["requested"]
        assert [row["type"] for row in exported["communication_channels"]] == ["email", "sms", "push"]
        assert exported["push_devices"][0]["developer_key_name"] == "Student app"

    def test_what_was_done_and_reported(self, exported: Any) -> None:
        assert {"create", "set_preferences", "request_address_change"} <= {
            row["action"] for row in exported["audit"]
        }
        assert [row["provider"] for row in exported["webhook_events"]] == ["sendgrid", "amazon_sns"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", exported["user"]["created_at"])

    def test_to_a_file_that_only_the_operator_reads(self, person: Person, tmp_path: Path) -> None:
        file = tmp_path / "penny.json"
        file.touch(0o644)
        assert run("export_user", "--login", "pen-ny", output=str(file)) == ""
        assert json.loads(file.read_bytes())["user"]["id"] == person.user.pk
        assert file.stat().st_mode & 0o777 == 0o600
        assert "cannot be written" in refusal(
            "export_user", str(person.user.pk), output=str(tmp_path / "no" / "x")
        )

    def test_somebody_of_whom_there_is_little(self, db: None) -> None:
        user = make_user(login="")
        exported = json.loads(run("export_user", str(user.pk)))
        assert exported["communication_channels"] == exported["webhook_events"] == []
