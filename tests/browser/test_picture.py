"""The README's picture can be drawn again, and is light."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.factories import make_channel, make_user
from tests.tools.picture import PICTURE, draw

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, PASSWORD = "sheldon@caltech.example.com", "a good one, sheldon"
MAX_BYTES = 150_000


def test_it_is_drawn(page: Page, tmp_path: Path) -> None:
    make_channel(make_user(login=LOGIN, password=PASSWORD), LOGIN)
    for file in (tmp_path / "first.png", tmp_path / "again.png"):
        draw(page, LOGIN, PASSWORD, file)
        assert 10_000 < file.stat().st_size < MAX_BYTES
        page.context.clear_cookies()


def test_the_committed_one_is_light() -> None:
    content = PICTURE.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < MAX_BYTES
