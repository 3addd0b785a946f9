"""What is sent together is as if it had been sent alone: in order, undone together, its errors not lost."""

from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DataError, OperationalError

from canvas_channels.core.identity.models import Account
from canvas_channels.core.postgresql.trips import Query, Trips, trips
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def one(value: int) -> Query:
    return Query("SELECT %s::int", (value,))


def rename(account: Account, name: str) -> Query:
    return Query("UPDATE identity_account SET name = %s WHERE id = %s", (name, account.pk))


def name_of(account: Account) -> str:
    return Account.objects.get(pk=account.pk).name


CHANNEL = (
    "INSERT INTO channels_api_communicationchannel (user_id, type, address, address_folded, workflow_state, "
    "position, institutional, bounce_count, created_at, updated_at) "
    "VALUES (1, 'email', '', '', 'active', 0, false, 0, now(), now())"
)
BROKEN = Query(CHANNEL)  # as it has no position
NAMED = {"channel_position_from_1": lambda: Named()}


class Named(Exception):
    pass


@pytest.fixture
def own() -> Trips:
    return trips()


@pytest.mark.parametrize("followed_by", [0, 1, 40])
@pytest.mark.parametrize("size", [1, 100_000])
def test_the_error_is_the_one_that_came_first(
    own: Trips, caplog: pytest.LogCaptureFixture, followed_by: int, size: int
) -> None:
    """Whatever has arrived by then; and nothing is logged of those that only follow from it."""
    text = Query("SELECT %s::text", ("x" * size,))

    @transaction.atomic
    def divide() -> None:
        own.ahead(text, Query("SELECT 1 / %s::int", (0,)), *[text] * followed_by)
        own.ask(one(1))

    with pytest.raises(DataError, match="division by zero"):
        divide()
    assert not caplog.records
    assert own.ask(one(2)) == [(2,)]


def test_answers_that_came_ahead(own: Trips, django_assert_num_queries: Any) -> None:
    with transaction.atomic():
        own.ahead(one(2), one(3), one(4))
        with django_assert_num_queries(4):
            assert [own.ask(one(number)) for number in (1, 2, 4)] == [[(1,)], [(2,)], [(4,)]]
        assert own.ask(one(3)) == [(3,)]  # which was passed over, and is asked for again


def test_a_guess_that_was_wrong_changes_nothing(own: Trips) -> None:
    with transaction.atomic():
        own.ahead(one(2))
        assert [own.ask(one(number)) for number in (1, 5, 2)] == [[(1,)], [(5,)], [(2,)]]


@pytest.mark.parametrize("text", ["\x00", "\ud800"])
def test_what_cannot_be_sent_is_no_guess(own: Trips, text: str) -> None:
    with transaction.atomic():
        own.ahead(Query("SELECT %s::text", (text,)))
        assert own.ask(one(1)) == [(1,)]


@pytest.mark.parametrize("by", ["later", "orm"])
def test_what_is_changed_is_read_anew(own: Trips, by: str) -> None:
    account = make_account(name="Old")
    read = Query("SELECT name FROM identity_account WHERE id = %s", (account.pk,))
    with transaction.atomic():
        own.ahead(read)
        own.ask(one(1))
        if by == "later":
            own.later(rename(account, "New"))
        else:
            Account.objects.filter(pk=account.pk).update(name="New")
        assert own.ask(read) == [("New",)]


def test_it_is_sent_with_the_commit(own: Trips) -> None:
    account = make_account(name="Old")
    told = []
    with transaction.atomic():
        own.later(rename(account, "New"))
        transaction.on_commit(lambda: told.append(name_of(account)))
    assert told == ["New"]


def test_before_whatever_comes_next(own: Trips) -> None:
    account = make_account(name="Old")
    with transaction.atomic():
        own.later(rename(account, "New"))
        assert name_of(account) == "New"
        own.later(rename(account, "Newer"))
        own.later(rename(account, "Newest"))
        with transaction.atomic():
            assert name_of(account) == "Newest"
    assert name_of(account) == "Newest"


def test_at_once_outside_of_a_transaction(own: Trips) -> None:
    account = make_account(name="Old")
    own.later(rename(account, "New"))
    own.close()
    assert name_of(account) == "New"


def test_it_is_undone_with_its_transaction(own: Trips) -> None:
    account = make_account(name="Old")
    with transaction.atomic():
        own.later(rename(account, "New"))
        transaction.set_rollback(True)
    assert name_of(account) == "Old"


def test_it_is_undone_with_its_savepoint(own: Trips) -> None:
    account, other = make_account(name="Old"), make_account(name="Old")

    @transaction.atomic
    def fail() -> None:
        own.later(rename(other, "New"))
        raise Named

    with transaction.atomic():
        own.later(rename(account, "New"))
        with pytest.raises(Named):
            fail()
    assert (name_of(account), name_of(other)) == ("New", "Old")


def test_what_is_undone_with_its_savepoint_is_not_tried_first(own: Trips) -> None:
    account = make_account(name="Old")

    @transaction.atomic
    def fail() -> None:
        own.later(BROKEN, NAMED)
        raise KeyError

    with transaction.atomic():
        own.later(rename(account, "New"))
        with pytest.raises(KeyError):
            fail()
    assert name_of(account) == "New"


@pytest.mark.parametrize("nested", [False, True])
def test_an_error_undoes_all(own: Trips, nested: bool) -> None:
    account = make_account(name="Old")
    told: list[str] = []

    @transaction.atomic
    def fail() -> None:
        own.later(rename(account, "New"))
        transaction.on_commit(lambda: told.append("committed"))
        if nested:
            with transaction.atomic():
                own.later(BROKEN)
        own.later(BROKEN)

    with pytest.raises(IntegrityError):
        fail()
    assert (name_of(account), told) == ("Old", [])
    assert connection.get_autocommit()


@pytest.mark.parametrize("asks", [False, True])
def test_a_constraint_is_named(own: Trips, asks: bool) -> None:
    """So that whoever is told what is wrong is told it in words, wherever it comes out."""
    account = make_account(name="Old")

    @transaction.atomic
    def fail() -> None:
        own.later(rename(account, "Newer"))
        own.later(BROKEN, NAMED)
        if asks:
            own.ask(one(1))

    with transaction.atomic():
        own.later(rename(account, "New"))
        with pytest.raises(Named):
            fail()
    assert name_of(account) == "New"
    with pytest.raises(Named):
        fail()
    assert name_of(account) == "New"


def test_a_statement_that_fails_ends_the_transaction_as_usual(own: Trips) -> None:
    account = make_account(name="Old")

    @transaction.atomic
    def fail() -> None:
        own.later(rename(account, "New"))
        own.ask(Query("SELECT 1 / %s::int", (0,)))

    with pytest.raises(DataError):
        fail()
    assert name_of(account) == "Old"
    assert own.ask(one(1)) == [(1,)]


def test_statements_are_timed_and_logged(own: Trips, django_assert_num_queries: Any) -> None:
    account, seen = make_account(), []

    def watch(execute: Any, *arguments: Any) -> Any:
        seen.append(arguments)
        return execute(*arguments)

    with connection.execute_wrapper(watch), transaction.atomic():
        own.later(rename(account, "New"))
        with django_assert_num_queries(2):
            own.ask(one(1))
    assert len(seen) == 1


@pytest.mark.parametrize("answered", [False, True])
def test_a_connection_that_is_lost_before_the_commit(own: Trips, answered: bool) -> None:
    """Nobody hears of success, and the next transaction has a connection of its own."""
    account = make_account(name="Old")
    told: list[str] = []

    @transaction.atomic
    def fail() -> None:
        if answered:
            own.ask(one(1))
        own.later(rename(account, "New"))
        transaction.on_commit(lambda: told.append("committed"))
        own.later(Query("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(OperationalError):
        fail()
    connection.close()
    assert (name_of(account), told) == ("Old", [])


def test_what_is_only_written_is_one_transaction(own: Trips) -> None:
    account, other = make_account(name="Old"), make_account(name="Old")
    with transaction.atomic():
        own.later(rename(account, "New"))
        own.later(rename(other, "New"))
        own.later(Query("SELECT set_config('app.seen', txid_current()::text, false)"))
    [(rows,)] = own.ask(
        Query(
            "SELECT count(*) FROM identity_account WHERE xmin = current_setting('app.seen')::xid "
            "AND id = ANY(%s)",
            ([account.pk, other.pk],),
        )
    )
    assert rows == 2


def test_many_statements_at_once(own: Trips) -> None:
    """More than fit the sockets' buffers, with answers as long."""
    text = "x" * 10_000
    with transaction.atomic():
        own.ahead(*[Query("SELECT %s::text, %s::int", (text, number)) for number in range(500)])
        own.ask(one(1))
        assert own.ask(Query("SELECT %s::text, %s::int", (text, 499))) == [(text, 499)]


def test_nothing_is_sent_before_all_of_it_is_there() -> None:
    connection.ensure_connection()
    driver: Any = connection.connection
    with driver.together():
        cursors = [driver.execute("SELECT %s::int", [number]) for number in (1, 2)]
        assert driver.is_idle
    assert [cursor.fetchone() for cursor in cursors] == [(1,), (2,)]


def test_what_cannot_be_sent_leaves_the_rest_as_it_was() -> None:
    connection.ensure_connection()
    driver: Any = connection.connection
    with pytest.raises(psycopg.ProgrammingError), driver.together():
        driver.execute("SELECT %s", [object()])
    assert driver.execute("SELECT 1").fetchone() == (1,)
