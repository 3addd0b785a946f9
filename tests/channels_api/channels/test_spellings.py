"""What a version before wrote, to which one mailbox in several spellings was several."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from canvas_channels.core.identity.models import User
from channels_api.addresses import fold
from channels_api.channels import confirm, spellings
from channels_api.models import SPELLED_OTHERWISE, AuditEntry, CommunicationChannel, Confirmation
from tests.commands import run
from tests.factories import issue_code, make_channel, make_user
from tests.plans import plan_with_only

pytestmark = pytest.mark.django_db


def old_channel(user: User, address: str, **fields: Any) -> CommunicationChannel:
    """As the version before writes it."""
    channel = make_channel(user, **fields)
    of_channel = CommunicationChannel.objects.filter(pk=channel.pk)
    of_channel.update(address=address, address_folded=fold(address), shown_folded=None)
    channel.refresh_from_db()
    return channel


def live(user: User) -> list[tuple[str, str]]:
    rows = user.communication_channels.exclude(workflow_state="retired").order_by("position")
    return list(rows.values_list("address", "address_folded"))


def test_the_ascii_form_is_filled_in() -> None:
    user = make_user()
    for address in ("A@faß.de", "a@fass.de.example", '"b"@example.edu', "Plain@example.edu"):
        old_channel(user, address)
    assert spellings.settle() == 1
    assert live(user) == [
        ("A@faß.de", "a@xn--fa-hia.de"),
        ("a@fass.de.example", "a@fass.de.example"),
        ('"b"@example.edu', "b@example.edu"),
        ("Plain@example.edu", "plain@example.edu"),
    ]
    assert user.communication_channels.get(address="A@faß.de").shown_folded == "a@fass.de"


def test_of_two_that_become_one_the_first_by_position_stays() -> None:
    user = make_user()
    second = old_channel(user, "a@bücher.example", position=5)
    first = old_channel(user, "A@xn--bcher-kva.example", position=2)
    other = old_channel(make_user(), "a@bücher.example")
    spellings.settle()
    assert live(user) == [("A@xn--bcher-kva.example", "a@xn--bcher-kva.example")]
    second.refresh_from_db()
    assert second.workflow_state == "retired"
    assert second.retired_at
    assert (second.address, second.address_folded) == ("a@bücher.example", "a@xn--bcher-kva.example")
    entry = AuditEntry.objects.get()
    assert (entry.user_id, entry.channel_id, entry.action) == (user.pk, second.pk, "retire")
    assert entry.details == {"reason": "same_mailbox", "kept": first.pk}
    other.refresh_from_db()
    assert other.workflow_state == "active"


def test_what_was_proved_or_imported_of_the_mailbox_stays_so() -> None:
    user = make_user()
    old_channel(user, "a@bücher.example", workflow_state="unconfirmed")
    old_channel(user, "a@xn--bcher-kva.example", institutional=True)
    spellings.settle()
    [left] = user.communication_channels.exclude(workflow_state="retired")
    assert (left.address, left.workflow_state, left.institutional) == ("a@bücher.example", "active", True)


def test_a_confirmation_that_is_on_its_way_still_confirms() -> None:
    channel = old_channel(make_user(), "a@faß.de", workflow_state="unconfirmed")
    request = Confirmation.objects.create(
        channel=channel, user=channel.user, address_folded=fold(channel.address)
    )
    issued = issue_code(request)
    spellings.settle()
    assert confirm.confirm_email(issued.code).workflow_state == "active"


def test_an_address_that_waits_is_found_too() -> None:
    channel = old_channel(make_user(), "a@example.edu", pending_address="a@faß.de")
    request = Confirmation.objects.create(channel=channel, user=channel.user, address_folded="a@fass.de")
    spellings.settle()
    request.refresh_from_db()
    assert request.address_folded == "a@xn--fa-hia.de"


def test_once_settled_there_is_nothing_to_do() -> None:
    old_channel(make_user(), "a@bücher.example")
    old_channel(make_user(), "a@☃.example")
    assert spellings.settle() == 1
    assert spellings.settle() == 0


def test_many_users_are_done_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spellings, "AT_ONCE", 2)
    for _ in range(5):
        old_channel(make_user(), "a@bücher.example")
    assert spellings.settle() == 5


def test_the_candidates_have_an_index() -> None:
    otherwise = CommunicationChannel.objects.filter(SPELLED_OTHERWISE, user__gt=0).order_by("user")
    index = "channel_spelled_otherwise"
    assert f"using {index}" in plan_with_only(index, otherwise.values_list("user"))


def test_what_is_refused_is_kept_and_listed() -> None:
    user = make_user()
    kept = [old_channel(user, address) for address in ("a@☃.example", "b@[127.0.0.1]", "c@xn--a.de")]
    number = make_channel(user, "+15550100", "sms")
    make_channel(user, "For All Devices", "push")
    make_channel(user, "fine@bücher.example")
    make_channel(user, "gone@☃.example", workflow_state="retired")
    spellings.settle()
    lines = [line.split("\t") for line in run("list_refused_addresses").splitlines()]
    assert [int(line[0]) for line in lines] == [*(channel.pk for channel in kept), number.pk]
    assert lines[0][1:] == [str(user.pk), "email", "a…@☃.example", "is not a valid email address"]
    assert lines[3][2:] == ["sms", "+1…00", "is not a valid phone number"]


def test_the_migration_uses_the_models_that_it_is_given() -> None:
    """Those of its own time, not what the models become."""
    asked = []

    class Registry:
        @staticmethod
        def get_model(label: str, name: str) -> Any:
            asked.append(name)
            return apps.get_model(label, name)

    user = make_user()
    old_channel(user, "a@bücher.example")
    old_channel(user, "a@xn--bcher-kva.example")
    assert spellings.settle(Registry()) == 1
    assert set(asked) == {"CommunicationChannel", "Confirmation", "User", "AuditEntry"}


@pytest.mark.django_db(transaction=True)
def test_the_migration_settles_what_is_there() -> None:
    executor = MigrationExecutor(connection)
    everything = executor.loader.graph.leaf_nodes()
    user = make_user()  # by the models as they are now
    executor.migrate([("channels_api", "0010_device_checked")])
    try:
        before = executor.loader.project_state([("channels_api", "0010_device_checked")]).apps
        channels = before.get_model("channels_api", "CommunicationChannel").objects
        for position, address in enumerate(("a@☃.example", "a@faß.de", "a@xn--fa-hia.de"), 1):
            channels.create(
                user_id=user.pk,
                type="email",
                address=address,
                address_folded=fold(address),
                position=position,
            )
    finally:
        MigrationExecutor(connection).migrate(everything)
    assert live(user) == [("a@☃.example", "a@☃.example"), ("a@faß.de", "a@xn--fa-hia.de")]
