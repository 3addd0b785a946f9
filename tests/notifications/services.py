"""The worker, and the services that it delivers through: real protocols over loopback."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from email.utils import formatdate
from io import BytesIO
from typing import Any, Literal
from urllib.parse import parse_qs

import boto3
from botocore.config import Config
from django.db import connection
from django.utils import timezone
from procrastinate.connector import BaseAsyncConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.periodic import PeriodicRegistry
from werkzeug.serving import make_server

from canvas_channels.demo.standins import QuietRequestHandler, moto_application
from notifications.senders import devices
from notifications.worker import together

CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
ERROR = (
    "<ErrorResponse><Error><Type>{who}</Type><Code>{code}</Code>"
    "<Message>{words}</Message></Error></ErrorResponse>"
)

Fields = dict[str, str]
Answer = tuple[int, str]
Script = Callable[[Fields], Answer | None]


def worker_connector() -> BaseAsyncConnector:
    """A worker process's own, in place of Django's."""
    assert isinstance(app.connector, DjangoConnector)
    return app.connector.get_worker_connector()


def run_worker(concurrency: int = 1) -> None:
    """Do all the jobs that are due, as a worker process does, and return."""
    worker = app.with_connector(worker_connector())
    worker.periodic_registry = PeriodicRegistry()  # a worker that ends at once would leave its session open
    kept_for = connection.settings_dict["CONN_MAX_AGE"]
    others = _sessions()  # such as the live server's
    connection.settings_dict["CONN_MAX_AGE"] = 0  # else its threads' connections outlive the test's database
    try:
        worker.run_worker(
            wait=False, install_signal_handlers=False, listen_notify=False, concurrency=concurrency
        )
    finally:
        connection.settings_dict["CONN_MAX_AGE"] = kept_for
    _wait_for_sessions_to_end(others)


def _sessions() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}


def _wait_for_sessions_to_end(others: set[int]) -> None:
    """PostgreSQL ends a closed session in its own time, and drops no database that has one."""
    deadline = time.monotonic() + 30
    while not _sessions() <= others:
        assert time.monotonic() < deadline, "the worker's sessions do not end"
        time.sleep(0.02)


def sync_device(device_id: int) -> None:
    """What a device's job does, without the queue."""
    for _, outcome in together.run(devices.deliver([device_id]), lambda: True):
        if outcome.error:
            raise outcome.error
        devices.settle({device_id: outcome.result})


def do_all(step: Callable[[int], bool], row_id: int) -> None:
    """All parts of what a job does for a row, without the queue."""
    while step(row_id):
        pass


def make_due(**fields: Any) -> None:
    """Let the time pass until the next try of every job; ``fields`` are set on them too."""
    names = "".join(f", {name} = %s" for name in fields)
    with connection.cursor() as cursor:  # procrastinate's models are read-only
        cursor.execute(
            f"UPDATE procrastinate_jobs SET scheduled_at = %s{names} WHERE status = 'todo'",
            [timezone.now() - timedelta(seconds=1), *fields.values()],
        )


def jobs(status: str) -> list[str]:
    """The names of the jobs in that state."""
    return list(ProcrastinateJob.objects.filter(status=status).values_list("task_name", flat=True))


class Sns:
    """moto's SNS over HTTP. ``script`` sees each call first, and may answer in its place.

    That is how this stands for Amazon where moto diverges: moto never throttles, never loses an
    endpoint, knows one way of saying NotFound, and compares tokens without regard to the application.
    """

    def __init__(self, service: Literal["sns", "sts"] = "sns") -> None:
        self.calls: list[Fields] = []
        self.script: Script | None = None
        self.ahead = 0.0  # seconds that this service's clock is ahead of ours
        self._moto = moto_application(service)
        self._server = make_server(
            "127.0.0.1",
            0,
            self._answer,
            threaded=True,
            request_handler=type("Handler", (QuietRequestHandler,), {"date_time_string": self._date}),
        )
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self, region: str = "us-east-1") -> Any:
        """An operator's client, whose calls are not listed."""
        config = Config(retries={"total_max_attempts": 1}, user_agent_extra="operator")
        return boto3.client("sns", region_name=region, endpoint_url=self.url, config=config, **CREDENTIALS)

    def actions(self) -> list[str]:
        return [call["Action"] for call in self.calls]

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        fields["authorization"] = environ.get("HTTP_AUTHORIZATION", "")
        if "operator" not in environ.get("HTTP_USER_AGENT", ""):
            self.calls.append(fields)
            answer = self.script(fields) if self.script else None
            if answer is not None:
                status, text = answer
                start_response(f"{status} Scripted", [("Content-Type", "text/xml")])
                return [text.encode()]
        return self._moto(environ, start_response)

    def _date(self, *_: Any) -> str:
        return formatdate(time.time() + self.ahead, usegmt=True)


def refuse(code: str, words: str = "", status: int = 400) -> Answer:
    """An error of SNS, in its own words."""
    return status, ERROR.format(who="Sender" if status < 500 else "Receiver", code=code, words=words)


def once(action: str, answer: Answer) -> Script:
    """Answer the first call of an action so, and leave all others to moto."""
    left = [answer]

    def script(fields: Fields) -> Answer | None:
        return left.pop() if left and fields["Action"] == action else None

    return script


def always(action: str, answer: Answer) -> Script:
    return lambda fields: answer if fields["Action"] == action else None
