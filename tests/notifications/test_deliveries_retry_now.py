"""What is asked for again runs now, though an earlier try waits for an hour: nothing here makes jobs due."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import UniqueViolation
from pytest_django import Settings

from canvas_channels.core import outbox
from canvas_channels.core.identity.callers import Caller, find_subject
from canvas_channels.core.identity.models import DeveloperKey, PasswordReset, User
from canvas_channels.demo.serve import free_port
from channels_api.accounts import bulk
from channels_api.devices import registration
from channels_api.messages import confirmations, password_resets
from channels_api.models import CommunicationChannel, Confirmation, Progress, PushDevice, SecurityNotice
from notifications import deliveries
from notifications.dispatches.models import Dispatch
from notifications.kinds import KINDS
from notifications.messages.models import Message
from notifications.webhooks import events
from notifications.webhooks.models import WebhookEvent
from tests.commands import refusal, run
from tests.factories import (
    default_account,
    load_catalogue,
    make_admin,
    make_channel,
    make_dispatch,
    make_key,
    make_message,
    make_security_notice,
    make_site_admin,
    make_user,
)
from tests.notifications.senders.test_confirmations import Mailbox
from tests.notifications.services import Answer, Fields, Sns, always, jobs, refuse, run_worker

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "AB12" * 16
DOWN = refuse("InternalFailure", "down", 500)
OPTED_OUT = refuse("OptedOut", "opted out")


@pytest.fixture
def key(sns: Sns) -> DeveloperKey:
    made = sns.client().create_platform_application(Name="Student", Platform="APNS", Attributes={})
    return make_key(sns_arn=made["PlatformApplicationArn"])


def try_for_an_hour() -> None:
    """Do what is due; what fails is tried again in an hour."""
    run_worker()
    with connection.cursor() as cursor:  # procrastinate's models are read-only
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE status = 'todo'"
        )
    before = ProcrastinateJob.objects.count()
    run_worker()
    assert jobs("todo")
    assert ProcrastinateJob.objects.count() == before


def states() -> set[str]:
    return set(ProcrastinateJob.objects.values_list("status", flat=True))


class Case:
    """One delivery that fails for now; :meth:`mend` mends the cause."""

    kind: str

    def __init__(self, sns: Sns, settings: Settings) -> None:
        self.sns, self.settings = sns, settings
        self.port = settings.EMAIL_PORT
        settings.EMAIL_PORT = free_port()
        sns.script = lambda _fields: DOWN
        self.row = self.ask()

    def ask(self) -> Model:
        raise NotImplementedError

    def mend(self) -> None:
        self.settings.EMAIL_PORT = self.port
        self.sns.script = None

    def is_done(self) -> bool:
        self.row.refresh_from_db()
        return self.row.workflow_state in {"sent", "registered", "handled", "completed"}  # type: ignore[attr-defined]

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.row.pk}"


class Email(Case):
    kind = "confirmation"

    def ask(self) -> Model:
        assert confirmations.resend(make_channel(make_user(), "n@example.com", workflow_state="unconfirmed"))
        return Confirmation.objects.get()


class Text(Case):
    kind = "confirmation"

    def ask(self) -> Model:
        assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))
        return Confirmation.objects.get()


class Told(Case):
    kind = "security_notice"

    def ask(self) -> Model:
        told = make_security_notice(make_user(), "o@example.com")
        SecurityNotice.job.ask([told.pk])
        return told


class Device(Case):
    kind = "device"

    def ask(self) -> Model:
        client = self.sns.client()
        arn = client.create_platform_application(Name="Student", Platform="APNS", Attributes={})
        return register(make_user(), make_key(sns_arn=arn["PlatformApplicationArn"]))


class Event(Case):
    kind = "event"

    def ask(self) -> Model:
        events.store("postmark", [{"RecordType": "Open", "Recipient": "a@example.com"}])
        self.body = WebhookEvent.objects.get().body
        WebhookEvent.objects.update(body="{", provider="amazon_ses")
        return WebhookEvent.objects.get()

    def mend(self) -> None:
        WebhookEvent.objects.update(body=self.body, provider="postmark")


class Reset(Case):
    kind = "password_reset"

    def ask(self) -> Model:
        user = make_user(login="penny", password="an old one")
        self.channel = make_channel(user, "penny@example.com")
        password_resets.request("penny")
        return PasswordReset.objects.get()

    def is_done(self) -> bool:
        return PasswordReset.objects.get().sent_to == [self.channel.pk]


class FanOut(Case):
    kind = "dispatch"

    def ask(self) -> Model:
        load_catalogue()
        user = make_user()
        make_channel(user, "n@example.com")
        dispatch = make_dispatch(
            default_account(), recipients=[user], workflow_state="queued", withheld={"preference": "many"}
        )
        Dispatch.job.ask([dispatch.pk])
        return dispatch

    def mend(self) -> None:
        super().mend()
        Dispatch.objects.update(withheld={})


class Bulk(Case):
    kind = "progress"

    def ask(self) -> Model:
        channel = make_channel(make_user(), bounce_count=2)
        chosen = CommunicationChannel.objects.filter(pk=channel.pk)
        admin = make_admin()
        bulk.schedule_reset(Caller(admin, admin), default_account(), chosen)
        self.details = Progress.objects.get().details
        Progress.objects.update(details={})
        return Progress.objects.get()

    def mend(self) -> None:
        Progress.objects.update(details=self.details)


CASES: list[type[Case]] = [Email, Text, Told, Device, Event, Reset, FanOut, Bulk]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__)
def case(
    request: pytest.FixtureRequest, sns: Sns, mailbox: Mailbox, webhooks: None, settings: Settings
) -> Case:
    """One that waits for an hour, and whose cause is mended."""
    case: Case = request.param(sns, settings)
    try_for_an_hour()
    assert not case.is_done()
    case.mend()
    return case


def register(user: User, key: DeveloperKey) -> PushDevice:
    with transaction.atomic():
        subject = find_subject(Caller(user, user), "self", lock=True)
        return registration.register(subject, TOKEN, registration.find(key, TOKEN))


def remove(user: User) -> None:
    with transaction.atomic():
        registration.remove_token(Caller(user, user), TOKEN)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_site_admin(is_staff=True, is_superuser=True))
    return client


def act(operator: Client, page: str, action: str, row_id: int) -> None:
    form = {"action": action, "_selected_action": [row_id]}
    answer = operator.post(reverse(f"admin:{page}_changelist"), form, follow=True)
    assert "Asked for 1" in answer.text


class TestEveryKind:
    def test_by_its_id(self, case: Case) -> None:
        row_id = case.id
        assert run("deliveries", "--retry", row_id) == f"Asked again for {row_id}.\n"
        run_worker()
        assert case.is_done()
        assert states() == {"cancelled", "succeeded"}  # no try is left over

    def test_all(self, case: Case) -> None:
        kind = case.kind.replace("_", " ")
        assert run("deliveries", "--retry", "all") == f"Asked again for 1 {kind}.\n"
        run_worker()
        assert case.is_done()

    def test_all_twice_leaves_one_job(self, case: Case) -> None:
        run("deliveries", "--retry", "all")
        run("deliveries", "--retry", "all")
        assert len(jobs("todo")) == 1

    def test_by_its_job_in_the_admin(self, case: Case, operator: Client) -> None:
        [job] = ProcrastinateJob.objects.filter(status="todo")
        act(operator, "procrastinate_procrastinatejob", "run_again", job.pk)
        run_worker()
        assert case.is_done()

    def test_by_its_row_in_the_admin(self, case: Case, operator: Client) -> None:
        page, action = {
            "confirmation": ("channels_api_confirmation", "retry"),
            "security_notice": ("channels_api_securitynotice", "retry"),
            "device": ("channels_api_pushdevice", "retry"),
            "event": ("notifications_webhookevent", "retry"),
            "dispatch": ("notifications_dispatch", "retry"),
            "progress": ("channels_api_progress", "retry"),
        }.get(case.kind, ("procrastinate_procrastinatejob", "run_again"))
        row = ProcrastinateJob.objects.get(status="todo") if action == "run_again" else case.row
        act(operator, page, action, row.pk)
        run_worker()
        assert case.is_done()

    def test_workers_are_told_at_once(self, case: Case) -> None:
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as listening:
            listening.execute('LISTEN "procrastinate_any_queue_v1"')
            run("deliveries", "--retry", case.id)
            assert list(listening.notifies(timeout=30, stop_after=1))


def test_every_kind_is_tried() -> None:
    assert set(KINDS) - {case.kind for case in CASES} == {"message"}  # the next test's


@pytest.mark.parametrize("which", ["message:{}", "all"])
def test_a_message_that_waits_for_its_next_try(
    which: str, mailbox: Mailbox, settings: Settings, sns: Sns
) -> None:
    """A job is for many of them, so they wait by themselves."""
    load_catalogue()
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    user = make_user()
    message = make_message(user, make_channel(user, "n@example.com"), workflow_state="created")
    Message.job.ask_in_batches([message.pk], 1, priority=outbox.BULK)
    run_worker()
    message.refresh_from_db()
    assert (message.workflow_state, message.waits_for) == ("staged", "retry")
    settings.EMAIL_PORT = port
    run_worker()
    run("deliveries", "--retry", which.format(message.pk))
    run_worker()
    message.refresh_from_db()
    assert (message.workflow_state, message.failure) == ("sent", "")


def test_a_job_that_waits_is_listed() -> None:
    job_id = app.tasks["notifications.prune"].configure().defer(timestamp=0)
    assert run("deliveries") == ""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 1, scheduled_at = now() + interval '1 hour'")
    assert run("deliveries").split("\t")[:4] == [f"job:{job_id}", "todo", "-", "notifications.prune"]


def test_a_link_that_waits_is_listed_without_its_login(
    sns: Sns, mailbox: Mailbox, settings: Settings
) -> None:
    reset = Reset(sns, settings)
    try_for_an_hour()
    [line] = run("deliveries").splitlines()
    row_id, state, _, to, reason = line.split("\t")
    assert (row_id, state, to) == (reset.id, "requested", "p…")
    assert reason != "not tried yet"


def test_a_failed_job_of_a_row_sends_it_from_the_admin(sns: Sns, mailbox: Mailbox, operator: Client) -> None:
    sns.script = always("Publish", OPTED_OUT)
    assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))
    run_worker()
    sns.script = None
    [job] = ProcrastinateJob.objects.filter(status="failed")
    act(operator, "procrastinate_procrastinatejob", "run_again", job.pk)
    run_worker()
    assert Confirmation.objects.get().workflow_state == "sent"


def test_a_job_whose_successor_waits_already_is_no_error_in_the_admin(operator: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status) VALUES "
            "('default', 'notifications.prune', 'prune', '{\"timestamp\": 0}', 'failed'), "
            "('default', 'notifications.prune', 'prune', '{\"timestamp\": 1}', 'todo')"
        )
    [job] = ProcrastinateJob.objects.filter(status="failed")
    assert not deliveries.run_again(job)
    form = {"action": "run_again", "_selected_action": [job.pk]}
    answer = operator.post(reverse("admin:procrastinate_procrastinatejob_changelist"), form, follow=True)
    assert "Asked for 0 jobs" in answer.text


def test_another_refusal_of_the_queue_is_told() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX broken ON procrastinate_jobs (task_name) WHERE status = 'todo'")
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) VALUES "
            "('default', 'notifications.prune', '{\"timestamp\": 0}', 'failed'), "
            "('default', 'notifications.prune', '{\"timestamp\": 1}', 'todo')"
        )
        [job] = ProcrastinateJob.objects.filter(status="failed")
        with pytest.raises(UniqueViolation):
            deliveries.run_again(job)
        transaction.set_rollback(True)  # the index is gone with it


class TestDevices:
    """Whatever happens to a device while SNS is away reaches SNS with the next job, not in an hour."""

    @pytest.fixture
    def device(self, sns: Sns, key: DeveloperKey) -> PushDevice:
        """SNS knows it, and a look at it failed."""
        device = register(make_user(), key)
        run_worker()
        sns.script = always("GetEndpointAttributes", DOWN)
        PushDevice.job.ask_again([device.pk])
        try_for_an_hour()
        sns.script = None
        device.refresh_from_db()
        return device

    def seen(self, sns: Sns, arn: str) -> dict[str, str]:
        found: dict[str, str] = sns.client().get_endpoint_attributes(EndpointArn=arn)["Attributes"]
        return found

    def endpoints(self, sns: Sns, key: DeveloperKey) -> list[Any]:
        client = sns.client()
        found: list[Any] = client.list_endpoints_by_platform_application(PlatformApplicationArn=key.sns_arn)[
            "Endpoints"
        ]
        return found

    def test_its_new_owner(self, sns: Sns, key: DeveloperKey, device: PushDevice) -> None:
        amy = make_user("Amy")
        register(amy, key)
        run_worker()
        assert self.seen(sns, device.endpoint_arn)["CustomUserData"] == str(amy.pk)

    def test_its_removal(self, sns: Sns, key: DeveloperKey, device: PushDevice) -> None:
        remove(device.user)
        run_worker()
        assert self.endpoints(sns, key) == []

    def test_its_return(self, sns: Sns, key: DeveloperKey, device: PushDevice) -> None:
        sns.script = always("GetEndpointAttributes", DOWN)
        remove(device.user)
        try_for_an_hour()
        sns.script = None
        register(device.user, key)
        run_worker()
        device.refresh_from_db()
        assert device.workflow_state == "registered"

    def test_that_its_user_is_erased(self, sns: Sns, key: DeveloperKey, device: PushDevice) -> None:
        with transaction.atomic():
            registration.forget(device.user_id)
        run_worker()
        assert self.endpoints(sns, key) == []
        assert not PushDevice.objects.exists()


def meanwhile(
    do: Callable[[], object], action: str, answer: Answer | None
) -> Callable[[Fields], Answer | None]:
    """What happens while SNS works on its first answer; all others are moto's."""
    left = [do]

    def script(fields: Fields) -> Answer | None:
        if not left or fields["Action"] != action:
            return None
        left.pop()()
        connection.close()  # the server's thread has its own
        return answer

    return script


class TestWhileItRuns:
    """What is asked for during a try runs after it, whatever becomes of that try."""

    @pytest.mark.parametrize("answer", [DOWN, OPTED_OUT], ids=["for now", "for good"])
    def test_a_confirmation(self, sns: Sns, answer: Answer) -> None:
        assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))
        asked = Confirmation.objects.get()
        sns.script = meanwhile(lambda: Confirmation.objects.retry([asked.pk]), "Publish", answer)
        run_worker()
        asked.refresh_from_db()
        assert (asked.workflow_state, asked.failure) == ("sent", "")
        assert sns.actions() == ["Publish", "Publish"]

    @pytest.mark.parametrize("answer", [DOWN, refuse("InvalidParameter", "no")], ids=["for now", "for good"])
    def test_a_device_that_changes_hands(self, sns: Sns, key: DeveloperKey, answer: Answer) -> None:
        amy = make_user("Amy")
        device = register(make_user(), key)
        sns.script = meanwhile(lambda: register(amy, key), "CreatePlatformEndpoint", answer)
        run_worker()
        device.refresh_from_db()
        assert (device.workflow_state, device.failure, device.user) == ("registered", "", amy)
        client = sns.client()
        found = client.get_endpoint_attributes(EndpointArn=device.endpoint_arn)["Attributes"]
        assert found["CustomUserData"] == str(amy.pk)

    def test_a_try_that_sends_it_is_the_only_one(self, sns: Sns) -> None:
        assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))
        asked = Confirmation.objects.get()
        sns.script = meanwhile(lambda: Confirmation.objects.retry([asked.pk]), "Publish", None)
        run_worker()
        assert sns.actions() == ["Publish"]
        asked.refresh_from_db()
        assert asked.workflow_state == "sent"

    def test_a_try_that_failed_for_good_stays_so_where_nobody_asked(self, sns: Sns) -> None:
        assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))
        sns.script = always("Publish", OPTED_OUT)
        run_worker()
        assert Confirmation.objects.get().workflow_state == "failed"
        assert "notifications.send_confirmation" in jobs("failed")

    def test_the_try_that_was_left_over_sends_nothing_more(self, sns: Sns) -> None:
        assert confirmations.resend(make_channel(make_user(), "+16265550100", "sms", "unconfirmed"))
        asked = Confirmation.objects.get()
        sns.script = meanwhile(lambda: Confirmation.objects.retry([asked.pk]), "Publish", DOWN)
        run_worker()
        run("deliveries", "--retry", "all")
        assert refusal("deliveries", "--retry", f"confirmation:{asked.pk}")
        run_worker()
        assert sns.actions() == ["Publish", "Publish"]
