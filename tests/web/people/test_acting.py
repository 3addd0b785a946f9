"""Acting as a user on the pages."""

import pytest
from django.test import Client

from canvas_channels.core.identity.models import AccountUser, User
from channels_api.models import AuditEntry, CommunicationChannel
from tests.factories import (
    make_account,
    make_admin,
    make_channel,
    make_site_admin,
    make_user,
)
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def sheldon() -> User:
    user = make_user("Sheldon Cooper", login="sheldon", sis_user_id="S-1")
    make_channel(user, "sheldon@Example.com")
    make_channel(user, "+16265550100", "sms")
    return user


@pytest.fixture
def admin() -> User:
    return make_admin(name="Amy Admin")


def act(client: Client, user: User) -> int:
    return client.post(f"/users/{user.pk}/act").status_code


def test_acting_shows_and_changes_the_users_own_and_says_so(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    assert act(client, sheldon) == 302
    page = client.get("/profile/communication", follow=True).text
    assert "sheldon@Example.com" in page
    assert "You act as <strong>Sheldon Cooper</strong>" in page
    client.post(f"/users/{sheldon.pk}/communication/add", {"type": "email", "address": "new@example.com"})
    created = AuditEntry.objects.get(action="create")
    assert (created.actor, created.acting_as) == (admin, sheldon)
    assert CommunicationChannel.objects.get(address="new@example.com").workflow_state == "unconfirmed"


def test_the_banner_is_on_every_page(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    for path in ("/help", "/password", "/nowhere"):
        assert "You act as <strong>Sheldon Cooper</strong>" in client.get(path).text


def test_beginning_and_ending_are_in_the_audit_trail(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    answer = client.post("/stop-acting", follow=True)
    assert "You are yourself again." in answer.text
    assert "You act as" not in answer.text
    trail = AuditEntry.objects.order_by("id").values_list("action", "actor", "user")
    assert list(trail) == [("act_as", admin.pk, sheldon.pk), ("stop_acting_as", admin.pk, sheldon.pk)]


def test_going_over_to_another_user_ends_the_first(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    leonard = make_user("Leonard")
    act(client, sheldon)
    act(client, leonard)
    trail = AuditEntry.objects.order_by("id").values_list("action", "user")
    assert list(trail) == [
        ("act_as", sheldon.pk),
        ("stop_acting_as", sheldon.pk),
        ("act_as", leonard.pk),
    ]


def test_acting_gives_the_users_rights_and_no_others(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    assert client.get("/users").status_code == 403
    assert client.get(f"/users/{admin.pk}/communication").status_code == 403
    form = {"type": "email", "address": "a@example.com", "skip_confirmation": "1"}
    client.post(f"/users/{sheldon.pk}/communication/add", form)
    assert CommunicationChannel.objects.get(address="a@example.com").workflow_state == "unconfirmed"
    number = make_channel(sheldon, "+12025550100", "sms", "unconfirmed")
    own = f"/users/{sheldon.pk}/communication"
    assert client.post(f"{own}/{number.pk}/confirm").status_code == 403
    assert client.post(f"{own}/devices/1/remove").status_code == 403
    assert "Devices" not in client.get(own).text


def test_a_form_that_was_open_before_changes_nothing(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    form = {"type": "email", "address": "mine@example.com"}
    answer = client.post("/profile/communication/add", form, follow=True)
    assert "Nothing was changed" in answer.text
    assert not CommunicationChannel.objects.filter(address="mine@example.com").exists()


def test_nobody_acts_as_whom_they_have_no_right_over(admin: User, sheldon: User) -> None:
    for target in (make_site_admin(), make_user(account=make_account("Other")), sheldon):
        client = signed_in(admin if target != sheldon else make_user())
        assert act(client, target) == 403
        assert "acting_as" not in client.session


def test_a_get_does_not_begin_it(admin: User, sheldon: User) -> None:
    assert signed_in(admin).get(f"/users/{sheldon.pk}/act").status_code == 405


def test_it_ends_with_the_right_to_it(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    AccountUser.objects.all().delete()
    answer = client.get(f"/users/{sheldon.pk}/communication", follow=True)
    assert "You may not act as that user any more." in answer.text
    assert "acting_as" not in client.session


def test_it_ends_with_the_session(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    client.post("/logout")
    client.force_login(admin)
    assert "You act as" not in client.get("/", follow=True).text


def test_preferences_can_be_chosen_while_acting(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    channel = sheldon.communication_channels.first()
    assert channel
    client.post(f"/users/{sheldon.pk}/notifications", {f"{channel.pk}.grading.immediately": "never"})
    entry = AuditEntry.objects.get(action="set_preferences")
    assert (entry.actor, entry.acting_as) == (admin, sheldon)
