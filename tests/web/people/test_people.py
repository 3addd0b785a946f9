"""The pages of admins: finding people, channels that reach nobody, acting as a user."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from canvas_channels.core.identity.models import Account, AccountUser, User
from channels_api.models import AuditEntry, CommunicationChannel
from channels_api.people import find_people
from tests.factories import (
    default_account,
    make_account,
    make_admin,
    make_channel,
    make_login,
    make_site_admin,
    make_user,
)

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def sheldon() -> User:
    user = make_user("Sheldon Cooper", login="sheldon", sis_user_id="S-1")
    make_channel(user, "sheldon@Example.com")
    make_channel(user, "+16265550100", "sms")
    return user


@pytest.mark.parametrize(
    "text",
    ["she", "SHELDON C", "coop", "cooper, s", "Sheldon", "S-1", "sheldon@example.COM", "(626) 555-0100"],
)
def test_people_are_found_by_what_names_them(sheldon: User, text: str) -> None:
    make_user("Leonard Hofstadter")
    assert list(find_people(make_admin(), text)) == [sheldon]


def test_people_are_found_by_their_id(sheldon: User) -> None:
    assert list(find_people(make_admin(), str(sheldon.pk))) == [sheldon]


@pytest.mark.parametrize("text", ["", "s", "heldon", "%", "\x00", "sh_", "9" * 30])
def test_nobody_is_found_by_anything_else(sheldon: User, text: str) -> None:
    assert list(find_people(make_admin(), text)) == []


def test_umlauts_are_found_in_any_case() -> None:
    user = make_user("Ödön Ångström")
    assert list(find_people(make_admin(), "Ödön")) == [user]


def test_admins_find_those_of_their_account(sheldon: User) -> None:
    other = make_account("Other")
    twin = make_user("Sheldon Twin", other)
    assert list(find_people(make_admin(other), "sheldon")) == [twin]
    assert list(find_people(make_site_admin(), "sheldon")) == [sheldon, twin]


def test_admins_find_no_admin_above_them() -> None:
    account = default_account()
    boss = make_site_admin("Shelly Boss")
    foreign = make_admin(make_account("Other"), "Shelly Foreign")
    make_login(foreign, account)
    assert list(find_people(make_admin(account), "shelly")) == []
    assert set(find_people(boss, "shelly")) == {boss, foreign}


def test_the_page_links_to_whom_it_finds(sheldon: User) -> None:
    page = signed_in(make_admin()).get("/users?search=coop").text
    assert f'href="/users/{sheldon.pk}/communication"' in page
    assert "sheldon (S-1)" in page


def test_logins_in_other_accounts_are_not_shown(sheldon: User) -> None:
    make_login(sheldon, make_account("Other"), "secret-name")
    assert "secret-name" not in signed_in(make_admin()).get("/users?search=coop").text


@pytest.mark.parametrize("path", ["/users", "/accounts/{}/bouncing", "/accounts/{}/unconfirmed"])
def test_pages_of_admins_are_not_for_others(path: str) -> None:
    account = default_account()
    path = path.format(account.pk)
    assert "/login" in Client().get(path)["Location"]
    assert signed_in(make_user()).get(path).status_code == 403
    if "accounts" in path:
        assert signed_in(make_admin(make_account("Other"))).get(path).status_code == 403
    assert signed_in(make_admin(account)).get(path).status_code == 200
    assert signed_in(make_site_admin()).get(path).status_code == 200


def test_there_is_no_report_of_no_account() -> None:
    assert signed_in(make_site_admin()).get("/accounts/999999/bouncing").status_code == 404


def bounce(account: Account, days_ago: int) -> CommunicationChannel:
    when = timezone.now() - timedelta(days=days_ago)
    user = make_user(account=account)
    return make_channel(user, bounce_count=1, last_bounce_at=when, last_bounce_summary="550 gone")


def test_bouncing_channels_are_listed_and_counted_by_day() -> None:
    account = default_account()
    listed = [bounce(account, days) for days in (0, 3, 3, 40)]
    elsewhere = bounce(make_account("Other"), 0)
    page = signed_in(make_admin(account)).get(f"/accounts/{account.pk}/bouncing").text
    assert all(channel.address in page for channel in listed)
    assert elsewhere.address not in page
    assert "550 gone" in page
    assert page.count("<rect") == 2
    assert "3 channels; 2 on the worst day." in page


def test_unconfirmed_channels_are_listed() -> None:
    account = default_account()
    waiting = make_channel(make_user(account=account), workflow_state="unconfirmed")
    page = signed_in(make_admin(account)).get(f"/accounts/{account.pk}/unconfirmed").text
    assert waiting.address in page
    assert "<svg" not in page


def test_an_admin_of_several_accounts_goes_from_one_to_another() -> None:
    admin = make_admin()
    other = make_account("Other")
    AccountUser.objects.create(account=other, user=admin)
    make_account("Nobody's")
    page = signed_in(admin).get(f"/accounts/{default_account().pk}/bouncing").text
    assert f'href="/accounts/{other.pk}/bouncing"' in page
    assert "Nobody" not in page


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
    for path in ("/", "/password", "/nowhere"):
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
    assert "You act as" not in client.get("/").text


def test_preferences_can_be_chosen_while_acting(admin: User, sheldon: User) -> None:
    client = signed_in(admin)
    act(client, sheldon)
    channel = sheldon.communication_channels.first()
    assert channel
    client.post(f"/users/{sheldon.pk}/notifications", {f"{channel.pk}.grading.immediately": "never"})
    entry = AuditEntry.objects.get(action="set_preferences")
    assert (entry.actor, entry.acting_as) == (admin, sheldon)
