"""``Idempotency-Key``: the same request twice, other requests with the same key, and two at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import requests
from django.db import connection
from django.db.models import F
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry
from notifications.models import Dispatch, DispatchRecipient
from tests.api.conftest import ApiClient
from tests.channels_api.channels.test_channels_races import Call, at_once, statuses
from tests.factories import (
    load_catalogue,
    make_account,
    make_admin,
    make_key,
    make_site_admin,
    make_token,
)
from tests.live import LiveServer, database_url

PATH = "/accounts/self/notifications"
GIVEN: dict[str, Any] = {"notification": "alert", "user_ids": [1, "x"], "subject": "S", "body": "B"}
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def admin(db: None) -> User:
    load_catalogue()
    return make_admin()


@pytest.fixture
def client(admin: User) -> ApiClient:
    return ApiClient(make_token(admin))


def send(client: ApiClient, key: str = KEY, path: str = PATH, **others: Any) -> Any:
    return client.call("POST", path, json=GIVEN | others, **{"Idempotency-Key": key})


def made() -> int:
    return Dispatch.objects.count()


class TestTheSameAgain:
    def test_answers_the_first_answer_and_sends_nothing_more(self, client: ApiClient) -> None:
        first = send(client)
        rows = [model._default_manager.count() for model in (DispatchRecipient, AuditEntry, ProcrastinateJob)]
        Dispatch.objects.update(workflow_state="completed", completed_at=Dispatch.objects.get().created_at)
        again = send(client)
        assert (again.status_code, again.content) == (200, first.content)
        assert made() == 1
        assert rows == [
            model._default_manager.count() for model in (DispatchRecipient, AuditEntry, ProcrastinateJob)
        ]

    def test_as_a_form_and_by_another_name_of_the_account(self, client: ApiClient, admin: User) -> None:
        first = send(client).json()
        form = "notification=alert&user_ids[]=1&user_ids[]=x&subject=S&body=B&short="
        path = f"/accounts/{admin.home_account_id}/notifications"
        again = client.call("POST", path, form, **{"Idempotency-Key": KEY})
        assert again.json() == first

    def test_with_another_token_of_the_same_key(self, admin: User) -> None:
        key = make_key()
        first, again = (send(ApiClient(make_token(admin, key))).json() for _ in range(2))
        assert first == again

    @pytest.mark.parametrize("deep", ['{"a":' * 300 + "1" + "}" * 300, "[" * 300 + "]" * 300])
    @pytest.mark.parametrize("name", ["subject", "user_ids", "html_body"])
    def test_json_that_is_too_deep_to_be_written_is_none(
        self, client: ApiClient, name: str, deep: str
    ) -> None:
        body = f'{{"notification": "alert", "{name}": {deep}}}'
        headers = {"Idempotency-Key": KEY}
        answer = client.call("POST", PATH, body, content_type="application/json", **headers)
        assert answer.status_code == 400
        assert "nested too deep" in answer.json()["errors"][0]["message"]

    def test_without_a_key_is_another(self, client: ApiClient) -> None:
        for _ in range(2):
            client.call("POST", PATH, json=GIVEN)
        assert made() == 2


class TestAnother:
    @pytest.mark.parametrize(
        "others",
        [{"subject": "T"}, {"user_ids": ["x", 1]}, {"user_ids": [1]}, {"course_id": 1}, {"body": ""}],
    )
    def test_parameters_are_a_422(self, client: ApiClient, others: dict[str, Any]) -> None:
        send(client)
        answer = send(client, **others)
        message = "This Idempotency-Key was used with other parameters."
        assert (answer.status_code, answer.json()) == (422, {"errors": [{"message": message}]})
        assert made() == 1

    def test_key_user_developer_key_or_account_sends_another(self, client: ApiClient, admin: User) -> None:
        send(client)
        boss = ApiClient(make_token(make_site_admin()))
        answers = [
            send(client, key=KEY.upper()),
            send(ApiClient(make_token(admin, make_key()))),
            send(boss),
            send(boss, path=f"/accounts/{make_account().pk}/notifications"),
        ]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert made() == 5

    def test_day_frees_it(self, client: ApiClient) -> None:
        first = send(client).json()["id"]
        Dispatch.objects.update(created_at=F("created_at") - timedelta(hours=23, minutes=59))
        assert send(client).json()["id"] == first
        Dispatch.objects.update(created_at=F("created_at") - timedelta(minutes=2))
        assert send(client, subject="T").json()["id"] != first
        assert send(client, subject="T").status_code == 200
        assert made() == 2


def test_a_refused_request_frees_its_key(client: ApiClient) -> None:
    assert send(client, subject="").status_code == 400
    assert send(client, notification="no_such_thing").status_code == 400
    assert send(client).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\xe4"])
def test_a_key_that_is_none(client: ApiClient, key: str) -> None:
    answer = send(client, key=key)
    message = "The Idempotency-Key must have 1 to 255 printable ASCII characters."
    assert (answer.status_code, answer.json()) == (400, {"errors": [{"message": message}]})
    assert made() == 0


@pytest.mark.parametrize("key", ["x" * 255, "a b", '"quoted"', "~"])
def test_a_key(client: ApiClient, key: str) -> None:
    assert send(client, key=key).json() == send(client, key=key).json()
    assert made() == 1


@contextmanager
def held_up() -> Iterator[None]:
    """Nobody writes a dispatch meanwhile."""
    with psycopg.connect(database_url()) as other:
        other.execute(f"LOCK TABLE {Dispatch._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
        yield
        other.rollback()


def waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation')")
        (found,) = cursor.fetchone() or (False,)
    return bool(found)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture
    def call(self, server: LiveServer, admin: User) -> Call:
        token, url = make_token(admin), server.api + PATH
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": KEY}
        return lambda: requests.post(url, json=GIVEN, headers=headers, timeout=60)

    def test_while_the_first_is_answered_others_are_a_409(self, call: Call) -> None:
        with ThreadPoolExecutor(1) as threads:
            with held_up():
                first = threads.submit(call)
                while not waiting():
                    pass
                second = call()
                message = "A request with this Idempotency-Key is still being answered."
                assert (second.status_code, second.json()) == (409, {"errors": [{"message": message}]})
            assert first.result().status_code == 200
        assert call().json() == first.result().json()
        assert made() == 1

    def test_one_that_is_cut_off_frees_its_key(self, call: Call) -> None:
        with ThreadPoolExecutor(1) as threads:
            with held_up():
                first = threads.submit(call)
                while not waiting():
                    pass
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks "
                        "WHERE NOT granted AND locktype = 'relation'"
                    )
            assert first.result().status_code == 503
        assert made() == 0
        assert call().status_code == 200

    def test_of_many_one_is_done(self, call: Call) -> None:
        answers = at_once([call] * 12)
        assert set(statuses(answers)) <= {200, 409}
        assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
        assert made() == 1
