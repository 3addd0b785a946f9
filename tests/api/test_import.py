"""Creating many channels at once, by the API and by ``manage.py import_channels``."""

from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from canvas_channels.core.identity.models import Account, User
from channels_api.accounts import imports, progress
from channels_api.models import AuditEntry, CommunicationChannel, Confirmation, ImportRow, Progress
from tests.api.conftest import ApiClient
from tests.api.rights import PLAIN_TARGETS, TARGETS
from tests.commands import refusal, run, shown_on_a_terminal
from tests.factories import (
    default_account,
    make_account,
    make_admin,
    make_channel,
    make_site_admin,
    make_user,
)
from tests.notifications.services import do_all, run_worker

IMPORT = "/accounts/self/communication_channels/import"
HEADER = "user_id,type,address,skip_confirmation"


@pytest.fixture
def account(db: None) -> Account:
    return default_account()


@pytest.fixture
def admin(account: Account, as_user: Callable[..., ApiClient]) -> ApiClient:
    return as_user(make_admin(account))


@pytest.fixture
def sheldon(account: Account) -> User:
    return make_user(login="sheldon@caltech.edu", sis_user_id="S-1")


def channels() -> list[tuple[int, str, str, str]]:
    fields = ("user_id", "type", "address", "workflow_state")
    return list(CommunicationChannel.objects.order_by("pk").values_list(*fields))


def do(client: ApiClient, rows: object) -> dict[str, Any]:
    """Import rows of JSON to the end; the progress as the client sees it."""
    started = client.call("POST", IMPORT, json={"communication_channels": rows})
    assert started.status_code == 200, started.content
    while progress.step(started.json()["id"]):
        pass
    return dict(client.call("GET", f"/progress/{started.json()['id']}").json())


def failure(client: ApiClient, row: object) -> tuple[str, str]:
    [result] = do(client, [row])["results"]
    [error] = result["errors"]
    assert (result["row"], result["status"]) == (1, "failed")
    return error["attribute"], error["type"]


class TestShapes:
    ROW = "{user},email,New@example.edu,true"

    def expect_one(self, user: User, started: Any) -> None:
        assert started.status_code == 200, started.content
        do_all(progress.step, started.json()["id"])
        assert channels() == [(user.pk, "email", "New@example.edu", "active")]

    def test_json(self, admin: ApiClient, sheldon: User) -> None:
        row = {"user_id": sheldon.pk, "type": "email", "address": "New@example.edu"}
        row["skip_confirmation"] = True
        body = {"communication_channels": [row]}
        self.expect_one(sheldon, admin.call("POST", IMPORT, json=body))

    def test_csv(self, admin: ApiClient, sheldon: User) -> None:
        body = f"\ufeff{HEADER}\r\n{self.ROW.format(user=sheldon.pk)}\r\n\r\n"
        self.expect_one(sheldon, admin.call("POST", IMPORT, body, content_type="text/csv"))

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    @pytest.mark.parametrize(
        "empty", ["", ",,,", ",,,,,,", ",", "   ", " , ,\t, ", '"","","",""', '" \n ",', "\u200b,\xa0,,"]
    )
    def test_empty_rows_of_a_csv_are_none(
        self, admin: ApiClient, sheldon: User, empty: str, mark: str, end: str
    ) -> None:
        lines = [empty, HEADER, empty, self.ROW.format(user=sheldon.pk), empty, "", empty, ""]
        body = mark + end.join(lines)
        self.expect_one(sheldon, admin.call("POST", IMPORT, body, content_type="text/csv; charset=utf-8"))

    def test_csv_as_a_file_of_a_form(self, admin: ApiClient, sheldon: User) -> None:
        content = f"{HEADER}\n{self.ROW.format(user=sheldon.pk)}"
        head = 'Content-Disposition: form-data; name="attachment"; filename="a.csv"\r\nContent-Type: text/csv'
        body = f"--x\r\n{head}\r\n\r\n{content}\r\n--x--\r\n"
        self.expect_one(
            sheldon, admin.call("POST", IMPORT, body, content_type="multipart/form-data; boundary=x")
        )

    @pytest.mark.parametrize(
        "named",
        [
            {"sis_user_id": "S-1"},
            {"login_id": "SHELDON@caltech.edu"},
            {"sis_user_id": "S-1", "login_id": "sheldon@caltech.edu"},
        ],
    )
    def test_a_user_by_sis_id_or_login(self, admin: ApiClient, sheldon: User, named: dict[str, Any]) -> None:
        do(admin, [named | {"type": "sms", "address": "(626) 555-0100"}])
        assert channels() == [(sheldon.pk, "sms", "+16265550100", "unconfirmed")]

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/csv", "user_id,phone\n1,2\n"),
            ("text/csv", "type,address\nemail,a@example.edu\n"),
            ("text/csv", "user_id,user_id\n1,2\n"),
            ("text/csv", HEADER),
            ("text/csv", f"{HEADER}\n,,,\n \n"),
            ("text/csv", ",,,\n"),
            ("text/csv", f'{HEADER}\n1,email,"open'),
            ("text/csv", b"\xff\xfe"),
            ("application/json", b"{}"),
            ("application/json", b'{"communication_channels": []}'),
            ("application/json", b'{"communication_channels": {"a": 1}}'),
            ("application/json", b"[]"),
        ],
    )
    def test_what_cannot_be_read_at_all_is_400(self, admin: ApiClient, content_type: str, body: Any) -> None:
        assert admin.call("POST", IMPORT, body, content_type=content_type).status_code == 400
        assert not Progress.objects.exists()

    @pytest.mark.parametrize(("rows", "status"), [(10_000, 200), (10_001, 400)])
    def test_ten_thousand_rows(self, admin: ApiClient, rows: int, status: int) -> None:
        body = f"{HEADER}\n" + "1,email,a@example.edu,\n" * rows
        assert admin.call("POST", IMPORT, body, content_type="text/csv").status_code == status
        assert ImportRow.objects.count() == (rows if status == 200 else 0)


class TestRows:
    def test_each_has_its_result_and_none_stops_the_rest(self, admin: ApiClient, sheldon: User) -> None:
        good = {"user_id": sheldon.pk, "type": "email", "address": "a@example.edu"}
        shown = do(admin, [{"user_id": 0}, good, "nonsense", good | {"address": "b@example.edu"}])
        assert [result["status"] for result in shown["results"]] == ["failed", "created", "failed", "created"]
        created = CommunicationChannel.objects.order_by("pk").values_list("pk", flat=True)
        assert [result.get("communication_channel_id") for result in shown["results"]][1::2] == list(created)
        assert (shown["workflow_state"], shown["completion"]) == ("completed", 100)
        assert shown["message"] == "4 of 4 rows done, 2 failed"

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"address": "nonsense"}, ("address", "invalid")),
            ({"address": ""}, ("address", "blank")),
            ({"type": "push"}, ("type", "inclusion")),
            ({"type": None}, ("type", "blank")),
            ({"user_id": 999_999}, ("user_id", "not_found")),
            ({"user_id": None}, ("user_id", "not_found")),
            ({"sis_user_id": "S-2"}, ("user_id", "not_found")),
            ({"address": "a\x00@example.edu"}, ("row", "nul_character")),
            ({"address": "taken@example.edu"}, ("path", "unique!")),
        ],
    )
    def test_what_is_wrong_is_named(
        self, admin: ApiClient, sheldon: User, change: dict[str, Any], error: Any
    ) -> None:
        make_channel(sheldon, "Taken@example.edu")
        row = {"user_id": sheldon.pk, "type": "email", "address": "a@example.edu"} | change
        assert failure(admin, row) == error
        assert CommunicationChannel.objects.count() == 1

    def test_a_user_of_another_account_is_not_found(self, admin: ApiClient) -> None:
        stranger = make_user(account=make_account())
        row = {"user_id": stranger.pk, "type": "email", "address": "a@example.edu"}
        assert failure(admin, row) == ("user_id", "not_found")

    def test_a_user_whom_the_caller_is_not_over_is_refused(self, admin: ApiClient) -> None:
        row = {"user_id": make_site_admin().pk, "type": "email", "address": "a@example.edu"}
        assert failure(admin, row) == ("user_id", "unauthorized")

    def test_messages_count_against_the_limits(
        self, admin: ApiClient, sheldon: User, settings: Settings
    ) -> None:
        settings.CONFIRMATIONS_PER_USER_PER_HOUR = 2
        row = {"user_id": sheldon.pk, "type": "email"}
        shown = do(admin, [row | {"address": f"a{number}@example.edu"} for number in range(3)])
        assert [result["status"] for result in shown["results"]] == ["created", "created", "failed"]
        assert shown["results"][2]["errors"][0]["type"] == "limit_reached"
        assert Confirmation.objects.count() == 2
        assert CommunicationChannel.objects.count() == 2

    def test_who_did_it_is_in_the_audit_trail(self, account: Account, sheldon: User, as_user: Any) -> None:
        boss = make_admin(account)
        do(as_user(boss), [{"user_id": sheldon.pk, "type": "email", "address": "a@example.edu"}])
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.user) == ("create", boss, sheldon)
        assert entry.developer_key is not None

    def test_what_was_asked_is_forgotten_once_done(self, admin: ApiClient, sheldon: User) -> None:
        do(admin, [{"user_id": sheldon.pk, "type": "email", "address": "a@example.edu"}])
        assert ImportRow.objects.get().data == {}


class TestProgress:
    def test_is_canvass_object(self, admin: ApiClient, account: Account, sheldon: User) -> None:
        started = admin.call("POST", IMPORT, "x", content_type="text/csv")
        assert started.status_code == 400
        row = {"user_id": sheldon.pk, "type": "email", "address": "a@example.edu"}
        shown = admin.call("POST", IMPORT, json={"communication_channels": [row]}).json()
        assert (shown["workflow_state"], shown["completion"], shown["message"]) == ("queued", 0, None)
        assert (shown["context_id"], shown["context_type"]) == (account.pk, "Account")
        assert shown["url"].endswith(f"/api/v1/progress/{shown['id']}")
        assert "results" not in shown

    def test_goes_on_where_it_stopped(
        self, admin: ApiClient, sheldon: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "BATCH", 2)
        row = {"user_id": sheldon.pk, "type": "email"}
        body = {"communication_channels": [row | {"address": f"a{n}@example.edu"} for n in range(3)]}
        started = admin.call("POST", IMPORT, json=body).json()["id"]
        assert progress.step(started)
        shown = admin.call("GET", f"/progress/{started}").json()
        assert (shown["workflow_state"], shown["completion"]) == ("running", 66)
        assert not progress.step(started)
        assert not progress.step(started)  # an old job that comes back does nothing
        assert len(channels()) == 3

    def test_a_job_does_many_steps(
        self, admin: ApiClient, sheldon: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "BATCH", 1)
        row = {"user_id": sheldon.pk, "type": "email"}
        body = {"communication_channels": [row | {"address": f"a{n}@example.edu"} for n in range(3)]}
        do_all(progress.step, admin.call("POST", IMPORT, json=body).json()["id"])
        assert len(channels()) == 3

    def test_ends_with_the_rights_of_who_asked(self, account: Account, sheldon: User, as_user: Any) -> None:
        boss = make_admin(account)
        row = {"user_id": sheldon.pk, "type": "email", "address": "a@example.edu"}
        started = as_user(boss).call("POST", IMPORT, json={"communication_channels": [row]}).json()["id"]
        User.objects.filter(pk=boss.pk).update(workflow_state="deactivated")
        do_all(progress.step, started)
        found = Progress.objects.get()
        assert (found.workflow_state, channels()) == ("failed", [])
        assert imports.results(found)[0]["errors"][0]["type"] == "abandoned"


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_the_import(as_user: Callable[..., ApiClient]) -> None:
    user = make_user()
    admin = as_user(make_admin())
    row = {"user_id": user.pk, "type": "email", "skip_confirmation": True}
    body = {"communication_channels": [row | {"address": f"a{n}@example.edu"} for n in range(50)]}
    started = admin.call("POST", IMPORT, json=body).json()["id"]
    run_worker()
    assert admin.call("GET", f"/progress/{started}").json()["workflow_state"] == "completed"
    assert len(channels()) == 50


class TestCommand:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "channels.csv"

    def test_imports_with_a_bar_on_a_terminal(self, sheldon: User, file: Path) -> None:
        rows = f"{sheldon.pk},email,a@example.edu,yes\n{sheldon.pk},email,b@example.edu,\n"
        file.write_text(f"{HEADER}\n{rows}")
        shown = shown_on_a_terminal("import_channels", str(file))
        assert shown[-1] == f"[{'#' * 40}] 100 % 2 of 2 rows done, 0 failed"
        assert [state for *_, state in channels()] == ["active", "unconfirmed"]

    def test_json(self, sheldon: User, tmp_path: Path) -> None:
        file = tmp_path / "channels.json"
        file.write_text('[{"sis_user_id": "S-1", "type": "email", "address": "a@example.edu"}]')
        assert run("import_channels", str(file)) == "1 of 1 row done, 0 failed.\n"
        assert len(channels()) == 1

    def test_shows_bad_rows_and_does_the_rest(self, sheldon: User, file: Path, capsys: Any) -> None:
        file.write_text(f"{HEADER}\n{sheldon.pk},email,nonsense,\n{sheldon.pk},email,a@example.edu,\n")
        assert refusal("import_channels", str(file)) == "1 of 2 rows failed."
        assert "row 1: address: " in capsys.readouterr().err
        assert len(channels()) == 1

    def test_each_bad_row_has_a_line_of_its_own(self, sheldon: User, file: Path) -> None:
        good, bad = f"{sheldon.pk},email,a@example.edu,", f'{sheldon.pk},email,"non\nsense",'
        file.write_text("\n".join([HEADER, bad, ",,,", good, "0,email,b@example.edu,", "1,2", ""]))
        log = BytesIO()  # as where "> log 2>&1" sends both
        buffered, unbuffered = TextIOWrapper(log), TextIOWrapper(log, write_through=True)
        with pytest.raises(CommandError, match=r"^3 of 4 rows failed\.$"):
            call_command("import_channels", str(file), stdout=buffered, stderr=unbuffered)
        buffered.flush()
        lines = log.getvalue().decode().splitlines()
        assert lines[0] == "4 of 4 rows done, 3 failed."
        assert [line.split(":")[0] for line in lines[1:]] == ["row 1", "row 3", "row 4"]
        assert all(line.count(": ") == 2 for line in lines[1:])

    @pytest.mark.parametrize("confirmed", ["yes", ""])
    @pytest.mark.parametrize("by", ["user_id", "login_id"])
    @pytest.mark.parametrize("target", TARGETS)
    def test_who_has_rights_gets_none(
        self, account: Account, file: Path, target: str, by: str, confirmed: str, capsys: Any
    ) -> None:
        user = TARGETS[target]()
        name = {"user_id": user.pk, "login_id": user.logins.get(account=account).unique_id}[by]
        file.write_text(f"{by},type,address,skip_confirmation\n{name},email,x@evil.example,{confirmed}\n")
        if target in PLAIN_TARGETS and target != "admin of the same account":
            assert run("import_channels", str(file)) == "1 of 1 row done, 0 failed.\n"
            return
        assert refusal("import_channels", str(file)) == "1 of 1 row failed."
        assert capsys.readouterr().err.startswith("row 1: user_id: user not authorized")
        assert channels() == []

    @pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff", b""])
    def test_a_file_that_cannot_be_read(self, account: Account, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        assert "channels.csv" in refusal("import_channels", str(file))
        assert not Progress.objects.exists()

    def test_a_file_that_is_not_there(self, account: Account, file: Path) -> None:
        assert "No such file" in refusal("import_channels", str(file))

    def test_an_account(self, sheldon: User, file: Path) -> None:
        file.write_text(f"{HEADER}\n{sheldon.pk},email,a@example.edu,\n")
        other = make_account()
        assert refusal("import_channels", str(file), "--account", str(other.pk)) == "1 of 1 row failed."
        assert channels() == []
