"""Caching and content policies of every route, for every caller and whatever the answer is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from canvas_channels.core.identity.models import User
from tests.factories import make_channel, make_token, make_user
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

PUBLIC = {"api/schema"}
MAKES_STYLES = {"api/reference"}  # its viewer does
VISITORS = ["nobody", "person", "superuser", "token", "bad token"]
SAMPLES = {"user_id": "self", "account_id": "self"}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


ROUTES = sorted(set(routes(get_resolver().url_patterns)))


def example(route: str) -> str:
    """A path of the route; Django's admin has some regular expressions, for what is left."""
    filled = re.sub(r"<(?:(\w+):)?(\w+)>", lambda found: _value(found[1], found[2]), route)
    return "/" + re.sub(r"\(\?P.*|[$^\\]", "nowhere", filled) if "(?P" in filled else "/" + filled


def _value(kind: str | None, name: str) -> str:
    return "1" if kind == "int" else SAMPLES.get(name, "1")


@pytest.fixture
def person() -> User:
    user = make_user(login="penny")
    make_channel(user)
    return user


@pytest.fixture(params=VISITORS)
def visitor(request: pytest.FixtureRequest, person: User) -> Client:
    headers = {}
    if request.param == "superuser":
        User.objects.update(is_superuser=True, is_staff=True, is_site_admin=True)
    if request.param.endswith("token"):
        token = "x" if request.param.startswith("bad") else make_token(person)
        headers = {"authorization": f"Bearer {token}"}
    client = Client(raise_request_exception=False, headers=headers)
    if request.param in {"person", "superuser"}:
        client.force_login(User.objects.get())
    return client


def check(answer: ClientResponse, route: str) -> None:
    kept = answer.headers["Cache-Control"]
    if route in PUBLIC and answer.status_code == 200:
        assert "public" in kept
        return
    assert "no-store" in kept, (route, answer.status_code, kept)
    assert "public" not in kept
    if answer.headers.get("Content-Type", "").startswith("text/html") and answer.status_code != 304:
        rules = dict(
            rule.strip().partition(" ")[::2] for rule in answer["Content-Security-Policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
        unsafe = [name for name, value in rules.items() if "unsafe" in value]
        assert unsafe == (["style-src"] if route in MAKES_STYLES and answer.status_code == 200 else [])


def test_no_answer_of_any_route_may_be_kept(visitor: Client) -> None:
    for route in ROUTES:
        for method in ("get", "head", "post", "put", "delete", "options"):
            if route == "logout" and method == "post":
                continue
            answer: Any = getattr(visitor, method)(example(route))
            answer.getvalue()
            check(answer, route)


@pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/api/v1/nowhere", "/admin/", "/admin/nowhere"])
def test_nor_of_a_refusal_before_the_view(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    check(client.get(path, HTTP_HOST="evil.example"), path)
    check(client.post(path), path)


def test_nor_a_report(person: User) -> None:
    User.objects.update(is_site_admin=True)
    client = Client(headers={"authorization": f"Bearer {make_token(person)}"})
    answer = client.get("/api/v1/accounts/self/unconfirmed_communication_channels.csv")
    answer.getvalue()
    assert answer["Content-Type"].startswith("text/csv")
    check(answer, "report")


def test_files_of_everybody_may_be_kept() -> None:
    answer = Client().get("/static/web/style.css")
    answer.getvalue()
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, False)
    assert "public" in answer["Cache-Control"]


def test_only_the_admins_pages_and_ours_with_scripts_run_any(client: Client, person: User) -> None:
    User.objects.update(is_superuser=True, is_staff=True)
    client.force_login(person)
    assert "script-src 'self';" in client.get("/admin/")["Content-Security-Policy"]
    assert "script-src 'self';" in client.get("/admin/identity/user/")["Content-Security-Policy"]
    assert "script-src" not in client.get("/")["Content-Security-Policy"]
    assert "script-src" not in client.get("/password")["Content-Security-Policy"]
