"""What is compiled once does as Django's own querysets and rows do: in any thread, over a lost connection."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.utils import OperationalError
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.tasks import configure_task

from canvas_channels.core import outbox
from canvas_channels.core.identity import callers
from canvas_channels.core.identity.callers import Caller, find_subject, with_rights
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.postgresql.trips import trips
from canvas_channels.core.request_id import REQUEST_ID, as_argument
from canvas_channels.core.statements import Statement, condition, from_row, insert, read_in_part, update
from channels_api.models import CommunicationChannel
from tests.factories import make_admin, make_channel, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user()


def named(name: str, user_id: int) -> QuerySet[User, tuple[int, str]]:
    users = User.objects.filter(Q(name=name) | Q(pk=user_id)).order_by("pk")
    return users.values_list("pk", "name")


def make_statement() -> Statement:
    return Statement(named, name="a name", user_id=-1)


def test_rows() -> None:
    one, two = make_user(name="One"), make_user(name="Two")
    statement = make_statement()
    for _ in range(2):
        assert statement.fetch(name="One", user_id=two.pk) == [(one.pk, "One"), (two.pk, "Two")]
        assert statement.fetch(name="One", user_id=0) == [(one.pk, "One")]


def test_it_is_compiled_once() -> None:
    built = []

    def build(user_id: int) -> QuerySet[User]:
        built.append(user_id)
        return User.objects.filter(pk=user_id)

    statement = Statement(build, user_id=-1)
    assert [statement.fetch(user_id=0) for _ in range(3)] == [[], [], []]
    assert built == [-1]


def test_a_rule_in_a_statement_of_ones_own() -> None:
    """Its values need no place among the statement's parameters."""
    people = [make_user(name=name) for name in ("100% O'Neil", "50% O'Neil")]
    rule = condition(User, Q(name__in=["100% O'Neil", "%s"]) & ~Q(workflow_state="deleted"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM identity_user u WHERE u.id = ANY(%s) AND {rule}",
            [[person.pk for person in people]],
        )
        assert cursor.fetchall() == [(people[0].pk,)]


def test_a_parameter_that_the_statement_lacks_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="other"):
        Statement(lambda user_id, other: User.objects.filter(pk=user_id), user_id=-1, other=-2).fetch()


def same(found: Any, expected: Any) -> bool:
    """Whether two rows say the same, field by field."""
    names = [field.attname for field in expected._meta.concrete_fields]
    return [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]


def test_a_row_is_as_a_queryset_has_it() -> None:
    """Converted as its fields say, from JSON too."""
    channel = make_channel(make_user(), bounce_history={"permanent": []})
    statement = Statement(lambda pk: CommunicationChannel.objects.filter(pk=pk), pk=-1)
    [row] = statement.fetch(pk=channel.pk)
    found = from_row(CommunicationChannel, row)
    assert not found._state.adding
    assert same(found, CommunicationChannel.objects.get())


@pytest.mark.parametrize("row", [User(name="New", locale="de"), User(name="New", pk=77)])
def test_an_inserted_row_is_as_a_saved_one(row: User, django_assert_num_queries: Any) -> None:
    row.home_account = make_user().home_account
    with django_assert_num_queries(1):
        insert(row)
        trips().send_later()
    found = User.objects.get(name="New")
    assert not row._state.adding
    assert row.pk in {None, found.pk}
    row.pk = found.pk
    assert same(row, found)


def test_rows_that_refer_to_one_another_are_one_statement(django_assert_num_queries: Any) -> None:
    account = Account(pk=7, name="New")
    user = User(pk=8, name="New", home_account=account)
    login = Login(user=user, account=account, unique_id="new")
    with django_assert_num_queries(1):
        insert(account, user, login)
        trips().send_later()
    found = Login.objects.select_related("user__home_account", "account").get(unique_id="new")
    assert (found.user, found.account, found.user.home_account) == (user, account, account)


def test_an_updated_row_is_as_a_saved_one() -> None:
    one, other = make_channel(make_user()), make_channel(make_user())
    for channel in (one, other):
        channel.bounce_count, channel.bounce_history, channel.position = 3, {"permanent": [1]}, 9
    fields = ["bounce_count", "bounce_history", "updated_at"]
    before = one.updated_at
    update(one, fields)
    other.save(update_fields=fields)
    one.refresh_from_db()
    assert (one.bounce_count, one.bounce_history, one.position) == (3, {"permanent": [1]}, 1)
    assert one.updated_at > before


def test_django_reads_what_was_left_out_when_it_is_asked_for() -> None:
    user = make_user(name="Somebody")
    part = read_in_part(User, ["id", "name"], [user.pk, "Somebody"])
    assert part == user
    assert part.get_deferred_fields() == {f.attname for f in User._meta.concrete_fields} - {"id", "name"}
    assert part.home_account == user.home_account


@pytest.mark.parametrize("who", ["self", "admin", "stranger"])
def test_a_locked_user_is_as_the_orm_finds_them(user: User, who: str) -> None:
    Login.objects.filter(user=user).update(imported_email="i@example.edu")
    caller = {"self": user, "admin": make_admin(), "stranger": make_user()}[who]
    found = find_subject(Caller(caller, caller), str(user.pk), lock=True)
    twin = callers.locked(with_rights(User.objects.filter(pk=user.pk), caller)).get()
    assert same(found.user, twin)
    assert same(found.user.home_account, twin.home_account)
    assert found.imported_emails == tuple(twin.imported_emails)
    assert found.is_admin == twin.is_administered


def jobs() -> list[Any]:
    columns = "task_name", "queue_name", "priority", "lock", "queueing_lock", "args", "scheduled_at", "status"
    return list(ProcrastinateJob.objects.order_by("id").values_list(*columns))


@pytest.mark.parametrize("request_id", ["", 'a "quoted" one'])
def test_jobs_are_as_procrastinate_defers_them(request_id: str) -> None:
    job = outbox.Job("a task", "row", "row_id")
    token = REQUEST_ID.set(request_id)
    try:
        job.ask([7, 5], priority=outbox.BULK)
        asked = jobs()
        ProcrastinateJob.objects.all().delete()
        for row_id in (7, 5):
            task = configure_task(
                name="a task", job_manager=outbox._manager, lock=f"row:{row_id}", priority=outbox.BULK
            )
            task.defer(row_id=row_id, **as_argument())
    finally:
        REQUEST_ID.reset(token)
    assert asked == jobs()
    assert len(asked) == 2


def test_who_asks_again_cancels_what_waits_under_the_lock() -> None:
    job = outbox.Job("a task", "row", "row_id")
    job.ask([1, 2])
    job.ask_again([1])
    assert [(lock, status, priority) for _, _, priority, lock, *_, status in jobs()] == [
        ("row:1", "cancelled", outbox.FIRST),
        ("row:2", "todo", outbox.FIRST),
        ("row:1", "todo", outbox.AGAIN),
    ]


@pytest.mark.django_db(transaction=True)
class TestConnections:
    def test_threads_share_a_statement(self) -> None:
        users = [make_user(name=f"User {number}") for number in range(8)]
        statement = make_statement()

        def read(user: User) -> list[Any]:
            try:
                return [row for _ in range(20) for row in statement.fetch(name=user.name, user_id=0)]
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as threads:
            for user, found in zip(users, threads.map(read, users), strict=True):
                assert found == [(user.pk, user.name)] * 20

    def test_the_first_of_a_request_survives_a_connection_that_the_server_closed(self) -> None:
        user = make_user(name="Somebody")
        statement = make_statement()
        assert statement.fetch_first(name="", user_id=user.pk) == [(user.pk, "Somebody")]
        self.lose_connection()
        assert statement.fetch_first(name="", user_id=user.pk) == [(user.pk, "Somebody")]

    def test_any_other_does_not(self) -> None:
        statement = make_statement()
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
