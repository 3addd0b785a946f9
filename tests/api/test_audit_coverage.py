"""Every change to a channel is in the audit trail, by whomever and in whichever way it was made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.models import Account
from canvas_channels.core.identity.tokens import revoke_token
from channels_api.accounts import progress
from channels_api.channels import confirm
from channels_api.messages import confirmations
from channels_api.models import AuditEntry, CommunicationChannel, Progress, PushDevice
from notifications.senders import devices
from notifications.webhooks import bounces
from notifications.webhooks.tracking import Kind, Report
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS, change, issued_code
from tests.commands import run
from tests.factories import (
    APNS_ARN,
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_key,
    make_site_admin,
    make_token,
    make_user,
)
from tests.notifications.services import do_all

pytestmark = pytest.mark.django_db

TOKEN = "ab" * 32


class World:
    """A user with channels, who calls with a token of a key that has an ARN; and their admins."""

    def __init__(self) -> None:
        load_catalogue()
        self.account = make_account(is_default=True)
        self.user = make_user(account=self.account, login="sheldon", imported_email="i@example.edu")
        self.key = make_key(sns_arn=APNS_ARN)
        self.me = ApiClient(make_token(self.user, self.key))
        self.admin_user = make_admin(self.account)
        self.admin = ApiClient(make_token(self.admin_user, self.key))
        self.boss_user = make_site_admin()
        self.boss = ApiClient(make_token(self.boss_user, self.key))

    def channel(self, **fields: Any) -> CommunicationChannel:
        return make_channel(self.user, **fields)

    def post(self, client: ApiClient, address: str = "n@example.edu", **more: str) -> CommunicationChannel:
        form = f"communication_channel[type]=email&communication_channel[address]={address}"
        form += "".join(f"&{name}={value}" for name, value in more.items())
        answer = client.call("POST", f"/users/{self.user.pk}/communication_channels", form)
        assert answer.status_code == 200, answer.content
        return CommunicationChannel.objects.get(pk=answer.json()["id"])

    def register(self, client: ApiClient | None = None) -> PushDevice:
        body = {"communication_channel": {"type": "push", "token": TOKEN}}
        assert (client or self.me).call("POST", CHANNELS, json=body).status_code == 200
        return PushDevice.objects.get()


def revive(world: World) -> None:
    world.channel(address="n@example.edu", workflow_state="retired")
    world.post(world.me)


def delete_push_channel(world: World) -> None:
    world.register()
    AuditEntry.objects.all().delete()
    push = CommunicationChannel.objects.get(type="push")
    assert world.me.call("DELETE", f"{CHANNELS}/{push.pk}").status_code == 200


def follow_the_link(world: World) -> None:
    channel = world.channel(workflow_state="unconfirmed")
    assert confirmations.resend(channel)
    AuditEntry.objects.all().delete()
    code = issued_code(channel)
    assert Client().post(f"/register/{code}", "{}", "application/json").status_code == 200


def enter_the_code(world: World) -> None:
    channel = world.channel(type="sms", address="+16265550100", workflow_state="unconfirmed")
    confirmations.resend(channel)
    AuditEntry.objects.all().delete()
    form = f"confirmation_code={issued_code(channel)}"
    assert world.me.call("POST", f"{CHANNELS}/{channel.pk}/confirm", form).status_code == 200


def follow_the_link_to_a_new_address(world: World) -> None:
    channel = world.channel()
    change(world.me, channel, address="n@example.edu")
    AuditEntry.objects.all().delete()
    confirm.confirm_email(issued_code(channel))


def take_the_new_address_back(world: World) -> None:
    channel = world.channel(pending_address="n@example.edu")
    change(world.me, channel, address=channel.address)


def move(world: World) -> None:
    world.channel()
    change(world.me, world.channel(), position=1)


def a_rule_moves(world: World) -> None:
    Account.objects.update(institution_email_first=True)
    world.channel()
    change(world.admin, world.channel(), institutional=True)


def resend(world: World) -> None:
    channel = world.channel(workflow_state="unconfirmed")
    world.admin.call("POST", f"/users/{world.user.pk}/communication_channels/{channel.pk}/resend")


def reset(world: World) -> None:
    channel = world.channel(bounce_count=1, last_bounce_at=timezone.now())
    world.boss.call("POST", f"/users/{world.user.pk}/communication_channels/{channel.pk}")


def reset_all(world: World) -> None:
    world.channel(bounce_count=1, last_bounce_at=timezone.now())
    world.boss.call("POST", "/accounts/self/bouncing_communication_channels/reset")
    do_all(progress.step, Progress.objects.get().pk)


def confirm_all(world: World) -> None:
    world.channel(workflow_state="unconfirmed")
    world.boss.call("POST", "/accounts/self/unconfirmed_communication_channels/confirm")


def import_rows(world: World) -> None:
    row = {"login_id": "sheldon", "type": "email", "address": "n@example.edu"}
    body = {"communication_channels": [row]}
    world.admin.call("POST", "/accounts/self/communication_channels/import", json=body)
    do_all(progress.step, Progress.objects.get().pk)


def set_preference(world: World) -> None:
    path = f"{CHANNELS}/{world.channel().pk}/notification_preferences/alert?as_user_id={world.user.pk}"
    answer = world.admin.call("PUT", path, "notification_preferences[frequency]=daily")
    assert answer.status_code == 200


def unregister(world: World) -> None:
    world.register()
    AuditEntry.objects.all().delete()
    world.me.call("DELETE", f"{CHANNELS}/push?push_token={TOKEN}")


def unregister_one(world: World) -> None:
    device = world.register()
    AuditEntry.objects.all().delete()
    world.me.call("DELETE", f"{CHANNELS}/push/devices/{device.pk}")


def register_again(world: World) -> None:
    unregister(world)
    AuditEntry.objects.all().delete()
    world.register()


def move_a_device(world: World) -> None:
    world.register(ApiClient(make_token(make_user("Leonard"), world.key)))
    AuditEntry.objects.all().delete()
    world.register()


def lose_the_last_token(world: World) -> None:
    world.register()
    AuditEntry.objects.all().delete()
    revoke_token(AccessToken.objects.get(user=world.user))


def be_unheard_of(world: World) -> None:
    world.register()
    AuditEntry.objects.all().delete()
    PushDevice.objects.update(last_seen_at=timezone.now() - timedelta(days=9))
    devices.prune(7)


def report(kind: Kind, **fields: Any) -> Callable[[World], None]:
    def bounce(world: World) -> None:
        channel = world.channel(**fields)
        with transaction.atomic():
            bounces.record([Report(kind, channel.address, None, "550 no")], timezone.now())

    return bounce


def run_import(world: World, tmp_path: Any) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,login,email\nSheldon,sheldon,i@example.edu\n")
    run("import_users", str(file), account=world.account.pk)


WAYS: dict[str, tuple[Callable[[World], object], list[tuple[str, str | None]]]] = {
    "create": (lambda world: world.post(world.me), [("create", "me")]),
    "create for somebody": (
        lambda world: world.post(world.admin, skip_confirmation="1"),
        [("create", "admin")],
    ),
    "create, acting": (
        lambda world: world.post(world.admin, as_user_id=str(world.user.pk)),
        [("create", "acting admin")],
    ),
    "bring back": (revive, [("revive", "me")]),
    "delete": (
        lambda world: world.me.call("DELETE", f"{CHANNELS}/{world.channel().pk}"),
        [("retire", "me")],
    ),
    "delete by address": (
        lambda world: world.me.call("DELETE", f"{CHANNELS}/email/{world.channel().address}"),
        [("retire", "me")],
    ),
    "delete the push channel": (delete_push_channel, [("remove_device", "me"), ("retire", "me")]),
    "confirm by the link": (follow_the_link, [("confirm", None)]),
    "confirm by the code": (enter_the_code, [("confirm", "me")]),
    "ask for another address": (
        lambda world: change(world.me, world.channel(), address="n@example.edu"),
        [("request_address_change", "me")],
    ),
    "change an address at once": (
        lambda world: change(world.admin, world.channel(), skip=True, address="n@example.edu"),
        [("change_address", "admin")],
    ),
    "confirm another address": (follow_the_link_to_a_new_address, [("change_address", None)]),
    "take another address back": (take_the_new_address_back, [("cancel_address_change", "me")]),
    "move": (move, [("move", "me")]),
    "an account's rule moves": (a_rule_moves, [("set_institutional", "admin"), ("move", None)]),
    "resend": (resend, [("resend", "admin")]),
    "reset": (reset, [("reset_bounce_count", "boss")]),
    "reset all": (reset_all, [("reset_bounce_count", "boss")]),
    "confirm all": (confirm_all, [("confirm", "boss")]),
    "import": (import_rows, [("create", "admin")]),
    "set a preference": (set_preference, [("set_preferences", "acting admin")]),
    "register a device": (lambda world: world.register(), [("create", "me"), ("register_device", "me")]),
    "unregister a device": (unregister, [("remove_device", "me")]),
    "unregister one's device": (unregister_one, [("remove_device", "me")]),
    "register a device again": (register_again, [("register_device", "me")]),
    "move a device": (move_a_device, [("create", "me"), ("device_moved_here", "me")]),
    "revoke the last token": (lose_the_last_token, [("remove_device", None)]),
    "a device that is silent": (be_unheard_of, [("remove_device", None)]),
    "a bounce": (report(Kind.PERMANENT), [("bounce", None)]),
    "a transient bounce": (report(Kind.TRANSIENT), [("bounce", None)]),
    "a delivery": (report(Kind.DELIVERY, bounce_count=1), [("reset_bounce_count", None)]),
    "a delivery as always": (report(Kind.DELIVERY), []),
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("way", WAYS)
def test_is_recorded(way: str, world: World) -> None:
    act, expected = WAYS[way]
    act(world)
    people = {
        (world.user.pk, None): "me",
        (world.admin_user.pk, None): "admin",
        (world.admin_user.pk, world.user.pk): "acting admin",
        (world.boss_user.pk, None): "boss",
        (None, None): None,
    }
    entries = AuditEntry.objects.filter(user=world.user).order_by("id")
    assert [(row.action, people[row.actor_id, row.acting_as_id]) for row in entries] == expected
    assert all(row.developer_key == (world.key if row.actor_id else None) for row in entries)
    shown = str([row.details for row in entries])
    assert "example.edu" not in shown
    assert TOKEN not in shown


def test_the_former_owner_of_a_device_is_told_apart(world: World) -> None:
    move_a_device(world)
    entry = AuditEntry.objects.exclude(user=world.user).get()
    assert (entry.action, entry.actor, entry.channel) == ("device_moved_away", world.user, None)


def test_a_users_import_is_recorded(world: World, tmp_path: Any) -> None:
    run_import(world, tmp_path)
    assert AuditEntry.objects.get().action == "import"


def test_an_address_that_the_institution_gives_up_is_recorded(world: World, tmp_path: Any) -> None:
    former = world.channel(address="i@example.edu", institutional=True)
    file = tmp_path / "people.csv"
    file.write_text("name,login,email\nSheldon,sheldon,other@example.edu\n")
    run("import_users", str(file), account=world.account.pk)
    entry = AuditEntry.objects.get(channel=former)
    assert (entry.action, entry.details) == ("set_institutional", {"institutional": False})
