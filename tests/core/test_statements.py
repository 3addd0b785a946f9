"""What is compiled once does as Django's own querysets and rows do: in any thread, over a lost connection."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.utils import OperationalError

from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.statements import Statement, insert, read_in_part
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def named(name: str, user_id: int) -> QuerySet[User]:
    return User.objects.filter(Q(name=name) | Q(pk=user_id)).select_related("home_account").order_by("pk")


def test_rows_of_any_kind() -> None:
    one, two = make_user(name="One"), make_user(name="Two")
    objects = Statement(named, name="a name", user_id=-1)
    tuples = Statement(lambda **values: named(**values).values_list("pk", "name"), name="a name", user_id=-1)
    dicts = Statement(lambda **values: named(**values).values("name"), name="a name", user_id=-1)
    for _ in range(2):
        assert objects.fetch(name="One", user_id=two.pk) == [one, two]
        assert objects.fetch(name="One", user_id=0) == [one]
        assert tuples.fetch(name="Two", user_id=0) == [(two.pk, "Two")]
        assert dicts.fetch(name="Two", user_id=0) == [{"name": "Two"}]


def test_related_objects_cost_no_further_statement(django_assert_num_queries: Any) -> None:
    user = make_user()
    statement = Statement(named, name="a name", user_id=-1)
    with django_assert_num_queries(1):
        [found] = statement.fetch(name="", user_id=user.pk)
        assert found.home_account == user.home_account


def test_it_is_compiled_once() -> None:
    built = []

    def build(user_id: int) -> QuerySet[User]:
        built.append(user_id)
        return User.objects.filter(pk=user_id)

    statement = Statement(build, user_id=-1)
    assert [statement.fetch(user_id=0) for _ in range(3)] == [[], [], []]
    assert built == [-1]


def test_a_parameter_that_the_statement_lacks_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="other"):
        Statement(lambda user_id, other: User.objects.filter(pk=user_id), user_id=-1, other=-2).fetch()


def test_an_inserted_row_is_as_a_saved_one(django_assert_num_queries: Any) -> None:
    home = make_user().home_account
    row = User(name="New", home_account=home)
    with django_assert_num_queries(1):
        insert(row)
    assert not row._state.adding
    assert User.objects.values().get(pk=row.pk) == {
        field.attname: getattr(row, field.attname) for field in User._meta.concrete_fields
    }


def test_rows_that_refer_to_one_another_are_one_statement(django_assert_num_queries: Any) -> None:
    account = Account(name="New")
    user = User(name="New", home_account=account)
    login = Login(user=user, account=account, unique_id="new")
    with django_assert_num_queries(1):
        insert(account, user, login)
    found = Login.objects.select_related("user__home_account", "account").get(pk=login.pk)
    assert (found.user, found.account, found.user.home_account) == (user, account, account)
    assert (login.user_id, login.user) == (user.pk, user)


def test_django_reads_what_was_left_out_when_it_is_asked_for() -> None:
    user = make_user(name="Somebody")
    part = read_in_part(User, ["id", "name"], [user.pk, "Somebody"])
    assert part == user
    assert part.get_deferred_fields() == {f.attname for f in User._meta.concrete_fields} - {"id", "name"}
    assert part.home_account == user.home_account


@pytest.mark.django_db(transaction=True)
class TestConnections:
    def test_threads_share_a_statement(self) -> None:
        users = [make_user(name=f"User {number}") for number in range(8)]
        statement = Statement(named, name="a name", user_id=-1)

        def read(user: User) -> list[User]:
            try:
                return [found for _ in range(20) for found in statement.fetch(name=user.name, user_id=0)]
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            for user, found in zip(users, threads.map(read, users), strict=True):
                assert found == [user] * 20

    def test_the_first_of_a_request_survives_a_connection_that_the_server_closed(self) -> None:
        user = make_user()
        statement = Statement(named, name="a name", user_id=-1)
        assert statement.fetch_first(name="", user_id=user.pk) == [user]
        self.lose_connection()
        assert statement.fetch_first(name="", user_id=user.pk) == [user]

    def test_any_other_does_not(self) -> None:
        statement = Statement(named, name="a name", user_id=-1)
        statement.fetch(name="", user_id=0)
        self.lose_connection()
        with pytest.raises(OperationalError):
            statement.fetch(name="", user_id=0)
        connection.close()

    def lose_connection(self) -> None:
        """End this thread's connection from the server's side, as a restart would."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [pid] = cursor.fetchone()
        with ThreadPoolExecutor(1) as other:
            other.submit(self._terminate, pid).result()

    def _terminate(self, pid: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()
