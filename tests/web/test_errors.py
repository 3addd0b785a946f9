"""What people see when something is refused or fails: pages in words, and never for the API."""

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from canvas_channels.core.middleware.buckets import buckets_at
from canvas_channels.web import errors
from tests.factories import make_user

BROWSER = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.django_db
def test_an_unknown_path_is_a_page() -> None:
    answer = Client().get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_under_the_api_it_is_json() -> None:
    assert Client().get("/api/v1/nowhere").json()["errors"]


def test_a_fault_is_a_page_that_needs_no_database() -> None:
    answer = errors.server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "It is our fault" in answer.content.decode()


def test_a_request_that_cannot_be_read() -> None:
    answer = errors.bad_request(RequestFactory().get("/"), ValueError())
    assert answer.status_code == 400
    assert "cannot be read" in answer.content.decode()


@pytest.mark.django_db
def test_one_request_too_many_is_a_page_for_browsers(settings: Settings) -> None:
    settings.THROTTLE_HIGH_WATER_MARK, settings.REDIS_URL = 600.0, ""
    user = make_user()
    client = Client()
    client.force_login(user)
    buckets_at("").add(f"user:{user.pk}", 640.0)
    answer = client.get("/profile/communication", headers=BROWSER)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert "Too many requests" in answer.text
    assert "Try again in a few seconds." in answer.text
    assert client.get("/profile/communication").text.startswith("429")


class TestAHostThatIsNotServed:
    """It is told where the service is, and never hears the host that it asked for."""

    @pytest.fixture(autouse=True)
    def public_url(self, settings: Settings) -> None:
        settings.PUBLIC_URL = "https://channels.example.edu"
        settings.ALLOWED_HOSTS = ["channels.example.edu"]

    @pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x"}, {"authorization": "Token x"}])
    def test_the_api_says_so_in_json(self, headers: dict[str, str]) -> None:
        answer = Client().get(
            "/api/v1/users/self/communication_channels", headers={"host": "evil.example", **headers}
        )
        assert answer.status_code == 400
        message = "This host is not served: use https://channels.example.edu."
        assert answer.json() == {"errors": [{"message": message}]}

    @pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/admin/"])
    def test_a_page_says_so_in_words(self, path: str) -> None:
        answer = Client().get(path, headers={"host": "evil.example"})
        assert answer.status_code == 400
        assert 'href="https://channels.example.edu"' in answer.text
        assert "evil" not in answer.text
        assert "default-src 'none'" in answer["Content-Security-Policy"]
