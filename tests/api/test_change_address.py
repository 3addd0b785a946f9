"""``PUT users/:user_id/communication_channels/:id`` with an address."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from canvas_channels.core.identity.models import Account, User
from channels_api.channels import confirm
from channels_api.errors import CodeRefused, Reason
from channels_api.messages import confirmations
from channels_api.messages.channel_counts import ChannelCounts
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS, DUPLICATE, FORBIDDEN, change, error, issued_code
from tests.factories import make_admin, make_channel, make_user
from tests.responses import ClientResponse

NEW = "new@example.edu"
BOUNCES: dict[str, Any] = {
    "bounce_count": 3,
    "last_bounce_at": datetime(2020, 1, 1, tzinfo=UTC),
    "last_bounce_summary": "550",
    "last_suppression_bounce_at": datetime(2020, 1, 1, tzinfo=UTC),
    "last_transient_bounce_at": datetime(2020, 1, 1, tzinfo=UTC),
    "last_transient_bounce_summary": "450",
}


@pytest.fixture
def active(user: User) -> CommunicationChannel:
    return make_channel(user, "old@example.edu", **BOUNCES)


@pytest.fixture
def unconfirmed(user: User) -> CommunicationChannel:
    return make_channel(user, "old@example.edu", workflow_state="unconfirmed", **BOUNCES)


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def refused(code: str) -> Reason:
    assert (found := confirm.look_up(code)).refused
    with pytest.raises(CodeRefused) as caught:
        confirm.confirm_email(code)
    assert caught.value.reason == found.refused
    return caught.value.reason


class TestActive:
    def test_keeps_address_and_state_until_the_new_one_is_confirmed(self, api: ApiClient, active) -> None:
        answer = change(api, active, address=NEW)
        assert answer.status_code == 200
        shown = answer.json()
        assert (shown["address"], shown["workflow_state"]) == ("old@example.edu", "active")
        assert (shown["pending_address"], shown["bounce_count"]) == (NEW, 3)
        assert api.call("GET", CHANNELS).json() == [shown]
        assert actions() == ["request_address_change"]

    def test_the_message_goes_to_the_new_address(self, api: ApiClient, active) -> None:
        change(api, active, address=NEW)
        confirmation = Confirmation.objects.get()
        assert (confirmation.address_folded, confirmation.workflow_state) == (NEW, "requested")
        assert confirmation.channel.address_to_confirm == NEW

    def test_its_code_changes_the_address(self, api: ApiClient, active) -> None:
        position, made = active.position, active.created_at
        change(api, active, address=NEW)
        code = issued_code(active)
        channel = confirm.confirm_email(code)
        active.refresh_from_db()
        assert (channel.address, channel.pending_address) == (NEW, None)
        assert (active.address, active.address_folded, active.pending_address) == (NEW, NEW, None)
        assert (active.workflow_state, active.position, active.created_at) == ("active", position, made)
        assert [getattr(active, field) for field in BOUNCES] == [0, None, None, None, None, None]
        assert actions() == ["request_address_change", "change_address"]
        assert refused(code) == Reason.USED

    def test_a_newer_address_replaces_the_one_that_waits(self, api: ApiClient, active) -> None:
        change(api, active, address="first@example.edu")
        first = issued_code(active)
        assert change(api, active, address=NEW).json()["pending_address"] == NEW
        assert refused(first) == Reason.CHANGED
        assert confirm.confirm_email(issued_code(active)).address == NEW

    def test_the_same_new_address_again_sends_nothing(self, api: ApiClient, active) -> None:
        change(api, active, address=NEW)
        code = issued_code(active)
        assert change(api, active, address="New@example.edu").json()["pending_address"] == "New@example.edu"
        assert Confirmation.objects.count() == 1
        assert confirm.confirm_email(code).address == "New@example.edu"

    def test_the_current_address_ends_the_wait(self, api: ApiClient, active) -> None:
        change(api, active, address=NEW)
        code = issued_code(active)
        assert change(api, active, address="old@example.edu").json()["pending_address"] is None
        assert refused(code) == Reason.CHANGED
        assert actions() == ["request_address_change", "cancel_address_change"]
        active.refresh_from_db()
        assert (active.address, active.bounce_count) == ("old@example.edu", 3)

    def test_the_current_address_without_a_wait_changes_nothing(self, api: ApiClient, active) -> None:
        before = api.call("GET", CHANNELS).json()[0]
        assert change(api, active, address=" old@example.edu ").json() == before
        assert (actions(), Confirmation.objects.count()) == ([], 0)

    def test_another_case_needs_no_proof(self, api: ApiClient, active) -> None:
        shown = change(api, active, address="Old@Example.edu").json()
        assert (shown["address"], shown["pending_address"], shown["bounce_count"]) == (
            "Old@Example.edu",
            None,
            3,
        )
        assert not Confirmation.objects.exists()

    def test_an_address_that_only_folds_to_the_same_needs_one(self, api: ApiClient, user: User) -> None:
        channel = make_channel(user, "a@strasse.example")
        assert change(api, channel, address="a@straße.example").json()["address"] == "a@strasse.example"
        assert confirm.confirm_email(issued_code(channel)).address == "a@straße.example"

    def test_the_text_messages_code_changes_the_number(self, api: ApiClient, user: User, settings) -> None:
        channel = make_channel(user, "+16265550100", "sms")
        assert change(api, channel, address="(626) 555-0101").json()["pending_address"] == "+16265550101"
        assert Confirmation.objects.get().address_folded == "+16265550101"

    def test_a_resend_goes_to_the_new_address_though_the_old_one_bounces(
        self, api: ApiClient, active
    ) -> None:
        change(api, active, address=NEW)
        assert api.call("POST", f"{CHANNELS}/{active.pk}/resend").json() == {"re_sent": True}
        assert list(Confirmation.objects.values_list("address_folded", flat=True)) == [NEW, NEW]
        assert confirm.confirm_email(issued_code(active)).address == NEW

    def test_deleting_the_channel_ends_the_wait(self, api: ApiClient, active) -> None:
        change(api, active, address=NEW)
        code = issued_code(active)
        answer = api.call("DELETE", f"{CHANNELS}/{active.pk}").json()
        assert (answer["workflow_state"], answer["pending_address"]) == ("retired", None)
        assert refused(code) == Reason.RETIRED

    def test_a_code_for_the_waiting_address_proves_no_other(self, api: ApiClient, active, settings) -> None:
        change(api, active, address=NEW)
        code = issued_code(active)
        api.call("DELETE", f"{CHANNELS}/{active.pk}")
        had = {"channel": active, "user": active.user, "address_folded": active.address_folded}
        Confirmation.objects.create(**had, workflow_state="used")
        settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY = 1  # so that nothing is sent, and nothing replaced
        form = "communication_channel[type]=email&communication_channel[address]=old@example.edu"
        assert api.call("POST", CHANNELS, form).json()["id"] == active.pk
        assert refused(code) == Reason.CHANGED

    def test_the_channels_limit_is_that_of_the_new_address(self, api: ApiClient, active, settings) -> None:
        settings.CONFIRMATIONS_PER_CHANNEL_PER_DAY = 1
        change(api, active, address=NEW)
        limit = f"/confirmations/{active.user_id}/limit_reached/{active.pk}"
        headers = {"authorization": f"Bearer {api.token}"}
        assert api.get(limit, headers=headers).json() == {"confirmation_limit_reached": True}
        change(api, active, address="other@example.edu")
        assert Confirmation.objects.count() == 2
        shown = change(api, active, address=NEW).json()
        assert (shown["pending_address"], Confirmation.objects.count()) == (NEW, 2)


@pytest.mark.django_db(transaction=True)
class TestTextMessage:
    def confirm(self, api: ApiClient, channel: CommunicationChannel, code: str) -> ClientResponse:
        return api.call("POST", f"{CHANNELS}/{channel.pk}/confirm", f"confirmation_code={code}")

    def test_code_changes_the_number_and_the_trail_says_who(self, api: ApiClient, user: User) -> None:
        channel = make_channel(user, "+16265550100", "sms")
        change(api, channel, address="+16265550101")
        answer = self.confirm(api, channel, issued_code(channel))
        assert (answer.status_code, answer.json()["address"]) == (200, "+16265550101")
        entry = AuditEntry.objects.latest("id")
        assert (entry.action, entry.actor, entry.details) == ("change_address", user, {"confirmed": True})

    def test_code_for_a_number_that_is_not_wanted_any_more(self, api: ApiClient, user: User) -> None:
        channel = make_channel(user, "+16265550100", "sms")
        change(api, channel, address="+16265550101")
        code = issued_code(channel)
        channel.refresh_from_db()
        channel.pending_address = "+16265550102"
        channel.save()
        assert error("confirmation_code", self.confirm(api, channel, code)) == "invalid"

    def test_number_that_another_channel_got_meanwhile(self, api: ApiClient, user: User) -> None:
        channel = make_channel(user, "+16265550100", "sms")
        change(api, channel, address="+16265550101")
        other = make_channel(user, "+16265550101", "sms")
        code = issued_code(channel)
        answer = self.confirm(api, channel, code)
        assert (answer.status_code, answer.json()) == (400, DUPLICATE)
        api.call("DELETE", f"{CHANNELS}/{other.pk}")
        assert self.confirm(api, channel, code).status_code == 200


class TestUnconfirmed:
    def test_changes_at_once_and_older_codes_are_void(self, api: ApiClient, unconfirmed) -> None:
        Confirmation.objects.create(
            channel=unconfirmed, user=unconfirmed.user, address_folded=unconfirmed.address_folded
        )
        old = issued_code(unconfirmed)
        shown = change(api, unconfirmed, address=NEW).json()
        assert (shown["address"], shown["pending_address"]) == (NEW, None)
        assert (shown["workflow_state"], shown["bounce_count"]) == ("unconfirmed", 0)
        assert (shown["id"], shown["position"], shown["last_bounce_at"]) == (unconfirmed.pk, 1, None)
        assert refused(old) == Reason.CHANGED
        assert confirm.confirm_email(issued_code(unconfirmed)).workflow_state == "active"
        assert actions() == ["change_address", "confirm"]

    def test_other_case_keeps_the_codes(self, api: ApiClient, unconfirmed) -> None:
        Confirmation.objects.create(
            channel=unconfirmed, user=unconfirmed.user, address_folded=unconfirmed.address_folded
        )
        code = issued_code(unconfirmed)
        assert change(api, unconfirmed, address="OLD@example.edu").json()["address"] == "OLD@example.edu"
        assert confirm.confirm_email(code).address == "OLD@example.edu"


class TestSkippingConfirmation:
    @pytest.mark.parametrize("state", ["active", "unconfirmed"])
    def test_an_admins_changes_at_once(self, user: User, as_user, state: str) -> None:
        channel = make_channel(user, "old@example.edu", workflow_state=state, **BOUNCES)
        User.objects.update(workflow_state="pre_registered")
        shown = change(as_user(make_admin(user.home_account)), channel, skip=True, address=NEW).json()
        assert (shown["address"], shown["workflow_state"], shown["bounce_count"]) == (NEW, "active", 0)
        assert not Confirmation.objects.exists()
        user.refresh_from_db()
        assert user.workflow_state == "registered"
        assert AuditEntry.objects.get().details == {"confirmed": True, "replaced_pending": False}

    def test_it_ends_a_wait(self, api: ApiClient, active, as_user) -> None:
        change(api, active, address="first@example.edu")
        code = issued_code(active)
        shown = change(as_user(make_admin()), active, skip=True, address=NEW).json()
        assert (shown["address"], shown["pending_address"]) == (NEW, None)
        assert refused(code) == Reason.CHANGED

    def test_an_admin_vouches_for_the_address_that_there_is(self, unconfirmed, as_user) -> None:
        shown = change(as_user(make_admin()), unconfirmed, skip=True, address="old@example.edu").json()
        assert (shown["workflow_state"], shown["bounce_count"]) == ("active", 3)

    def test_it_is_ignored_for_others(self, api: ApiClient, active, as_user) -> None:
        assert change(api, active, skip=True, address=NEW).json()["pending_address"] == NEW
        acting = as_user(make_admin())
        path = f"{CHANNELS}/{active.pk}?as_user_id={active.user_id}&skip_confirmation=1"
        form = "communication_channel[address]=third@example.edu"
        assert acting.call("PUT", path, form).json()["pending_address"] == "third@example.edu"

    def test_a_duplicate_is_refused_all_the_same(self, active, as_user) -> None:
        make_channel(active.user, NEW)
        assert change(as_user(make_admin()), active, skip=True, address=NEW).json() == DUPLICATE


class TestDuplicates:
    @pytest.mark.parametrize("state", ["active", "unconfirmed"])
    def test_address_of_another_channel_is_refused(self, api: ApiClient, user: User, state: str) -> None:
        channel = make_channel(user, workflow_state=state)
        make_channel(user, NEW)
        answer = change(api, channel, address="NEW@example.edu")
        assert (answer.status_code, answer.json()) == (400, DUPLICATE)
        assert (actions(), Confirmation.objects.count()) == ([], 0)

    def test_addresses_of_retired_channels_and_other_users_are_free(
        self, api: ApiClient, unconfirmed
    ) -> None:
        make_channel(unconfirmed.user, NEW, workflow_state="retired")
        make_channel(make_user("Leonard"), NEW)
        assert change(api, unconfirmed, address=NEW).json()["address"] == NEW

    def test_address_that_waits_is_not_taken_and_loses(self, api: ApiClient, active) -> None:
        change(api, active, address=NEW)
        code = issued_code(active)
        form = f"communication_channel[type]=email&communication_channel[address]={NEW}"
        other = api.call("POST", CHANNELS, form)
        assert other.status_code == 200
        assert refused(code) == Reason.TAKEN
        answer = Client().post(f"/register/{code}", {}, content_type="application/json")
        assert (answer.status_code, answer.json()) == (400, {})
        assert "already" in Client().get(f"/register/{code}").text
        api.call("DELETE", f"{CHANNELS}/{other.json()['id']}")
        assert confirm.confirm_email(code).address == NEW

    def test_a_change_from_outside_the_lock_gets_the_same_answer(
        self, api: ApiClient, unconfirmed, monkeypatch
    ) -> None:
        make_channel(unconfirmed.user, NEW)
        monkeypatch.setattr(ChannelCounts, "check_duplicates", lambda *args: None)
        assert change(api, unconfirmed, address=NEW).json() == DUPLICATE


class TestRefusals:
    @pytest.mark.parametrize("state", ["active", "unconfirmed"])
    @pytest.mark.parametrize(
        ("type_", "address", "kind"),
        [
            ("email", "", "blank"),
            ("email", "  ", "blank"),
            ("email", [], "blank"),
            ("email", {"a": 1}, "blank"),
            ("email", "no address", "invalid"),
            ("email", 5, "invalid"),
            ("email", "jürgen@example.edu", "invalid"),
            ("email", "a\x00b@example.edu", "invalid"),
            ("sms", "12", "invalid"),
            ("sms", "me@example.edu", "invalid"),
            ("sms", "+4930901820", "country_not_allowed"),
        ],
    )
    def test_bad_address(
        self, api: ApiClient, user: User, settings, state: str, type_: str, address: object, kind: str
    ) -> None:
        settings.SMS_ALLOWED_COUNTRIES = ["US"]
        old = {"email": "old@example.edu", "sms": "+16265550100"}[type_]
        channel = make_channel(user, old, type_, state)
        assert error("address", change(api, channel, address=address)) == kind
        channel.refresh_from_db()
        assert (channel.address, channel.pending_address) == (old, None)
        assert not AuditEntry.objects.exists()

    def test_push_channel_has_no_address_to_change(self, api: ApiClient, user: User) -> None:
        channel = make_channel(user, "For All Devices", "push")
        assert error("address", change(api, channel, address=NEW)) == "immutable"
        assert change(api, channel, address="For All Devices").status_code == 200

    def test_type_cannot_be_changed(self, api: ApiClient, active) -> None:
        assert error("type", change(api, active, type="sms", address="+16265550100")) == "immutable"
        assert change(api, active, type="email", address=NEW).status_code == 200

    @pytest.mark.parametrize("state", ["active", "unconfirmed"])
    def test_beyond_a_limit_on_messages_nothing_changes(
        self, api: ApiClient, user: User, settings, state: str
    ) -> None:
        settings.CONFIRMATIONS_PER_USER_PER_HOUR = 0
        channel = make_channel(user, "old@example.edu", workflow_state=state)
        answer = change(api, channel, address=NEW)
        assert (answer.status_code, "Retry-After" in answer) == (429, True)
        channel.refresh_from_db()
        assert (channel.address, channel.pending_address) == ("old@example.edu", None)
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("by_admin", [False, True])
    def test_institutions_address_stays_unless_the_account_allows(
        self, api: ApiClient, user: User, as_user, by_admin: bool
    ) -> None:
        channel = make_channel(user, "old@example.edu", institutional=True)
        Account.objects.update(edit_institution_email=False)
        client = as_user(make_admin(user.home_account)) if by_admin else api
        for address in (NEW, "", "OLD@example.edu"):
            answer = change(client, channel, skip=True, address=address)
            assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
        assert change(client, channel, address="old@example.edu").status_code == 200
        Account.objects.update(edit_institution_email=True)
        assert change(client, channel, address=NEW).status_code == 200

    def test_institution_may_close_the_way_while_an_address_waits(self, api: ApiClient, active) -> None:
        change(api, active, address=NEW)
        code = issued_code(active)
        CommunicationChannel.objects.update(institutional=True)
        Account.objects.update(edit_institution_email=False)
        assert refused(code) == Reason.KEPT
        assert "institution" in Client().get(f"/register/{code}").text

    @pytest.mark.parametrize("gone", [True, False], ids=["retired", "somebody else's"])
    def test_channel_that_is_not_there(self, api: ApiClient, user: User, gone: bool) -> None:
        owner = user if gone else make_user("Leonard")
        channel = make_channel(owner, workflow_state="retired" if gone else "active")
        answer = api.call("PUT", f"{CHANNELS}/{channel.pk}", "communication_channel[address]=x")
        assert answer.status_code == 404


@pytest.mark.parametrize("shape", ["form", "query", "json", "multipart", "query and body"])
def test_parameters_in_any_shape(api: ApiClient, active, shape: str) -> None:
    path, form = f"{CHANNELS}/{active.pk}", f"communication_channel[address]={NEW}"
    if shape == "form":
        answer = api.call("PUT", path, form)
    elif shape == "query":
        answer = api.call("PUT", f"{path}?{form}")
    elif shape == "json":
        answer = api.call("PUT", path, json={"communication_channel": {"address": NEW}})
    elif shape == "multipart":
        part = f'--b\r\nContent-Disposition: form-data; name="communication_channel[address]"\r\n\r\n{NEW}'
        answer = api.call("PUT", path, f"{part}\r\n--b--\r\n", content_type="multipart/form-data; boundary=b")
    else:
        query = "communication_channel[address]=other@example.edu"
        answer = api.call("PUT", f"{path}?{query}", json={"communication_channel": {"address": NEW}})
    assert (answer.status_code, answer.json()["pending_address"]) == (200, NEW)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"communication_channel": None},
        {"communication_channel": "x"},
        {"communication_channel": []},
        {"communication_channel": {}},
        {"communication_channel": {"address": None, "position": None, "institutional": None}},
        {"address": NEW},
        {"skip_confirmation": True},
    ],
)
def test_asking_for_nothing_is_400(api: ApiClient, active, body: object) -> None:
    answer = api.call("PUT", f"{CHANNELS}/{active.pk}", json=body)
    assert error("communication_channel", answer) == "blank"


@pytest.mark.parametrize(("body", "status"), [("[1]", 400), ("{", 400), ("", 400)])
def test_bodies_that_are_no_object(api: ApiClient, active, body: str, status: int) -> None:
    answer = api.call("PUT", f"{CHANNELS}/{active.pk}", body, content_type="application/json")
    assert answer.status_code == status


def test_string_ids(api: ApiClient, active) -> None:
    form = f"communication_channel[address]={NEW}"
    accept = "application/json+canvas-string-ids"
    shown = api.call("PUT", f"{CHANNELS}/{active.pk}", form, accept=accept).json()
    assert (shown["id"], shown["user_id"], shown["position"]) == (str(active.pk), str(active.user_id), 1)


def test_the_page_names_the_new_address(api: ApiClient, active) -> None:
    change(api, active, address=NEW)
    code = issued_code(active)
    page = strip_tags(Client().get(f"/register/{code}").text)
    assert NEW in page
    assert "old@example.edu" not in page
    shown = Client().post(f"/register/{code}", {}, content_type="application/json").json()
    assert (shown["address"], shown["pending_address"]) == (NEW, None)


def test_page_for_an_address_that_is_not_wanted_any_more(api: ApiClient, active) -> None:
    change(api, active, address=NEW)
    code = issued_code(active)
    change(api, active, address="old@example.edu")
    page = Client().get(f"/register/{code}")
    assert (page.status_code, "not wanted any more" in page.text) == (400, True)


def test_nothing_is_sent_for_an_address_that_is_not_wanted_any_more(api: ApiClient, active) -> None:
    change(api, active, address=NEW)
    CommunicationChannel.objects.update(pending_address="other@example.edu")
    assert confirmations.due([Confirmation.objects.get().pk]) == []
