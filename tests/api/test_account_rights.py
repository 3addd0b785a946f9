"""Which account is meant, and that nobody learns of one that there is not. Rights: ``test_every_right``."""

import json

import pytest

from canvas_channels.core.identity.models import User
from tests.api.endpoints import ACCOUNT, ENDPOINTS, Endpoint
from tests.api.test_rights import ROLES
from tests.factories import default_account, make_account, make_channel, make_site_admin, make_user

pytestmark = pytest.mark.django_db

OF_ACCOUNTS = [endpoint for endpoint in ENDPOINTS if endpoint.path.startswith(ACCOUNT)]


@pytest.fixture
def owner() -> User:
    return make_user(account=make_account())


@pytest.mark.parametrize("endpoint", OF_ACCOUNTS, ids=str)
@pytest.mark.parametrize("named", ["999999", "0", "abc", "9" * 19, "9" * 5000, "1.5", "%00"])
def test_an_unknown_account_is_404_whoever_asks(endpoint: Endpoint, named: str, owner: User, as_user) -> None:
    path = endpoint.path.removeprefix("/api/v1").format(account=named, dispatch=1)
    for caller in (owner, make_site_admin()):
        assert as_user(caller).call(endpoint.method, path).status_code == 404


def test_an_unknown_progress_is_404(owner: User, as_user) -> None:
    assert as_user(owner).call("GET", "/progress/999999").status_code == 404


@pytest.mark.parametrize("role", ["account admin", "site admin"])
def test_accounts_self_is_the_callers(role: str, as_user) -> None:
    elsewhere = make_account()
    make_channel(make_user(account=elsewhere), "elsewhere@example.edu", bounce_count=1)
    make_channel(make_user(account=default_account()), "default@example.edu", bounce_count=1)
    caller = ROLES[role](make_user(account=elsewhere))
    answer = as_user(caller).call("GET", "/accounts/self/bouncing_communication_channels.json")
    [_, row] = json.loads(answer.getvalue())
    assert row[4] == ("default@example.edu" if role == "site admin" else "elsewhere@example.edu")


def test_accounts_self_of_a_plain_user_is_403(owner: User, as_user) -> None:
    answer = as_user(owner).call("GET", "/accounts/self/bouncing_communication_channels.json")
    assert answer.status_code == 403
