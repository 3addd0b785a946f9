"""Ways to contact, without a browser: whose they are, what is refused, and in which words."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import Settings

from canvas_channels.core.identity.models import User
from channels_api.channels import restoring
from channels_api.messages import confirmations
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.factories import (
    issue_code,
    make_account,
    make_admin,
    make_channel,
    make_device,
    make_key,
    make_site_admin,
    make_token,
    make_user,
)
from tests.responses import ClientResponse
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db

PAGE = "/profile/communication"


@pytest.fixture
def owner() -> User:
    return make_user("Sheldon Cooper")


@pytest.fixture
def channel(owner: User) -> CommunicationChannel:
    return make_channel(owner, "sheldon@example.com", workflow_state="unconfirmed")


def page_of(user: User) -> str:
    return f"/users/{user.pk}/communication"


STEPS = ["change", "move", "remove", "restore", "resend", "confirm", "reset"]


def test_who_is_not_signed_in_is_asked_to(channel: CommunicationChannel) -> None:
    answer = Client().get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={PAGE}")


def test_a_form_sent_after_signing_out_leads_back_to_its_page(channel: CommunicationChannel) -> None:
    answer = Client().post(f"{PAGE}/{channel.pk}/remove")
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={PAGE}")


def test_htmx_goes_to_the_sign_in_page_as_a_whole(channel: CommunicationChannel) -> None:
    answer = Client().post(f"{PAGE}/{channel.pk}/remove", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, f"/login?next={PAGE}")


@pytest.mark.parametrize("step", STEPS)
def test_a_get_changes_nothing(owner: User, channel: CommunicationChannel, step: str) -> None:
    assert signed_in(owner).get(f"{PAGE}/{channel.pk}/{step}").status_code == 405


@pytest.mark.parametrize("step", STEPS)
def test_a_form_needs_the_pages_token(owner: User, channel: CommunicationChannel, step: str) -> None:
    answer = signed_in(owner, enforce_csrf_checks=True).post(f"{PAGE}/{channel.pk}/{step}")
    assert answer.status_code == 403
    assert "This page was open for too long" in answer.text


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("stranger", [make_user, lambda: make_admin(make_account("Other"))])
def test_another_users_channel_is_out_of_reach(
    channel: CommunicationChannel, step: str, stranger: Any
) -> None:
    client = signed_in(stranger())
    answer = client.post(f"{page_of(channel.user)}/{channel.pk}/{step}", {"position": "1"})
    assert answer.status_code == 403
    client.post(f"{PAGE}/{channel.pk}/{step}", {"position": "1", "address": "a@example.com"})
    channel.refresh_from_db()
    assert (channel.workflow_state, channel.address) == ("unconfirmed", "sheldon@example.com")
    assert not Confirmation.objects.exists()


def test_another_users_page_is_not_shown(channel: CommunicationChannel) -> None:
    answer = signed_in(make_user()).get(page_of(channel.user))
    assert answer.status_code == 403
    assert "This is not yours to see" in answer.text


def test_there_is_no_page_of_nobody(owner: User) -> None:
    assert signed_in(owner).get("/users/999999/communication").status_code == 404


def test_a_deactivated_owner_confirms_nothing(owner: User) -> None:
    number = make_channel(owner, "+12025550100", "sms", "unconfirmed")
    asked = Confirmation.objects.create(channel=number, user=owner, address_folded=number.address_folded)
    browser, form = signed_in(owner), {"confirmation_code": issue_code(asked).code}
    User.objects.update(workflow_state="deactivated")
    answer = browser.post(f"{PAGE}/{number.pk}/confirm", form)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={PAGE}")
    number.refresh_from_db()
    assert number.workflow_state == "unconfirmed"
    User.objects.update(workflow_state="registered")
    browser.post(f"{PAGE}/{number.pk}/confirm", form)
    number.refresh_from_db()
    assert number.workflow_state == "active"


def test_an_admin_adds_without_confirmation(owner: User) -> None:
    admin = make_admin()
    form = {"type": "email", "address": "new@example.com", "skip_confirmation": "1"}
    answer = signed_in(admin).post(f"{page_of(owner)}/add", form)
    assert answer["Location"].startswith(page_of(owner))
    assert CommunicationChannel.objects.get().workflow_state == "active"
    assert AuditEntry.objects.get().actor == admin


def test_a_users_own_skipping_is_ignored(owner: User) -> None:
    form = {"type": "email", "address": "new@example.com", "skip_confirmation": "1"}
    signed_in(owner).post(f"{PAGE}/add", form)
    assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"


def test_an_admin_cannot_enter_somebodys_code(owner: User) -> None:
    number = make_channel(owner, "+12025550100", "sms", "unconfirmed")
    assert signed_in(make_admin()).post(f"{page_of(owner)}/{number.pk}/confirm").status_code == 403
    assert "confirmation_code" not in signed_in(make_admin()).get(page_of(owner)).text


def test_only_site_admins_reset_bounces(owner: User) -> None:
    bouncing = make_channel(owner, bounce_count=3, last_bounce_summary="550 no such user")
    path = f"{page_of(owner)}/{bouncing.pk}/reset"
    for client in (signed_in(owner), signed_in(make_admin())):
        assert client.post(path).status_code == 403
        assert "550 no such user" not in client.get(page_of(owner)).text
    site_admin = signed_in(make_site_admin())
    assert "550 no such user" in site_admin.get(page_of(owner)).text
    assert site_admin.post(path).status_code == 302
    bouncing.refresh_from_db()
    assert bouncing.bounce_count == 0


def test_where_users_may_not_edit_nothing_is_changed() -> None:
    user = make_user("Lola", make_account("Locked", users_can_edit_comm_channels=False))
    channel = make_channel(user)
    client = signed_in(user)
    for step in ("change", "move", "remove"):
        assert client.post(f"{PAGE}/{channel.pk}/{step}", {"position": "1"}).status_code == 403
    assert client.post(f"{PAGE}/add", {"type": "email", "address": "a@example.com"}).status_code == 403


def test_an_address_that_the_institution_keeps_is_not_offered() -> None:
    user = make_user("Ida", make_account("Imported", edit_institution_email=False))
    channel = make_channel(user, institutional=True)
    client = signed_in(user)
    page = client.get(PAGE).text
    assert "Imported keeps this address" in page
    assert "/remove" not in page
    assert client.post(f"{PAGE}/{channel.pk}/remove").status_code == 403


def test_the_institutions_address_keeps_the_first_place() -> None:
    user = make_user("Ida", make_account("First", institution_email_first=True))
    make_channel(user, institutional=True)
    second = make_channel(user)
    client = signed_in(user)
    assert "/move" in client.get(PAGE).text
    assert 'name="position"' not in client.get(PAGE).text
    answer = client.post(f"{PAGE}/{second.pk}/move", {"position": "1"}, follow=True)
    assert "keeps the first place" in answer.text


def test_one_that_is_gone_is_said_to_be(owner: User, channel: CommunicationChannel) -> None:
    client = signed_in(owner)
    client.post(f"{PAGE}/{channel.pk}/remove")
    answer = client.post(f"{PAGE}/{channel.pk}/remove", follow=True)
    assert "It is not there any more." in answer.text


def add(client: Client, type_: str, address: str) -> ClientResponse:
    return client.post(f"{PAGE}/add", {"type": type_, "address": address})


@pytest.mark.parametrize(
    ("type_", "address", "words"),
    [
        ("email", "", "Fill this in."),
        ("email", "müller@example.com", "only letters from a to z"),
        ("email", "sheldon@EXAMPLE.com", "This one is there already."),
        ("sms", "12", "This is no phone number."),
        ("sms", "+493012345678", "no text messages to numbers of this country"),
    ],
)
def test_refusals_are_in_words_at_the_field(
    owner: User, channel: CommunicationChannel, settings: Settings, type_: str, address: str, words: str
) -> None:
    settings.SMS_ALLOWED_COUNTRIES = ["US"]
    answer = add(signed_in(owner), type_, address)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'aria-describedby="add-{type_}-error"' in answer.text
    assert f'value="{address}"' in answer.text
    assert CommunicationChannel.objects.count() == 1


def test_too_many_messages_are_refused_with_the_time_to_wait(owner: User, settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_USER_PER_HOUR = 1
    client = signed_in(owner)
    add(client, "email", "one@example.com")
    answer = add(client, "email", "two@example.com")
    assert "Too many messages were asked for. Try again in 60 minutes." in answer.text
    assert CommunicationChannel.objects.count() == 1


def test_no_more_messages_are_offered_than_may_be_sent(
    owner: User, channel: CommunicationChannel, settings: Settings
) -> None:
    settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY = 1
    client = signed_in(owner)
    assert client.post(f"{PAGE}/{channel.pk}/resend").status_code == 302
    page = client.get(PAGE).text
    assert "/resend" not in page
    assert "No more messages are sent to it today." in page


def test_devices_are_the_owners_alone(owner: User) -> None:
    device = make_device(owner, make_key(name="Some app"), workflow_state="pending")
    admin = signed_in(make_site_admin())
    assert "Some app" not in admin.get(page_of(owner)).text
    assert admin.post(f"{page_of(owner)}/devices/{device.pk}/remove").status_code == 403
    signed_in(make_user()).post(f"{PAGE}/devices/{device.pk}/remove")
    device.refresh_from_db()
    assert device.workflow_state == "pending"


def test_the_page_runs_no_scripts_but_ours(owner: User) -> None:
    answer = signed_in(owner).get(PAGE)
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "unsafe" not in policy
    assert "no-store" in answer["Cache-Control"]


def test_names_cannot_inject_markup(owner: User) -> None:
    owner.name = "<script>alert(1)</script>"
    owner.save()
    assert "<script>alert" not in signed_in(make_site_admin()).get(page_of(owner)).text


def test_the_number_of_statements_does_not_grow(owner: User, django_assert_max_num_queries: Any) -> None:
    client = signed_in(owner)
    for _ in range(20):
        make_channel(owner, workflow_state="unconfirmed")
    with django_assert_max_num_queries(10):
        assert client.get(PAGE).status_code == 200


def removed(client: Client, channel: CommunicationChannel) -> None:
    answer = client.post(f"{PAGE}/{channel.pk}/remove", follow=True)
    assert f'action="{PAGE}/{channel.pk}/restore"' in answer.text


def restored(client: Client, channel: CommunicationChannel) -> str:
    """What is said about it."""
    answer = client.post(f"{PAGE}/{channel.pk}/restore", follow=True)
    return strip_tags(answer.text.partition('class="toasts"')[2].partition("</ul>")[0])


@pytest.mark.parametrize("state", ["active", "unconfirmed"])
def test_a_removal_is_undone(owner: User, state: str) -> None:
    first, _ = make_channel(owner, "first@example.com", workflow_state=state), make_channel(owner)
    before: dict[str, Any] = dict(CommunicationChannel.objects.values().get(pk=first.pk))
    client = signed_in(owner)
    removed(client, first)
    assert "first@example.com is back." in restored(client, first)
    after: dict[str, Any] = dict(CommunicationChannel.objects.values().get(pk=first.pk))
    assert {name for name in before if before[name] != after[name]} == {"updated_at"}
    assert not Confirmation.objects.exists()
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.details) == ("revive", owner, {"confirmed": state == "active"})
    assert "It is not there any more." in restored(client, first)


def test_its_place_may_be_taken(owner: User) -> None:
    first, second = make_channel(owner), make_channel(owner)
    client = signed_in(owner)
    removed(client, first)
    client.post(f"{PAGE}/{second.pk}/move", {"position": "1"})
    restored(client, first)
    assert list(CommunicationChannel.objects.order_by("position")) == [second, first]


def test_only_who_removed_it_undoes_that_and_only_once(owner: User, channel: CommunicationChannel) -> None:
    client = signed_in(owner)
    removed(client, channel)
    assert "not there any more" in restored(signed_in(owner), channel)  # another session of theirs
    AuditEntry.objects.update(actor=make_user())
    assert "not there any more" in restored(client, channel)
    assert CommunicationChannel.objects.get().workflow_state == "retired"


def test_what_happened_since_is_not_undone(owner: User, channel: CommunicationChannel) -> None:
    client = signed_in(owner)
    removed(client, channel)
    AuditEntry.objects.create(user=owner, channel=channel, action="refuse")  # the address's reader said no
    assert "not there any more" in restored(client, channel)
    removed_again = make_channel(owner)
    removed(client, removed_again)
    add(client, "email", removed_again.address)
    assert "not there any more" in restored(client, removed_again)


API = "/users/self/communication_channels"


def comes_back(api: ApiClient, channel: CommunicationChannel) -> None:
    form = f"communication_channel[type]=email&communication_channel[address]={channel.address}"
    assert api.call("POST", API, form).json()["workflow_state"] == "unconfirmed"


def gets_another_address(api: ApiClient, channel: CommunicationChannel) -> None:
    comes_back(api, channel)
    form = "communication_channel[address]=thief@evil.example.com"
    assert api.call("PUT", f"{API}/{channel.pk}", form).status_code == 200


@pytest.mark.parametrize("since", [comes_back, gets_another_address])
@pytest.mark.parametrize("by_api", [True, False])
def test_another_removal_is_not_undone(owner: User, since: Any, by_api: bool) -> None:
    """Else the address would count as it did before the first removal, though nobody confirmed it."""
    channel, client, api = make_channel(owner), signed_in(owner), ApiClient(make_token(owner))
    removed(client, channel)
    since(api, channel)
    if by_api:
        assert api.call("DELETE", f"{API}/{channel.pk}").status_code == 200
    else:
        removed(signed_in(owner), channel)
    assert "not there any more" in restored(client, channel)
    assert CommunicationChannel.objects.get().workflow_state == "retired"


def test_of_two_removals_in_a_session_the_last_is_undone(owner: User) -> None:
    channel, client = make_channel(owner), signed_in(owner)
    removed(client, channel)
    comes_back(ApiClient(make_token(owner)), channel)
    removed(client, channel)
    assert "is back" in restored(client, channel)
    assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"


def test_it_is_possible_for_minutes(owner: User, channel: CommunicationChannel) -> None:
    client = signed_in(owner)
    removed(client, channel)
    CommunicationChannel.objects.update(retired_at=timezone.now() - restoring.POSSIBLE_FOR)
    assert "not there any more" in restored(client, channel)


def test_the_last_confirmed_email_address_goes_with_a_warning(owner: User) -> None:
    warning = "This is the last confirmed email address."
    make_channel(owner, "+12025550100", "sms")
    make_channel(owner, "one@example.com")
    make_channel(owner, "waits@example.com", workflow_state="unconfirmed")
    client = signed_in(owner)
    assert client.get(PAGE).text.count(warning) == 1
    make_channel(owner, "two@example.com")
    assert warning not in client.get(PAGE).text


def test_addresses_break_after_their_at_and_dots_alone_and_numbers_are_as_their_country_writes_them(
    owner: User,
) -> None:
    make_channel(owner, "s.lee-cooper@caltech.example.com")
    make_channel(owner, "<b>" + "x" * 30 + "@example.com")
    make_channel(owner, "+493012345678", "sms")
    page = signed_in(owner).get(PAGE).text
    assert 's.<wbr><span class="whole">lee-cooper@</span><wbr>caltech.<wbr>example.<wbr>com' in page
    assert "&lt;b&gt;" + "x" * 30 + "@<wbr>example" in page
    assert "+49 30 12345678" in page


@pytest.mark.parametrize(
    ("acts", "editable", "told"),
    [
        (False, True, "Caltech cannot reach you: add an email address or a phone number, and confirm it."),
        (False, False, "Caltech cannot reach you."),
        (True, True, "Caltech cannot reach Sheldon Cooper."),
        (True, False, "Caltech cannot reach Sheldon Cooper."),
    ],
)
def test_who_has_no_channel_is_told_so(acts: bool, editable: bool, told: str) -> None:
    caltech = make_account(is_default=True, users_can_edit_comm_channels=editable)
    owner = make_user(account=caltech)
    client = signed_in(make_admin(caltech) if acts else owner)
    if acts:
        client.post(f"/users/{owner.pk}/act")
    page = client.get(page_of(owner)).text
    assert "There is none yet." in page
    assert f"<p>{told}</p>" in page
    managed = "Caltech manages these for " + ("Sheldon Cooper." if acts else "you.")
    assert (managed in page) is not editable
    assert ("Add one" in page) is editable


@pytest.mark.parametrize("acts", [False, True])
def test_only_its_owner_is_told_what_to_do_with_a_channel(acts: bool, owner: User) -> None:
    make_channel(owner, bounce_count=1, last_bounce_at=timezone.now())
    number = make_channel(owner, "+16265550100", "sms", "unconfirmed")
    assert confirmations.resend(number)
    Confirmation.objects.update(sent_at=timezone.now())
    client = signed_in(make_admin(owner.home_account) if acts else owner)
    if acts:
        client.post(f"/users/{owner.pk}/act")
    page = client.get(page_of(owner)).text
    assert "The last message to this address came back." in page
    for words in ("See whether it is spelled right", "Enter it here.", 'autocomplete="email"'):
        assert (words in page) is not acts
    assert ("A message to confirm it was sent." in page) is acts


def test_who_may_not_edit_is_not_asked_to_change_an_address_that_bounces() -> None:
    caltech = make_account(is_default=True, users_can_edit_comm_channels=False)
    owner = make_user(account=caltech)
    make_channel(owner, bounce_count=1, last_bounce_at=timezone.now())
    page = signed_in(owner).get(PAGE).text
    assert "The last message to this address came back." in page
    assert "See whether it is spelled right" not in page
