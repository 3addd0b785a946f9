"""Sending notifications, and what became of them; ``test_notification_values`` has what one may say."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import Account, User
from channels_api.models import AuditEntry
from notifications.models import Dispatch, DispatchRecipient, Message
from tests.api.conftest import ApiClient
from tests.api.test_query_counts import statements
from tests.changing import FORBIDDEN
from tests.factories import (
    default_account,
    load_catalogue,
    make_account,
    make_admin,
    make_channel,
    make_dispatch,
    make_login,
    make_message,
    make_site_admin,
    make_user,
)

PATH = "/accounts/self/notifications"
NOT_WITHHELD = dict.fromkeys(
    ["preference", "no_channel", "not_registered", "suppressed", "type_not_allowed", "muted", "unknown_user"],
    0,
)
NOTHING = dict.fromkeys(["sent", "waiting", "digest", "failed", "bounced", "cancelled"], 0)


@pytest.fixture
def account(db: None) -> Account:
    load_catalogue()
    return default_account()


@pytest.fixture
def admin(account: Account) -> User:
    return make_admin(account)


@pytest.fixture
def client(admin: User, as_user: Callable[..., ApiClient]) -> ApiClient:
    return as_user(admin)


def asked(*user_ids: object, **others: object) -> dict[str, object]:
    """The parameters of a notification."""
    given: dict[str, object] = {"notification": "new_announcement", "subject": "Exam", "body": "In room 5."}
    return given | {"user_ids": list(user_ids)} | others


def send(client: ApiClient, *user_ids: object, **others: object) -> dict[str, Any]:
    answer = client.call("POST", PATH, json=asked(*user_ids, **others))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def recipients(dispatch_id: int) -> list[int]:
    rows = DispatchRecipient.objects.filter(dispatch=dispatch_id, decided=False)
    return list(rows.order_by("user").values_list("user", flat=True))


def retrieve(client: ApiClient, dispatch_id: int) -> dict[str, Any]:
    return dict(client.call("GET", f"{PATH}/{dispatch_id}").json())


class TestSending:
    def test_answers_with_what_was_asked_for(self, client: ApiClient, account: Account, user: User) -> None:
        answer = send(client, user.pk)
        created_at = answer.pop("created_at")
        assert answer == {
            "id": Dispatch.objects.get().pk,
            "account_id": account.pk,
            "notification": "new_announcement",
            "category": "announcement",
            "subject": "Exam",
            "workflow_state": "queued",
            "recipients_count": 1,
            "completed_at": None,
        }
        assert created_at.endswith("Z")

    def test_writes_the_row_its_recipients_and_one_job(
        self, client: ApiClient, admin: User, user: User
    ) -> None:
        others = {
            "html_body": "<p>In <b>room 5</b>.</p><img src=x>",
            "short": "Exam today",
            "url": "https://lms.example.edu/courses/7",
            "from_name": "Physics",
            "course_id": 7,
            "course_name": "Physics 1",
            "object_id": "announcement:12",
        }
        dispatch_id = send(client, user.pk, **others)["id"]
        row = Dispatch.objects.get()
        expected = {
            **others,
            "html_body": "<p>In <b>room 5</b>.</p>",
            "subject": "Exam",
            "body": "In room 5.",
        }
        assert {name: getattr(row, name) for name in expected} == expected
        assert (row.actor, row.workflow_state, row.idempotency_key) == (admin, "queued", "")
        assert recipients(dispatch_id) == [user.pk]
        job = ProcrastinateJob.objects.get()
        assert (job.task_name, job.lock) == ("notifications.fan_out", f"dispatch:{dispatch_id}")
        assert job.args["dispatch_id"] == dispatch_id
        assert job.priority < 0  # behind what somebody waits for

    def test_without_a_short_text_the_subject_is_one(self, client: ApiClient, user: User) -> None:
        send(client, user.pk)
        assert Dispatch.objects.get().short == "Exam"

    def test_as_a_form(self, client: ApiClient, user: User) -> None:
        form = f"notification=New+Announcement&subject=S&body=B&user_ids[]={user.pk}&user_ids[]=sis_user_id:x"
        answer = client.call("POST", PATH, form)
        assert answer.json()["notification"] == "new_announcement"
        assert answer.json()["recipients_count"] == 2

    def test_ids_as_strings(self, client: ApiClient, user: User) -> None:
        accept = "application/json+canvas-string-ids"
        answer = client.call("POST", PATH, json=asked(user.pk), accept=accept).json()
        assert isinstance(answer["id"], str)
        assert isinstance(answer["account_id"], str)

    def test_is_in_the_audit_trail_without_a_word_of_it(self, client: ApiClient, admin: User) -> None:
        dispatch_id = send(client, 1, subject="Secret", body="Hidden")["id"]
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.user) == ("send_notification", admin, None)
        assert entry.details == {
            "account_id": default_account().pk,
            "notification_id": dispatch_id,
            "notification": "new_announcement",
            "recipients_count": 1,
        }


class TestRecipients:
    def test_any_form_of_user_id_and_each_once(self, client: ApiClient, account: Account) -> None:
        user = make_user(login="Sheldon@caltech.edu", sis_user_id="S:1")
        make_login(user)
        named = [
            *(user.pk, f"00{user.pk}", str(user.pk), "sis_user_id:S:1", "sis_login_id:SHELDON@caltech.edu"),
            f"hex:sis_user_id:{b'S:1'.hex()}",
        ]
        answer = send(client, *named)
        assert answer["recipients_count"] == len(named)
        assert recipients(answer["id"]) == [user.pk]
        assert retrieve(client, answer["id"])["errors"] == []

    def test_unknown_ones_are_counted_and_stop_nobody(self, client: ApiClient, user: User) -> None:
        elsewhere = make_user(account=make_account(), login="e", sis_user_id="E")
        without_login = make_user(login="")
        named = [
            *("self", "x", "", "sis_user_id:", "sis_login_id:e", "sis_user_id:E", "a\x00b", "9" * 30, "-1"),
            *("hex:sis_user_id:xx", "sis_user_id:\x00", elsewhere.pk, without_login.pk, "x"),
        ]
        answer = send(client, *named, user.pk)
        assert recipients(answer["id"]) == [user.pk]
        shown = retrieve(client, answer["id"])
        assert shown["recipients_count"] == len(named) + 1
        assert shown["counts"]["withheld"] == NOT_WITHHELD | {"unknown_user": len(named) - 1}
        assert shown["errors"] == [str(name).replace("\x00", "\ufffd") for name in named[:-1]]

    def test_at_most_a_hundred_unknown_ones_are_listed(self, client: ApiClient) -> None:
        answer = send(client, *(f"sis_user_id:{number}{'x' * 1000}" for number in range(150)))
        shown = retrieve(client, answer["id"])
        assert shown["counts"]["withheld"]["unknown_user"] == 150
        assert [len(name) for name in shown["errors"]] == [255] * 100
        assert recipients(answer["id"]) == []

    def test_a_site_admin_looks_in_the_path_s_account_too(self, account: Account, as_user) -> None:
        here, elsewhere = make_user(sis_user_id="S"), make_user(account=make_account(), sis_user_id="S")
        client = as_user(make_site_admin())
        path = f"/accounts/{elsewhere.home_account_id}/notifications"
        answer = client.call("POST", path, json=asked("sis_user_id:S", here.pk)).json()
        assert recipients(answer["id"]) == [elsewhere.pk]

    @pytest.mark.in_process
    def test_ten_thousand_cost_as_many_statements_as_one(self, client: ApiClient, account: Account) -> None:
        first = User.objects.create_user("U", account).pk + 1
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO identity_user (id, password, is_superuser, name, short_name, sortable_name, "
                "locale, home_account_id, workflow_state, is_site_admin, is_staff, created_at) "
                "SELECT %s + n, '!', false, 'U', 'U', 'U', '', %s, 'registered', false, false, now() "
                "FROM generate_series(0, 9999) n",
                [first, account.pk],
            )
            cursor.execute(
                "INSERT INTO identity_login (user_id, account_id, unique_id, sis_user_id, imported_email, "
                "created_at) SELECT id, %s, 'pupil' || id, 'sis' || id, '', now() FROM identity_user "
                "WHERE id >= %s",
                [account.pk, first],
            )
        forms = ("{}", "sis_user_id:sis{}", "sis_login_id:Pupil{}")
        everybody = [forms[number % 3].format(first + number) for number in range(10_000)]
        one = statements(lambda: send(client, first))
        many = statements(lambda: send(client, *everybody))
        assert len(many) == len(one)
        assert len(recipients(Dispatch.objects.latest("pk").pk)) == 10_000


class TestRights:
    """Beside ``test_every_right``: nobody does it while acting as somebody else."""

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_never_while_acting(self, method: str, admin: User, account: Account, as_user) -> None:
        client = as_user(make_site_admin())
        body = asked(admin.pk, as_user_id=admin.pk)
        answer = client.call(method, PATH, json=body)
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
        dispatch = make_dispatch(account, workflow_state="queued")
        for method in ("GET", "DELETE"):
            path = f"{PATH}/{dispatch.pk}?as_user_id={admin.pk}"
            assert client.call(method, path).status_code == 403
        assert Dispatch.objects.get().workflow_state == "queued"

    def test_naming_oneself_changes_nothing(self, client: ApiClient, admin: User) -> None:
        send(client, admin.pk, as_user_id=admin.pk)

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_another_account_s_is_not_there(self, method: str, client: ApiClient) -> None:
        dispatch = make_dispatch(make_account(), workflow_state="queued")
        assert client.call(method, f"{PATH}/{dispatch.pk}").status_code == 404
        assert client.call(method, f"{PATH}/{dispatch.pk + 1}").status_code == 404
        dispatch.refresh_from_db()
        assert dispatch.workflow_state == "queued"


def test_the_list_is_newest_first_in_pages(client: ApiClient, account: Account) -> None:
    made = [make_dispatch(account, subject=f"S{number}").pk for number in range(3)]
    make_dispatch(make_account(), workflow_state="queued")
    answer = client.call("GET", f"{PATH}?per_page=2")
    assert [row["id"] for row in answer.json()] == made[:0:-1]
    assert {"counts", "errors", "body"}.isdisjoint(answer.json()[0])
    assert 'rel="next"' in answer["Link"]
    assert [row["id"] for row in client.call("GET", f"{PATH}?per_page=2&page=2").json()] == made[:1]


def test_counts_by_what_became_of_each(client: ApiClient, account: Account, user: User) -> None:
    entry = {"kind": "digest_entry", "frequency": "daily"}
    became = {
        "waiting": [{"workflow_state": state} for state in ("created", "staged", "sending")],
        "digest": [{**entry, "workflow_state": state} for state in ("staged", "closed")],
        "sent": [{"workflow_state": "sent"}] * 2,
        "failed": [{"workflow_state": "transmission_error"}],
        "bounced": [{"workflow_state": "bounced"}, {**entry, "workflow_state": "bounced"}],
        "cancelled": [{"workflow_state": "cancelled"}, {**entry, "workflow_state": "cancelled"}],
    }
    dispatch = make_dispatch(
        account, recipients=[user], withheld={"preference": 3, "muted": 1}, unknown_count=2
    )
    for rows in became.values():
        for fields in rows:
            make_message(user, make_channel(user), dispatch=dispatch, **fields)
    make_message(user, make_channel(user), workflow_state="created")
    assert retrieve(client, dispatch.pk)["counts"] == {
        **{name: len(rows) for name, rows in became.items()},
        "withheld": NOT_WITHHELD | {"preference": 3, "muted": 1, "unknown_user": 2},
    }


class TestCancelling:
    def cancel(self, client: ApiClient, dispatch_id: int) -> dict[str, Any]:
        answer = client.call("DELETE", f"{PATH}/{dispatch_id}")
        assert answer.status_code == 200
        return dict(answer.json())

    def test_what_is_not_sent_yet_never_is(self, client: ApiClient, account: Account, user: User) -> None:
        dispatch = make_dispatch(account, recipients=[user], workflow_state="running")
        states = ["created", "staged", "sending", "sent", "bounced", "closed", "transmission_error"]
        rows = [
            make_message(user, make_channel(user), dispatch=dispatch, workflow_state=state)
            for state in states
        ]
        entry = {"kind": "digest_entry", "workflow_state": "staged", "waits_for": "digest"}
        make_message(user, make_channel(user), dispatch=dispatch, due_at=timezone.now(), **entry)
        other = make_message(user, make_channel(user), workflow_state="created")
        answer = self.cancel(client, dispatch.pk)
        assert answer["workflow_state"] == "cancelled"
        assert answer["counts"]["cancelled"] == 3
        assert answer == retrieve(client, dispatch.pk)
        kept = Message.objects.filter(pk__in=[row.pk for row in rows[2:]]).order_by("pk")
        assert list(kept.values_list("workflow_state", flat=True)) == states[2:]
        assert recipients(dispatch.pk) == [user.pk]  # not decided
        other.refresh_from_db()
        assert other.workflow_state == "created"

    def test_works_twice(self, client: ApiClient, user: User) -> None:
        dispatch_id = send(client, user.pk)["id"]
        first = self.cancel(client, dispatch_id)
        assert (first["workflow_state"], first["counts"]) == (
            "cancelled",
            NOTHING | {"withheld": NOT_WITHHELD},
        )
        assert self.cancel(client, dispatch_id) == first
        assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
            "send_notification",
            "cancel_notification",
        ]

    def test_what_is_sent_stays_sent(self, client: ApiClient, account: Account, user: User) -> None:
        dispatch = make_dispatch(
            account, recipients=[user], workflow_state="completed", completed_at=timezone.now()
        )
        make_message(user, make_channel(user), dispatch=dispatch, workflow_state="sent")
        assert self.cancel(client, dispatch.pk)["workflow_state"] == "completed"
        assert not AuditEntry.objects.exists()

    def test_what_is_on_its_way_is_not_tried_again(
        self, client: ApiClient, account: Account, user: User
    ) -> None:
        dispatch = make_dispatch(account, workflow_state="completed", completed_at=timezone.now())
        make_message(user, make_channel(user), dispatch=dispatch, workflow_state="sending")
        answer = self.cancel(client, dispatch.pk)
        assert (answer["workflow_state"], answer["counts"]["waiting"]) == ("cancelled", 1)
        assert self.cancel(client, dispatch.pk) == answer
        assert AuditEntry.objects.count() == 1

    def test_what_waits_of_a_completed_one_is_cancelled(
        self, client: ApiClient, account: Account, user: User
    ) -> None:
        dispatch = make_dispatch(
            account, recipients=[user], workflow_state="completed", completed_at=timezone.now()
        )
        make_message(
            user, make_channel(user), dispatch=dispatch, workflow_state="staged", waits_for="quiet_hours"
        )
        answer = self.cancel(client, dispatch.pk)
        assert (answer["workflow_state"], answer["counts"]["cancelled"]) == ("cancelled", 1)
        assert answer["completed_at"]
