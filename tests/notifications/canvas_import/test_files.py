"""Moving in from files: what a Data Access Platform or a provisioning report wrote."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission

from canvas_channels.core.identity.models import Account, AccountUser, Login, User
from channels_api.models import CommunicationChannel, SecurityNotice
from notifications.models import NotificationPreference
from tests.commands import refusal, run, shown_on_a_terminal
from tests.documents import commands, manage
from tests.factories import make_channel, make_user
from tests.notifications.canvas_import import moved, people
from tests.notifications.canvas_import.people import Tables, options, tables, write_csv, write_json_lines

PEOPLE = 450  # more than two transactions
Channel = CommunicationChannel
pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)


@pytest.mark.parametrize("write", [write_json_lines, write_csv])
def test_everything_is_moved_once(tmp_path: Path, write: Callable[..., Path]) -> None:
    found = tables(PEOPLE)
    arguments = options(tmp_path, found, write)
    before = moved.dump()
    dry = run("import_canvas", *arguments, "--dry-run")
    assert moved.dump() == before
    first = run("import_canvas", *arguments)
    nouns = ["users", "logins", "channels", "preferences"]
    counts = ", ".join(f"{len(rows)} {noun}" for rows, noun in zip(found.values(), nouns, strict=False))
    assert dry.splitlines() == [f"Would be moved: {counts}."]
    assert first.splitlines() == [f"Moved: {counts}."]
    moved.check(found)
    after = moved.dump()
    for flags in (["--dry-run"], []):
        again = run("import_canvas", *arguments, *flags)
        assert "oved: 0 users, 0 logins, 0 channels, 0 preferences." in again
        assert f"{PEOPLE} users were moved before, and left alone." in again
    assert moved.dump() == after


def test_a_terminal_has_a_bar_of_which_each_text_is_whole(tmp_path: Path) -> None:
    found = tables(PEOPLE)
    choices = len(found["notification_policies"])
    *bars, last = shown_on_a_terminal("import_canvas", *options(tmp_path, found))
    assert bars[-3:] == [
        f"[{'#' * 40}] 100 % {PEOPLE} of {PEOPLE} users",
        f"[{' ' * 40}]   0 % 0 preferences",
        f"[{'#' * 40}] 100 % {choices} preferences",
    ]
    assert last.startswith(f"Moved: {PEOPLE} users, ")


def test_ids_go_on_after_the_highest(tmp_path: Path) -> None:
    found = tables(3)
    run("import_canvas", *options(tmp_path, found))
    user = make_user()
    assert user.pk == max(row["id"] for row in found["users"]) + 1
    assert user.logins.get().pk == max(row["id"] for row in found["pseudonyms"]) + 1
    assert make_channel(user).pk == max(row["id"] for row in found["communication_channels"]) + 1


def test_ids_of_another_shard_are_kept_and_not_gone_on_after(tmp_path: Path) -> None:
    far, near = 7 * 10**13 + 12, 40
    found: Tables = {
        "users": [
            {"id": "7~12", "name": "Far", "workflow_state": "registered"},
            {"id": near, "name": "Near", "workflow_state": "registered"},
        ]
    }
    run("import_canvas", *options(tmp_path, found))
    assert dict(User.objects.values_list("name", "pk")) == {"Far": far, "Near": near}
    assert make_user().pk == near + 1


def test_ids_that_are_taken_are_replaced_and_told(tmp_path: Path) -> None:
    found = tables(2)
    other = make_user(pk=found["users"][0]["id"], login="other")
    taken = make_channel(other, pk=found["communication_channels"][0]["id"])
    said = run("import_canvas", *options(tmp_path, found))
    assert "1 user changed: its id is taken: it has another." in said
    assert "1 channel changed: its id is taken: it has another." in said
    login = Login.objects.get(unique_id="Person1@example.edu")
    channel = Channel.objects.get(address="Person1@example.edu")
    assert login.user_id not in {row["id"] for row in found["users"]}
    assert (channel.user_id, channel.pk == taken.pk) == (login.user_id, False)
    assert NotificationPreference.objects.filter(channel=channel).count() == len(people.NOTIFICATIONS)
    assert not NotificationPreference.objects.filter(channel=taken).exists()
    after = moved.dump()
    run("import_canvas", *options(tmp_path, found))
    assert moved.dump() == after


def test_a_choice_that_was_made_here_stays(tmp_path: Path) -> None:
    found = tables(1)
    arguments = options(tmp_path, found)
    run("import_canvas", *arguments)
    chosen = NotificationPreference.objects.order_by("pk").first()
    assert chosen
    other = "weekly" if chosen.frequency != "weekly" else "never"
    NotificationPreference.objects.filter(pk=chosen.pk).update(frequency=other)
    Channel.objects.update(workflow_state="retired")
    User.objects.update(name="Another")
    after = moved.dump()
    run("import_canvas", *arguments)
    assert moved.dump() == after


def test_preferences_may_come_later(tmp_path: Path) -> None:
    """As they do where a run was interrupted before them."""
    found = tables(20)
    run("import_canvas", *options(tmp_path, found | {"notification_policies": []}))
    said = run("import_canvas", *options(tmp_path, found))
    policies = len(found["notification_policies"])
    assert f"0 channels, {policies} preferences." in said
    moved.check(found)


def test_who_came_since_is_moved(tmp_path: Path) -> None:
    run("import_canvas", *options(tmp_path, tables(20)))
    run("import_canvas", *options(tmp_path, tables(30)))
    moved.check(tables(30))


def test_a_person_who_is_here_gets_what_is_missing(tmp_path: Path, account: Account) -> None:
    """Known by their login, in any case: so an import of users may have come before."""
    here = make_user("Here", login="PERSON15@EXAMPLE.EDU")
    kept = make_channel(here, "person15@example.edu", position=4)
    found = tables(20)
    said = run("import_canvas", *options(tmp_path, found))
    assert "1 channel left out: a channel of the user here has the address." in said
    channels = Channel.objects.filter(user=here).order_by("position")
    number, home = [row["path"] for row in found["communication_channels"] if row["user_id"] == 145][1:]
    assert list(channels.values_list("address", "position")) == [
        (kept.address, 4),
        (number, 5),
        (home, 6),
    ]
    assert here.logins.count() == 1
    here.refresh_from_db()
    assert here.name == "Here"


def test_who_is_here_is_told_of_what_counts_at_once(tmp_path: Path) -> None:
    """By the addresses that they had; of what is new no address hears, and no newcomer."""
    owners = {number: make_user(login=f"person{number}@example.edu") for number in (3, 5, 7, 11, 12)}
    for number, owner in owners.items():
        state = "unconfirmed" if number == 12 else "active"
        make_channel(owner, f"here{number}@example.edu", workflow_state=state)
    make_channel(owners[7], "person7@example.edu")  # so that only what is not told is new
    found = tables(20)
    found["pseudonyms"] += [
        {
            "id": 9000 + user_id,
            "user_id": user_id,
            "unique_id": f"second{user_id}",
            "workflow_state": "active",
        }
        for user_id in (109, 112)
    ]
    arguments = options(tmp_path, found)
    run("import_canvas", *arguments, "--dry-run")
    moved.check_nothing_is_sent()
    run("import_canvas", *arguments)
    told = SecurityNotice.objects.order_by("address", "kind", "about_type")
    assert list(told.values_list("address", "kind", "about_type")) == [
        ("here11@example.edu", "address", "email"),
        ("here3@example.edu", "address", "email"),
        ("here3@example.edu", "address", "sms"),
        ("here3@example.edu", "login", ""),
        ("here5@example.edu", "address", "email"),
    ]
    run("import_canvas", *arguments)
    assert SecurityNotice.objects.count() == 5


def test_the_institutions_address_keeps_the_first_place(tmp_path: Path, account: Account) -> None:
    Account.objects.update(institution_email_first=True)
    found = tables(15)
    home = next(row for row in found["communication_channels"] if row["path"] == "home15@example.com")
    found["pseudonyms"][14]["sis_communication_channel_id"] = home["id"]
    run("import_canvas", *options(tmp_path, found))
    first = Channel.objects.filter(user=145).order_by("position")[0]
    assert (first.address, first.institutional) == ("home15@example.com", True)
    assert Login.objects.get(user=145).imported_email == "home15@example.com"


@pytest.mark.parametrize("right", ["is_superuser", "is_staff", "is_site_admin", "account admin"])
def test_who_has_rights_here_is_left_alone(tmp_path: Path, right: str) -> None:
    """A login in Canvas must be no way to an address that resets their password."""
    here = make_user(login="person3@example.edu")
    if right == "account admin":
        AccountUser.objects.create(user=here, account=here.home_account)
    else:
        User.objects.filter(pk=here.pk).update(**{right: True})
    if right == "is_staff":  # with what staff may do
        here.user_permissions.add(Permission.objects.get(codename="change_account"))
    said = run("import_canvas", *options(tmp_path, tables(3)))
    assert "1 user left out: a person here with its login has rights." in said
    assert not Channel.objects.filter(user=here).exists()
    assert User.objects.count() == 3


def test_who_was_erased_is_not_moved_again(tmp_path: Path) -> None:
    arguments = options(tmp_path, tables(1))
    assert run("import_canvas", *arguments) == "Moved: 1 user, 1 login, 1 channel, 3 preferences.\n"
    run("erase_user", "103", "--no-input")
    after = moved.dump()
    assert "1 user was moved before, and left alone." in run("import_canvas", *arguments)
    assert moved.dump() == after


PROVISIONED = """\
canvas_user_id,user_id,integration_id,authentication_provider_id,login_id,first_name,last_name,full_name,sortable_name,short_name,email,status,created_by_sis
12,S1,,,penny,Penny,Hofstadter,Penny Hofstadter,"Hofstadter, Penny",Penny,penny@example.edu,active,true
12,,,7,penny2,Penny,Hofstadter,Penny Hofstadter,"Hofstadter, Penny",Penny,penny@example.edu,active,true
13,,,,amy,Amy,Fowler,Amy Fowler,"Fowler, Amy",Amy,amy@example.com,suspended,false
14,S3,,,gone,Gone,Away,Gone Away,"Away, Gone",Gone,gone@example.edu,deleted,true
"""


def test_a_provisioning_report(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text(PROVISIONED)
    arguments = ["--users", str(file), "--report", str(tmp_path / "report.csv")]
    said = run("import_canvas", *arguments)
    assert said.startswith("Moved: 2 users, 2 logins, 2 channels,")
    assert dict(User.objects.values_list("pk", "name")) == {12: "Penny Hofstadter", 13: "Amy Fowler"}
    logins = Login.objects.order_by("unique_id").values_list("unique_id", "sis_user_id")
    assert list(logins) == [("penny", "S1"), ("penny2", None)]
    channels = Channel.objects.order_by("user").values_list("address", "workflow_state")
    assert list(channels) == [("penny@example.edu", "active"), ("amy@example.com", "unconfirmed")]
    with (tmp_path / "report.csv").open() as report:
        lines = [(line["table"], line["line"], line["reason"]) for line in csv.DictReader(report)]
    assert sorted(lines) == [
        ("communication_channels", "users.csv:5", "its user is not moved"),
        ("pseudonyms", "users.csv:4", "is suspended in Canvas"),
        ("pseudonyms", "users.csv:5", "its user is not moved"),
        ("users", "users.csv:5", "is deleted in Canvas"),
    ]
    after = moved.dump()
    run("import_canvas", *arguments)
    assert moved.dump() == after


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"key.id,value.naem\n1,a\n", "has no column name: is it a file of users?"),
        (b"id,name\n1,\xff\n", "cannot be read: it is not in UTF-8"),
        (b'id,name\n1,"a\n', "cannot be read: near line 1"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "users.csv"
    if content is not None:
        file.write_bytes(content)
    assert said in refusal("import_canvas", "--users", str(file))
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give either --url or files."),
        (["--url", "https://canvas.example.edu", "--users", "a"], "Give either --url or files."),
        (["--pseudonyms", "a"], "Give --users"),
        (["--users", "a", "--notification-policies", "b"], "Give --notifications too"),
        (["--users", "a", "--report", "/nowhere/report"], "cannot be written"),
        (["--url", "http://canvas.example.edu"], "must begin with https://"),
        (["--url", "https://canvas.example.edu/api/v1"], "without a path"),
        (["--url", "https://canvas.example.edu"], "as CANVAS_TOKEN"),
    ],
)
def test_options_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.delenv("CANVAS_TOKEN", raising=False)
    assert said in refusal("import_canvas", *arguments)


def test_the_documented_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options(Path(), tables(3))
    [block] = commands("docs/moving-from-canvas.md", "From files")
    [arguments] = manage(block)
    run(*arguments)
    moved.check(tables(3))
    assert (tmp_path / "report.csv").read_text().count("\n") == 1
