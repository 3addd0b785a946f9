"""Channels that reach nobody: lists, filters, and the bulk actions."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from canvas_channels.core.identity.models import Account, AccountUser, User
from canvas_channels.web.admins.reports import MOST
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, Progress
from tests.factories import (
    default_account,
    make_account,
    make_admin,
    make_channel,
    make_login,
    make_site_admin,
    make_user,
)
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return default_account()


@pytest.fixture
def client(account: Account) -> Client:
    """A site admin's."""
    return signed_in(make_site_admin(account=account))


def bounce(
    account: Account, summary: str | None = "550 5.1.1 gone", days_ago: int = 0
) -> CommunicationChannel:
    when = timezone.now() - timedelta(days=days_ago)
    user = make_user(account=account)
    return make_channel(user, bounce_count=1, last_bounce_at=when, last_bounce_summary=summary)


def waiting(account: Account, address: str | None = None) -> CommunicationChannel:
    return make_channel(make_user(account=account), address, workflow_state="unconfirmed")


def listed(page: str) -> list[str]:
    """The ids of the channels in the list, in its order."""
    return re.findall(r'/communication#channel-(\d+)"', page)


def groups(page: str) -> dict[str, int]:
    """How many a reason has, by what its heading says."""
    found = re.findall(r'<h3>(.+?) <span class="quiet">(\d+)</span></h3>', page)
    return {words: int(count) for words, count in found}


@pytest.mark.parametrize("path", ["/users", "/accounts/{}/bouncing", "/accounts/{}/unconfirmed"])
def test_pages_of_admins_are_not_for_others(path: str, account: Account, client: Client) -> None:
    path = path.format(account.pk)
    assert "/login" in Client().get(path)["Location"]
    assert signed_in(make_user()).get(path).status_code == 403
    if "accounts" in path:
        assert signed_in(make_admin(make_account("Other"))).get(path).status_code == 403
    assert signed_in(make_admin(account)).get(path).status_code == 200
    assert client.get(path).status_code == 200


def test_there_is_no_report_of_no_account(client: Client) -> None:
    assert client.get("/accounts/999999/bouncing").status_code == 404
    assert client.post("/accounts/999999/bouncing").status_code == 404


def test_bouncing_channels_are_listed(account: Account) -> None:
    channels = [bounce(account, days_ago=days) for days in (0, 3, 3, 40)]
    elsewhere = bounce(make_account("Other"))
    page = signed_in(make_admin(account)).get(f"/accounts/{account.pk}/bouncing").text
    assert set(listed(page)) == {str(channel.pk) for channel in channels}
    assert elsewhere.address not in page
    assert "550 5.1.1 gone" in page


def test_unconfirmed_channels_are_listed(account: Account, client: Client) -> None:
    channel = waiting(account)
    page = client.get(f"/accounts/{account.pk}/unconfirmed").text
    assert listed(page) == [str(channel.pk)]
    assert "chart" not in page


def test_people_with_more_rights_are_a_site_admins_to_see(account: Account, client: Client) -> None:
    foreign = make_admin(make_account("Other"))
    make_login(foreign, account)
    channel = make_channel(foreign, workflow_state="unconfirmed")
    path = f"/accounts/{account.pk}/unconfirmed"
    assert listed(signed_in(make_admin(account)).get(path).text) == []
    assert listed(client.get(path).text) == [str(channel.pk)]


def test_an_admin_of_several_accounts_goes_from_one_to_another(account: Account) -> None:
    admin = make_admin(account)
    other = make_account("Other")
    AccountUser.objects.create(account=other, user=admin)
    make_account("Nobody's")
    page = signed_in(admin).get(f"/accounts/{account.pk}/bouncing").text
    assert f'href="/accounts/{other.pk}/bouncing"' in page
    assert "Nobody" not in page


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        ("550 5.1.1 No such user", "There is no such mailbox"),
        ("smtp; 550-5.1.1. The email account does not exist", "There is no such mailbox"),
        ("550 User unknown", "There is no such mailbox"),
        ("5.2.1 The account is disabled", "There is no such mailbox"),
        ("552 5.2.2 <x@example.com> over quota", "The mailbox is full"),
        ("452 Mailbox full", "The mailbox is full"),
        ("550 5.7.1 Blocked, see https://example.com", "Refused as unwanted"),
        ("554 Refused", "Refused as unwanted"),
        ("451 4.3.0 Temporary failure", "Their mail server has trouble"),
        ("host 10.5.1.1 said: no", "Another reason"),
        ("host 5.1.1.7 said: no", "Another reason"),
        ("ticket 15501", "Another reason"),
        ("", "No reason was given"),
        (None, "No reason was given"),
    ],
)
def test_why_they_bounce(summary: str | None, reason: str, account: Account, client: Client) -> None:
    bounce(account, summary)
    assert groups(client.get(f"/accounts/{account.pk}/bouncing").text) == {reason: 1}


def ask(channel: CommunicationChannel, state: str, **fields: object) -> bool:
    asked = Confirmation.objects.create(channel=channel, user=channel.user, workflow_state=state)
    return not fields or bool(Confirmation.objects.filter(pk=asked.pk).update(**fields))


WHY_UNCONFIRMED: dict[str, Callable[[CommunicationChannel], object]] = {
    "No message was asked for": lambda channel: None,
    "A message was sent, and not answered yet": lambda channel: ask(channel, "sent"),
    "The message could not be sent": lambda channel: (ask(channel, "sent"), ask(channel, "failed")),
    "Whoever got the message said that it was not them": lambda channel: ask(
        channel, "replaced", refused_at=timezone.now()
    ),
    "The last message is too old": lambda channel: ask(
        channel, "sent", created_at=timezone.now() - timedelta(days=4)
    ),
    "Messages come back": lambda channel: (
        ask(channel, "sent"),
        CommunicationChannel.objects.filter(pk=channel.pk).update(bounce_count=1),
    ),
}


@pytest.mark.parametrize("reason", WHY_UNCONFIRMED)
def test_why_they_are_not_confirmed(reason: str, account: Account, client: Client) -> None:
    WHY_UNCONFIRMED[reason](waiting(account))
    assert groups(client.get(f"/accounts/{account.pk}/unconfirmed").text) == {reason: 1}


def test_counts_and_list_agree_over_pages(account: Account, client: Client) -> None:
    for number in range(60):
        bounce(account, "452 full" if number % 3 else None, days_ago=number)
    pages = [client.get(f"/accounts/{account.pk}/bouncing?page={number}").text for number in (1, 2)]
    assert [len(listed(page)) for page in pages] == [50, 10]
    assert len({*listed(pages[0]), *listed(pages[1])}) == 60
    assert groups(pages[0]) | groups(pages[1]) == {"The mailbox is full": 40, "No reason was given": 20}
    for page in pages:
        assert "60 channels" in page
        assert re.search(r"Together</th><td>60<", page)
    full = client.get(f"/accounts/{account.pk}/bouncing?reason=full").text
    assert len(listed(full)) == 40
    assert re.search(r"Together</th><td>40<", full)


def test_no_more_than_the_newest(account: Account, client: Client) -> None:
    limit, user, now = MOST, make_user(account=account), timezone.now()
    CommunicationChannel.objects.bulk_create(
        CommunicationChannel(
            user=user,
            type="email",
            address=f"a{number}@example.com",
            address_folded=f"a{number}@example.com",
            workflow_state="active",
            position=number + 1,
            bounce_count=1,
            last_bounce_at=now - timedelta(minutes=number),
        )
        for number in range(limit + 1)
    )
    path = f"/accounts/{account.pk}/bouncing"
    page = client.get(f"{path}?page={limit}").text
    assert f"Page {limit // 50} of {limit // 50}" in page
    assert groups(page) == {"No reason was given": limit}
    assert "There may be more" in page
    assert f"a{limit - 1}@example.com" in page.replace("<wbr>", "")
    assert "There may be more" not in client.get(f"{path}?search=a{limit}").text


def test_filters(account: Account, client: Client) -> None:
    email, other = bounce(account, days_ago=1), bounce(account, "452 full", days_ago=9)
    phone = make_channel(email.user, "+12025550100", "sms", bounce_count=1, last_bounce_at=timezone.now())

    def shown(query: str) -> set[str]:
        return set(listed(client.get(f"/accounts/{account.pk}/bouncing?{query}").text))

    assert shown(f"search={email.address[:-4].upper()}") == {str(email.pk)}
    assert shown("search=%2A@example.edu") == {str(email.pk), str(other.pk)}
    assert shown("search=_") == set()
    assert shown("path_type=sms") == {str(phone.pk)}
    assert shown("reason=full&path_type=email") == {str(other.pk)}
    day = (timezone.now() - timedelta(days=5)).date()
    assert shown(f"until={day}") == {str(other.pk)}
    assert shown(f"since={day}&reason=no_mailbox") == {str(email.pk)}


def test_days_are_the_admins(account: Account) -> None:
    admin = make_admin(account, time_zone="Asia/Tokyo")
    channel = waiting(account)
    CommunicationChannel.objects.update(
        created_at=datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
    )  # the 27th there
    client = signed_in(admin)
    for query, found in (("since=2026-11-27", True), ("until=2026-11-27", True), ("until=2026-11-26", False)):
        page = client.get(f"/accounts/{account.pk}/unconfirmed?{query}").text
        assert listed(page) == ([str(channel.pk)] if found else [])


@pytest.mark.parametrize(
    "query", ["reason=no_such", "path_type=fax", "since=1", "search=%00", f"search={'x' * 321}"]
)
def test_what_is_no_filter_lists_nothing_and_acts_on_nothing(
    query: str, account: Account, client: Client
) -> None:
    waiting(account)
    path = f"/accounts/{account.pk}/unconfirmed?{query}"
    answer = client.get(path)
    assert (answer.status_code, listed(answer.text)) == (400, [])
    client.post(path, {"all": "1"})
    assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"


def test_the_file_has_what_the_list_has(account: Account, client: Client) -> None:
    bounce(account)
    wanted = bounce(account, "452 full", days_ago=9)
    day = (timezone.now() - timedelta(days=5)).date()
    page = client.get(f"/accounts/{account.pk}/bouncing?until={day}&search={wanted.address}").text
    [link] = re.findall(r'href="(/api/v1/[^"]+)"', page)
    rows = b"".join(client.get(link.replace("&amp;", "&")).streaming_content).decode()  # type: ignore[attr-defined]
    assert [row.split(",")[2] for row in rows.splitlines()[1:]] == [str(wanted.pk)]


@pytest.mark.parametrize("report", ["bouncing", "unconfirmed"])
def test_the_number_of_statements_does_not_grow(report: str, account: Account, client: Client) -> None:
    def fill() -> None:
        for _ in range(5):
            bounce(account)
            ask(waiting(account), "sent")

    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/accounts/{account.pk}/{report}").status_code == 200
        return len(captured)

    fill()
    count()
    before = count()
    fill()
    assert count() == before


class TestBulkActions:
    def test_chosen_ones_are_reset_by_the_worker(self, account: Account, client: Client) -> None:
        chosen, left = bounce(account), bounce(account)
        path = f"/accounts/{account.pk}/bouncing?reason=no_mailbox"
        answer = client.post(path, {"channel": [chosen.pk]}, follow=True)
        assert answer.redirect_chain == [(path, 302)]
        assert "Messages to 1 channel are tried again in a moment." in answer.text
        progress = Progress.objects.get()
        assert progress.details == {"channel_ids": [chosen.pk]}
        assert left.pk not in progress.details["channel_ids"]

    def test_chosen_ones_are_confirmed(self, account: Account, client: Client) -> None:
        chosen, left = waiting(account), waiting(account)
        data = {"channel": [chosen.pk, "x", "9" * 40]}
        answer = client.post(f"/accounts/{account.pk}/unconfirmed", data, follow=True)
        assert "1 channel is confirmed." in answer.text
        chosen.refresh_from_db()
        left.refresh_from_db()
        assert (chosen.workflow_state, left.workflow_state) == ("active", "unconfirmed")
        assert AuditEntry.objects.get(action="confirm").channel == chosen

    def test_all_are_those_that_the_filter_lists(self, account: Account, client: Client) -> None:
        wanted, left = waiting(account, "a@one.example"), waiting(account, "a@two.example")
        client.post(
            f"/accounts/{account.pk}/unconfirmed?search=@one.&page=9", {"all": "1", "channel": [left.pk]}
        )
        wanted.refresh_from_db()
        left.refresh_from_db()
        assert (wanted.workflow_state, left.workflow_state) == ("active", "unconfirmed")

    def test_nothing_is_chosen(self, account: Account, client: Client) -> None:
        waiting(account)
        answer = client.post(f"/accounts/{account.pk}/unconfirmed", follow=True)
        assert "choose some first" in answer.text
        assert not AuditEntry.objects.exists()

    def test_account_admins_only_look(self, account: Account) -> None:
        channel = waiting(account)
        client = signed_in(make_admin(account))
        path = f"/accounts/{account.pk}/unconfirmed"
        assert 'type="checkbox"' not in client.get(path).text
        assert client.post(path, {"channel": [channel.pk]}).status_code == 403
        assert client.post(path, {"all": "1"}).status_code == 403
        assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"

    def test_whoever_acts_as_somebody_has_that_ones_rights(self, account: Account, client: Client) -> None:
        channel = waiting(account)
        client.post(f"/users/{make_admin(account).pk}/act")
        assert (
            client.post(f"/accounts/{account.pk}/unconfirmed", {"channel": [channel.pk]}).status_code == 403
        )

    def test_people_with_more_rights_and_other_accounts_are_left_alone(
        self, account: Account, client: Client
    ) -> None:
        above = make_channel(make_user(account=account, is_superuser=True), workflow_state="unconfirmed")
        elsewhere = waiting(make_account("Other"))
        for data in ({"channel": [above.pk, elsewhere.pk]}, {"all": ["1"]}):
            answer = client.post(f"/accounts/{account.pk}/unconfirmed", data, follow=True)
            assert "1 channel was left as it is: its owner has rights that you lack." in answer.text
            assert "choose some first" not in answer.text
        assert not CommunicationChannel.objects.filter(workflow_state="active").exists()

    @pytest.mark.parametrize(
        ("report", "add", "said"),
        [
            ("unconfirmed", waiting, "1 channel is confirmed."),
            ("bouncing", bounce, "Messages to 1 channel are tried again in a moment."),
        ],
    )
    def test_how_many_were_left_is_said_beside_what_was_done(
        self,
        report: str,
        add: Callable[[Account], CommunicationChannel],
        said: str,
        account: Account,
        client: Client,
    ) -> None:
        add(account)
        for _ in range(2):
            User.objects.filter(pk=add(account).user_id).update(is_superuser=True)
        answer = client.post(f"/accounts/{account.pk}/{report}", {"all": "1"}, follow=True)
        assert said in answer.text
        assert "2 channels were left as they are: their owners have rights that you lack." in answer.text

    def test_a_form_of_another_site_does_nothing(self, account: Account) -> None:
        channel = waiting(account)
        client = Client(enforce_csrf_checks=True)
        client.force_login(make_site_admin(account=account))
        answer = client.post(f"/accounts/{account.pk}/unconfirmed", {"channel": [channel.pk]})
        assert answer.status_code == 403
        assert CommunicationChannel.objects.get().workflow_state == "unconfirmed"
