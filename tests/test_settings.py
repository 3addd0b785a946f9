"""Settings: a bad one stops the start with one line; docs/settings.md names those that are read."""

import json
import os
import re
import subprocess
import sys
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


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"PUBLIC_URL": None}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "channels.example.edu"}, "PUBLIC_URL"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///x"}, "DATABASE_URL"),
        ({"DATABASE_POOLER": "session"}, "DATABASE_POOLER"),
        ({"EMAIL_TIMEOUT": "soon"}, "EMAIL_TIMEOUT"),
        ({"ANYMAIL": "no JSON"}, "ANYMAIL"),
        ({"ANYMAIL": "[]"}, "ANYMAIL"),
        ({"WEBHOOK_SECRETS": "name:short"}, "WEBHOOK_SECRETS"),
        ({"WEBHOOK_SECRETS": "a-secret-without-a-name"}, "WEBHOOK_SECRETS"),
        ({"WEBHOOK_SECRETS": ":a-secret-without-a-name"}, "WEBHOOK_SECRETS"),
        ({"CORS_ALLOWED_ORIGINS": "app.example.edu"}, "CORS_ALLOWED_ORIGINS"),
        ({"CORS_ALLOWED_ORIGINS": "https://app.example.edu/"}, "CORS_ALLOWED_ORIGINS"),
        ({"DEFAULT_FROM_EMAIL": "a@☃.example"}, "DEFAULT_FROM_EMAIL"),
        ({"OIDC_ISSUER": "https://login.example.edu"}, "OIDC_CLIENT_ID"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line(changes: dict[str, Any], named: str) -> None:
    result = start(**changes)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert named in result.stderr


def test_the_senders_domain_is_its_own_and_no_other() -> None:
    given = "Zürich <notices@faß.de>"
    result = start(code="print(ascii(settings.DEFAULT_FROM_EMAIL))", DEFAULT_FROM_EMAIL=given)
    assert result.stdout == "'Z\\xfcrich <notices@xn--fa-hia.de>'\n"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file")
    result = start(code="print(settings.SECRET_KEY)", SECRET_KEY=None, SECRET_KEY_FILE=str(secret))
    assert result.stdout == "from a file\n"


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
    source = (ROOT / "canvas_channels" / "environment.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert documented == read, f"undocumented: {read - documented}, not read: {documented - read}"
