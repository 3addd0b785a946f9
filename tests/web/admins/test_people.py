"""Admins find people."""

import pytest

from canvas_channels.core.identity.models import User
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
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db


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
    assert f'href="/users/{sheldon.pk}"' in page
    assert "sheldon (S-1)" in page


def test_logins_in_other_accounts_are_not_shown(sheldon: User) -> None:
    make_login(sheldon, make_account("Other"), "secret-name")
    assert "secret-name" not in signed_in(make_admin()).get("/users?search=coop").text
