"""The README's pictures can be drawn again, and are light."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.documents import read
from tests.factories import load_catalogue, make_channel, make_user
from tests.tools.picture import PAGES, PICTURES, draw

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN, PASSWORD = "sheldon@caltech.example.com", "a good one, sheldon"
MAX_BYTES = 150_000


def test_they_are_drawn(page: Page, tmp_path: Path) -> None:
    load_catalogue()
    make_channel(make_user(login=LOGIN, password=PASSWORD), LOGIN)
    for folder in (tmp_path / "first", tmp_path / "again"):
        draw(page, LOGIN, PASSWORD, folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted(PAGES)
        assert all(10_000 < path.stat().st_size < MAX_BYTES for path in folder.iterdir())
        page.context.clear_cookies()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_committed_ones_are_light_and_shown(picture: Path) -> None:
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < MAX_BYTES
    assert f"](docs/{picture.name})" in read("README.md")
