"""Floods of what is open to everybody, on the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from canvas_channels.core.identity.models import PasswordReset
from canvas_channels.web.words import try_again
from tests.live import LiveServer, serve

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {"PASSWORD_RESETS_PER_ADDRESS_PER_HOUR": "30", "OPEN_REQUESTS_PER_MINUTE": "6"}


@pytest.fixture
def limited(tmp_path: Path, transactional_db: None) -> Iterator[LiveServer]:
    with serve(tmp_path / "log", **LIMITS) as live:
        yield live


def test_200_resets_from_one_address_are_throttled(limited: LiveServer) -> None:
    with requests.Session() as client:
        page = client.get(f"{limited.url}/password-reset", timeout=30)
        form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert page.ok
        answers = [
            client.post(
                f"{limited.url}/password-reset",
                form | {"login": f"person-{number}@example.edu"},
                headers={"Accept": "text/html" if number % 2 else "*/*"},
                timeout=30,
                allow_redirects=False,
            )
            for number in range(200)
        ]
    found = [answer.status_code for answer in answers]
    assert found[:30] == [302] * 30
    # While they are sent another one or two may come to be allowed.
    assert found.count(429) >= 160
    assert PasswordReset.objects.count() == found.count(302)
    refused, told = (
        next(answer for answer in answers[odd::2] if answer.status_code == 429) for odd in (0, 1)
    )
    assert refused.text == "429 Too Many Requests (Rate Limit Exceeded)"
    assert refused.headers["X-Rate-Limit-Remaining"] == "0.0"
    assert int(refused.headers["Retry-After"]) >= 1
    assert try_again(int(told.headers["Retry-After"])) in told.text


@pytest.mark.parametrize("path", ["/login", "/admin/login/", "/register/a-code", "/login/oauth2/token"])
def test_a_flood_of_guesses_is_throttled_before_it_costs_anything(limited: LiveServer, path: str) -> None:
    with requests.Session() as client:
        answers = [client.post(limited.url + path, {"code": "a"}, timeout=30) for _ in range(200)]
    assert [answer.status_code for answer in answers].count(429) >= 100
    assert requests.get(f"{limited.url}/login", timeout=30).ok
