"""A login in any case is one for all who look it up, and no name has anything invisible at its ends."""

from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from canvas_channels.core.identity import personal_data
from canvas_channels.core.identity.admin.base import users_found
from canvas_channels.core.identity.callers import Caller, find_subject
from canvas_channels.core.identity.management.lookups import find_user_by_login
from canvas_channels.core.identity.models import Login, PasswordReset, User
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.identity.signing_in import lockout, oidc
from channels_api.accounts import imports
from channels_api.messages import password_resets
from channels_api.people import find_people
from notifications.canvas_import.matching import names_of
from notifications.dispatches import recipients
from tests.commands import refusal, run
from tests.factories import default_account, make_admin, make_channel, make_site_admin, make_user

pytestmark = pytest.mark.django_db

PASSWORD = "a good one, niko"
# Python has each in lower case otherwise than PostgreSQL: a final sigma, and a dot of its own.
NAMES = ["ΝΙΚΟΣ", "ΟΔΥΣΣΕΥΣ", "İpek", "aİ"]
SPELLINGS = [(name, name) for name in NAMES] + [
    *(
        ("ΝΙΚΟΣ", "νικοσ"),
        ("νικος", "ΝΙΚΟς"),
        ("İpek", "ipek"),
        ("ipek", "İPEK"),
        ("Åsa", "åSA"),
        ("amy", "AMY"),
    )
]
INVISIBLE = ["\u200b", "\ufeff", "\xa0", "\u2060", "\u3164", " "]


def given(name: str) -> User:
    return make_user("Niko", login=name, sis_user_id="n1", password=PASSWORD)


@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_a_login_is_found_in_any_case(name: str, typed: str) -> None:
    user, admin = given(name), make_site_admin()
    account = user.home_account
    assert authenticate(HttpRequest(), username=typed, password=PASSWORD) == user
    assert find_subject(Caller(admin, admin), f"sis_login_id:{typed}").user == user
    assert find_user_by_login(typed) == user
    assert list(find_people(admin, typed)) == [user]
    assert users_found(typed) == [user.pk]
    found = recipients.find(account, [f"sis_login_id:{typed}", f"sis_login_id:{name}", "sis_login_id:x"])
    assert found == ([user.pk], ["sis_login_id:x"])
    assert names_of(Login(unique_id=typed)) == names_of(Login(unique_id=name))


@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_a_login_is_given_once(name: str, typed: str, tmp_path: Path) -> None:
    given(name)
    admin = make_admin(default_account())
    client = Client(raise_request_exception=False)
    client.force_login(admin)
    answer = client.post(
        f"/api/v1/accounts/{default_account().pk}/users",
        {"user": {"name": "Other"}, "pseudonym": {"unique_id": typed}},
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert answer.json()["errors"]["pseudonym[unique_id]"][0]["type"] == "taken"
    file = tmp_path / "users.csv"
    file.write_text(f"name,login\nNiko Niko,{typed}\n")
    run("import_users", str(file))
    assert [login.user.name for login in Login.objects.filter(unique_id=typed)] == ["Niko Niko"]
    file.write_text(f"name,login\nNiko,{name}\nNiko,{typed}\n")
    assert "Nothing was written" in refusal("import_users", str(file))


@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_an_institution_s_provider_names_a_login_in_any_case(
    name: str, typed: str, settings: Settings
) -> None:
    settings.OIDC_LOGIN_CLAIM, settings.OIDC_CREATE_USERS = "preferred_username", True
    user = given(name)
    for claim in (typed, f"\u200b{typed}\ufeff"):
        assert oidc.person({"preferred_username": claim, "name": "\u200b"}) == user


@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_all_spellings_of_a_login_are_counted_together(name: str, typed: str, client: Client) -> None:
    user = given(name)
    for spelling in (name, typed, f"\u200b{typed}"):
        client.post("/login", {"username": spelling, "password": "wrong"})
        password_resets.request(spelling)
    [attempt] = AccessAttempt.objects.all()
    assert attempt.failures_since_start == 3
    resets = PasswordReset.objects.all()
    assert {reset.unique_id for reset in resets} == {attempt.username} == {lowered(name)}
    make_channel(user, "niko@example.com", made_with_user=True)
    assert [found for found, _ in password_resets.recipients(resets[0])] == [user]
    told = personal_data.exported(user, [])
    assert (len(told["sign_in_failures"]), len(told["password_resets"])) == (1, 3)
    lockout.forget_failures(user)
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize(("name", "typed"), SPELLINGS)
def test_rows_that_wait_are_forgotten_with_their_user(name: str, typed: str) -> None:
    user = given(name)
    rows = [{"users": [f"sis_login_id:{login}"]} for login in (typed, "x")]
    imports.start(None, user.home_account, rows)
    assert imports.forget(user) == 1


def test_two_spellings_in_one_row_are_one_person(client: Client) -> None:
    user = given("ΝΙΚΟΣ")
    names = ["sis_login_id:ΝΙΚΟΣ", "sis_login_id:νικοσ", str(user.pk), "sis_user_id:n1"]
    row = {"users": names, "type": "email", "address": "niko@example.com", "skip_confirmation": True}
    progress = imports.start(None, user.home_account, [row, row | {"users": ["sis_login_id:x", *names]}])
    imports.do_batch(progress)
    assert [result["status"] for result in imports.results(progress)] == ["created", "failed"]


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_whoever_writes_a_name_it_is_trimmed(invisible: str) -> None:
    def around(name: str) -> str:
        return f"{invisible}{name}{invisible}"

    user = make_user(around("Amy Fowler"), login=around("amy"), sis_user_id=around("a1"))
    login = user.logins.get()
    assert (user.name, user.short_name, user.sortable_name) == ("Amy Fowler", "Amy Fowler", "Fowler, Amy")
    assert (login.unique_id, login.sis_user_id) == ("amy", "a1")
    assert make_user(login="ben", sis_user_id=invisible).logins.get().sis_user_id is None
    other = User.objects.get(pk=run("create_user", around("Bernadette"), "--login", around("bernadette")))
    assert (other.name, other.logins.get().unique_id) == ("Bernadette", "bernadette")
    assert "blank" in refusal("create_user", invisible)
    assert "already" in refusal("create_user", "Amy", "--login", around("AMY"))


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_no_invisible_name_comes_from_djangos_admin(client: Client, invisible: str) -> None:
    client.force_login(make_user("Boss", is_staff=True, is_superuser=True))
    amy = make_user("Amy", login="amy")
    form: dict[str, Any] = {"home_account": str(amy.home_account_id), "workflow_state": "registered"}
    counts = ("TOTAL", "INITIAL")
    form |= {f"{inline}-{count}_FORMS": "0" for inline in ("logins", "administered") for count in counts}
    other = make_user("Other", login="")
    new = {"account": str(amy.home_account_id), "unique_id": f"{invisible}Amy", "user": str(other.pk)}
    row = {"logins-TOTAL_FORMS": "1"} | {f"logins-0-{name}": value for name, value in new.items()}
    page = f"/admin/identity/user/{other.pk}/change/"
    assert client.post(page, form | {"name": invisible}).status_code == 200
    assert client.post(page, form | row | {"name": "Other"}).status_code == 200
    assert client.post(page, form | {"name": f"{invisible}Other One"}).status_code == 302
    other.refresh_from_db()
    assert (other.name, other.logins.count()) == ("Other One", 0)
