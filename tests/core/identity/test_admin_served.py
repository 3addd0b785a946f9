"""Django's admin on the production server: what is saved there is kept, and written down."""

import re

import pytest
import requests
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client

from canvas_channels.core.identity.models import User
from tests.factories import make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(user: User) -> requests.Session:
    browser, session = Client(), requests.Session()
    browser.force_login(user)
    cookie = browser.cookies[settings.SESSION_COOKIE_NAME]
    session.cookies.set(cookie.key, cookie.value)
    return session


def save(session: requests.Session, url: str, **changes: str) -> requests.Response:
    """Open a page, fill in some fields of its form, and send it, as a browser does."""
    page = session.get(url, timeout=60)
    assert page.status_code == 200, page.text
    inputs = re.findall(r'<input type="(?:hidden|text|email)" name="([^"]+)"(?: value="([^"]*)")?', page.text)
    return session.post(url, dict(inputs) | changes, timeout=60, allow_redirects=False)


@pytest.mark.parametrize("run", ["once", "again, after the database was emptied"])
def test_saving_a_user(server: LiveServer, run: str) -> None:
    boss = make_user("Boss", is_staff=True, is_superuser=True)
    penny = make_user("Penny")
    url = f"{server.url}/admin/identity/user/{penny.pk}/change/"
    answer = save(signed_in(boss), url, name="Penelope", workflow_state="registered")
    assert answer.status_code == 302, answer.text
    penny.refresh_from_db()
    assert penny.name == "Penelope"
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_edited_object()) == (boss, penny)
