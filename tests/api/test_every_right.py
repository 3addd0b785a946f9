"""Every endpoint by every role, without credentials, without the scope, and while acting."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint, World, routes
from tests.api.test_rights import ROLES
from tests.changing import FORBIDDEN
from tests.factories import make_key, make_site_admin, make_token

pytestmark = pytest.mark.django_db

each = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
WRITTEN = (
    *("channels_api_communicationchannel", "channels_api_confirmation", "channels_api_pushdevice"),
    "identity_customdata",
    *("channels_api_auditentry", "channels_api_progress", "channels_api_importrow", "procrastinate_jobs"),
    *("notifications_notificationpreference", "notifications_notificationpreferencedefault"),
    *("notifications_dispatch", "notifications_dispatchrecipient", "notifications_message"),
    *("notifications_mandatorycategory", "notifications_quiethours"),
    *("notifications_coursepreference", "notifications_courseoverride"),
)


@pytest.fixture
def world(db: None) -> World:
    return World()


@contextmanager
def undone() -> Iterator[None]:
    """A savepoint that is rolled back; not ``atomic``, in which a durable block refuses to run."""
    savepoint = transaction.savepoint()
    yield
    transaction.savepoint_rollback(savepoint)


def written(*more: str) -> list[object]:
    """What the tables have; ``more`` are other tables than those of what the API's calls write."""
    of_tables = [f"(SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM {t} t)" for t in (*WRITTEN, *more)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(of_tables)}")
        return list(cursor.fetchone() or ())


def test_the_table_is_whole(world: World) -> None:
    """A new endpoint makes this fail: say in the table who may use it."""
    assert {endpoint.route(world) for endpoint in ENDPOINTS} == routes()


@each
@pytest.mark.in_process
def test_by_role(endpoint: Endpoint, world: World) -> None:
    before = written()
    for role, person in ROLES.items():
        client = ApiClient(make_token(person(world.owner), world.key))
        with undone():
            answer = endpoint.call(client, world)
            if role in endpoint.allowed:
                assert (role, answer.status_code) == (role, 200), answer.getvalue()
                assert (endpoint.method == "GET") == (written() == before), role
            elif endpoint.own:  # it is about the caller, who has none of what the owner has
                expected = (200, b"[]") if endpoint.method == "GET" else (404, answer.getvalue())
                assert (answer.status_code, answer.getvalue()) == expected, role
                assert written() == before
            else:
                assert (role, answer.status_code, answer.json()) == (role, 403, FORBIDDEN)
                assert written() == before


@each
@pytest.mark.in_process
def test_acting_as_the_owner(endpoint: Endpoint, world: World) -> None:
    """The owner's rights and no others; what is theirs alone is not an admin's, acting or not."""
    before = written()
    acting = f"?as_user_id={world.owner.pk}"
    for role, person in ROLES.items():
        if role == "self":
            continue
        client = ApiClient(make_token(person(world.owner), world.key))
        with undone():
            answer = endpoint.call(client, world, acting)
            if role not in {"account admin", "site admin"}:
                assert (role, answer.status_code) == (role, 401)
                assert answer.json() == {"errors": "Invalid as_user_id"}
                assert "WWW-Authenticate" not in answer
            else:
                allowed = "self" in endpoint.allowed and not endpoint.own
                assert (role, answer.status_code) == (role, 200 if allowed else 403)
            assert answer.status_code == 200 or written() == before


@each
def test_without_credentials(endpoint: Endpoint, world: World) -> None:
    before = written()
    answer = endpoint.call(ApiClient(), world)
    assert (answer.status_code, answer.json()["status"]) == (401, "unauthenticated")
    assert "WWW-Authenticate" in answer
    assert written() == before


@each
def test_scope(endpoint: Endpoint, world: World) -> None:
    """All other scopes do not help; its own is enough. What is outside ``/api/v1`` has none."""
    person = world.owner if endpoint.allowed <= {"self"} else make_site_admin()
    key = make_key(require_scopes=True)
    own = endpoint.scope(world)
    others = {other.scope(world) for other in ENDPOINTS} - {own}
    before = written()
    answer = endpoint.call(ApiClient(make_token(person, key, others)), world)
    assert (answer.status_code, "WWW-Authenticate" in answer) == (401, False)
    assert answer.json() == {"errors": [{"message": "Insufficient scopes on access token."}]}
    assert written() == before
    assert endpoint.call(ApiClient(make_token(person, key, [own])), world).status_code == 200
