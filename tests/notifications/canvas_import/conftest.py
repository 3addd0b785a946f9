from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from canvas_channels.core.identity.models import Account
from notifications.preferences.models import Notification, NotificationCategory, slug_of
from tests.factories import default_account
from tests.notifications.canvas_import import canvas
from tests.notifications.canvas_import.people import NOTIFICATIONS
from tests.notifications.canvas_import.standin import serving


@pytest.fixture(autouse=True)
def _committed(db: None) -> None:
    """Only where a test asks for it: none of these has a worker."""


@pytest.fixture(autouse=True)
def account(_committed: None) -> Account:
    if not Notification.objects.exists():  # another test may have taken them away
        fields = {"name": "Course", "default_frequency": "daily", "position": 1}
        category = NotificationCategory.objects.create(**fields)
        Notification.objects.bulk_create(
            Notification(name=name, slug=slug_of(name), category=category) for name in NOTIFICATIONS.values()
        )
    return default_account()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Starts a stand-in of Canvas, whose token is in the environment."""
    monkeypatch.setenv("CANVAS_TOKEN", canvas.TOKEN)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(serving(*arguments))
