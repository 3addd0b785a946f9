"""The viewer of the API reference, as it is kept in the static files."""

import gzip
import hashlib
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from canvas_channels.web.pages import POLICY
from tests.tools import viewer

PATH = viewer.path_of(viewer.pins()["version"])


def test_it_is_the_file_that_is_pinned_with_its_licence() -> None:
    assert hashlib.sha256(PATH.read_bytes()).hexdigest() == viewer.pins()["sha256"]
    assert {path.name for path in viewer.FOLDER.iterdir()} == {PATH.name, "LICENSE"}


def test_it_names_none_of_the_services_that_it_comes_with() -> None:
    text = PATH.read_text()
    assert viewer.SERVICES.search(text) is None
    assert viewer.SOURCE_MAP.search(text) is None


@pytest.mark.parametrize("service", ["proxy", "fonts", "api", "registry.eu"])
def test_addresses_of_services_lead_nowhere(service: str) -> None:
    source = f"`https://{service}.scalar.com/x` `https://www.scalar.com`"
    assert (
        viewer.SERVICES.sub(viewer.NOWHERE, source) == "`https://scalar.invalid/x` `https://www.scalar.com`"
    )


@pytest.mark.in_process
@pytest.mark.django_db
def test_it_is_sent_compressed_and_kept_for_ever(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    settings.WHITENOISE_USE_FINDERS = False
    call_command("collectstatic", interactive=False, verbosity=0)
    client = Client(headers={"accept-encoding": "gzip"})
    with closing(client.get(f"/static/web/scalar/{PATH.name}")) as answer:
        assert answer["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.getvalue()) == PATH.read_bytes()
        assert "immutable" in answer["Cache-Control"]
    with closing(client.get("/static/web/style.css")) as other:
        assert "immutable" not in other["Cache-Control"]


@pytest.mark.django_db
def test_its_page_alone_lets_styles_be_inline_and_no_page_scripts(client: Client) -> None:
    policy = dict(part.strip().split(" ", 1) for part in client.get("/api/reference")[POLICY].split(";"))
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    for path in ("/", "/login", "/api/docs", "/api/docs/errors"):
        assert "unsafe" not in client.get(path)[POLICY]
