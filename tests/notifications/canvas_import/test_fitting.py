"""Rows that do not fit: each is fitted or told, with its line and why; none is a fault or half done."""

import csv
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from canvas_channels.core.identity.models import Account, Login, User
from channels_api.models import CommunicationChannel
from notifications.canvas_import import zones
from notifications.canvas_import.rows import Row, Unfit
from notifications.models import NotificationPreference
from tests.commands import run
from tests.notifications.canvas_import import moved
from tests.notifications.canvas_import.people import options, tables, write_csv

Channel = CommunicationChannel

USER, LOGIN, CHANNEL, POLICY = "users", "pseudonyms", "communication_channels", "notification_policies"


def report(folder: Path, found: Any) -> list[tuple[str, str, str, str]]:
    """What is told of an import: table, id, whether the row is moved, and why or how."""
    file = folder / "report.csv"
    run("import_canvas", *options(folder, found, write_csv), "--report", str(file))
    moved.check_nothing_is_sent()
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert all(row["line"].partition(":")[2].isdecimal() for row in rows)
    return [(row["table"], row["id"], row["moved"], row["reason"]) for row in rows]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"workflow_state": "deleted"}, "is deleted in Canvas"),
        ({"workflow_state": "odd"}, "its workflow_state is not known"),
        ({"name": "A\x07"}, "name holds control characters"),
        ({"name": "A" * 256}, "name: Ensure this value has at most 255 characters (it has 256)"),
        ({"created_at": "yesterday"}, "created_at is no time"),
    ],
)
def test_users_who_are_left_out(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    found = tables(1)
    found[USER][0] |= changes
    told = report(tmp_path, found)
    assert (USER, "103", "no", reason) in told
    assert (LOGIN, "5001", "no", "its user is not moved") in told
    assert (CHANNEL, "20010", "no", "its user is not moved") in told
    assert (POLICY, "200100", "no", "its channel was not moved") in told
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "value", "told"),
    [
        ({"workflow_state": "creation_pending"}, "workflow_state", "pre_registered", None),
        ({"name": "", "short_name": "Penny"}, "name", "Penny", None),
        ({"name": "", "short_name": "", "sortable_name": ""}, "name", "User 103", None),
        ({"locale": "tlh"}, "locale", "", "its locale is not known here"),
        ({"time_zone": "=Mars"}, "time_zone", "", "its time zone is not known here"),
        ({"time_zone": "Eastern Time (US & Canada)"}, "time_zone", "America/New_York", None),
    ],
)
def test_users_who_are_fitted(
    tmp_path: Path, changes: dict[str, str], field: str, value: str, told: str | None
) -> None:
    found = tables(1)
    found[USER][0] |= changes
    assert report(tmp_path, found) == ([(USER, "103", "yes", told)] if told else [])
    assert getattr(User.objects.get(), field) == value
    assert ",=" not in (tmp_path / "report.csv").read_text()  # no formula for a spreadsheet


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"workflow_state": "suspended"}, "is suspended in Canvas"),
        ({"workflow_state": "deleted"}, "is deleted in Canvas"),
        ({"workflow_state": "odd"}, "its workflow_state is not known"),
        ({"unique_id": ""}, "unique_id: This field cannot be blank"),
        ({"unique_id": "PERSON2@example.edu"}, "another login has its unique_id"),
    ],
)
def test_logins_that_are_left_out(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    """Their people are moved without them."""
    found = tables(2)
    found[LOGIN].append(found[LOGIN][0] | {"id": 4000, "unique_id": "x", "sis_user_id": "", **changes})
    found[LOGIN].reverse()
    assert report(tmp_path, found) == [(LOGIN, "4000" if "2@" not in str(changes) else "5002", "no", reason)]
    assert User.objects.count() == 2


def test_a_sis_id_that_another_has(tmp_path: Path) -> None:
    found = tables(3)
    found[LOGIN][1]["sis_user_id"] = "S1"
    assert report(tmp_path, found) == [(LOGIN, "5002", "yes", "its sis_user_id is another login's")]
    assert Login.objects.get(unique_id="Person2@example.edu").sis_user_id is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"path": "nobody"}, "its path is not a valid email address"),
        ({"path": "ü@example.edu"}, "its path must have a local part of ASCII characters only"),
        ({"path": ""}, "its path can't be blank"),
        ({"path_type": "sms", "path": "12"}, "its path is not a valid phone number"),
        ({"path_type": "twitter", "path": "x"}, "its path_type is not known here"),
        ({"workflow_state": "odd"}, "its workflow_state is not known"),
        ({"bounce_count": "-1"}, "bounce_count is no number"),
        ({"bounce_count": "many"}, "bounce_count is no number"),
        ({"path": "person1@EXAMPLE.edu"}, "another channel of the user has the address"),
        ({"user_id": "999"}, "its user is not in the file of users"),
        ({"user_id": ""}, "user_id is no id"),
    ],
)
def test_channels_that_are_left_out(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    """And with them what was chosen for them."""
    found = tables(1)
    found[CHANNEL].append(
        found[CHANNEL][0] | {"id": 30_000, "path": "x@example.edu", "position": 2, **changes}
    )
    found[POLICY].append(found[POLICY][0] | {"id": 9, "communication_channel_id": 30_000})
    assert report(tmp_path, found) == [
        (CHANNEL, "30000", "no", reason),
        (POLICY, "9", "no", "its channel was not moved"),
    ]
    assert Channel.objects.count() == 1


def test_an_active_channel_comes_before_an_unconfirmed_one_of_the_same_address(tmp_path: Path) -> None:
    found = tables(1)
    again = found[CHANNEL][0] | {"id": 30_000, "path": "PERSON1@example.edu", "position": 2}
    found[CHANNEL][0]["workflow_state"] = "unconfirmed"
    found[CHANNEL].append(again)
    found[POLICY].clear()
    assert report(tmp_path, found) == [
        (CHANNEL, "20010", "no", "another channel of the user has the address")
    ]
    assert Channel.objects.get().workflow_state == "active"


def test_no_more_channels_than_a_user_may_have(tmp_path: Path) -> None:
    found = tables(1)
    more = (found[CHANNEL][0] | {"id": 30_000 + n, "path": f"{n}@example.edu"} for n in range(120))
    found[CHANNEL] += [row | {"position": 2 + number} for number, row in enumerate(more)]
    told = report(tmp_path, found)
    assert {line[1:] for line in told} == {
        (str(30_000 + number), "no", "its user has more than 100 channels") for number in range(99, 120)
    }
    assert Channel.objects.count() == 100


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("4155550123@txt.att.net", "+14155550123"),  # as Canvas once sent texts
        ("(415) 555-0123", "+14155550123"),
        ("+49 30 1234567", "+49301234567"),
    ],
)
def test_numbers_as_they_were_kept(tmp_path: Path, path: str, address: str) -> None:
    found = tables(1)
    found[CHANNEL][0] |= {"path_type": "sms", "path": path}
    assert report(tmp_path, found) == []
    assert Channel.objects.get().address == address


@pytest.mark.parametrize(
    ("positions", "expected"),
    [([2, 5, 9], [2, 5, 9]), ([1, 1, 2], [1, 2, 3]), (["", 3, 1], [3, 2, 1]), ([0, -1, 1], [2, 3, 1])],
)
def test_positions(tmp_path: Path, positions: list[Any], expected: list[int]) -> None:
    """Canvas has gaps, doubles and none; the order stays."""
    found = tables(1)
    first = found[CHANNEL][0]
    found[CHANNEL] = [
        first | {"id": 30_000 + number, "path": f"{number}@example.edu", "position": position}
        for number, position in enumerate(positions)
    ]
    found[POLICY].clear()
    assert report(tmp_path, found) == []
    assert list(Channel.objects.order_by("pk").values_list("position", flat=True)) == expected


@pytest.mark.parametrize(
    ("states", "expected"), [(".i.", "bac"), (".i.i", "bacd"), ("i.i", "abc"), (".ri", "cab"), ("ri.", "abc")]
)
def test_the_institutions_address_comes_first_as_everywhere(
    tmp_path: Path, account: Account, states: str, expected: str
) -> None:
    """``i``: the institution's, one of each login; ``r``: retired."""
    Account.objects.filter(pk=account.pk).update(institution_email_first=True)
    found = tables(1)
    channel, login = found[CHANNEL][0], found[LOGIN][0]
    found[CHANNEL] = [
        channel
        | {"id": 30_000 + place, "path": f"{'abcd'[place]}@example.edu", "position": place + 1}
        | {"workflow_state": "retired" if state == "r" else "active"}
        for place, state in enumerate(states)
    ]
    found[LOGIN] = [
        login
        | {"id": 6_000 + place, "unique_id": f"login{place}", "sis_user_id": f"S{place}"}
        | {"sis_communication_channel_id": 30_000 + place if state == "i" else None}
        for place, state in enumerate(states)
    ]
    found[POLICY].clear()
    assert report(tmp_path, found) == []
    rows = Channel.objects.order_by("position")
    assert "".join(row.address[0] for row in rows) == expected
    assert [row.position for row in rows] == list(range(1, len(states) + 1))
    assert {row.address for row in rows if row.institutional} == {
        login.imported_email for login in Login.objects.exclude(imported_email="")
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"notification_id": 77}, "its notification is not among the notifications"),
        ({"notification_id": 34}, "its notification is not in the catalogue"),
        ({"frequency": "hourly"}, "its frequency must be one of immediately, daily, weekly, never"),
        ({"frequency": ""}, "its frequency must be one of immediately, daily, weekly, never"),
        ({"communication_channel_id": "x"}, "communication_channel_id is no id"),
    ],
)
def test_preferences_that_are_left_out(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = tables(1)
    found["notifications"].append({"id": 34, "name": "Summaries"})
    found[POLICY][0] |= changes
    assert report(tmp_path, found) == [(POLICY, "200100", "no", reason)]
    assert NotificationPreference.objects.count() == 2


def test_lines_that_cannot_be_read(tmp_path: Path) -> None:
    file, table = tmp_path / "users.jsonl", tmp_path / "report.csv"
    good = '{"key": {"id": 7}, "value": {"name": "Penny"}, "meta": {"action": "U"}}'
    gone = '{"key": {"id": 8}, "value": {"name": "Gone"}}\n{"key": {"id": 8}, "meta": {"action": "D"}}'
    file.write_text(f'{good}\nnonsense\n[1]\n\n{{"key": {{"id": 0}}, "value": {{}}}}\n{gone}\n')
    run("import_canvas", "--users", str(file), "--report", str(table))
    with table.open() as lines:
        told = [(row["line"], row["reason"]) for row in csv.DictReader(lines)]
    assert told == [
        ("users.jsonl:2", "the line cannot be read"),
        ("users.jsonl:3", "the line cannot be read"),
        ("users.jsonl:5", "id is no id"),
    ]
    assert User.objects.get().name == "Penny"


def test_logins_are_the_same_where_postgresql_says_so(tmp_path: Path) -> None:
    """In Python these differ in lower case, by a sigma's form at the end of a word."""
    found = tables(3)
    for row, unique_id in zip(found[LOGIN], ["ΑΣ", "\u200bασ", "x"], strict=True):  # noqa: RUF001
        row["unique_id"] = unique_id
    assert report(tmp_path, found) == [(LOGIN, "5002", "no", "another login has its unique_id")]
    assert sorted(Login.objects.values_list("unique_id", flat=True)) == ["x", "ΑΣ"]


def test_what_the_database_refuses_is_told_and_stops_nobody_else(tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE identity_login ADD CONSTRAINT broken CHECK (unique_id <> 'broken')")
    found = tables(3)
    found[LOGIN][1]["unique_id"] = "broken"
    told = report(tmp_path, found)
    assert (USER, "106", "no", "the database refuses a row of theirs") in told
    assert sorted(User.objects.values_list("pk", flat=True)) == [103, 109]
    assert not Channel.objects.filter(address="Person2@example.edu").exists()


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), (12, 12), ("7~12", 7 * 10**13 + 12), (str(2**63 - 1), 2**63 - 1)]
)
def test_ids(text: object, number: int) -> None:
    assert Row({"id": text}).id("id") == number


@pytest.mark.parametrize("text", [None, "", "0", "-1", "1.5", "x", "١٢", str(2**63), "~3", "9999999~1", True])
def test_no_ids(text: object) -> None:
    with pytest.raises(Unfit):
        Row({"id": text}).id("id")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("America/Denver", "America/Denver"),
        ("Berlin", "Europe/Berlin"),
        ("Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("Atlantis", ""),
    ],
)
def test_zones(name: str, zone: str) -> None:
    assert zones.iana(name) == zone
