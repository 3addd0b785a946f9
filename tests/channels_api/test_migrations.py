"""Migrations of the registry that run beside a service at work: no table is read under a strong lock."""

from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor

from canvas_channels.core.identity.models import Account, User
from channels_api.models import SecurityNotice
from tests.factories import make_channel, make_security_notice, make_user

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


@pytest.mark.django_db(transaction=True)
def test_staff_keep_their_rights_to_security_notices() -> None:
    right = Permission.objects.get(codename="change_securitynotice")
    user = make_user()
    user.user_permissions.add(right)
    notice = make_security_notice(user, "penny@example.com")
    before = ("channels_api", "0017_events_in_any_order")
    executor = MigrationExecutor(connection)
    everything = executor.loader.graph.leaf_nodes()
    executor.migrate([before])
    try:
        right.refresh_from_db()
        assert (right.codename, right.name) == ("change_announcement", "Can change announcement")
        old = executor.loader.project_state([before]).apps.get_model("channels_api", "Announcement")
        assert old.objects.get().pk == notice.pk
    finally:
        MigrationExecutor(connection).migrate(everything)
    assert User.objects.get(pk=user.pk).has_perm("channels_api.change_securitynotice")
    right.refresh_from_db()
    assert (right.codename, right.name) == ("change_securitynotice", "Can change security notice")
    assert right.content_type.model_class() is SecurityNotice
    assert list(user.user_permissions.all()) == [right]
