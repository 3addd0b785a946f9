"""Settings: a bad one stops the start with one line; docs/settings.md names those that are read."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

NEEDED = {
    "SECRET_KEY": "x" * 50,
    "PUBLIC_URL": "https://channels.example.edu",
    "DATABASE_URL": "postgresql://u:p@db/canvas",
}


def start(
    argv: tuple[str, ...] = (), code: str = "", **changes: str | None
) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of its own; a change of None leaves a setting out."""
    environ = {name: value for name, value in (NEEDED | changes).items() if value is not None}
    script = f"import sys; sys.argv = ['manage.py', *{argv!r}]; from canvas_channels import settings; {code}"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Of every setting, values that it cannot have.
BAD = {
    "SECRET_KEY": ["", "short", "x" * 31],
    "SECRET_KEY_FALLBACKS": ["older,,oldest", "older, "],
    "PUBLIC_URL": [
        *("", "channels.example.edu", "ftp://channels.example.edu", "https://", "https://a b", "https://a_b"),
        *("https://u:p@channels.example.edu", "https://channels.example.edu/path", "https://[::1"),
        *(
            "https://channels.example.edu?q",
            "https://channels.example.edu:99999",
            "https://a:0",
            "https://a#b",
        ),
        *("https://channels.example.edu\n", "https://ch\u00e4nnels.example.edu"),
    ],
    "DATABASE_URL": [
        "",
        "sqlite:///x",
        "postgresql://db",
        "postgresql://u:p@db:x/canvas",
        "canvas",
        "postgresql://db1:x,db2/canvas",
        "postgresql://db1,/canvas",
        "postgresql://db/canvas?sslmod=require",
    ],
    "DATABASE_DIRECT_URL": ["", "mysql://db/canvas", "postgresql://db:x/canvas"],
    "DATABASE_REPLICA_URL": ["mysql://db/canvas", "postgresql://db:x/canvas"],
    "DATABASE_LOCK_SECONDS": ["11"],
    "DATABASE_STATEMENT_SECONDS": ["1"],
    "DATABASE_POOLER": ["session"],
    "DEMO": ["perhaps"],
    "DEMO_OUTBOX_FILE": ["/", "/nowhere/outbox.jsonl"],
    "ALLOWED_HOSTS": ["https://channels.example.edu", "a.example.edu,b.example.edu:8000", "a,,b", "a/b"],
    "CORS_ALLOWED_ORIGINS": ["app.example.edu", "https://app.example.edu/", "*", "https://a.edu,null"],
    "TRUST_PROXY_HEADERS": ["nginx"],
    "EMAIL_URL": [
        "foo",
        "",
        "http://mail",
        "smtp://mail:port",
        "smtp://mail:99999",
        "smtp://mail?timeout=soon",
        "smtp://mail?tsl=True",
        "smtp://mail?tls=maybe",
    ],
    "EMAIL_BACKEND": ["smtp", "anymail.backends.nowhere.EmailBackend", "anymail.backends.postmark.Backend"],
    "EMAIL_TIMEOUT": ["soon", "86400"],
    "DEFAULT_FROM_EMAIL": ["Channels", "a@\u2603.example", "Channels, Inc <a@example.edu>", "a@b\nc@d", "a@"],
    "ANYMAIL": ["no JSON", "[]", '"text"'],
    "BOUNCE_DOMAIN": ["bounces", "https://bounces.example.edu", "a@bounces.example.edu"],
    "BOUNCE_MAILBOX_URL": ["pop3://u:p@mail", "imaps://mail/INBOX", "imaps://u:p@mail:port", "imaps://u:p@/"],
    "DNS_SERVERS": ["ns.example.edu", "192.0.2", "192.0.2.53#", "192.0.2.53#99999", "192.0.2.53:53"],
    "WEBHOOK_SECRETS": ["name:short", "a-secret-without-a-name", ":a-secret-without-a-name"],
    "WEBHOOK_EVENT_DAYS": ["1000000"],
    "MESSAGE_DAYS": ["1000000"],
    "SNS_TOPIC_ARNS": ["bounces", "arn:aws:sqs:us-east-1:123456789012:bounces", "arn:aws:sns:us-east-1:1:b"],
    "AWS_DEFAULT_REGION": ["", "Virginia", "us east 1"],
    "SNS_CREDS_FILE": ["/", "/nowhere/sns.json"],
    "SNS_TIMEOUT": ["86400"],
    "CONFIRMATION_EMAIL_DAYS": ["1000000", "1.5"],
    "CONFIRMATION_SMS_MINUTES": ["10000000"],
    "CONFIRMATIONS_PER_CHANNEL_PER_DAY": ["9" * 12],
    "CONFIRMATIONS_PER_USER_PER_HOUR": ["9" * 12],
    "CONFIRMATIONS_PER_EMAIL_PER_HOUR": ["9" * 12],
    "CONFIRMATIONS_PER_NUMBER_PER_HOUR": ["9" * 12],
    "SECURITY_NOTICES_PER_USER_PER_HOUR": ["9" * 12],
    "SMS_ALLOWED_COUNTRIES": ["Germany", "USA", "US,,CA", "001"],
    "SMS_DAILY_BUDGET": ["9" * 12],
    "MESSAGES_PER_USER_PER_DAY": ["9" * 12],
    "PUSH_DEVICE_DAYS": ["1000000"],
    "WORKER_CONCURRENCY": ["1001"],
    "FINISHED_JOBS_DAYS": ["1000000"],
    "RATE_LIMIT_STATUS": ["500", "200"],
    "THROTTLE_MAXIMUM": ["599", "1e12"],
    "THROTTLE_HIGH_WATER_MARK": ["50", "801"],
    "THROTTLE_OUTFLOW": ["1e12"],
    "THROTTLE_UP_FRONT_COST": ["600"],
    "REQUEST_THREADS": ["1001"],
    "REQUEST_QUEUE": ["9" * 12],
    "REQUEST_QUEUE_SECONDS": ["86400"],
    "BODY_SECONDS": ["86400"],
    "REDIS_URL": ["redis", "http://redis:6379", "redis://redis:port/0", "redis://redis:99999/0"],
    "SIGN_IN_FAILURES": ["9" * 12],
    "SIGN_IN_FAILURES_PER_LOGIN": ["9" * 12],
    "SIGN_IN_LOCKOUT_MINUTES": ["10000000"],
    "PASSWORD_RESET_MINUTES": ["10000000"],
    "PASSWORD_RESET_ADDRESS_DAYS": ["1000000"],
    "PASSWORD_RESETS_PER_LOGIN_PER_HOUR": ["9" * 12],
    "PASSWORD_RESETS_PER_ADDRESS_PER_HOUR": ["9" * 12],
    "OPEN_REQUESTS_PER_MINUTE": ["9" * 12],
    "OIDC_ISSUER": [
        *("login.example.edu", "http://login.example.edu", "https://u:p@login.example.edu", "https://"),
        *("https://login.example.edu?q", "https://login.example.edu:port"),
        "https://login.example.edu",  # without OIDC_CLIENT_ID
    ],
    "OIDC_CLIENT_ID": ["a\nb"],
    "OIDC_CLIENT_SECRET": ["a\tb"],
    "OIDC_NAME": ["a\nb"],
    "OIDC_SCOPES": ["", "profile email"],
    "OIDC_LOGIN_CLAIM": ["", "a\nb"],
    "OIDC_ACCOUNT": ["9" * 20],
    "OIDC_CREATE_USERS": ["some"],
    "OIDC_TIMEOUT": ["86400"],
    "STATIC_ROOT": [__file__],
    "LOG_LEVEL": ["LOUD", "", "500"],
    "ACCESS_LOG": ["sometimes"],
    "READY_QUEUE_SECONDS": ["1e12"],
    "METRICS_TOKEN": ["two words", "a\n"],
    "WORKER_METRICS_PORT": ["65536"],
    "PROMETHEUS_MULTIPROC_DIR": [__file__],
}
NO_NUMBERS = ("", "many", "nan", "inf", "-inf", "-1")
SECRET = {
    "SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_REPLICA_URL",
    "WEBHOOK_SECRETS",
    "METRICS_TOKEN",
    "OIDC_CLIENT_SECRET",
}
MAY_BE_ZERO = {
    *("SECURITY_NOTICES_PER_USER_PER_HOUR", "SMS_DAILY_BUDGET", "REQUEST_QUEUE", "THROTTLE_UP_FRONT_COST"),
    *("PASSWORD_RESET_ADDRESS_DAYS", "OIDC_ACCOUNT", "READY_QUEUE_SECONDS", "WORKER_METRICS_PORT"),
}
GOOD = {
    "PUBLIC_URL": ["http://localhost:8000/", "http://127.0.0.1:8000", "http://[::1]:8000", "HTTPS://A.EDU"],
    "DATABASE_URL": ["postgres://db/canvas", "postgresql:///canvas?host=/run/postgresql&sslmode=require"],
    "DATABASE_REPLICA_URL": ["postgresql://u:p@replica/canvas", ""],
    "ALLOWED_HOSTS": ["*", ".example.edu, localhost,127.0.0.1,[::1]", ""],
    "CORS_ALLOWED_ORIGINS": ["https://app.example.edu, http://localhost:3000"],
    "EMAIL_URL": ["submission://user:p%40ss@mail.example.edu", "smtp://127.0.0.1:1025", "console://"],
    "EMAIL_BACKEND": [
        "anymail.backends.postmark.EmailBackend",
        "django.core.mail.backends.smtp.EmailBackend",
    ],
    "DEFAULT_FROM_EMAIL": ["a@example.edu", '"Channels, Inc" <a@example.edu>', "notifications@localhost"],
    "BOUNCE_DOMAIN": ["", "bounces.example.edu"],
    "DNS_SERVERS": ["192.0.2.53#5353, 2001:db8::53", ""],
    "SNS_TOPIC_ARNS": ["arn:aws-us-gov:sns:us-gov-west-1:123456789012:bounces.fifo"],
    "AWS_DEFAULT_REGION": ["us-gov-west-1", "ap-southeast-2"],
    "SMS_ALLOWED_COUNTRIES": ["US, CA,DE", "*", ""],
    "RATE_LIMIT_STATUS": ["403"],
    "REDIS_URL": ["", "rediss://:p@redis:6379/0", "unix:///run/redis.sock?db=1"],
    "LOG_LEVEL": ["debug", "ERROR"],
    "STATIC_ROOT": ["", "/nowhere/static"],
    **{name: ["0"] for name in MAY_BE_ZERO},
}


def read_settings(kind: str = r"\w+") -> set[str]:
    source = (ROOT / "canvas_channels" / "environment.py").read_text()
    return set(re.findall(rf'env\.(?:{kind})\(\s*"(\w+)"', source))


def start_often(cases: Sequence[Mapping[str, str | None]]) -> list[str | None]:
    """What a start with each of these environments ends with; None where it goes on. All in one process."""
    script = """
import importlib, json, os, sys
said = []
for environ in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(environ)
    try:
        module = sys.modules.get("canvas_channels.environment")
        importlib.reload(module) if module else importlib.import_module("canvas_channels.environment")
        said.append(None)
    except SystemExit as error:
        said.append(error.code)
print(json.dumps(said))
"""
    environs = [{k: v for k, v in {**NEEDED, **case}.items() if v is not None} for case in cases]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        input=json.dumps(environs),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str | None] = json.loads(done.stdout)
    return found


def test_every_setting_has_bad_values_here() -> None:
    assert BAD.keys() == read_settings()


def test_each_bad_value_stops_the_start_with_one_line_that_names_the_setting() -> None:
    numbers = read_settings("int|float")
    bad = {name: [*values, *(NO_NUMBERS if name in numbers else ())] for name, values in BAD.items()}
    for name in numbers - MAY_BE_ZERO:
        bad[name].append("0")
    tried: list[tuple[str, str | None]] = [(name, value) for name in bad for value in bad[name]]
    tried += [(name, None) for name in NEEDED]
    for (name, value), said in zip(tried, start_often([{n: v} for n, v in tried]), strict=True):
        assert said, f"{name}={value!r} starts"
        assert re.fullmatch(rf"Settings: [^\n]*\b{name}\b[^\n]*", said), (name, value, said)
        assert name not in SECRET or not value or value not in said


def test_good_values_start() -> None:
    tried = [(name, value) for name in GOOD for value in GOOD[name]]
    said = start_often([{name: value} for name, value in tried])
    assert dict(zip(tried, said, strict=True)) == dict.fromkeys(tried)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    files = [str(tmp_path / "missing"), str(tmp_path), str(tmp_path / "binary")]
    for said in start_often([{"METRICS_TOKEN_FILE": file} for file in files]):
        assert said
        assert re.fullmatch(r"Settings: [^\n]*METRICS_TOKEN_FILE[^\n]*", said)


def test_a_mailbox_needs_a_domain() -> None:
    mailbox = {"BOUNCE_MAILBOX_URL": "imaps://u:p@mail.example.edu/INBOX"}
    without, complete = start_often([mailbox, mailbox | {"BOUNCE_DOMAIN": "bounces.example.edu"}])
    assert without
    assert "BOUNCE_DOMAIN" in without
    assert complete is None


def test_a_bad_setting_ends_a_command_in_one_line() -> None:
    done = start(EMAIL_URL="foo")
    assert done.returncode == 1
    assert done.stderr == "Settings: EMAIL_URL must be as smtp://user:password@host:587/?tls=True\n"


def test_the_demo_takes_any_secret_key() -> None:
    assert start_often([{"DEMO": "true", "SECRET_KEY": "short"}]) == [None]


def test_the_senders_domain_is_its_own_and_no_other() -> None:
    given = "Zürich <notices@faß.de>"
    result = start(code="print(ascii(settings.DEFAULT_FROM_EMAIL))", DEFAULT_FROM_EMAIL=given)
    assert result.stdout == "'Z\\xfcrich <notices@xn--fa-hia.de>'\n"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file" * 5)
    result = start(code="print(settings.SECRET_KEY)", SECRET_KEY=None, SECRET_KEY_FILE=str(secret))
    assert result.stdout == "from a file" * 5 + "\n"


@pytest.mark.parametrize(("argv", "host"), [((), "pooler"), (("procrastinate", "worker"), "direct")])
def test_only_the_worker_goes_round_the_pooler(argv: tuple[str, ...], host: str) -> None:
    result = start(
        argv,
        "print(settings.DATABASES['default']['HOST'])",
        DATABASE_URL="postgresql://pooler/x",
        DATABASE_DIRECT_URL="postgresql://direct/x",
        DATABASE_POOLER="transaction",
    )
    assert result.stdout == f"{host}\n"


def test_a_database_may_have_several_hosts() -> None:
    """As libpq's URLs may: https://www.postgresql.org/docs/current/libpq-connect.html."""
    shown = ["HOST", "PORT", "USER", "PASSWORD", "NAME"]
    result = start(
        code=f"print(*map(settings.DATABASES['default'].get, {shown}), settings._given)",
        DATABASE_URL="postgresql://u:p%2C@h1:6001,[::1],h3:6003/canvas?target_session_attrs=read-write",
    )
    assert result.stdout == "h1,::1,h3 6001,5432,6003 u p, canvas {'target_session_attrs': 'read-write'}\n"


def test_only_requests_have_limits_on_statements() -> None:
    code = (
        "import re; both = settings.DATABASES['default'], settings.WEB_DATABASE;"
        "options = [one['OPTIONS']['options'] for one in both];"
        "print([re.findall('(lock|statement)_timeout=(\\\\d+)', one) for one in options], options[1][-16:])"
    )
    result = start(code=code, DATABASE_URL="postgresql://db/canvas?options=-c%20search_path%3Dx")
    commands, web = [("lock", "0"), ("statement", "0")], [("lock", "2000"), ("statement", "10000")]
    assert result.stdout == f"{[commands, web]} -c search_path=x\n"


LIMITS = {
    "CONFIRMATIONS_PER_CHANNEL_PER_DAY": 3,
    "CONFIRMATIONS_PER_USER_PER_HOUR": 20,
    "CONFIRMATIONS_PER_EMAIL_PER_HOUR": 5,
    "CONFIRMATIONS_PER_NUMBER_PER_HOUR": 3,
    "SMS_DAILY_BUDGET": 1000,
    "MESSAGES_PER_USER_PER_DAY": 500,
    "PASSWORD_RESETS_PER_LOGIN_PER_HOUR": 3,
    "THROTTLE_MAXIMUM": 800,
    "THROTTLE_HIGH_WATER_MARK": 600,
}


def limits(**changes: Any) -> dict[str, Any]:
    names = [*LIMITS, "SMS_ALLOWED_COUNTRIES"]
    code = f"import json; print(json.dumps({{name: getattr(settings, name) for name in {names}}}))"
    done = start(code=code, **changes)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_limits_hold_where_this_is_no_demo() -> None:
    assert limits() == LIMITS | {"SMS_ALLOWED_COUNTRIES": ["US", "CA"]}


def test_the_demo_lifts_them() -> None:
    lifted = dict.fromkeys(LIMITS, 1_000_000)
    assert limits(DEMO="true") == lifted | {"SMS_ALLOWED_COUNTRIES": ["*"]}


@pytest.mark.parametrize("name", LIMITS)
def test_the_demo_keeps_a_limit_that_is_set_and_lifts_the_others(name: str) -> None:
    found = limits(DEMO="true", **{name: "77"})
    assert found == dict.fromkeys(LIMITS, 1_000_000) | {"SMS_ALLOWED_COUNTRIES": ["*"], name: 77}


def test_the_demo_keeps_the_countries_that_are_set() -> None:
    assert limits(DEMO="true", SMS_ALLOWED_COUNTRIES="DE")["SMS_ALLOWED_COUNTRIES"] == ["DE"]


def test_a_limit_of_the_demo_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "limit"
    file.write_text("7")
    assert limits(DEMO="true", SMS_DAILY_BUDGET_FILE=str(file))["SMS_DAILY_BUDGET"] == 7


def test_https_makes_cookies_secure() -> None:
    assert start(code="print(settings.SESSION_COOKIE_SECURE)").stdout == "True\n"


def test_the_documented_settings_are_those_that_the_code_reads() -> None:
    read = read_settings()
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert documented == read, f"undocumented: {read - documented}, not read: {documented - read}"
