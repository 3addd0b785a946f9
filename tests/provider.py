"""A real OpenID Connect provider on the loopback, in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import requests

from canvas_channels.demo.processes import end
from tests.live import free_port

LOGIN = "penny@cheesecake.example.com"
PEOPLE = [
    {"sub": "p-1", "name": "Penny", "preferred_username": LOGIN, "email": LOGIN, "email_verified": True},
    {"sub": "p-2", "name": "Kurt", "email": LOGIN, "email_verified": False},
]
READY_SECONDS = 30


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """Its issuer; any client id and secret will do."""
    port = free_port()
    people = [argument for claims in PEOPLE for argument in ("--user-claims", json.dumps(claims))]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", *people],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the provider did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        end([process], grace=5)


def _answers(port: int) -> bool:
    attempt = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        attempt.request("GET", "/.well-known/openid-configuration")
        return attempt.getresponse().status == 200
    except OSError:
        return False
    finally:
        attempt.close()


def press(url: str, **form: str) -> str:
    """What a person does on the provider's page; where it sends them then."""
    with requests.Session() as browser:
        browser.trust_env = False
        return browser.post(url, data=form, allow_redirects=False, timeout=30).headers["Location"]
