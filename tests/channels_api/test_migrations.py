"""Migrations of the registry that run beside a service at work: no table is read under a strong lock."""

from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model

from canvas_channels.core.identity.models import Account, AccountUser, User
from channels_api.models import Progress, SecurityNotice
from tests.factories import default_account, make_channel, make_security_notice, make_user

pytestmark = pytest.mark.django_db

RENAMED = {  # each with the migration before, and its names
    SecurityNotice: (("channels_api", "0017_events_in_any_order"), "announcement", "security notice"),
    AccountUser: (("identity", "0008_sending"), "account admin", "account user"),
}


def sql(app: str, migration: str) -> str:
    out = StringIO()
    call_command("sqlmigrate", app, migration, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("app", "adds", "checks"),
    [
        ("channels_api", "0005_pending_address", "0006_pending_address_valid"),
        pytest.param(
            *("notifications", "0011_failed_dispatches", "0012_failed_dispatches_valid"),
            marks=pytest.mark.django_db(transaction=True),
        ),
    ],
)
def test_a_constraint_is_checked_apart_from_being_added(app: str, adds: str, checks: str) -> None:
    added, checked = sql(app, adds), sql(app, checks)
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


def test_processes_of_the_version_before_can_still_begin_imports() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO channels_api_progress (account_id, tag, workflow_state, completion, message,"
            " details, created_at, updated_at)"
            " VALUES (%s, 'communication_channel_import', 'queued', 0, '', '{}', now(), now())",
            [default_account().pk],
        )
    assert list(Progress.objects.waiting().values_list("failure", flat=True)) == [""]


@pytest.mark.parametrize("state", ["unconfirmed", "retired"])
def test_only_an_active_channel_waits_for_an_address(state: str) -> None:

    with pytest.raises(IntegrityError, match="channel_pending_address_while_active"):
        make_channel(make_user(), workflow_state=state, pending_address="n@example.edu")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [SecurityNotice, AccountUser])
def test_staff_keep_their_rights_to_renamed_models(model: type[Model]) -> None:
    before, old_name, new_name = RENAMED[model]
    codenames = [f"change_{name.replace(' ', '')}" for name in (old_name, new_name)]
    right = Permission.objects.get(codename=codenames[1])
    user = make_user()
    user.user_permissions.add(right)
    make_security_notice(user, "penny@example.com")
    AccountUser.objects.create(account=user.home_account, user=user)
    row = model._default_manager.get()
    executor = MigrationExecutor(connection)
    everything = executor.loader.graph.leaf_nodes()
    executor.migrate([before])
    try:
        right.refresh_from_db()
        assert (right.codename, right.name) == (codenames[0], f"Can change {old_name}")
        apps = executor.loader.project_state([before]).apps
        old = apps.get_model(before[0], old_name.replace(" ", ""))
        assert old._default_manager.get().pk == row.pk
    finally:
        MigrationExecutor(connection).migrate(everything)
    assert User.objects.get(pk=user.pk).has_perm(f"{before[0]}.{codenames[1]}")
    right.refresh_from_db()
    assert (right.codename, right.name) == (codenames[1], f"Can change {new_name}")
    assert right.content_type.model_class() is model
    assert list(user.user_permissions.all()) == [right]


@pytest.mark.django_db(transaction=True)
def test_a_new_migration_only_renames_the_model_of_admins() -> None:
    statements = [line for line in sql("identity", "0009_account_user").splitlines() if line[:2] != "--"]
    assert [line for line in statements if line not in {"", "BEGIN;", "COMMIT;"}] == []
