"""Servers that tests start are as those in production, but for the limits that ``tests.live`` lifts."""

import pytest
import requests
from django.db import transaction

from canvas_channels.core.identity.models import User
from tests.factories import make_token, make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_waits_no_longer_for_a_lock_than_in_production(server: LiveServer) -> None:
    user = make_user()
    headers = {"Authorization": f"Bearer {make_token(user)}"}
    form = {"communication_channel[type]": "email", "communication_channel[address]": "a@example.edu"}
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        assert requests.post(server.channels(), form, headers=headers, timeout=60).status_code == 503
    assert requests.post(server.channels(), form, headers=headers, timeout=60).status_code == 200
