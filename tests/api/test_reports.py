"""The two reports: who is in them, filters, formats, limits."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest

from canvas_channels.core.identity.models import Account
from channels_api.accounts.report_formats import harmless
from channels_api.models import CommunicationChannel
from tests.api.conftest import ApiClient
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

NOON = datetime(2012, 5, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def account() -> Account:
    return default_account()


@pytest.fixture
def client(account: Account, as_user) -> ApiClient:
    return as_user(make_admin(account))


def rows(client: ApiClient, report: str = "bouncing", query: str = "") -> list[list[Any]]:
    """The JSON report without its header."""
    answer = client.call("GET", f"/accounts/self/{report}_communication_channels.json{query}")
    assert answer.status_code == 200, answer.content
    return list(json.loads(answer.getvalue())[1:])


def addresses(client: ApiClient, report: str = "bouncing", query: str = "") -> list[str]:
    return [row[4] for row in rows(client, report, query)]


def csv_rows(client: ApiClient, report: str = "bouncing") -> list[list[str]]:
    answer = client.call("GET", f"/accounts/self/{report}_communication_channels.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(StringIO(answer.getvalue().decode())))


def make_bouncing(address: str, hours: int = 0, **fields: Any) -> CommunicationChannel:
    """A channel that bounced some hours after noon."""
    user = fields.pop("user", None) or make_user()
    return make_channel(user, address, bounce_count=1, last_bounce_at=NOON + hours * HOUR, **fields)


def make_unconfirmed(address: str, hours: int = 0, **fields: Any) -> CommunicationChannel:
    """A channel that was made some hours after noon."""
    channel = make_channel(make_user(), address, workflow_state="unconfirmed", **fields)
    CommunicationChannel.objects.filter(pk=channel.pk).update(created_at=NOON + hours * HOUR)
    return channel


MAKERS = {"bouncing": make_bouncing, "unconfirmed": make_unconfirmed}


class TestColumns:
    def test_bouncing(self, client: ApiClient) -> None:
        channel = make_bouncing("Bob@Example.edu", last_bounce_summary="550 no such user")
        assert csv_rows(client) == [
            [
                *("User ID", "Name", "Communication channel ID", "Type", "Path"),
                *("Date of most recent bounce", "Bounce reason"),
            ],
            [
                *(str(channel.user_id), "Sheldon Cooper", str(channel.pk), "email", "Bob@Example.edu"),
                *("2012-05-30T12:00:00Z", "550 no such user"),
            ],
        ]

    def test_unconfirmed(self, client: ApiClient) -> None:
        channel = make_unconfirmed("+16265550100", type="sms")
        assert csv_rows(client, "unconfirmed") == [
            ["User ID", "Name", "Communication channel ID", "Type", "Path", "Created at"],
            [
                *(str(channel.user_id), "Sheldon Cooper", str(channel.pk), "sms", "+16265550100"),
                "2012-05-30T12:00:00Z",
            ],
        ]

    @pytest.mark.parametrize("report", MAKERS)
    def test_json_is_the_same_in_strings(self, client: ApiClient, report: str) -> None:
        summary: dict[str, Any] = {"last_bounce_summary": "no"} if report == "bouncing" else {}
        MAKERS[report]("a@example.edu", **summary)
        answer = client.call("GET", f"/accounts/self/{report}_communication_channels.json")
        assert answer["Content-Type"] == "application/json; charset=utf-8"
        assert json.loads(answer.getvalue()) == csv_rows(client, report)

    def test_json_leaves_null_alone(self, client: ApiClient) -> None:
        make_bouncing("a@example.edu")
        assert rows(client)[0][6] is None

    @pytest.mark.parametrize("report", MAKERS)
    def test_nothing_found_is_the_header(self, client: ApiClient, report: str) -> None:
        assert len(csv_rows(client, report)) == 1
        assert rows(client, report) == []

    def test_csv_is_a_file_to_save(self, client: ApiClient) -> None:
        answer = client.call("GET", "/accounts/self/bouncing_communication_channels.csv")
        answer.getvalue()
        assert answer["Content-Disposition"] == 'attachment; filename="bouncing_communication_channels.csv"'

    def test_quotes_commas_and_line_feeds_survive(self, client: ApiClient) -> None:
        reason = 'say "no",\nthen more'
        make_bouncing("a@example.edu", user=make_user("Ümit, Dr."), last_bounce_summary=reason)
        assert csv_rows(client)[1][1] == "Ümit, Dr."
        assert csv_rows(client)[1][6] == reason

    @pytest.mark.parametrize("method", ["HEAD", "GET"])
    @pytest.mark.in_process
    def test_is_streamed(self, client: ApiClient, method: str) -> None:
        answer = client.call(method, "/accounts/self/bouncing_communication_channels.csv")
        assert answer.streaming
        answer.getvalue()


class TestFormulas:
    @pytest.mark.parametrize(
        "text", ["=1+1", "+1-800", "-1", "@SUM(A1)", "\tx", "\rx", "+", "+0123456", "+1 2"]
    )
    def test_get_an_apostrophe(self, text: str) -> None:
        assert harmless(text) == f"'{text}"

    @pytest.mark.parametrize("text", ["+16265550100", "a=1", "", "12", " =1"])
    def test_all_else_is_left(self, text: str) -> None:
        assert harmless(text) == text

    def test_in_a_name(self, client: ApiClient) -> None:
        make_bouncing("a@example.edu", user=make_user('=HYPERLINK("http://evil.example")'))
        assert csv_rows(client)[1][1] == '\'=HYPERLINK("http://evil.example")'
        assert rows(client)[0][1] == '=HYPERLINK("http://evil.example")'


class TestWhoIsInIt:
    def test_bouncing_are_live_and_bounced(self, client: ApiClient) -> None:
        make_bouncing("active@example.edu", 1)
        make_bouncing("unconfirmed@example.edu", 2, workflow_state="unconfirmed")
        make_bouncing("retired@example.edu", workflow_state="retired")
        make_channel(make_user(), "never@example.edu")
        assert addresses(client) == ["active@example.edu", "unconfirmed@example.edu"]

    def test_unconfirmed_are_unconfirmed(self, client: ApiClient) -> None:
        make_unconfirmed("new@example.edu")
        make_channel(make_user(), "active@example.edu")
        make_channel(make_user(), "gone@example.edu", workflow_state="retired")
        assert addresses(client, "unconfirmed") == ["new@example.edu"]

    @pytest.mark.parametrize("report", MAKERS)
    def test_users_with_a_login_in_the_account(
        self, client: ApiClient, account: Account, report: str
    ) -> None:
        channel = MAKERS[report]("member@example.edu")
        make_login(channel.user, account)  # a second login does not show them twice
        elsewhere = make_user(account=make_account())
        make_channel(elsewhere, "elsewhere@example.edu", bounce_count=1, workflow_state="unconfirmed")
        assert addresses(client, report) == ["member@example.edu"]

    def test_an_account_admin_does_not_see_whom_they_are_not_over(self, client: ApiClient, as_user) -> None:
        site_admin = make_site_admin()
        make_bouncing("site@example.edu", user=site_admin)
        other = make_admin(make_account())
        make_login(other, default_account())
        make_bouncing("other@example.edu", 1, user=other)
        assert addresses(client) == []
        assert addresses(as_user(site_admin)) == ["site@example.edu", "other@example.edu"]


class TestFilters:
    @pytest.mark.parametrize("pattern", ["*@STRAßE.*", "me@xn--strae-oqa.example", "*@XN--STRAE-*"])
    def test_a_domain_is_found_in_either_form(self, client: ApiClient, pattern: str) -> None:
        make_bouncing("me@straße.example")
        assert addresses(client, query=f"?pattern={quote(pattern)}") == ["me@straße.example"]

    @pytest.mark.parametrize("report", MAKERS)
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", "abc"),
            ("order=asc", "abc"),
            ("order=desc", "cba"),
            ("before=2012-05-30T13:00:00Z", "a"),
            ("after=2012-05-30T13:00:00Z", "c"),
            ("after=2012-05-30T12:00:00Z&before=2012-05-30T14:00:00Z", "b"),
            ("after=2012-05-30T14:00:00%2B02:00", "bc"),
            ("after=2012-05-30", "abc"),
            ("before=2012-05-30", ""),
            ("before=&after=&pattern=&path_type=&order=", "abc"),
            ("pattern=b@example.edu", "b"),
            ("pattern=B@EXAMPLE.*", "b"),
            ("pattern=*@example.edu", "abc"),
            ("pattern=*@example.ed", ""),
            ("pattern=@example.edu", ""),
            ("pattern=***", "abc"),
            ("path_type=email", "abc"),
            ("path_type=sms", ""),
            ("page=2&unknown=1", "abc"),
        ],
    )
    def test_narrow_the_rows(self, client: ApiClient, report: str, query: str, found: str) -> None:
        for hours, letter in enumerate("abc"):
            MAKERS[report](f"{letter}@example.edu", hours)
        assert addresses(client, report, f"?{query}") == [f"{letter}@example.edu" for letter in found]

    @pytest.mark.parametrize("report", MAKERS)
    @pytest.mark.parametrize(
        ("attribute", "value"),
        [
            ("before", "yesterday"),
            ("before", "2012-13-01"),
            ("after", "0"),
            ("after", "2012-05-30T25:00:00Z"),
            ("order", "up"),
            ("path_type", "fax"),
            ("pattern", "%00"),
            ("pattern", "a" * 1001),
            ("before[]", "2012-05-30"),
        ],
    )
    def test_a_bad_value_is_named(self, client: ApiClient, report: str, attribute: str, value: str) -> None:
        path = f"/accounts/self/{report}_communication_channels.csv?{attribute}={value}"
        answer = client.call("GET", path)
        name = attribute.removesuffix("[]")
        assert answer.status_code == 400
        assert answer.json()["errors"][name][0]["attribute"] == name

    @pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"])
    def test_moments_at_the_ends_of_time(self, client: ApiClient, moment: str) -> None:
        make_bouncing("a@example.edu")
        assert len(addresses(client, query=f"?after={moment}")) == (1 if moment.startswith("0") else 0)

    @pytest.mark.parametrize(
        ("pattern", "matches"),
        [
            ("100%@example.edu", True),
            ("1%@example.edu", False),
            ("100_@example.edu", False),
            ("1*@example.edu", True),
            ("10\\0%@example.edu", False),
        ],
    )
    def test_only_the_star_is_special(self, client: ApiClient, pattern: str, matches: bool) -> None:
        make_bouncing("100%@example.edu")
        assert bool(addresses(client, query=f"?pattern={quote(pattern)}")) is matches

    def test_a_pattern_is_folded_as_addresses_are(self, client: ApiClient) -> None:
        make_bouncing("me@straße.example")
        assert addresses(client, query=f"?pattern={quote('*@STRASSE.*')}") == ["me@straße.example"]

    @pytest.mark.parametrize("report", MAKERS)
    @pytest.mark.parametrize(
        ("query", "found"),
        [("", [1, 5]), ("with_invalid_paths=0", [1, 5]), ("with_invalid_paths=true", [1, 2, 3, 4, 5])],
    )
    def test_invalid_paths(self, client: ApiClient, report: str, query: str, found: list[int]) -> None:
        paths = {1: "a@b.c", 2: "a@b", 3: "@b.c", 4: "a@b.", 5: "+16265550100"}
        for number, path in paths.items():
            MAKERS[report](path, number, type="sms" if number == 5 else "email")
        shown = addresses(client, report, f"?{query}")
        assert shown == [paths[number] for number in found]

    def test_filters_may_come_in_a_body(self, as_user) -> None:
        make_unconfirmed("a@example.edu")
        make_unconfirmed("b@example.edu")
        path = "/accounts/self/unconfirmed_communication_channels/confirm"
        answer = as_user(make_site_admin()).call("POST", path, json={"pattern": "a@*"})
        assert answer.json() == {"confirmed_count": 1}
