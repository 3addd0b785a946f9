"""No call makes a number of queries that grows with its rows."""

import pytest
from django.db import transaction

from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, Endpoint, World
from tests.api.test_query_counts import statements
from tests.factories import make_site_admin, make_token


@pytest.mark.django_db
@pytest.mark.in_process
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_queries_do_not_grow(endpoint: Endpoint) -> None:
    world = World()
    person = world.owner if "self" in endpoint.allowed else make_site_admin()
    client = ApiClient(make_token(person, world.key))

    def cost() -> list[str]:
        savepoint = transaction.savepoint()
        found = statements(lambda: endpoint.call(client, world, "?per_page=100"))
        transaction.savepoint_rollback(savepoint)
        return found

    cost()  # what is read once in a process is read now
    few = cost()
    assert few
    world.add(12)
    assert len(cost()) == len(few)
