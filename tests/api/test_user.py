"""``GET users/:user_id``."""

import pytest

from canvas_channels.core.identity.models import User
from tests.api.conftest import ApiClient
from tests.api.test_rights import ALLOWED, ROLES
from tests.factories import default_account, make_account, make_admin, make_login, make_site_admin, make_user


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, as_user) -> None:
    owner = make_user(account=make_account())
    answer = as_user(ROLES[role](owner)).call("GET", f"/users/{owner.pk}")
    assert answer.status_code == (200 if role in ALLOWED else 403)
    assert ("login_id" in answer.json()) == (role in ALLOWED - {"self"})


@pytest.mark.parametrize("named", ["self", "{id}"])
def test_the_object(api: ApiClient, user: User, named: str) -> None:
    shown = api.call("GET", f"/users/{named.format(id=user.pk)}").json()
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "id": user.pk,
        "name": "Sheldon Cooper",
        "short_name": "Sheldon Cooper",
        "sortable_name": "Cooper, Sheldon",
    }


def test_ids_as_strings(api: ApiClient, user: User) -> None:
    answer = api.call("GET", "/users/self", accept="application/json+canvas-string-ids")
    assert answer.json()["id"] == str(user.pk)


@pytest.mark.django_db
def test_an_admin_sees_the_login_in_their_own_account(as_user) -> None:
    account = make_account()
    user = make_user(account=make_account("Home"), login="at-home", sis_user_id="H")
    make_login(user, account, "here", "S-1")
    shown = as_user(make_admin(account)).call("GET", f"/users/{user.pk}").json()
    assert (shown["login_id"], shown["sis_user_id"]) == ("here", "S-1")


@pytest.mark.django_db
def test_a_site_admin_sees_the_login_in_the_default_account(as_user) -> None:
    user = make_user(account=make_account("Home"), login="at-home")
    make_login(user, default_account(), "here")
    assert as_user(make_site_admin()).call("GET", f"/users/{user.pk}").json()["login_id"] == "here"


@pytest.mark.django_db
def test_an_admin_sees_the_login_at_home_where_there_is_none_in_their_account(as_user) -> None:
    user = make_user(account=make_account("Home"), login="at-home")
    shown = as_user(make_site_admin()).call("GET", f"/users/{user.pk}").json()
    assert (shown["login_id"], shown["sis_user_id"]) == ("at-home", None)


@pytest.mark.django_db
def test_a_user_without_a_login_has_no_login_id(as_user) -> None:
    user = make_user(login="")
    shown = as_user(make_site_admin()).call("GET", f"/users/{user.pk}").json()
    assert {"login_id", "sis_user_id"}.isdisjoint(shown)


@pytest.mark.django_db
def test_acting_as_the_user_shows_no_login(as_user) -> None:
    user = make_user()
    shown = as_user(make_site_admin()).call("GET", f"/users/self?as_user_id={user.pk}").json()
    assert (shown["id"], "login_id" in shown) == (user.pk, False)


@pytest.mark.django_db
def test_by_sis_id(as_user) -> None:
    user = make_user(sis_user_id="S-1")
    assert as_user(make_admin()).call("GET", "/users/sis_user_id:S-1").json()["id"] == user.pk


def test_unknown_is_404(api: ApiClient) -> None:
    assert api.call("GET", "/users/999999").status_code == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
def test_nothing_but_get_and_put(api: ApiClient, method: str) -> None:
    assert api.call(method, "/users/self", "user[name]=x").status_code == 405
