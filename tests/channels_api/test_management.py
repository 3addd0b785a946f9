"""The commands that make, import and deactivate users."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.models import Account, Login, User
from channels_api.models import CommunicationChannel, PushDevice
from tests import factories
from tests.api.rights import PLAIN_TARGETS, POWERFUL, TARGETS
from tests.commands import refusal, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda text: monkeypatch.setattr("sys.stdin", StringIO(text))


class TestCreateUser:
    def test_makes_a_user_with_a_login_and_a_channel(self) -> None:
        account = factories.default_account()
        flags = ["--login", "sheldon", "--sis-user-id", "s1", "--locale", "de", "--email", "Shel@Caltech.edu"]
        user = User.objects.get(
            pk=int(run("create_user", "Sheldon Cooper", *flags, imported_email="shel@caltech.edu"))
        )
        login = user.logins.get()
        channel = CommunicationChannel.objects.get(user=user)
        assert (user.home_account, user.sortable_name, user.locale) == (account, "Cooper, Sheldon", "de")
        assert (login.unique_id, login.sis_user_id, login.account) == ("sheldon", "s1", account)
        assert (channel.address, channel.position) == ("Shel@Caltech.edu", 1)
        assert (channel.workflow_state, channel.institutional) == ("active", True)

    def test_without_a_password_nobody_signs_in(self) -> None:
        factories.default_account()
        user = User.objects.get(pk=int(run("create_user", "Sheldon", "--login", "sheldon")))
        assert not user.has_usable_password()

    def test_takes_a_password_from_stdin(self, type_in: Any) -> None:
        factories.default_account()
        type_in("correct horse battery\n")
        run("create_user", "Sheldon", "--login", "sheldon", "--password-stdin")
        assert authenticate(HttpRequest(), username="SHELDON", password="correct horse battery")

    @pytest.mark.parametrize(("typed", "message"), [("", "no password"), ("123\n", "too short")])
    def test_refuses_a_weak_password(self, type_in: Any, typed: str, message: str) -> None:
        factories.default_account()
        type_in(typed)
        assert message in refusal("create_user", "Sheldon", "--login", "sheldon", "--password-stdin")

    def test_makes_admins(self) -> None:
        one, two = factories.make_account("One"), factories.make_account("Two")
        flags = ["--account", str(one.pk), "--account-admin", str(one.pk), "--account-admin", str(two.pk)]
        user = User.objects.get(pk=int(run("create_user", "Amy", *flags, "--site-admin", "--superuser")))
        assert {admin.account for admin in user.administered.all()} == {one, two}
        assert user.is_site_admin
        assert user.is_staff
        assert user.is_superuser

    def test_pre_registered(self) -> None:
        factories.default_account()
        run("create_user", "Amy", "--pre-registered", "--staff")
        assert User.objects.get(is_staff=True, is_superuser=False).workflow_state == "pre_registered"

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--account", factories.NO_ID], f"There is no account {factories.NO_ID}."),
            (["--account-admin", factories.NO_ID], f"There is no account {factories.NO_ID}."),
            (["--login", "taken"], "The account has that login already."),
            (["--login", "TAKEN"], "The account has that login already."),
            (
                ["--login", "new", "--sis-user-id", "s1"],
                "Login with this Account and Sis user id already exists.",
            ),
            (["--sis-user-id", "s2"], "--sis-user-id needs a --login."),
            (["--imported-email", "a@b.edu"], "--imported-email needs a --login."),
            (["--email", "nonsense"], "Email: 'nonsense' is not a valid email address."),
        ],
    )
    def test_refuses_in_one_line_and_writes_nothing(self, flags: list[str], message: str) -> None:
        factories.make_user(login="taken", sis_user_id="s1")
        assert refusal("create_user", "Penny", *flags) == message
        assert not User.objects.filter(name="Penny").exists()

    def test_needs_an_account(self) -> None:
        assert "no default account" in refusal("create_user", "Penny")


class TestImportUsers:
    @pytest.fixture
    def account(self) -> Account:
        return factories.default_account()

    @pytest.fixture
    def csv_file(self, tmp_path: Path) -> Any:
        def write(*lines: str) -> str:
            path = tmp_path / "users.csv"
            path.write_text("\n".join(lines), encoding="utf-8-sig")
            return str(path)

        return write

    def test_makes_users(self, account: Account, csv_file: Any) -> None:
        file = csv_file(
            "login,name,sis_user_id,email,pre_registered",
            "sheldon,Sheldon Cooper,s1,shel@caltech.edu,",
            "zoë,Zoë Hofstadter,,,yes",
        )
        assert run("import_users", file) == "Made 2 users and updated 0.\n"
        sheldon = Login.objects.get(account=account, sis_user_id="s1")
        channel = CommunicationChannel.objects.get(user=sheldon.user)
        assert sheldon.imported_email == channel.address == "shel@caltech.edu"
        assert (channel.workflow_state, channel.institutional, channel.position) == ("active", True, 1)
        assert Login.objects.get(unique_id="zoë").user.workflow_state == "pre_registered"

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("empty", ["", ",,", ",,,,,", "   ", " ,\t", '"","",""'])
    def test_empty_rows_are_none(self, account: Account, tmp_path: Path, empty: str, end: str) -> None:
        path = tmp_path / "users.csv"
        lines = [empty, "name,login,email", empty, "Amy,amy,", empty, "", "Bad,", empty, ""]
        path.write_text(end.join(lines), encoding="utf-8-sig", newline="")
        assert refusal("import_users", str(path)) == "Nothing was written: 1 bad row."
        path.write_text(end.join(lines).replace("Bad,", empty), encoding="utf-8-sig", newline="")
        assert run("import_users", str(path)) == "Made 1 user and updated 0.\n"

    def test_empty_rows_count_as_lines(self, account: Account, csv_file: Any, capsys: Any) -> None:
        refusal("import_users", csv_file("name,login", ",", "", "Amy,amy", " , ", "Bad,"))
        assert capsys.readouterr().err.startswith("line 6: ")

    def test_a_byte_order_mark_on_stdin_is_no_part_of_a_name(self, account: Account, type_in: Any) -> None:
        type_in('\ufeff"name",login\nAmy,amy\n')
        assert run("import_users", "-") == "Made 1 user and updated 0.\n"

    def test_twice_changes_nothing(self, account: Account, csv_file: Any) -> None:
        file = csv_file("name,login,email", "Sheldon,sheldon,shel@caltech.edu")
        run("import_users", file)
        assert run("import_users", file) == "Made 0 users and updated 1.\n"
        assert (User.objects.count(), CommunicationChannel.objects.count()) == (1, 1)

    def test_a_known_sis_id_is_updated(self, account: Account, csv_file: Any) -> None:
        user = factories.make_user("Penny", login="penny", sis_user_id="p", imported_email="old@caltech.edu")
        old = factories.make_channel(user, "old@caltech.edu", institutional=True)
        run(
            "import_users",
            csv_file("name,login,sis_user_id,email", "Penny Cooper,pcooper,p,new@caltech.edu"),
        )
        user.refresh_from_db()
        old.refresh_from_db()
        login = user.logins.get()
        assert (user.name, user.short_name, user.sortable_name) == (
            "Penny Cooper",
            "Penny Cooper",
            "Cooper, Penny",
        )
        assert (login.unique_id, login.imported_email) == ("pcooper", "new@caltech.edu")
        assert not old.institutional
        assert CommunicationChannel.objects.get(address="new@caltech.edu").position == 2

    def test_the_imported_address_is_first_where_the_account_asks_for_it(
        self, account: Account, csv_file: Any
    ) -> None:
        user = factories.make_user("Penny", login="penny", sis_user_id="p")
        type(user.home_account).objects.update(institution_email_first=True)
        own = factories.make_channel(user)
        run("import_users", csv_file("name,login,sis_user_id,email", "Penny,penny,p,new@caltech.edu"))
        own.refresh_from_db()
        assert CommunicationChannel.objects.get(address="new@caltech.edu").position == 1
        assert own.position == 2

    def test_an_empty_cell_leaves_what_is_there(self, account: Account, csv_file: Any) -> None:
        user = factories.make_user("Penny", login="penny", sis_user_id="p", imported_email="p@caltech.edu")
        run("import_users", csv_file("name,login,sis_user_id,email", "Penny,PENNY,,"))
        login = user.logins.get()
        assert (login.sis_user_id, login.imported_email) == ("p", "p@caltech.edu")

    def test_a_retired_channel_comes_back(self, account: Account, csv_file: Any) -> None:
        user = factories.make_user(login="penny")
        retired = factories.make_channel(
            user, "p@caltech.edu", workflow_state="retired", retired_at=timezone.now(), bounce_count=3
        )
        run("import_users", csv_file("name,login,email", "Penny,penny,P@Caltech.edu"))
        retired.refresh_from_db()
        assert (retired.workflow_state, retired.address, retired.bounce_count) == (
            "active",
            "P@Caltech.edu",
            0,
        )

    def test_an_unconfirmed_channel_becomes_active(self, account: Account, csv_file: Any) -> None:
        user = factories.make_user(login="penny")
        channel = factories.make_channel(user, "p@caltech.edu", workflow_state="unconfirmed")
        run("import_users", csv_file("name,login,email", "Penny,penny,p@caltech.edu"))
        channel.refresh_from_db()
        assert (channel.workflow_state, channel.institutional) == ("active", True)

    def test_every_bad_row_is_named_and_none_is_written(
        self, account: Account, csv_file: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        factories.make_user("Amy", login="amy", sis_user_id="a1")
        file = csv_file(
            "name,login,sis_user_id,email,pre_registered",
            "Good,good,g1,good@caltech.edu,no",
            ",nameless,,,",
            "No Login,,,,",
            "Bad Email,bad,,nonsense,",
            "Again,GOOD,,,",
            "Again,again,g1,,",
            "Maybe,maybe,,,perhaps",
            "Short,short",
            "Long,long,,,,,",
            "Other Amy,amy,a2,,",
            f"Endless,{'x' * 256},,,",
        )
        assert refusal("import_users", file) == "Nothing was written: 10 bad rows."
        lines = capsys.readouterr().err.splitlines()
        assert [line.partition(":")[0] for line in lines] == [f"line {n}" for n in range(3, 13)]
        assert "'good' is on line 2 already" in lines[3]
        assert "belongs to the SIS id 'a1'" in lines[8]
        assert User.objects.count() == 1

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ([""], "must name the column name"),
            (["name,email", "a,b"], "must name the column login"),
            (["name,login,shoe size", "a,b,c"], "'shoe size' is unknown"),
            (["name,login,login", "a,b,c"], "names a column twice"),
            (["name,login", '"a,b'], "near line 1: unexpected end of data"),
        ],
    )
    def test_a_file_of_another_kind_is_refused(
        self, account: Account, csv_file: Any, lines: list[str], message: str
    ) -> None:
        assert message in refusal("import_users", csv_file(*lines))

    def test_an_unreadable_file_is_refused(self, account: Account, tmp_path: Path) -> None:
        assert "No such file" in refusal("import_users", str(tmp_path / "none.csv"))
        (tmp_path / "latin1.csv").write_bytes("name,login\nZoë,z".encode("latin-1"))
        assert "not in UTF-8" in refusal("import_users", str(tmp_path / "latin1.csv"))

    def test_a_user_with_too_many_channels_is_a_bad_row(
        self, account: Account, csv_file: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        user = factories.make_user(login="penny")
        for _ in range(100):
            factories.make_channel(user)
        refusal("import_users", csv_file("name,login,email", "Penny,penny,p@caltech.edu"))
        assert "at most 100 communication channels" in capsys.readouterr().err

    def importing(self, csv_file: Any, login: Login, *, name: str = "", email: str = "") -> tuple[str, ...]:
        """A row about a login, found by its SIS id."""
        assert login.sis_user_id
        return "import_users", csv_file(
            "name,login,sis_user_id,email",
            "New,new,n1,new@caltech.edu",
            f"{login.user.name},{name or login.unique_id},{login.sis_user_id},{email}",
        )

    @pytest.fixture
    def login(self, account: Account, target: str) -> Login:
        """Of the target, whom the institution knows, with an address that it imported."""
        user = TARGETS[target]()
        factories.make_channel(user, "own@caltech.edu")
        login = user.logins.get(account=account)
        login.sis_user_id, login.imported_email = "s1", "imported@caltech.edu"
        login.save()
        return login

    @pytest.mark.parametrize("change", [{"name": "thief"}, {"email": "thief@evil.example.com"}])
    @pytest.mark.parametrize("target", TARGETS)
    def test_who_has_rights_gets_no_other_login_or_address(
        self, csv_file: Any, login: Login, target: str, change: dict[str, str], capsys: Any
    ) -> None:
        arguments = self.importing(csv_file, login, **change)
        if target in PLAIN_TARGETS and target != "admin of the same account":
            assert run(*arguments) == "Made 1 user and updated 1.\n"
            return
        before = login.unique_id
        assert refusal(*arguments) == "Nothing was written: 1 bad row."
        assert capsys.readouterr().err.startswith("line 3: ")
        login.refresh_from_db()
        assert (login.unique_id, login.imported_email) == (before, "imported@caltech.edu")
        assert CommunicationChannel.objects.get().address == "own@caltech.edu"
        assert not Login.objects.filter(unique_id="new").exists()

    @pytest.mark.parametrize("email", ["", "OWN@caltech.edu", "imported@caltech.edu"])
    @pytest.mark.parametrize("target", POWERFUL)
    def test_who_has_rights_is_in_every_file(self, csv_file: Any, login: Login, email: str) -> None:
        before = CommunicationChannel.objects.values().get()
        arguments = self.importing(csv_file, login, name=login.unique_id.upper(), email=email)
        assert run(*arguments) == "Made 1 user and updated 1.\n"
        login.refresh_from_db()
        assert login.imported_email == "imported@caltech.edu"
        assert CommunicationChannel.objects.values().get(user=login.user) == before

    @pytest.mark.parametrize("state", ["unconfirmed", "retired"])
    def test_who_has_rights_has_to_confirm_their_addresses(
        self, account: Account, csv_file: Any, state: str
    ) -> None:
        root = factories.make_user("Root", login="root", is_superuser=True)
        factories.make_channel(root, "x@evil.example.com", workflow_state=state)
        refusal("import_users", csv_file("name,login,email", "Root,root,x@evil.example.com"))
        assert CommunicationChannel.objects.get().workflow_state == state

    def test_reads_stdin(self, account: Account, type_in: Any) -> None:
        type_in("name,login\nPenny,penny\n")
        assert run("import_users", "-") == "Made 1 user and updated 0.\n"


class TestDeactivateUser:
    def test_keeps_tokens_unless_told(self) -> None:
        user = factories.make_user(login="penny")
        factories.make_token(user)
        run("deactivate_user", "--login", "Penny")
        user.refresh_from_db()
        assert user.workflow_state == "deactivated"
        assert AccessToken.objects.filter(user=user).exists()

    def test_can_revoke_tokens_and_so_devices(self) -> None:
        user = factories.make_user()
        key = factories.make_key(sns_arn=factories.FCM_ARN)
        factories.make_token(user, key)
        device = PushDevice.objects.create(
            user=user, developer_key=key, token="t", token_digest="d", last_seen_at=timezone.now()
        )
        run("deactivate_user", "--user", str(user.pk), "--revoke-tokens")
        device.refresh_from_db()
        assert not AccessToken.objects.filter(user=user).exists()
        assert device.workflow_state == "removed"

    def test_says_whom_it_misses(self) -> None:
        two = [factories.make_account("One"), factories.make_account("Two")]
        for account in two:
            factories.make_user(account=account, login="twin")
        assert refusal("deactivate_user") == "Say who: --user or --login."
        assert refusal("deactivate_user", "--user", factories.NO_ID) == f"There is no user {factories.NO_ID}."
        assert refusal("deactivate_user", "--login", "nobody") == "There is no login 'nobody'."
        assert "give --account" in refusal("deactivate_user", "--login", "twin")
        assert "not both" in refusal("deactivate_user", "--login", "twin", "--user", "1")
        assert "give one" in refusal("deactivate_user", "--user", "1", "--account", "1")
        assert "not an id" in refusal("deactivate_user", "--user", "one")
        run("deactivate_user", "--login", "twin", "--account", str(two[0].pk))
        assert User.objects.get(workflow_state="deactivated").home_account == two[0]
