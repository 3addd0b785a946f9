"""Who may do what with an account's channels: every role by every endpoint, as one table."""

import json

import pytest

from canvas_channels.identity.models import Account, User
from channels_api.models import CommunicationChannel, Progress
from tests.api.test_rights import ROLES
from tests.factories import default_account, make_account, make_channel, make_key, make_site_admin, make_user

pytestmark = pytest.mark.django_db

IMPORT = {"communication_channels": []}
OWN_ADMINS = {"account admin", "site admin"}
SITE_ADMINS = {"site admin"}
ACTIONS: dict[str, tuple[str, str, set[str]]] = {
    "bouncing CSV": ("GET", "accounts/{account}/bouncing_communication_channels.csv", OWN_ADMINS),
    "bouncing JSON": ("GET", "accounts/{account}/bouncing_communication_channels.json", OWN_ADMINS),
    "unconfirmed CSV": ("GET", "accounts/{account}/unconfirmed_communication_channels.csv", OWN_ADMINS),
    "unconfirmed JSON": ("GET", "accounts/{account}/unconfirmed_communication_channels.json", OWN_ADMINS),
    "reset all": ("POST", "accounts/{account}/bouncing_communication_channels/reset", SITE_ADMINS),
    "confirm all": ("POST", "accounts/{account}/unconfirmed_communication_channels/confirm", SITE_ADMINS),
    "import": (
        "POST",
        "accounts/{account}/communication_channels/import?attachment=user_id%0A{user}",
        OWN_ADMINS,
    ),
    "progress": ("GET", "progress/{progress}", OWN_ADMINS),
    "own progress": ("GET", "progress/{own_progress}", {"self", *OWN_ADMINS}),
    "reset one": ("POST", "users/{user}/communication_channels/{channel}", SITE_ADMINS),
    "user": ("GET", "users/{user}", {"self", *OWN_ADMINS}),
}


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def owner(account: Account) -> User:
    return make_user(account=account)


@pytest.fixture
def paths(account: Account, owner: User) -> dict[str, int]:
    """What the actions' paths name. One channel bounces, one is unconfirmed."""
    make_channel(owner, workflow_state="unconfirmed")
    started = Progress.objects.create(account=account, user=make_site_admin(), tag="x")
    own = Progress.objects.create(account=account, user=owner, tag="x")
    return {
        "account": account.pk,
        "user": owner.pk,
        "channel": make_channel(owner, bounce_count=1).pk,
        "progress": started.pk,
        "own_progress": own.pk,
    }


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_rights(role: str, action: str, owner: User, paths: dict[str, int], as_user) -> None:
    method, path, allowed = ACTIONS[action]
    answer = as_user(ROLES[role](owner)).call(method, "/" + path.format(**paths))
    answer.getvalue()
    if role in allowed:
        assert answer.status_code == 200
        return
    assert answer.status_code == 403
    assert answer.json() == {
        "status": "unauthorized",
        "errors": [{"message": "user not authorized to perform that action"}],
    }
    assert CommunicationChannel.objects.filter(workflow_state="unconfirmed", bounce_count=0).count() == 1
    assert CommunicationChannel.objects.filter(bounce_count=1).count() == 1
    assert Progress.objects.count() == 2


@pytest.mark.parametrize("action", ACTIONS)
def test_a_token_without_the_scope(action: str, paths: dict[str, int], as_user) -> None:
    method, path, _ = ACTIONS[action]
    client = as_user(make_site_admin(), make_key(require_scopes=True))
    answer = client.call(method, "/" + path.format(**paths))
    assert answer.status_code == 401
    assert answer.json() == {"errors": [{"message": "Insufficient scopes on access token."}]}
    assert "WWW-Authenticate" not in answer


@pytest.mark.parametrize(
    ("action", "scope"),
    [
        ("bouncing CSV", "url:GET|/api/v1/accounts/:account_id/bouncing_communication_channels.csv"),
        ("reset all", "url:POST|/api/v1/accounts/:account_id/bouncing_communication_channels/reset"),
        ("import", "url:POST|/api/v1/accounts/:account_id/communication_channels/import"),
        ("progress", "url:GET|/api/v1/progress/:id"),
        ("reset one", "url:POST|/api/v1/users/:user_id/communication_channels/:id"),
        ("user", "url:GET|/api/v1/users/:user_id"),
    ],
)
def test_a_token_with_the_scope(action: str, scope: str, paths: dict[str, int], as_user) -> None:
    method, path, _ = ACTIONS[action]
    client = as_user(make_site_admin(), make_key(require_scopes=True), scopes=[scope])
    answer = client.call(method, "/" + path.format(**paths))
    answer.getvalue()
    assert answer.status_code == 200


@pytest.mark.parametrize("action", ["reset all", "confirm all", "reset one"])
def test_a_site_admin_acting_as_somebody_has_their_rights_only(
    action: str, owner: User, paths: dict[str, int], as_user
) -> None:
    method, path, _ = ACTIONS[action]
    acting = "/" + path.format(**paths) + f"?as_user_id={owner.pk}"
    assert as_user(make_site_admin()).call(method, acting).status_code == 403


@pytest.mark.parametrize("action", [name for name, action in ACTIONS.items() if "account" in action[1]])
@pytest.mark.parametrize("named", ["999999", "0", "abc", "9" * 19, "9" * 5000, "1.5", "%00"])
def test_an_unknown_account_is_404_whoever_asks(action: str, named: str, owner: User, as_user) -> None:
    method, path, _ = ACTIONS[action]
    for caller in (owner, make_site_admin()):
        answer = as_user(caller).call(method, "/" + path.format(account=named, user=1))
        assert answer.status_code == 404


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
