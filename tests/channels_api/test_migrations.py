"""Migrations of the registry that run beside a service at work: no table is read under a strong lock."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection

from canvas_channels.core.identity.models import Account
from tests.factories import make_channel, make_user

pytestmark = pytest.mark.django_db


def sql(app: str, migration: str) -> str:
    out = StringIO()
    call_command("sqlmigrate", app, migration, stdout=out)
    return out.getvalue()


def test_a_constraint_is_checked_apart_from_being_added() -> None:
    added, checked = (
        sql("channels_api", "0005_pending_address"),
        sql("channels_api", "0006_pending_address_valid"),
    )
    assert "NOT VALID" in added
    assert "VALIDATE" not in added
    assert "VALIDATE CONSTRAINT" in checked
    assert "ADD CONSTRAINT" not in checked


def test_processes_of_the_version_before_can_still_make_accounts() -> None:
    fields = ["name", "is_default", "region", "locale", "users_can_edit_comm_channels"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO identity_account ({', '.join(fields)}, edit_institution_email, created_at)"
            " VALUES ('Old', false, 'US', 'en', true, true, now())"
        )
    assert Account.objects.get(name="Old").institution_email_first is False


@pytest.mark.parametrize("state", ["unconfirmed", "retired"])
def test_only_an_active_channel_waits_for_an_address(state: str) -> None:

    with pytest.raises(IntegrityError, match="channel_pending_address_while_active"):
        make_channel(make_user(), workflow_state=state, pending_address="n@example.edu")
